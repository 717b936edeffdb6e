/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "shipper/line_end.h"

#define BYTES(text) text, sizeof(text) - 1

static void a_line_ends_where_its_setting_says(void **state)
{
        /* first: length of the first line without what ends it; next: where the second begins; -1: it does not end */
        static const struct { const char *setting; enum encoding e; bool odd; const char *in; size_t n; int first, next; } cases[] = {
                { NULL, ENCODING_UTF8, false, BYTES("ab\r\nc"), 2, 4 },
                { "lf", ENCODING_UTF8, false, BYTES("\nc"), 0, 1 },
                { "crlf", ENCODING_UTF8, false, BYTES("a\nb\rc\r\nd"), 5, 7 },
                { "crlf", ENCODING_UTF8, false, BYTES("a\r"), -1, 0 },
                { "cr", ENCODING_UTF8, false, BYTES("a\rb\r"), 1, 2 },
                { "nul", ENCODING_UTF8, false, BYTES("a\nb\0c"), 3, 4 },
                { "%%", ENCODING_UTF8, false, BYTES("a%b%%c"), 3, 5 },
                { "%%", ENCODING_UTF8, false, BYTES("%%%"), 0, 2 },
                { "\xc2\xa7", ENCODING_LATIN1, false, BYTES("a\xa7" "b"), 1, 2 },
                { "lf", ENCODING_LATIN1, false, BYTES("a\r\nb"), 1, 3 },
                { "lf", ENCODING_UTF16LE, false, BYTES("a\0\r\0\n\0b\0"), 2, 6 },
                { "lf", ENCODING_UTF16BE, false, BYTES("\0a\0\r\0\n\0b"), 2, 6 },
                { "nul", ENCODING_UTF16LE, false, BYTES("a\0\0\0b\0"), 2, 4 },
                { "crlf", ENCODING_UTF16BE, false, BYTES("\0a\0\n\0\r\0\nx"), 4, 8 },
                /* 0a 00 that are parts of two units: U+0a61 U+0100 */
                { "lf", ENCODING_UTF16LE, false, BYTES("\x61\x0a\x00\x01\n\0"), 4, 6 },
                { "lf", ENCODING_UTF16LE, false, BYTES("\x61\x0a\x00\x01"), -1, 0 },
                { "lf", ENCODING_UTF16LE, true, BYTES("\0\n\0"), 1, 3 },
        };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *p = cases[i].in, *end = p + cases[i].n;
                struct line_end l;
                assert_int_equal(line_end_init(&l, cases[i].setting, cases[i].e, &e), 0);
                const char *at = line_end_find(&l, p, end, cases[i].odd);
                assert_int_equal(at ? (int)line_end_trim(&l, p, at) : -1, cases[i].first);
                if (at)
                        assert_int_equal(at + l.len - p, cases[i].next);
        }
}

static void what_cannot_end_a_line_is_said(void **state)
{
        char many[LINE_END_MAX + 2];
        static const char *const plain[] = { NULL, "lf" };
        struct line_end l;
        struct err e = { 0 };

        (void)state;
        memset(many, 'x', sizeof(many));
        many[sizeof(many) - 1] = '\0';
        assert_true(line_end_init(&l, many, ENCODING_UTF8, &e) < 0);
        assert_non_null(strstr(e.msg, "terminator"));
        assert_true(line_end_init(&l, "", ENCODING_UTF8, &e) < 0);
        assert_true(line_end_init(&l, "\xe2\x82\xac", ENCODING_LATIN1, &e) < 0);
        assert_non_null(strstr(e.msg, "latin-1"));
        for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
                assert_int_equal(line_end_init(&l, plain[i], ENCODING_UTF8, &e), 0);
                assert_true(line_end_is_plain(&l));
        }
        assert_int_equal(line_end_init(&l, "lf", ENCODING_LATIN1, &e), 0);
        assert_false(line_end_is_plain(&l));
        assert_int_equal(line_end_init(&l, "crlf", ENCODING_UTF8, &e), 0);
        assert_false(line_end_is_plain(&l));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_ends_where_its_setting_says),
                cmocka_unit_test(what_cannot_end_a_line_is_said),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
