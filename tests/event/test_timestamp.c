/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "event/timestamp.h"

#define SECOND INT64_C(1000000000)

static void assert_format(int64_t wall_ns, const char *want)
{
        char text[TIMESTAMP_LEN + 1] = "";

        timestamp_format(wall_ns, text);
        assert_string_equal(text, want);
}

static void known_times_are_written(void **state)
{
        static const struct {
                int64_t ns;
                const char *text;
        } cases[] = {
                { 0, "1970-01-01T00:00:00.000Z" },
                { 1795428000 * SECOND + 123456789, "2026-11-23T10:00:00.123Z" },
                { 999999999, "1970-01-01T00:00:00.999Z" },
                { SECOND, "1970-01-01T00:00:01.000Z" },
                { -1, "1969-12-31T23:59:59.999Z" },
                { -SECOND, "1969-12-31T23:59:59.000Z" },
                { 951782400 * SECOND, "2000-02-29T00:00:00.000Z" },
                { 951868799 * SECOND, "2000-02-29T23:59:59.000Z" },
                { 951868800 * SECOND, "2000-03-01T00:00:00.000Z" },
                { 4107542400 * SECOND, "2100-03-01T00:00:00.000Z" }, /* 2100 is no leap year */
                { 4107542399 * SECOND, "2100-02-28T23:59:59.000Z" },
                { INT64_MAX, "2262-04-11T23:47:16.854Z" },
                { INT64_MIN, "1677-09-21T00:12:43.145Z" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_format(cases[i].ns, cases[i].text);
}

static void cached_second_is_left_when_time_moves_either_way(void **state)
{
        (void)state;
        assert_format(10 * SECOND + 1000000, "1970-01-01T00:00:10.001Z");
        assert_format(10 * SECOND + 2000000, "1970-01-01T00:00:10.002Z");
        assert_format(9 * SECOND + 999000000, "1970-01-01T00:00:09.999Z");
        assert_format(10 * SECOND, "1970-01-01T00:00:10.000Z");
}

/* libc's calendar is the other opinion: every 17 hours or so, through all the years there are. */
static void every_date_agrees_with_libc(void **state)
{
        (void)state;
        for (int64_t s = -9223372036; s <= 9223372036; s += 61211) {
                struct timestamp_date d;
                struct tm tm;
                time_t t = (time_t)s;
                char week[16], mine[16];

                timestamp_split(s * SECOND, &d);
                assert_non_null(gmtime_r(&t, &tm));
                assert_int_equal(d.year, tm.tm_year + 1900);
                assert_int_equal(d.month, tm.tm_mon + 1);
                assert_int_equal(d.day, tm.tm_mday);
                assert_int_equal(d.hour, tm.tm_hour);
                assert_int_equal(d.minute, tm.tm_min);
                assert_int_equal(d.second, tm.tm_sec);
                strftime(week, sizeof(week), "%G-%V", &tm);
                snprintf(mine, sizeof(mine), "%04d-%02d", d.week_year, d.week);
                assert_string_equal(mine, week);
        }
}

static void times_are_read(void **state)
{
        static const struct {
                const char *text;
                int64_t ns;
        } cases[] = {
                { "1970-01-01T00:00:00Z", 0 },
                { "2026-11-23T10:00:00.123Z", 1795428000 * SECOND + 123000000 },
                { "2026-11-23t10:00:00.123z", 1795428000 * SECOND + 123000000 },
                { "2026-11-23 10:00:00.123Z", 1795428000 * SECOND + 123000000 },
                { "2026-11-23T10:00:00.1Z", 1795428000 * SECOND + 100000000 },
                { "2026-11-23T10:00:00.123456789Z", 1795428000 * SECOND + 123456789 },
                { "2026-11-23T10:00:00.1234567899999999999999999999Z", 1795428000 * SECOND + 123456789 },
                { "2026-11-23T15:30:00+05:30", 1795428000 * SECOND },
                { "2026-11-23T00:30:00-09:30", 1795428000 * SECOND },
                { "2026-11-24T09:59:00+23:59", 1795428000 * SECOND },
                { "2026-11-23T10:00:00+00:00", 1795428000 * SECOND },
                { "2026-11-23T10:00:00-00:00", 1795428000 * SECOND },
                { "2024-02-29T00:00:00Z", 1709164800 * SECOND },
                { "2000-02-29T00:00:00Z", 951782400 * SECOND },
                { "1969-12-31T23:59:59.5Z", -SECOND / 2 },
                { "2262-04-11T23:47:16.854775807Z", INT64_MAX },
                { "1677-09-21T00:12:43.145224192Z", INT64_MIN },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                int64_t ns = 42;
                assert_int_equal(timestamp_parse(cases[i].text, strlen(cases[i].text), &ns), 0);
                assert_int_equal(ns, cases[i].ns);
        }
}

static void what_is_no_time_is_refused(void **state)
{
        static const char *const bad[] = {
                "",
                "2026",
                "2026-11-23",
                "2026-11-23T10:00:00",  /* no zone */
                "2026-11-23T10:00Z",    /* no seconds */
                "2026-11-23T10:00:60Z", /* leap seconds have no wall time of their own */
                "2016-12-31T23:59:60Z", /* the last real one */
                "2026-11-23T10:60:00Z",
                "2026-11-23T24:00:00Z",
                "2026-11-23T25:00:00Z",
                "2026-00-23T10:00:00Z",
                "2026-13-23T10:00:00Z",
                "2026-11-00T10:00:00Z",
                "2026-11-31T10:00:00Z",
                "2026-02-29T10:00:00Z",
                "2100-02-29T10:00:00Z",
                "-026-11-23T10:00:00Z",
                "-2026-11-23T10:00:00Z",
                "+2026-11-23T10:00:00Z",
                "12026-11-23T10:00:00Z",
                "0000-01-01T00:00:00Z", /* outside of int64_t */
                "1676-12-31T23:59:59Z",
                "2263-01-01T00:00:00Z",
                "9999-12-31T23:59:59Z",
                "2262-04-11T23:47:16.854775808Z",
                "1677-09-21T00:12:43.145224191Z",
                "2262-04-11T23:47:16-00:01",
                "2026-11-23T10:00:00.Z",
                "2026-11-23T10:00:00,5Z",
                "2026-11-23T10:00:00.5",
                "2026-11-23T10:00:00+0530",
                "2026-11-23T10:00:00+05",
                "2026-11-23T10:00:00+24:00",
                "2026-11-23T10:00:00+05:60",
                "2026-11-23T10:00:00ZZ",
                "2026-11-23T10:00:00Z ",
                " 2026-11-23T10:00:00Z",
                "2026/11/23T10:00:00Z",
                "2026-11-23T10:00:00 Z",
                "2026-11-23T1:00:00Z",
                "2026-1a-23T10:00:00Z",
        };
        int64_t ns = 42;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (timestamp_parse(bad[i], strlen(bad[i]), &ns) != -EINVAL)
                        fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(ns, 42);
}

static void every_prefix_of_a_time_is_refused_and_bytes_after_it_are_not_read(void **state)
{
        const char text[] = "2026-11-23T10:00:00.123+05:30";
        int64_t ns;

        (void)state;
        for (size_t n = 0; n < sizeof(text) - 1; n++)
                assert_int_equal(timestamp_parse(text, n, &ns), -EINVAL);
        assert_int_equal(timestamp_parse(text, sizeof(text) - 1, &ns), 0);
        assert_int_equal(timestamp_parse(text, sizeof(text), &ns), -EINVAL); /* the NUL is no part of it */
}

static void what_is_written_can_be_read(void **state)
{
        char text[TIMESTAMP_LEN];
        int64_t ns, step = INT64_C(86399123) * 1000000;

        (void)state;
        for (int64_t want = INT64_MIN / 1000000 * 1000000 + step; want < INT64_MAX - step; want += step) {
                timestamp_format(want, text);
                assert_int_equal(timestamp_parse(text, sizeof(text), &ns), 0);
                assert_int_equal(ns, want);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_times_are_written),
                cmocka_unit_test(cached_second_is_left_when_time_moves_either_way),
                cmocka_unit_test(every_date_agrees_with_libc),
                cmocka_unit_test(times_are_read),
                cmocka_unit_test(what_is_no_time_is_refused),
                cmocka_unit_test(every_prefix_of_a_time_is_refused_and_bytes_after_it_are_not_read),
                cmocka_unit_test(what_is_written_can_be_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
