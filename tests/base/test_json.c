/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/backoff.h"
#include "base/json.h"

static const char *escaped(struct buf *b, const char *p, size_t n, size_t *ret_repaired)
{
        buf_reset(b);
        *ret_repaired = json_escape(b, p, n);
        return buf_cstr(b);
}

static void controls_quote_and_backslash_are_escaped(void **state)
{
        static const struct {
                const char *from, *to;
                size_t n;
        } cases[] = {
                { "", "", 0 },
                { "plain", "plain", 5 },
                { "\"", "\\\"", 1 },
                { "\\", "\\\\", 1 },
                { "/", "/", 1 },
                { "\b\t\n\f\r", "\\b\\t\\n\\f\\r", 5 },
                { "\0", "\\u0000", 1 },
                { "\x01\x0b\x1b\x1f", "\\u0001\\u000b\\u001b\\u001f", 4 },
                { "\x7f", "\x7f", 1 },
                { "12345678\"", "12345678\\\"", 9 },
                { "1234567\"9", "1234567\\\"9", 9 },
                { "\x1f !\"", "\\u001f !\\\"", 4 },
        };
        struct buf b = { 0 };
        size_t repaired;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_string_equal(escaped(&b, cases[i].from, cases[i].n, &repaired), cases[i].to);
                assert_int_equal(repaired, 0);
        }
        buf_fini(&b);
}

#define R "\xef\xbf\xbd"

