/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "status/metrics.h"

#define STATS(X)                                                                                  \
        X(COUNTER, lines, "lines_total", NULL, "Lines read.")                                     \
        X(COUNTER, long_lines, "dropped_total", "reason=\"too_long\"", "Dropped, by reason.")     \
        X(COUNTER, bad_lines, "dropped_total", "reason=\"bad\"", "Dropped, by reason.")           \
        X(GAUGE, held, "held_bytes", NULL, "Held now,\nof C:\\budget.")                           \
        X(HISTOGRAM, wait, "wait_seconds", NULL, "Waited.")                                       \
        X(HISTOGRAM, wait_a, "turn_seconds", "part=\"a\"", "Turns.")

struct stats { STATS(STAT_MEMBER) };
#define ROW(...) STAT_ROW(struct stats, __VA_ARGS__)
static const struct stat_row rows[] = { STATS(ROW) };

struct fixture {
        struct buf out;
        struct metrics m;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        metrics_begin(&f->m, &f->out, "sluice_test_");
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        buf_fini(&f->out);
        free(f);
        return 0;
}

static void assert_has(struct fixture *f, const char *line)
{
        if (!strstr(buf_cstr(&f->out), line))
                fail_msg("missing: %s in\n%s", line, buf_cstr(&f->out));
}

/* The value behind "\nname ". */
static double value_of(struct fixture *f, const char *name)
{
        char key[128];

        snprintf(key, sizeof(key), "\n%s ", name);
        const char *at = strstr(buf_cstr(&f->out), key);
        assert_non_null(at);
        return strtod(at + strlen(key), NULL);
}

static void counters_and_gauges_have_one_head_a_name(void **state)
{
        struct fixture *f = *state;
        struct stats s = { 0 };

        stat_set(&s.lines, 9007199254740993); /* beyond what a double holds */
        stat_set(&s.long_lines, 2);
        stat_set(&s.held, -1);
        metrics_rows(&f->m, rows, 4, &s);
        assert_string_equal(buf_cstr(&f->out), "# HELP sluice_test_lines_total Lines read.\n"
                                               "# TYPE sluice_test_lines_total counter\n"
                                               "sluice_test_lines_total 9007199254740993\n"
                                               "# HELP sluice_test_dropped_total Dropped, by reason.\n"
                                               "# TYPE sluice_test_dropped_total counter\n"
                                               "sluice_test_dropped_total{reason=\"too_long\"} 2\n"
                                               "sluice_test_dropped_total{reason=\"bad\"} 0\n"
                                               "# HELP sluice_test_held_bytes Held now,\\nof C:\\\\budget.\n"
                                               "# TYPE sluice_test_held_bytes gauge\n"
                                               "sluice_test_held_bytes -1\n");
}

static void a_histogram_has_cumulative_buckets_sum_and_count(void **state)
{
        struct fixture *f = *state;
        struct stats s = { 0 };

        hist_add(&s.wait, 0.0001); /* on the bound: not above it */
        hist_add(&s.wait, 0.5);
        hist_add(&s.wait, 1000);
        hist_add(&s.wait_a, 0.25);
        metrics_rows(&f->m, rows, ARRAY_LEN(rows), &s);
        assert_has(f, "# TYPE sluice_test_wait_seconds histogram\nsluice_test_wait_seconds_bucket{le=\"0.0001\"} 1\n"
                      "sluice_test_wait_seconds_bucket{le=\"0.00022\"} 1\n");
        assert_has(f, "sluice_test_wait_seconds_bucket{le=\"0.46\"} 1\nsluice_test_wait_seconds_bucket{le=\"1\"} 2\n");
        assert_has(f, "sluice_test_wait_seconds_bucket{le=\"100\"} 2\nsluice_test_wait_seconds_bucket{le=\"+Inf\"} 3\n"
                      "sluice_test_wait_seconds_sum 1000.5001\nsluice_test_wait_seconds_count 3\n");
        assert_has(f, "sluice_test_turn_seconds_bucket{part=\"a\",le=\"0.46\"} 1\n");
        assert_has(f, "sluice_test_turn_seconds_sum{part=\"a\"} 0.25\nsluice_test_turn_seconds_count{part=\"a\"} 1\n");
}

static void values_without_a_table_have_labels_of_any_bytes(void **state)
{
        struct fixture *f = *state;
        struct buf labels = { 0 };

        metrics_label(&labels, "topic", "a\"b\\c\nd");
        metrics_label(&labels, "partition", "0");
        assert_string_equal(buf_cstr(&labels), "topic=\"a\\\"b\\\\c\\nd\",partition=\"0\"");
        metrics_value(&f->m, STAT_GAUGE, "lag", buf_cstr(&labels), "Behind.", 3);
        metrics_value(&f->m, STAT_GAUGE, "lag", NULL, "Behind.", 0.5);
        metrics_value(&f->m, STAT_GAUGE, "odd", NULL, "Odd.", NAN);
        metrics_value(&f->m, STAT_GAUGE, "odd", NULL, "Odd.", -INFINITY);
        assert_string_equal(buf_cstr(&f->out),
                            "# HELP sluice_test_lag Behind.\n# TYPE sluice_test_lag gauge\n"
                            "sluice_test_lag{topic=\"a\\\"b\\\\c\\nd\",partition=\"0\"} 3\nsluice_test_lag 0.5\n"
                            "# HELP sluice_test_odd Odd.\n# TYPE sluice_test_odd gauge\n"
                            "sluice_test_odd NaN\nsluice_test_odd -Inf\n");
        buf_fini(&labels);
}

static void the_process_is_told_in_the_usual_names(void **state)
{
        struct fixture *f = *state;

        metrics_process(&f->m);
        double now = (double)time(NULL);
        assert_true(value_of(f, "process_resident_memory_bytes") > 1e5);
        assert_true(value_of(f, "process_cpu_seconds_total") > 0);
        assert_true(fabs(value_of(f, "process_start_time_seconds") - now) < 60);
        assert_true(value_of(f, "process_max_fds") >= value_of(f, "process_open_fds"));
        assert_has(f, "# TYPE process_cpu_seconds_total counter\n");
        assert_has(f, "# TYPE sluice_test_build_info gauge\nsluice_test_build_info{version=\"" SLUICE_VERSION "\"} 1\n");
}

static void open_descriptors_are_counted_without_the_counting_one(void **state)
{
        struct fixture *f = *state;

        metrics_process(&f->m);
        double before = value_of(f, "process_open_fds");
        double start = value_of(f, "process_start_time_seconds");
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        buf_reset(&f->out);
        metrics_process(&f->m);
        assert_true(value_of(f, "process_open_fds") == before + 1);
        assert_true(value_of(f, "process_start_time_seconds") == start);
        close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(counters_and_gauges_have_one_head_a_name),
                TEST(a_histogram_has_cumulative_buckets_sum_and_count),
                TEST(values_without_a_table_have_labels_of_any_bytes),
                TEST(the_process_is_told_in_the_usual_names),
                TEST(open_descriptors_are_counted_without_the_counting_one),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
