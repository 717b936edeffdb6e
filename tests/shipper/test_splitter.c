/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "shipper/splitter.h"

/* Messages as "text|", with "+N" before the bar when N bytes were skipped. */
static void note(void *arg, const char *text, size_t len, size_t skipped)
{
        struct buf *b = arg;

        buf_put(b, text, len);
        if (skipped)
                buf_printf(b, "+%zu", skipped);
        buf_putc(b, '|');
}

static const struct { enum splitter_mode mode; const char *in, *out; } cases[] = {
        { SPLIT_LINES, "one\ntwo\r\n\nlast", "one|two||last|" },
        { SPLIT_LINES, "7 <13>a\n", "7 <13>a|" },
        { SPLIT_LINES, "0123456789abcdefXYZ\nnext\n", "0123456789abcdef+3|next|" },
        { SPLIT_LINES, "0123456789abcdefXYZ", "0123456789abcdef+3|" },
        { SPLIT_LINES, "0123456789abcde\r\n", "0123456789abcde|" },
        { SPLIT_LINES, "a\rb\n\r\n", "a\rb||" },
        { SPLIT_LINES, "a\r\r\n", "a\r|" },
        { SPLIT_AUTO, "7 <13>one7 <13>two", "<13>one|<13>two|" },
        { SPLIT_AUTO, "7 <13>one\n7 <13>two\n", "<13>one||<13>two||" },      /* some put a newline between them */
        { SPLIT_AUTO, "10 <13>a\nb\nc\n<13>d\n5 <1>ab", "<13>a\nb\nc|<13>d|<1>ab|" },
        { SPLIT_AUTO, "12 apples\n007 bond\n3\n4 \n", "12 apples|007 bond|3|4 |" },
        { SPLIT_AUTO, "1234567890 <1>x\n", "1234567890 <1>x|" },
        { SPLIT_AUTO, "19 <0>456789abcdefGHIJnext\n", "<0>456789abcdefG+3|next|" },
        { SPLIT_AUTO, "9 <13>", "<13>|" },                                      /* the sender went away */
        { SPLIT_AUTO, "12 ", "12 |" },
        { SPLIT_OCTETS, "3 one4 \ntwo", "one|\ntwo|" },
        { SPLIT_OCTETS, "no count\n3 one", "no count|one|" },
};

static void feed_in_pieces(size_t i, size_t piece)
{
        struct splitter s = { .mode = cases[i].mode, .max_bytes = 16 };
        struct buf got = { 0 };
        size_t n = strlen(cases[i].in);

        for (size_t at = 0; at < n; at += piece)
                splitter_feed(&s, cases[i].in + at, n - at < piece ? n - at : piece, note, &got);
        splitter_end(&s, note, &got);
        assert_string_equal(buf_cstr(&got), cases[i].out);
        splitter_fini(&s);
        buf_fini(&got);
}

static void every_cut_of_a_stream_gives_the_same_messages(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                for (size_t piece = 1; piece <= strlen(cases[i].in); piece++)
                        feed_in_pieces(i, piece);
}

static void a_count_without_an_end_keeps_no_more_than_a_message_may_be(void **state)
{
        struct splitter s = { .mode = SPLIT_AUTO, .max_bytes = 100 };
        struct buf got = { 0 };

        (void)state;
        splitter_feed(&s, "999999999 <13>", 14, note, &got);
        for (int i = 0; i < 10000; i++)
                splitter_feed(&s, "0123456789\n", 11, note, &got);
        assert_int_equal(got.len, 0);
        assert_true(s.held.cap <= 256);
        splitter_end(&s, note, &got);
        assert_non_null(strstr(buf_cstr(&got), "+109904|"));
        splitter_fini(&s);
        buf_fini(&got);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_cut_of_a_stream_gives_the_same_messages),
                cmocka_unit_test(a_count_without_an_end_keeps_no_more_than_a_message_may_be),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
