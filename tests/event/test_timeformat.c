/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/check.h"
#include "event/timeformat.h"
#include "event/timestamp.h"

#define NOW "2026-11-23T10:00:00Z"

static int64_t ns_of(const char *rfc3339)
{
        int64_t ns;

        assert_int_equal(timestamp_parse(rfc3339, strlen(rfc3339), &ns), 0);
        return ns;
}

static struct timeformat *make(const char *format, const char *zone)
{
        char *v[] = { (char *)format };
        struct strlist list = { v, 1 };
        struct err e = { 0 };
        struct timeformat *t = timeformat_new(&list, zone, &e);

        if (!t)
                fail_msg("%s", e.msg);
        return t;
}

static void check(const char *format, const char *zone, const char *now, const char *text, const char *want)
{
        struct timeformat *t = make(format, zone);
        int64_t ns = -7;
        char got[TIMESTAMP_NS_LEN + 1] = "";

        if (timeformat_parse(t, text, strlen(text), ns_of(now), &ns) != (want != NULL))
                fail_msg("%s on \"%s\": %s", format, text, want ? "refused" : "taken");
        if (want) {
                timestamp_format_ns(ns, got);
                if (ns != ns_of(want))
                        fail_msg("%s on \"%s\": %s and not %s", format, text, got, want);
        } else {
                assert_int_equal(ns, -7);
        }
        timeformat_free(t);
}

