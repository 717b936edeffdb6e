/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/check.h"
#include "config/near.h"

static const char *const names[] = { "linger", "acks", "brokers", "topic", "max_line_bytes" };

static const char *best(const char *word)
{
        struct near n;

        near_init(&n, word);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                near_offer(&n, names[i]);
        return near_best(&n);
}

static void a_slip_finds_the_name_that_was_meant(void **state)
{
        (void)state;
        assert_string_equal(best("lingr"), "linger");
        assert_string_equal(best("lingerr"), "linger");
        assert_string_equal(best("lnigre"), "linger"); /* two swaps, each one slip */
        assert_string_equal(best("ack"), "acks");
        assert_string_equal(best("topics"), "topic");
        assert_string_equal(best("max-line-bytes"), "max_line_bytes");
        assert_string_equal(best("maxlinebytes"), "max_line_bytes");
}

static void another_word_finds_nothing(void **state)
{
        char longer[200];

        (void)state;
        memset(longer, 'a', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        assert_null(best("zebra"));
        assert_null(best("x"));
        assert_null(best(""));
        assert_null(best(longer));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_slip_finds_the_name_that_was_meant),
                cmocka_unit_test(another_word_finds_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
