/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event/encoding.h"

#define BYTES(text) text, sizeof(text) - 1

static void each_encoding_becomes_utf8(void **state)
{
        static const struct { enum encoding e; bool odd; const char *in; size_t n; const char *want; size_t len, bad; } cases[] = {
                { ENCODING_LATIN1, false, BYTES("caf\xe9"), BYTES("caf\xc3\xa9"), 0 },
                { ENCODING_LATIN1, false, BYTES("\0\x7f\x80\xff"), BYTES("\0\x7f\xc2\x80\xc3\xbf"), 0 },
                { ENCODING_UTF16LE, false, BYTES("a\0\xe9\0\xac\x20"), BYTES("a\xc3\xa9\xe2\x82\xac"), 0 },
                { ENCODING_UTF16BE, false, BYTES("\0a\0\xe9\x20\xac"), BYTES("a\xc3\xa9\xe2\x82\xac"), 0 },
                { ENCODING_UTF16LE, false, BYTES("\x3d\xd8\x00\xde"), BYTES("\xf0\x9f\x98\x80"), 0 },
                { ENCODING_UTF16BE, false, BYTES("\xd8\x3d\xde\x00"), BYTES("\xf0\x9f\x98\x80"), 0 },
                { ENCODING_UTF16LE, false, BYTES("\0\0"), BYTES("\0"), 0 },
                { ENCODING_UTF16LE, false, BYTES("\xff\xff"), BYTES("\xef\xbf\xbf"), 0 },
                /* a pair that is cut, the wrong way round, or twice the first half */
                { ENCODING_UTF16LE, false, BYTES("\x3d\xd8"), BYTES("\xef\xbf\xbd"), 1 },
                { ENCODING_UTF16LE, false, BYTES("\x3d\xd8" "a\0"), BYTES("\xef\xbf\xbd" "a"), 1 },
                { ENCODING_UTF16LE, false, BYTES("\x00\xde\x3d\xd8"), BYTES("\xef\xbf\xbd\xef\xbf\xbd"), 2 },
                { ENCODING_UTF16BE, false, BYTES("\xd8\x3d\xd8\x3d\xde\x00"), BYTES("\xef\xbf\xbd\xf0\x9f\x98\x80"), 1 },
                /* half a unit at either end */
                { ENCODING_UTF16LE, false, BYTES("a\0b"), BYTES("a\xef\xbf\xbd"), 1 },
                { ENCODING_UTF16LE, true, BYTES("\0b\0"), BYTES("\xef\xbf\xbd" "b"), 1 },
                { ENCODING_UTF16LE, true, BYTES("\0"), BYTES("\xef\xbf\xbd"), 1 },
                { ENCODING_UTF16LE, true, BYTES(""), BYTES(""), 0 },
        };
        struct buf b = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                buf_reset(&b);
                assert_int_equal(encoding_decode(cases[i].e, cases[i].odd, &b, cases[i].in, cases[i].n), cases[i].bad);
                assert_int_equal(b.len, cases[i].len);
                if (b.len > 0)
                        assert_memory_equal(b.data, cases[i].want, b.len);
        }
        buf_fini(&b);
}

static void a_mark_tells_the_order_and_is_passed_over(void **state)
{
        (void)state;
        assert_int_equal(encoding_by_mark(ENCODING_UTF16, "\xfe\xff"), ENCODING_UTF16BE);
        assert_int_equal(encoding_by_mark(ENCODING_UTF16, "\xff\xfe"), ENCODING_UTF16LE);
        assert_int_equal(encoding_by_mark(ENCODING_UTF16, "a\0"), ENCODING_UTF16LE);
        assert_int_equal(encoding_by_mark(ENCODING_UTF16LE, "\xfe\xff"), ENCODING_UTF16LE);
        assert_int_equal(encoding_by_mark(ENCODING_UTF8, "\xfe\xff"), ENCODING_UTF8);
        assert_int_equal(encoding_mark(ENCODING_UTF8, "\xef\xbb\xbf" "a", 4), 3);
        assert_int_equal(encoding_mark(ENCODING_UTF8, "\xef\xbb", 2), 0);
        assert_int_equal(encoding_mark(ENCODING_UTF16LE, "\xff\xfe", 2), 2);
        assert_int_equal(encoding_mark(ENCODING_UTF16BE, "\xff\xfe", 2), 0);
        assert_int_equal(encoding_mark(ENCODING_LATIN1, "\xff\xfe", 2), 0);
}

static void a_cut_leaves_no_half_character(void **state)
{
        (void)state;
        assert_int_equal(encoding_whole(ENCODING_UTF16LE, "a\0b", 3), 2);
        assert_int_equal(encoding_whole(ENCODING_UTF16LE, "a\0\x3d\xd8", 4), 2);
        assert_int_equal(encoding_whole(ENCODING_UTF16LE, "\x3d\xd8\x00\xde", 4), 4);
        assert_int_equal(encoding_whole(ENCODING_UTF16BE, "\0a\xd8\x3d\xde", 5), 2);
        assert_int_equal(encoding_whole(ENCODING_LATIN1, "abc", 3), 3);
        assert_int_equal(encoding_whole(ENCODING_UTF16LE, "", 0), 0);
}

static void what_is_written_in_an_encoding_reads_the_same(void **state)
{
        static const char *const texts[] = { "\n", "--\xc3\xa9--", "\xe2\x82\xac", "\xf0\x9f\x98\x80 end" };
        struct buf in = { 0 }, back = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                for (int e = ENCODING_UTF16LE; e <= ENCODING_LATIN1; e++) {
                        if (e == ENCODING_UTF16)
                                continue;
                        buf_reset(&in);
                        buf_reset(&back);
                        if (!encoding_encode((enum encoding)e, &in, texts[i])) {
                                assert_true(e == ENCODING_LATIN1 && i >= 2);
                                continue;
                        }
                        assert_int_equal(encoding_decode((enum encoding)e, false, &back, in.data, in.len), 0);
                        assert_string_equal(buf_cstr(&back), texts[i]);
                }
        }
        assert_false(encoding_encode(ENCODING_UTF8, &in, "\xff"));
        assert_false(encoding_encode(ENCODING_UTF16LE, &in, "\xe2\x82"));
        assert_false(encoding_encode(ENCODING_UTF16LE, &in, "\xed\xa0\x80"));
        buf_fini(&in);
        buf_fini(&back);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_encoding_becomes_utf8),
                cmocka_unit_test(a_mark_tells_the_order_and_is_passed_over),
                cmocka_unit_test(a_cut_leaves_no_half_character),
                cmocka_unit_test(what_is_written_in_an_encoding_reads_the_same),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
