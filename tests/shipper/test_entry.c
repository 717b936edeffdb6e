/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "shipper/entry.h"

enum { PLENTY = 1 << 20 };

static void a_text_is_one_readable_line(void **state)
{
        static const struct {
                const char *sender, *text, *line;
                bool cut;
        } cases[] = {
                { NULL, "hello", "1764000000123 - hello\n", false },
                { "10.0.0.7:4711", "a b", "1764000000123 10.0.0.7:4711 a b\n", false },
                { "[::1]:9", "", "1764000000123 [::1]:9 \n", false },
                { NULL, "cut before", "1764000000123!- cut before\n", true },
                { NULL, "two\nlines", "1764000000123 - two\x1anlines\n", false },
                { NULL, "a\rb\r", "1764000000123 - a\rb\x1ar\n", false },
                { NULL, "\x1a", "1764000000123 - \x1as\n", false },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct buf b = { 0 };
                struct entry e = { .received_ms = 1764000000123, .sender = cases[i].sender,
                                   .sender_len = cases[i].sender ? strlen(cases[i].sender) : 0,
                                   .cut = cases[i].cut, .text = cases[i].text, .len = strlen(cases[i].text) };
                assert_int_equal(entry_put(&b, &e, PLENTY), 0);
                assert_string_equal(buf_cstr(&b), cases[i].line);
                buf_fini(&b);
        }
}

/* Random bytes with many of the special ones, under every small limit: whole or a marked prefix, never a newline. */
static void any_bytes_come_back_or_a_marked_prefix_of_them(void **state)
{
        static const char alphabet[] = { '\n', '\r', 0x1a, 'n', 's', 'r', ' ', 'x', '\0', '!' };
        struct buf line = { 0 }, scratch = { 0 };
        char text[24];

        (void)state;
        srandom(1);
        for (int round = 0; round < 20000; round++) {
                size_t n = (size_t)random() % sizeof(text);
                size_t max = ENTRY_HEADER_MAX + 1 + (size_t)random() % 40;
                for (size_t i = 0; i < n; i++)
                        text[i] = alphabet[(size_t)random() % sizeof(alphabet)];
                struct entry e = { .received_ms = round, .sender = "unix", .sender_len = 4, .text = text, .len = n };
                struct entry back;
                buf_reset(&line);
                size_t left_out = entry_put(&line, &e, max);
                assert_true(line.len <= max + 1);
                assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
                assert_true(line.data[line.len - 2] != '\r' || n == 0);
                assert_true(entry_parse(line.data, line.len - 1, &scratch, &back));
                assert_int_equal(back.received_ms, round);
                assert_int_equal(back.sender_len, 4);
                assert_int_equal(back.len, n - left_out);
                assert_int_equal(back.cut, left_out > 0);
                assert_memory_equal(back.text, text, back.len);
        }
        buf_fini(&line);
        buf_fini(&scratch);
}

static void a_cut_leaves_no_half_character(void **state)
{
        struct buf line = { 0 };
        char euros[300];

        (void)state;
        for (size_t i = 0; i < sizeof(euros); i++)
                euros[i] = "\xe2\x82\xac"[i % 3];
        for (size_t max = ENTRY_HEADER_MAX + 1; max < ENTRY_HEADER_MAX + 20; max++) {
                struct entry many = { .received_ms = 1, .text = euros, .len = sizeof(euros) };
                buf_reset(&line);
                size_t left_out = entry_put(&line, &many, max);
                assert_int_equal((sizeof(euros) - left_out) % 3, 0);
                assert_true(left_out < sizeof(euros));
        }
        buf_fini(&line);
}

static void what_is_no_entry_is_refused(void **state)
{
        static const char *const cases[] = { "", " ", "12", "12 ", "x - text", "12x- text", "12 -", "12  text",
                                             "1234567890123456789 - text",
                                             "1 an.address.that.is.longer.than.any.address.can.be.even.of.ipv6.with.scope text" };
        struct buf scratch = { 0 };
        struct entry e;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_false(entry_parse(cases[i], strlen(cases[i]), &scratch, &e));
        buf_fini(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_is_one_readable_line),
                cmocka_unit_test(any_bytes_come_back_or_a_marked_prefix_of_them),
                cmocka_unit_test(a_cut_leaves_no_half_character),
                cmocka_unit_test(what_is_no_entry_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