static void each_format_reads_its_text(void **state)
{
        static const struct {
                const char *format, *text, *want;
        } cases[] = {
                { "auto", "2026-11-23T10:00:00.123Z", "2026-11-23T10:00:00.123Z" },
                { "auto", "2026-11-23 10:00:00,123", "2026-11-23T10:00:00.123Z" },
                { "auto", "2026-11-23 10:00:00.123456789 +0100", "2026-11-23T09:00:00.123456789Z" },
                { "auto", "2026-11-23T10:00Z", "2026-11-23T10:00:00Z" },
                { "auto", "1795428000", "2026-11-23T10:00:00Z" },
                { "auto", "1795428000.5", "2026-11-23T10:00:00.5Z" },
                { "auto", "1795428000123", "2026-11-23T10:00:00.123Z" },
                { "auto", "1795428000123456", "2026-11-23T10:00:00.123456Z" },
                { "auto", "1795428000123456789", "2026-11-23T10:00:00.123456789Z" },
                { "auto", "yesterday", NULL },
                { "auto", "", NULL },
                { "auto", "2026-11-23T10:00:00Z ", "2026-11-23T10:00:00Z" },
                { "rfc3339", "2026-11-23T10:00:00.123456789+01:00", "2026-11-23T09:00:00.123456789Z" },
                { "rfc3339", "2026-11-23T10:00:00", NULL },
                { "iso8601", "2026-11-23T10:00:00", "2026-11-23T10:00:00Z" },
                { "iso8601", "2026-11-23", NULL },
                { "iso8601", "2026-02-29 00:00:00", NULL },
                { "iso8601", "2026-11-23 10:00:00.", NULL },
                { "rfc3164", "Nov 23 09:59:59", "2026-11-23T09:59:59Z" },
                { "rfc3164", "Nov  3 09:59:59", "2026-11-03T09:59:59Z" },
                { "rfc3164", "Nov 23 09:59:59 x", NULL },
                { "clf", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z" },
                { "clf", "10/Okt/2000:13:55:36 -0700", NULL },
                { "rfc1123", "Mon, 23 Nov 2026 10:00:00 GMT", "2026-11-23T10:00:00Z" },
                { "unix", "1795428000", "2026-11-23T10:00:00Z" },
                { "unix", "1795428000.000000001", "2026-11-23T10:00:00.000000001Z" },
                { "unix", "1795428000.", NULL },
                { "unix", "-1.5", "1969-12-31T23:59:58.5Z" },
                { "unix", "99999999999999999999", NULL },
                { "unix_ms", "1795428000123", "2026-11-23T10:00:00.123Z" },
                { "unix_ms", "1795428000123.4567", "2026-11-23T10:00:00.1234567Z" },
                { "unix_us", "1795428000123456", "2026-11-23T10:00:00.123456Z" },
                { "unix_ns", "1795428000123456789", "2026-11-23T10:00:00.123456789Z" },
                { "unix_ns", "1795428000123456789.5", "2026-11-23T10:00:00.123456789Z" },
                { "%Y/%m/%d %H:%M:%S", "2026/11/23 10:00:00", "2026-11-23T10:00:00Z" },
                { "%d.%m.%y %T.%f", "23.11.26 10:00:00.25", "2026-11-23T10:00:00.25Z" },
                { "%D %I:%M:%S %p", "11/23/26 01:02:03 PM", "2026-11-23T13:02:03Z" },
                { "%D %I:%M %p", "11/23/26 12:02 am", "2026-11-23T00:02:00Z" },
                { "%a %b %e %T %Y", "Mon Nov 23 10:00:00 2026", "2026-11-23T10:00:00Z" },
                { "%A %d %B %Y", "Monday 23 November 2026", "2026-11-23T00:00:00Z" },
                { "%b %d, %Y", "May 01, 2026", "2026-05-01T00:00:00Z" },
                { "%Y %j", "2024 366", "2024-12-31T00:00:00Z" },
                { "%Y %j", "2023 366", NULL },
                { "%s.%%", "1795428000.%", NULL },
                { "[%s]", "[1795428000]", "2026-11-23T10:00:00Z" },
                { "%H:%M:%S", "09:00:00", "2026-11-23T09:00:00Z" },
                { "%H:%M:%S", "23:30:00", "2026-11-22T23:30:00Z" },
                { "%Y-%m-%d %T", "2026-12-31 23:59:60", "2027-01-01T00:00:00Z" },
                { "%Y-%m-%d %T", "2026-13-01 00:00:00", NULL },
                { "%Y-%m-%d %T", "2026-11-23 24:00:00", NULL },
                { "%Y-%m", "2026-11", NULL },
                { "%Y-%m-%d %T%z", "2026-11-23 10:00:00+25:00", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                check(cases[i].format, "UTC", NOW, cases[i].text, cases[i].want);
}

static void a_missing_year_is_the_latest_that_is_not_ahead(void **state)
{
        static const struct {
                const char *now, *text, *want;
        } cases[] = {
                { "2027-01-01T00:00:05Z", "Dec 31 23:59:59", "2026-12-31T23:59:59Z" },
                { "2026-12-31T23:59:58Z", "Jan  1 00:00:01", "2027-01-01T00:00:01Z" },
                { "2026-12-30T00:00:00Z", "Jan  1 00:00:01", "2026-01-01T00:00:01Z" },
                { "2026-06-01T00:00:00Z", "Jul  1 00:00:00", "2025-07-01T00:00:00Z" },
                { "2026-06-01T00:00:00Z", "Feb 29 00:00:00", "2024-02-29T00:00:00Z" },
                { "2026-06-01T00:00:00Z", "Feb 30 00:00:00", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                check("rfc3164", "UTC", cases[i].now, cases[i].text, cases[i].want);
}

static void a_missing_zone_is_the_configured_one(void **state)
{
        (void)state;
        check("iso8601", "+02:00", NOW, "2026-11-23 10:00:00", "2026-11-23T08:00:00Z");
        check("iso8601", "-0330", NOW, "2026-11-23 10:00:00", "2026-11-23T13:30:00Z");
        check("iso8601", "+02:00", NOW, "2026-11-23 10:00:00Z", "2026-11-23T10:00:00Z");
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
        check("iso8601", "local", NOW, "2026-11-23 10:00:00", "2026-11-23T09:00:00Z");
        check("iso8601", "local", NOW, "2026-07-23 10:00:00", "2026-07-23T08:00:00Z");
        struct timeformat *t =
                make("iso8601", "local"); /* one after the other, over the change of the clocks */
        int64_t ns;
        assert_true(timeformat_parse(t, "2026-03-29 01:59:59", 19, 0, &ns));
        assert_int_equal(ns, ns_of("2026-03-29T00:59:59Z"));
        assert_true(timeformat_parse(t, "2026-03-29 03:00:00", 19, 0, &ns));
        assert_int_equal(ns, ns_of("2026-03-29T01:00:00Z"));
        timeformat_free(t);
        unsetenv("TZ");
        tzset();
}

static void the_first_that_fits_is_taken(void **state)
{
        char *v[] = { (char *)"unix_ms", (char *)"unix", (char *)"rfc3164" };
        struct strlist list = { v, 3 };
        struct timeformat *t = timeformat_new(&list, "UTC", NULL);
        int64_t ns;

        (void)state;
        assert_true(timeformat_parse(t, "1795428000", 10, 0, &ns));
        assert_int_equal(ns, INT64_C(1795428000) * 1000000);
        assert_true(timeformat_parse(t, "Nov 23 10:00:00", 15, ns_of(NOW), &ns));
        assert_int_equal(ns, ns_of(NOW));
        timeformat_free(t);
        timeformat_free(NULL);
}

static void a_mistake_is_told(void **state)
{
        static const struct {
                const char *format, *zone, *want;
        } cases[] = {
                { "rfc333", "UTC", "time_formats: \"rfc333\": no known format" },
                { "%Y-%Q", "UTC", "time_formats: \"%Y-%Q\": %Q is unknown" },
                { "%Y-%", "UTC", "% " },
                { "auto", "Europe/Berlin", "time_zone \"Europe/Berlin\": local, UTC or an offset as +01:00" },
                { "auto", "", "time_zone \"\"" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char *v[] = { (char *)cases[i].format };
                struct strlist list = { v, 1 };
                struct err e = { 0 };
                assert_null(timeformat_new(&list, cases[i].zone, &e));
                if (!strstr(e.msg, cases[i].want))
                        fail_msg("%s", e.msg);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_format_reads_its_text),
                cmocka_unit_test(a_missing_year_is_the_latest_that_is_not_ahead),
                cmocka_unit_test(a_missing_zone_is_the_configured_one),
                cmocka_unit_test(the_first_that_fits_is_taken),
                cmocka_unit_test(a_mistake_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
