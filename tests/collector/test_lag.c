/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/lag.h"

/* From `first` on, so many records less a second, for so many seconds. */
static int64_t estimate(int64_t first, int64_t a_second, int seconds)
{
        struct lag l = { 0 };

        for (int i = 0; i <= seconds; i++) {
                int64_t left = first - a_second * i;
                lag_observe(&l, left > 0 ? left : 0, 1000 * (i + 1));
        }
        return lag_catch_up_s(&l);
}

static void the_time_left_is_the_lag_by_its_rate(void **state)
{
        static const struct { int64_t first, a_second; int seconds; int64_t left_s; } cases[] = {
                { 1000, 10, 10, 90 },
                { 1000, 10, 1, -1 },            /* too early to say */
                { 1000, 0, 10, -1 },            /* never */
                { 1000, -10, 10, -1 },
                { 1000, 200, 10, 0 },
                { 1000000, 1000, 100, 900 },    /* longer than the samples reach back */
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_int_equal(estimate(cases[i].first, cases[i].a_second, cases[i].seconds), cases[i].left_s);
}

static void only_the_last_samples_count(void **state)
{
        struct lag l = { 0 };

        (void)state;
        for (int i = 0; i < 1000; i++)
                lag_observe(&l, 50000, 1000 * (i + 1));
        for (int i = 0; i < LAG_SAMPLES; i++)
                lag_observe(&l, 50000 - 100 * (i + 1), 1000 * (i + 1001));
        assert_int_equal(lag_catch_up_s(&l), (50000 - 100 * LAG_SAMPLES) / 100);
}

static void other_partitions_begin_anew(void **state)
{
        struct lag l = { 0 };

        (void)state;
        assert_int_equal(lag_catch_up_s(&l), -1);
        lag_observe(&l, 1000, 1000);
        lag_observe(&l, 10, 10000);
        assert_int_not_equal(lag_catch_up_s(&l), -1);
        lag_reset(&l);
        assert_int_equal(lag_catch_up_s(&l), -1);
        lag_observe(&l, 5, 20000);
        assert_int_equal(lag_catch_up_s(&l), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_time_left_is_the_lag_by_its_rate),
                cmocka_unit_test(only_the_last_samples_count),
                cmocka_unit_test(other_partitions_begin_anew),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
