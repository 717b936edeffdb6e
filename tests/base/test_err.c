/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"

static void set_returns_the_negative_code(void **state)
{
        struct err e = { 0 };

        (void)state;
        assert_int_equal(err_set(&e, ENOENT, "file \"%s\" is %s", "a", "missing"), -ENOENT);
        assert_int_equal(e.code, ENOENT);
        assert_string_equal(e.msg, "file \"a\" is missing");
}

static void without_a_struct_the_code_alone_is_returned(void **state)
{
        (void)state;
        assert_int_equal(err_set(NULL, EIO, "nobody reads this"), -EIO);
        assert_true(err_prefix(NULL, "nor this") < 0);
}

static void each_caller_puts_its_context_in_front(void **state)
{
        struct err e = { 0 };

        (void)state;
        (void)err_set(&e, EINVAL, "unknown scheme");
        assert_int_equal(err_prefix(&e, "url \"%s\"", "htp://x"), -EINVAL);
        assert_int_equal(err_prefix(&e, "sink \"es\""), -EINVAL);
        assert_string_equal(e.msg, "sink \"es\": url \"htp://x\": unknown scheme");
}

static void an_own_message_may_be_an_argument(void **state)
{
        struct err e = { 0 };

        (void)state;
        (void)err_set(&e, EIO, "inner");
        (void)err_set(&e, EINVAL, "outer (%s)", e.msg);
        assert_string_equal(e.msg, "outer (inner)");
        (void)err_prefix(&e, "%s", e.msg);
        assert_string_equal(e.msg, "outer (inner): outer (inner)");
}

/* Every length around the size of the message, for the text and for the prefix. */
static void long_text_is_cut_and_never_overrun(void **state)
{
        static char text[3 * sizeof(((struct err *)NULL)->msg)];
        struct {
                struct err e;
                char guard[8];
        } box;

        (void)state;
        for (size_t a = 1; a < sizeof(text); a += a < 1010 || a > 1040 ? 97 : 1) {
                for (size_t b = 1; b < sizeof(text); b += b < 1010 || b > 1040 ? 211 : 1) {
                        memset(text, 'x', sizeof(text));
                        memset(box.guard, 'g', sizeof(box.guard));
                        (void)err_set(&box.e, EIO, "%.*s", (int)a, text);
                        memset(text, 'y', sizeof(text));
                        assert_int_equal(err_prefix(&box.e, "%.*s", (int)b, text), -EIO);
                        assert_true(strlen(box.e.msg) < sizeof(box.e.msg));
                        assert_true(strlen(box.e.msg) == a + b + 2 ||
                                    strlen(box.e.msg) == sizeof(box.e.msg) - 1);
                        assert_non_null(strstr(box.e.msg, "y: "));
                        assert_memory_equal(box.guard, "gggggggg", 8);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(set_returns_the_negative_code),
                cmocka_unit_test(without_a_struct_the_code_alone_is_returned),
                cmocka_unit_test(each_caller_puts_its_context_in_front),
                cmocka_unit_test(an_own_message_may_be_an_argument),
                cmocka_unit_test(long_text_is_cut_and_never_overrun),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
