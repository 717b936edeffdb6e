/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

static void nothing_is_allocated_before_the_first_append(void **state)
{
        struct buf b;

        (void)state;
        buf_init(&b, 100);
        assert_null(b.data);
        assert_string_equal(buf_cstr(&b), "");
        buf_put(&b, NULL, 0);
        assert_null(b.data);
        buf_fini(&b);
}

static void appends_follow_each_other(void **state)
{
        struct buf b = { 0 };

        (void)state;
        buf_puts(&b, "a");
        buf_putc(&b, 'b');
        buf_put(&b, "c\0d", 3);
        buf_printf(&b, "%s=%d", "e", 5);
        buf_put_u64(&b, 18446744073709551615u);
        assert_int_equal(b.len, 28);
        assert_memory_equal(b.data, "abc\0de=518446744073709551615", 28);
        assert_true(buf_ok(&b));
        buf_fini(&b);
        buf_fini(&b);
}

static void numbers_are_written_as_printf_would(void **state)
{
        uint64_t n = 0;

        (void)state;
        for (int i = 0; i < 20; i++, n = n * 10 + (uint64_t)i % 10) {
                struct buf b = { 0 };
                char want[32];

                snprintf(want, sizeof(want), "%" PRIu64, n);
                buf_put_u64(&b, n);
                assert_string_equal(buf_cstr(&b), want);
                buf_fini(&b);
        }
}

/* Against a plain array: pieces of all sizes, and limits that fall everywhere among them. */
static void a_refused_append_leaves_all_as_it_was(void **state)
{
        char model[4096], piece[64];

        (void)state;
        for (size_t max = 1; max < 600; max += 7) {
                struct buf b;
                size_t len = 0;
                bool failed = false;

                buf_init(&b, max);
                for (size_t i = 0; i < 40; i++) {
                        size_t n = i * 13 % 40;

                        memset(piece, (int)('a' + i % 26), sizeof(piece));
                        failed = failed || len + n > max;
                        if (!failed) {
                                memcpy(model + len, piece, n);
                                len += n;
                        }
                        if (i % 2 == 0)
                                buf_put(&b, piece, n);
                        else
                                buf_printf(&b, "%.*s", (int)n, piece);
                        assert_int_equal(buf_ok(&b), !failed);
                        assert_int_equal(b.len, len);
                        assert_true(b.cap <= max);
                        assert_memory_equal(buf_cstr(&b), model, len);
                        assert_int_equal(strlen(buf_cstr(&b)), len);
                }
                buf_fini(&b);
        }
}

static void reset_clears_content_and_failure_but_keeps_the_memory(void **state)
{
        struct buf b;
        const char *data;

        (void)state;
        buf_init(&b, 4);
        buf_puts(&b, "1234");
        data = b.data;
        buf_putc(&b, '5');
        assert_false(buf_ok(&b));
        assert_null(buf_reserve(&b, 0));
        buf_reset(&b);
        assert_true(buf_ok(&b));
        assert_int_equal(b.len, 0);
        buf_puts(&b, "abcd");
        assert_ptr_equal(b.data, data);
        assert_string_equal(buf_cstr(&b), "abcd");
        buf_fini(&b);
}

static void reserved_room_can_be_filled_by_the_caller(void **state)
{
        struct buf b = { 0 };

        (void)state;
        for (size_t n = 0; n < 5000; n += 331) {
                char *to = buf_reserve(&b, n);

                assert_non_null(to);
                memset(to, 'x', n + BUF_SLACK);
                b.len += n;
        }
        assert_true(buf_ok(&b));
        buf_fini(&b);
}

static void an_absurd_size_fails_instead_of_wrapping(void **state)
{
        struct buf b = { 0 };

        (void)state;
        buf_puts(&b, "abc");
        assert_null(buf_reserve(&b, SIZE_MAX - 1));
        assert_false(buf_ok(&b));
        assert_string_equal(buf_cstr(&b), "abc");
        buf_fini(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_allocated_before_the_first_append),
                cmocka_unit_test(appends_follow_each_other),
                cmocka_unit_test(numbers_are_written_as_printf_would),
                cmocka_unit_test(a_refused_append_leaves_all_as_it_was),
                cmocka_unit_test(reset_clears_content_and_failure_but_keeps_the_memory),
                cmocka_unit_test(reserved_room_can_be_filled_by_the_caller),
                cmocka_unit_test(an_absurd_size_fails_instead_of_wrapping),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
