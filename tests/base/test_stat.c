/* SPDX-License-Identifier: Apache-2.0 */
/* ctest-label: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "base/stat.h"

#define TEST_STATS(X)                                                                                        \
        X(COUNTER, lines, "lines_total", NULL, "Lines.")                                                     \
        X(GAUGE, held, "held_bytes", "of=\"buffers\"", "Bytes.")                                             \
        X(HISTOGRAM, wait, "wait_seconds", NULL, "Waiting.")

struct test_stats {
        TEST_STATS(STAT_MEMBER)
};
#define ROW(...) STAT_ROW(struct test_stats, __VA_ARGS__)
static const struct stat_row rows[] = { TEST_STATS(ROW) };

static void rows_point_into_their_struct(void **state)
{
        struct test_stats s = { 0 };

        (void)state;
        assert_int_equal(sizeof(rows) / sizeof(rows[0]), 3);
        stat_add(&s.lines, 41);
        stat_inc(&s.lines);
        stat_set(&s.held, -7);
        assert_int_equal(stat_get((struct stat_value *)((char *)&s + rows[0].offset)), 42);
        assert_int_equal(stat_get((struct stat_value *)((char *)&s + rows[1].offset)), -7);
        assert_int_equal(rows[2].kind, STAT_HISTOGRAM);
        assert_ptr_equal((char *)&s + rows[2].offset, &s.wait);
        assert_string_equal(rows[1].labels, "of=\"buffers\"");
}

static void *count(void *arg)
{
        for (int i = 0; i < 20000; i++)
                stat_inc(arg);
        return NULL;
}

static void any_thread_may_count(void **state)
{
        struct stat_value s = { 0 };
        pthread_t threads[4];

        (void)state;
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, count, &s), 0);
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(stat_get(&s), 80000);
}

static void bounds_rise_from_a_tenth_of_a_millisecond_to_a_hundred_seconds(void **state)
{
        (void)state;
        assert_true(hist_bounds[0] == 0.0001);
        assert_true(hist_bounds[HIST_BUCKETS - 1] == 100);
        for (int i = 1; i < HIST_BUCKETS; i++) {
                double step = hist_bounds[i] / hist_bounds[i - 1];

                assert_true(step > 2 && step < 2.3);
        }
}

static void a_value_at_a_bound_belongs_below_it(void **state)
{
        (void)state;
        for (int i = 0; i < HIST_BUCKETS; i++) {
                struct hist h = { 0 };

                hist_add(&h, hist_bounds[i]);
                hist_add(&h, hist_bounds[i] * 1.0001);
                assert_int_equal(h.bucket[i], 1);
                assert_int_equal(h.bucket[i + 1], 1);
                assert_int_equal(h.count, 2);
                assert_true(fabs(h.sum - 2.0001 * hist_bounds[i]) < 1e-9);
        }
}

static void quantiles_are_interpolated(void **state)
{
        struct hist h = { 0 };

        (void)state;
        assert_true(hist_quantile(&h, 0.5) == 0);
        for (int i = 0; i < 100; i++)
                hist_add(&h, i < 90 ? 0.0009 : 0.09); /* 90 up to 1 ms, 10 up to 100 ms */
        assert_true(fabs(hist_quantile(&h, 0.45) - (0.00046 + 0.00054 / 2)) < 1e-9);
        assert_true(fabs(hist_quantile(&h, 0.9) - 0.001) < 1e-9);
        assert_true(fabs(hist_quantile(&h, 0.95) - (0.046 + 0.054 / 2)) < 1e-9);
        assert_true(fabs(hist_quantile(&h, 1) - 0.1) < 1e-9);
}

static void above_all_bounds_the_highest_is_told(void **state)
{
        struct hist h = { 0 };

        (void)state;
        hist_add(&h, 5000);
        assert_true(hist_quantile(&h, 0.5) == 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_point_into_their_struct),
                cmocka_unit_test(any_thread_may_count),
                cmocka_unit_test(bounds_rise_from_a_tenth_of_a_millisecond_to_a_hundred_seconds),
                cmocka_unit_test(a_value_at_a_bound_belongs_below_it),
                cmocka_unit_test(quantiles_are_interpolated),
                cmocka_unit_test(above_all_bounds_the_highest_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
