/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/check.h"
#include "shipper/frame.h"

static void terminators_are_not_part_of_the_text(void **state)
{
        static const struct { const char *in; size_t len, size; } cases[] = {
                { "abc\n", 3, 4 },
                { "abc\r\n", 3, 5 },
                { "\n", 0, 1 },
                { "\r\n", 0, 2 },
                { "a\rb\n", 3, 4 },
                { "abc\r\r\n", 4, 6 },
        };
        struct frame line;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *in = cases[i].in;
                assert_true(line_next(in, in + strlen(in), 0, &line));
                assert_ptr_equal(line.text, in);
                assert_int_equal(line.len, cases[i].len);
                assert_int_equal(line.size, cases[i].size);
        }
}

static void an_unfinished_line_is_no_line(void **state)
{
        struct frame line;

        (void)state;
        assert_false(line_next("abc", (const char *)"abc" + 0, 0, &line));
        const char *text = "abc";
        assert_false(line_next(text, text + 3, 0, &line));
        assert_false(line_next(text, text + 3, 3, &line));
}

static void every_split_of_a_text_gives_the_same_lines(void **state)
{
        static const char text[] = "first\nsecond \r\n\n\nfifth is longer than the others\nlast";
        const char *end = text + sizeof(text) - 1;

        (void)state;
        for (const char *seen = text; seen <= end; seen++) {
                /* `seen` bytes were there at first; then all of it, with what was scanned known. */
                const char *p = text;
                size_t lines = 0, bytes = 0, known = 0;
                struct frame line;

                for (const char *limit = seen;; limit = end) {
                        while (line_next(p, limit, known, &line)) {
                                lines++;
                                bytes += line.size;
                                p += line.size;
                                known = 0;
                        }
                        known = (size_t)(limit - p);
                        if (limit == end)
                                break;
                }
                assert_int_equal(lines, 5);
                assert_string_equal(text + bytes, "last");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(terminators_are_not_part_of_the_text),
                cmocka_unit_test(an_unfinished_line_is_no_line),
                cmocka_unit_test(every_split_of_a_text_gives_the_same_lines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
