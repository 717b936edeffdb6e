/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "shipper/rate.h"

static int64_t take_many(struct rate *r, int64_t now_ms, int64_t n)
{
        int64_t taken = 0;

        for (int64_t i = 0; i < n; i++)
                taken += rate_take(r, now_ms);
        return taken;
}

static void the_bucket_is_emptied_and_fills_again(void **state)
{
        static const struct {
                const char *text;
                int64_t burst, at_once, later_ms, later;
        } cases[] = {
                { "1000/s", 0, 1000, 100, 100 },      { "1000/s", 5, 5, 1000, 5 },
                { "600/m", 0, 10, 1000, 10 },         { "100/h", 0, 1, 36000, 1 },
                { "100/h", 0, 1, 35999, 0 },          { "1/s", 3, 3, 2500, 2 },
                { "1000000000/s", 0, 2000, 0, 2000 }, { "7/s", 0, 7, INT64_C(1) << 50, 7 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct rate r;
                assert_int_equal(rate_init(&r, cases[i].text, cases[i].burst, 0, NULL), 0);
                assert_int_equal(take_many(&r, 5, 2000), cases[i].at_once);
                assert_int_equal(take_many(&r, 5 + cases[i].later_ms, 2000), cases[i].later);
        }
}

static void over_a_long_time_the_rate_is_exact(void **state)
{
        struct rate r;
        int64_t taken = 0;

        (void)state;
        assert_int_equal(rate_init(&r, "7/s", 10, 0, NULL), 0);
        for (int64_t ms = 0; ms <= 1000 * 1000; ms++)
                taken += rate_take(&r, ms);
        assert_int_equal(taken, 7 * 1000 + 10);
}

static void without_a_limit_each_line_goes(void **state)
{
        struct rate r;

        (void)state;
        assert_int_equal(rate_init(&r, NULL, 0, 0, NULL), 0);
        assert_int_equal(take_many(&r, 0, 100), 100);
}

static void what_is_no_rate_is_refused(void **state)
{
        static const char *const cases[] = { "",   "5",   "5/",   "5/d",          "5/ss",
                                             "/s", "0/s", "-1/s", "2000000000/s", "5 /s" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct rate r;
                struct err e = { 0 };
                assert_int_equal(rate_init(&r, cases[i], 0, 0, &e), -22);
                assert_non_null(strstr(e.msg, "as in \"1000/s\""));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bucket_is_emptied_and_fills_again),
                cmocka_unit_test(over_a_long_time_the_rate_is_exact),
                cmocka_unit_test(without_a_limit_each_line_goes),
                cmocka_unit_test(what_is_no_rate_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
