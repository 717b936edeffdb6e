/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "config/units.h"

struct good {
        const char *text;
        int64_t value;
        const char *back;       /* as units_put writes it */
};

static void sizes_have_binary_and_decimal_units(void **state)
{
        static const struct good cases[] = {
                { "0 B", 0, "0 B" },           { "1 B", 1, "1 B" },         { "64 MiB", 64 << 20, "64 MiB" },
                { "64MiB", 64 << 20, "64 MiB" }, { "1 kB", 1000, "1000 B" }, { "2 KiB", 2048, "2 KiB" },
                { "3 MB", 3000000, "3000000 B" }, { "1  GB", 1000000000, "1000000000 B" }, { "8 GiB", 8LL << 30, "8 GiB" },
                { "1024 MB", 1024000000, "1000000 KiB" }, { "9223372036854775807 B", INT64_MAX, "9223372036854775807 B" },
        };
        struct buf out = { 0 };
        int64_t n;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(units_parse_size(cases[i].text, &n, NULL), 0);
                assert_int_equal(n, cases[i].value);
                buf_reset(&out);
                units_put_size(&out, n);
                assert_string_equal(buf_cstr(&out), cases[i].back);
        }
        buf_fini(&out);
}

static void durations_have_four_units(void **state)
{
        static const struct good cases[] = {
                { "0 ms", 0, "0 ms" }, { "250 ms", 250, "250 ms" }, { "90 s", 90000, "90 s" }, { "60s", 60000, "1 m" },
                { "30 m", 1800000, "30 m" }, { "2 h", 7200000, "2 h" },
        };
        struct buf out = { 0 };
        int64_t n;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(units_parse_duration(cases[i].text, &n, NULL), 0);
                assert_int_equal(n, cases[i].value);
                buf_reset(&out);
                units_put_duration(&out, n);
                assert_string_equal(buf_cstr(&out), cases[i].back);
        }
        buf_fini(&out);
}

#define HINT "; write a unit, as in \"250 ms\" (ms, s, m, h)"

static void what_is_no_duration_has_its_sentence(void **state)
{
        static const struct { const char *text, *sentence; } cases[] = {
                { "5", "\"5\" has no unit" HINT },
                { "5 ", "\"5 \" has no unit" HINT },
                { "", "\"\" does not begin with a whole number" HINT },
                { "ms", "\"ms\" does not begin with a whole number" HINT },
                { "-5 ms", "\"-5 ms\" does not begin with a whole number" HINT },
                { " 5 ms", "\" 5 ms\" does not begin with a whole number" HINT },
                { "1.5 s", "\"1.5 s\" has the unknown unit \".5 s\"" HINT },
                { "5 sec", "\"5 sec\" has the unknown unit \"sec\"" HINT },
                { "5 MS", "\"5 MS\" has the unknown unit \"MS\"" HINT },
                { "5 ms ", "\"5 ms \" has the unknown unit \"ms \"" HINT },
                { "9223372036854775808 ms", "\"9223372036854775808 ms\" is too large" },
                { "9223372036854775807 s", "\"9223372036854775807 s\" is too large" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct err e = { 0 };
                int64_t n = 77;
                assert_int_equal(units_parse_duration(cases[i].text, &n, &e), -EINVAL);
                assert_string_equal(e.msg, cases[i].sentence);
                assert_int_equal(n, 77);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes_have_binary_and_decimal_units),
                cmocka_unit_test(durations_have_four_units),
                cmocka_unit_test(what_is_no_duration_has_its_sentence),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
