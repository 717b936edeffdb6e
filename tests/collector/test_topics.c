/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "collector/topics.h"

static void a_name_is_itself_and_an_expression_what_fits_it(void **state)
{
        static const struct { const char *topic, *name; bool fits; } cases[] = {
                { "logs", "logs", true },          { "logs", "logs-a", false },   { "l.gs", "logs", false },
                { "^logs-.*", "logs-a", true },    { "^logs-.*", "logs", false }, { "^logs-.*", "my-logs-a", false },
                { "^(a|b)$", "b", true },          { "^(a|b)$", "bb", false },    { "^x{2}", "xx", true },
                { "^(", "(", false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_int_equal(topics_match(cases[i].topic, cases[i].name), cases[i].fits);
}

static void any_of_several_is_enough(void **state)
{
        char *v[] = { (char *)"orders", (char *)"^logs-" };
        const struct strlist topics = { v, 2 };

        (void)state;
        assert_true(topics_mean(&topics, "orders"));
        assert_true(topics_mean(&topics, "logs-1"));
        assert_false(topics_mean(&topics, "orders-1"));
}

static void an_expression_that_is_none_is_an_error(void **state)
{
        char *v[] = { (char *)"(", (char *)"^logs-(" };
        const struct strlist topics = { v, 2 };
        struct opt_errors errors = { 0 };

        (void)state;
        topics_check(&topics, &errors);
        assert_int_equal(errors.count, 1);
        assert_non_null(strstr(buf_cstr(&errors.text), "topics: ^logs-( is no regular expression: "));
        buf_fini(&errors.text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_is_itself_and_an_expression_what_fits_it),
                cmocka_unit_test(any_of_several_is_enough),
                cmocka_unit_test(an_expression_that_is_none_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