/* Unicode 15, section 3.9, tables 3-8 to 3-11, and the borders of every range of table 3-7. */
static void ill_formed_utf8_becomes_one_replacement_per_maximal_subpart(void **state)
{
        static const struct {
                const char *from, *to;
                size_t repaired;
        } cases[] = {
                { "\xc2\x80 \xdf\xbf", "\xc2\x80 \xdf\xbf", 0 },
                { "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
                  "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 0 },
                { "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 0 },
                { "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A", 8 },
                { "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A", 8 },
                { "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B", 7 },
                { "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A", 4 },
                { "\x80", R, 1 },
                { "\xc1\xbf", R R, 2 },
                { "\xc2", R, 1 },
                { "\xc2\"", R "\\\"", 1 },
                { "\xe0\x9f\xbf", R R R, 3 },
                { "\xf0\x8f\xbf\xbf", R R R R, 4 },
                { "\xf4\x90\x80\x80", R R R R, 4 },
                { "\xf5\x80\x80\x80", R R R R, 4 },
                { "\xf0\x9f\x98", R, 1 },
                { "\xf0\x9f\x98\n", R "\\n", 1 },
                { "\xf0\x9f\xf0\x9f\x98\x80", R "\xf0\x9f\x98\x80", 1 },
                { "\xfe\xff", R R, 2 },
        };
        struct buf b = { 0 };
        size_t repaired;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_string_equal(escaped(&b, cases[i].from, strlen(cases[i].from), &repaired),
                                    cases[i].to);
                assert_int_equal(repaired, cases[i].repaired);
        }
        buf_fini(&b);
}

/* --- the slow reference: decodes to numbers and checks them, where json.c looks at ranges of bytes */

/* How many bytes at p may still become a character, read bit by bit: is there a code point
 * in [min, max] without the surrogates whose encoding begins with these bytes? */
static bool begins_character(const unsigned char *p, size_t n)
{
        unsigned lead = p[0], more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        uint32_t min = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80, low, high;

        if (lead < 0xc0 || lead > 0xf7 || n > more + 1)
                return false;
        low = high = lead & (0x3fu >> more);
        for (unsigned i = 1; i <= more; i++) {
                if (i < n && (p[i] & 0xc0) != 0x80)
                        return false;
                low = low << 6 | (i < n ? p[i] & 0x3fu : 0);
                high = high << 6 | (i < n ? p[i] & 0x3fu : 0x3fu);
        }
        if (low >= 0xd800 && high <= 0xdfff)
                return false;
        return high >= min && low <= 0x10ffff;
}

static size_t character_length(unsigned char lead)
{
        return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

static size_t slow_escape(struct buf *b, const char *text, size_t n)
{
        const unsigned char *p = (const unsigned char *)text, *end = p + n;
        size_t repaired = 0;

        while (p < end) {
                size_t len = 0;

                if (*p < 0x80) {
                        static const char plain[] = "\b\t\n\f\r\"\\", letter[] = "btnfr\"\\";
                        const char *found = *p != 0 ? strchr(plain, *p) : NULL;

                        if (found != NULL)
                                buf_printf(b, "\\%c", letter[found - plain]);
                        else if (*p < 0x20)
                                buf_printf(b, "\\u%04x", *p);
                        else
                                buf_putc(b, (char)*p);
                        p++;
                        continue;
                }
                while (p + len < end && len < 4 && begins_character(p, len + 1))
                        len++;
                if (len > 0 && len == character_length(*p)) {
                        buf_put(b, p, len);
                } else {
                        buf_puts(b, R);
                        repaired++;
                }
                p += len > 0 ? len : 1;
        }
        return repaired;
}

static bool yajl_takes(const struct buf *inside)
{
        yajl_handle h = yajl_alloc(NULL, NULL, NULL);
        struct buf doc = { 0 };
        bool ok;

        buf_putc(&doc, '"');
        buf_put(&doc, inside->data, inside->len);
        buf_putc(&doc, '"');
        ok = yajl_parse(h, (const unsigned char *)doc.data, doc.len) == yajl_status_ok &&
             yajl_complete_parse(h) == yajl_status_ok;
        yajl_free(h);
        buf_fini(&doc);
        return ok;
}

static void same_as_the_reference(const char *p, size_t n)
{
        struct buf quick = { 0 }, slow = { 0 };

        assert_int_equal(json_escape(&quick, p, n), slow_escape(&slow, p, n));
        assert_int_equal(quick.len, slow.len);
        if (n > 0)
                assert_memory_equal(quick.data, slow.data, slow.len);
        assert_true(yajl_takes(&quick));
        buf_fini(&quick);
        buf_fini(&slow);
}

static void all_pairs_and_critical_triples_match_the_reference(void **state)
{
        static const unsigned char edges[] = { 0x00, 0x1f, 0x22, 0x41, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                               0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                               0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff };
        char s[4];

        (void)state;
        for (unsigned i = 0; i < 0x10000; i += 3) { /* 3 and 65536 have no common divisor, and 65535 is hit */
                s[0] = (char)(i >> 8);
                s[1] = (char)i;
                same_as_the_reference(s, 2);
        }
        for (size_t i = 0; i < ARRAY_LEN(edges); i++)
                for (size_t j = 0; j < ARRAY_LEN(edges); j++)
                        for (size_t k = 0; k < ARRAY_LEN(edges); k++) {
                                s[0] = (char)edges[i];
                                s[1] = (char)edges[j];
                                s[2] = (char)edges[k];
                                s[3] = 'x';
                                same_as_the_reference(s, 3 + (i + j + k) % 2);
                        }
}

/* Bytes drawn so that clean runs, escapes, characters and rubbish alternate at all distances. */
static void random_bytes_match_the_reference_and_are_json(void **state)
{
        static const char *const pieces[] = { "a",        "hello world ", "\"",
                                              "\\",       "\n",           "\x01",
                                              "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                              "\xe2\x82", "\xf0\x9f",     "\xed\xa0\x80",
                                              "\xff" };
        (void)state;
        random_seed(1);
        for (int round = 0; round < 20000; round++) {
                struct buf in = { 0 };
                size_t want = random_u64() % 90;
                bool raw = round % 4 == 0;

                while (in.len < want) {
                        if (raw)
                                buf_putc(&in, (char)random_u64());
                        else
                                buf_puts(&in, pieces[random_u64() % ARRAY_LEN(pieces)]);
                }
                same_as_the_reference(in.data, in.len);
                buf_fini(&in);
        }
}

/* A special byte at each place of a text of each length, text at each alignment. */
static void no_place_is_special(void **state)
{
        char text[80];

        (void)state;
        for (size_t n = 1; n < 40; n++)
                for (size_t at = 0; at < n; at++)
                        for (size_t kind = 0; kind < 5; kind++) {
                                memset(text, 'a', sizeof(text));
                                text[at + n % 8] = "\"\\\x1f\x80\0"[kind];
                                same_as_the_reference(text + n % 8, n);
                        }
}

static void a_result_above_the_limit_leaves_the_buffer_as_it_was(void **state)
{
        static const char text[] = "ab\ncd\x01\xff\"yz and then a longer clean tail";
        struct buf whole = { 0 };

        (void)state;
        buf_puts(&whole, "head");
        json_escape(&whole, text, sizeof(text) - 1);
        for (size_t max = 4; max < whole.len + 3; max++) {
                struct buf b;

                buf_init(&b, max);
                buf_puts(&b, "head");
                json_escape(&b, text, sizeof(text) - 1);
                assert_int_equal(buf_ok(&b), max >= whole.len);
                assert_int_equal(b.len, max >= whole.len ? whole.len : 4);
                assert_memory_equal(b.data, whole.data, b.len);
                buf_fini(&b);
        }
        buf_fini(&whole);
}

/* What fits is the longest start whose escape is no longer than allowed. */
static void what_fits_is_measured_as_it_is_written(void **state)
{
        static const char text[] = "ab\x01\"\\\n\x1f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xff\xe2\x82 \x80tail";
        struct buf b = { 0 };
        size_t repaired;

        (void)state;
        for (size_t max = 0; max < 100; max++) {
                size_t n = json_fit(text, sizeof(text) - 1, max);
                escaped(&b, text, n, &repaired);
                assert_true(b.len <= max);
                if (n == sizeof(text) - 1)
                        continue;
                size_t more = n + 1; /* to the end of the next character */
                while (more < sizeof(text) - 1 && ((unsigned char)text[more] & 0xc0) == 0x80)
                        more++;
                escaped(&b, text, more, &repaired);
                assert_true(b.len > max);
        }
        assert_int_equal(json_fit("\0\0\0\0\0\0\0\0", 8, 17), 2);
        buf_fini(&b);
}

static void writer_sets_commas_and_nests(void **state)
{
        struct buf b = { 0 };
        struct json_out w = { .b = &b };

        (void)state;
        json_open(&w, NULL, '{');
        json_str(&w, "s", "a\"b");
        json_str(&w, "none", NULL);
        json_open(&w, "list", '[');
        json_int(&w, NULL, INT64_MIN);
        json_int(&w, NULL, INT64_MAX);
        json_open(&w, NULL, '{');
        json_close(&w, '}');
        json_open(&w, NULL, '{');
        json_bool(&w, "t", true);
        json_bool(&w, "f", false);
        json_close(&w, '}');
        json_close(&w, ']');
        json_num(&w, "x", 0.25);
        json_num(&w, "nan", NAN);
        json_num(&w, "inf", -INFINITY);
        json_close(&w, '}');
        assert_string_equal(
                buf_cstr(&b),
                "{\"s\":\"a\\\"b\",\"none\":null,\"list\":[-9223372036854775808,9223372036854775807,"
                "{},{\"t\":true,\"f\":false}],\"x\":0.25,\"nan\":null,\"inf\":null}");
        buf_fini(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(controls_quote_and_backslash_are_escaped),
                cmocka_unit_test(ill_formed_utf8_becomes_one_replacement_per_maximal_subpart),
                cmocka_unit_test(all_pairs_and_critical_triples_match_the_reference),
                cmocka_unit_test(random_bytes_match_the_reference_and_are_json),
                cmocka_unit_test(no_place_is_special),
                cmocka_unit_test(a_result_above_the_limit_leaves_the_buffer_as_it_was),
                cmocka_unit_test(what_fits_is_measured_as_it_is_written),
                cmocka_unit_test(writer_sets_commas_and_nests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
