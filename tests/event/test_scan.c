/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/scan.h"

/* Scans a copy that ends where the text ends, so that ASan sees a read past it. */
static enum scan_result scan_exact(const char *text, size_t len, struct scan_info *info)
{
        char *copy = malloc(len ? len : 1);

        memcpy(copy, text, len);
        enum scan_result r = scan_json(copy, len, NULL, 0, NULL, info);
        free(copy);
        return r;
}

struct verdict_case {
        const char *text;
        enum scan_result want;
};

static void assert_verdicts(const struct verdict_case *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                enum scan_result got = scan_exact(cases[i].text, strlen(cases[i].text), NULL);
                if (got != cases[i].want)
                        fail_msg("<%s> gave %d", cases[i].text, (int)got);
        }
}

static void valid_json_is_told_by_its_kind(void **state)
{
        static const struct verdict_case cases[] = {
                { "{}", SCAN_IS_OBJECT },
                { " \t\r\n{ } \n", SCAN_IS_OBJECT },
                { "{\"a\":1}", SCAN_IS_OBJECT },
                { "{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }", SCAN_IS_OBJECT },
                { "{\"\":{\"\":[[],{}]}}", SCAN_IS_OBJECT },
                { "{\"a\":1,\"a\":2}", SCAN_IS_OBJECT },
                { "[]", SCAN_IS_OTHER },
                { "[1,2]", SCAN_IS_OTHER },
                { "[{}]", SCAN_IS_OTHER },
                { "\"a\"", SCAN_IS_OTHER },
                { "1", SCAN_IS_OTHER },
                { "true", SCAN_IS_OTHER },
                { "false", SCAN_IS_OTHER },
                { "null", SCAN_IS_OTHER },
        };

        (void)state;
        assert_verdicts(cases, sizeof(cases) / sizeof(*cases));
}

static void what_is_not_one_json_value_is_invalid(void **state)
{
        static const char *const bad[] = {
                "",
                " ",
                "\n",
                "plain text",
                "{",
                "}",
                "{]",
                "[",
                "]",
                "[}",
                ",",
                ":",
                "{}{}",
                "{} {}",
                "{},",
                "{}x",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{,}",
                "{,\"a\":1}",
                "{\"a\" 1}",
                "{\"a\"::1}",
                "{\"a\":1 \"b\":2}",
                "{\"a\":1;\"b\":2}",
                "{a:1}",
                "{'a':1}",
                "{1:1}",
                "{null:1}",
                "{\"a\":1",
                "{\"a\":",
                "{\"a\"",
                "{\"a",
                "[1,]",
                "[,1]",
                "[1 2]",
                "[1,,2]",
                "[1",
                "[1,",
                "\"",
                "\"a",
                "a\"",
                "tru",
                "truee",
                "True",
                "nul",
                "nulll",
                "fals",
                "falsey",
                "undefined",
                "NaN",
                "Infinity",
                "-Infinity",
                "/* c */{}",
                "{}// c",
                "\xef\xbb\xbf{}",
                "{}\f",
                "\v{}",
                "{}\xc2\xa0",
                "{\"a\":tru}",
                "{\"a\":\xff}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (scan_exact(bad[i], strlen(bad[i]), NULL) != SCAN_INVALID)
                        fail_msg("<%s> was taken", bad[i]);
        assert_int_equal(scan_exact("{}", 3, NULL), SCAN_INVALID); /* a NUL after it */
}

static void numbers_follow_the_grammar(void **state)
{
        static const struct verdict_case cases[] = {
                { "0", SCAN_IS_OTHER },        { "-0", SCAN_IS_OTHER },
                { "10", SCAN_IS_OTHER },       { "-12.50", SCAN_IS_OTHER },
                { "0.0", SCAN_IS_OTHER },      { "1e5", SCAN_IS_OTHER },
                { "1E+05", SCAN_IS_OTHER },    { "1.5e-300", SCAN_IS_OTHER },
                { "0e0", SCAN_IS_OTHER },      { "123456789012345678901234567890", SCAN_IS_OTHER },
                { "1e999999", SCAN_IS_OTHER }, { "-", SCAN_INVALID },
                { "+1", SCAN_INVALID },        { "01", SCAN_INVALID },
                { "-01", SCAN_INVALID },       { "00", SCAN_INVALID },
                { ".5", SCAN_INVALID },        { "5.", SCAN_INVALID },
                { "-.5", SCAN_INVALID },       { "1.e5", SCAN_INVALID },
                { "1e", SCAN_INVALID },        { "1e+", SCAN_INVALID },
                { "1e+-5", SCAN_INVALID },     { "1e5.5", SCAN_INVALID },
                { "1.2.3", SCAN_INVALID },     { "0x10", SCAN_INVALID },
                { "1a", SCAN_INVALID },        { "--1", SCAN_INVALID },
                { "1-1", SCAN_INVALID },       { "1_000", SCAN_INVALID },
                { "[01]", SCAN_INVALID },      { "{\"a\":1.}", SCAN_INVALID },
        };

        (void)state;
        assert_verdicts(cases, sizeof(cases) / sizeof(*cases));
}

static void escapes_follow_the_grammar(void **state)
{
        static const struct verdict_case cases[] = {
                { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SCAN_IS_OTHER },
                { "\"\\u0000\\uABCD\\uabcd\\u09aF\"", SCAN_IS_OTHER },
                { "\"\\ud83d\\ude00\"", SCAN_IS_OTHER },
                { "\"\\ud800\"", SCAN_IS_OTHER }, /* lone, but grammatical */
                { "\"\\udc00\\ud800\"", SCAN_IS_OTHER },
                { "\"\\a\"", SCAN_INVALID },
                { "\"\\'\"", SCAN_INVALID },
                { "\"\\x41\"", SCAN_INVALID },
                { "\"\\U0041\"", SCAN_INVALID },
                { "\"\\u\"", SCAN_INVALID },
                { "\"\\u1\"", SCAN_INVALID },
                { "\"\\u12\"", SCAN_INVALID },
                { "\"\\u123\"", SCAN_INVALID },
                { "\"\\u123g\"", SCAN_INVALID },
                { "\"\\u 123\"", SCAN_INVALID },
                { "\"\\", SCAN_INVALID },
                { "\"\\\"", SCAN_INVALID },
                { "\"\\u12", SCAN_INVALID },
                { "\"\\\n\"", SCAN_INVALID },
                { "{\"\\q\":1}", SCAN_INVALID },
        };

        (void)state;
        assert_verdicts(cases, sizeof(cases) / sizeof(*cases));
        assert_int_equal(scan_exact("\"\\\0\"", 4, NULL), SCAN_INVALID);
}

/* The eight-bytes-at-once path sees each byte at each place of a word, and just before the end. */
static void each_byte_at_each_place_of_a_string_is_judged_alike(void **state)
{
        char text[40];

        (void)state;
        for (int c = 0; c < 256; c++) {
                bool stops = c < 0x20 || c == '"' || c == '\\';
                for (size_t at = 1; at < 25; at++) {
                        struct scan_info info;
                        memset(text, 'a', sizeof(text));
                        text[0] = text[25] = '"';
                        text[at] = (char)c;
                        assert_int_equal(scan_exact(text, 26, &info), stops ? SCAN_INVALID : SCAN_IS_OTHER);
                        if (!stops)
                                assert_int_equal(info.invalid_utf8, c >= 0x80);
                        assert_int_equal(scan_exact(text, at + 1, NULL),
                                         c == '"' ? SCAN_IS_OTHER : SCAN_INVALID);
                }
        }
}

static void invalid_utf8_is_told_and_does_not_fail(void **state)
{
        static const struct {
                const char *text;
                bool invalid;
        } cases[] = {
                { "\"a\"", false },
                { "\"\xc2\x80 \xdf\xbf\"", false },
                { "\"\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"", false },
                { "\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"", false },
                { "{\"\xc3\xa4\":1}", false },
                { "\"\x80\"", true },
                { "\"\xbf\"", true },
                { "\"\xc0\x80\"", true }, /* overlong */
                { "\"\xc1\xbf\"", true },
                { "\"\xe0\x9f\xbf\"", true },
                { "\"\xf0\x8f\xbf\xbf\"", true },
                { "\"\xed\xa0\x80\"", true },     /* a surrogate */
                { "\"\xf4\x90\x80\x80\"", true }, /* above U+10FFFF */
                { "\"\xf5\x80\x80\x80\"", true },
                { "\"\xff\"", true },
                { "\"\xc3\"", true }, /* cut: the quote still ends the string */
                { "\"\xe2\x82\"", true },
                { "\"\xf0\x9f\x98\"", true },
                { "\"\xc3"
                  "a\"",
                  true },
                { "{\"\xff\":1}", true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct scan_info info;
                assert_int_not_equal(scan_exact(cases[i].text, strlen(cases[i].text), &info), SCAN_INVALID);
                assert_int_equal(info.invalid_utf8, cases[i].invalid);
        }
}

static void newline_between_tokens_is_told(void **state)
{
        static const struct {
                const char *text;
                bool newline;
        } cases[] = {
                { "{}", false },         { "{\"a\":\"\\n\"}", false },
                { "{ \t\r}", false },    { "\n{}", true },
                { "{}\n", true },        { "{\n}", true },
                { "{\"a\"\n:1}", true }, { "{\"a\":\n1}", true },
                { "{\"a\":1\n}", true }, { "{\"a\":[1,\r\n2]}", true },
                { "[\n]", true },        { "[1\n]", true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct scan_info info;
                assert_int_not_equal(scan_exact(cases[i].text, strlen(cases[i].text), &info), SCAN_INVALID);
                assert_int_equal(info.has_newline, cases[i].newline);
        }
}

static void depth_is_bounded(void **state)
{
        char text[2 * SCAN_DEPTH + 2];

        (void)state;
        memset(text, '[', SCAN_DEPTH + 1);
        memset(text + SCAN_DEPTH + 1, ']', SCAN_DEPTH + 1);
        assert_int_equal(scan_exact(text + 1, 2 * SCAN_DEPTH, NULL), SCAN_IS_OTHER);
        assert_int_equal(scan_exact(text, 2 * SCAN_DEPTH + 2, NULL), SCAN_INVALID);
        /* Depth is what is open, not what was. */
        char row[1 + 3 * 100] = "[";
        for (size_t i = 0; i < 100; i++)
                memcpy(row + 1 + 3 * i, i < 99 ? "[]," : "[]]", 3);
        assert_int_equal(scan_exact(row, sizeof(row), NULL), SCAN_IS_OTHER);
}

static void every_prefix_of_an_object_is_invalid(void **state)
{
        const char text[] = "{\"a\":[1.5e+3,{\"b\":\"\\u00e4\xc3\xa4\"},true,false,null],\"c\":{}}";

        (void)state;
        for (size_t n = 0; n < sizeof(text) - 1; n++)
                assert_int_equal(scan_exact(text, n, NULL), SCAN_INVALID);
        assert_int_equal(scan_exact(text, sizeof(text) - 1, NULL), SCAN_IS_OBJECT);
}

/* --- paths ---------------------------------------------------------------------------------- */

static void one_path_finds_the_first_of_its_splits(void **state)
{
        static const struct {
                const char *path, *text;
                enum scan_type type;
                const char *value;
        } cases[] = {
                { "a", "{\"a\":\"x\"}", SCAN_STRING, "x" },
                { "a", "{\"a\":\"\"}", SCAN_STRING, "" },
                { "a", "{\"a\" : -1.5e3 }", SCAN_NUMBER, "-1.5e3" },
                { "a", "{\"a\":true}", SCAN_BOOL, "true" },
                { "a", "{\"a\":false}", SCAN_BOOL, "false" },
                { "a", "{\"a\":null}", SCAN_NULL, "null" },
                { "a", "{\"a\":{ \"b\":[1] } }", SCAN_OBJECT, "{ \"b\":[1] }" },
                { "a", "{\"a\":[1,[2]]}", SCAN_ARRAY, "[1,[2]]" },
                { "a", "{\"a\":\"q\\\"\\u0041\"}", SCAN_STRING, "q\\\"\\u0041" },
                { "a", "{}", SCAN_ABSENT, NULL },
                { "a", "{\"A\":1,\"aa\":2,\"b\":{\"a\":3},\"\":4}", SCAN_ABSENT, NULL },
                { "a", "{\"a\":1,\"a\":2}", SCAN_NUMBER, "1" },
                { "a", "{\"a\":null,\"a\":2}", SCAN_NULL, "null" },
                { "a.b", "{\"a\":{\"b\":1}}", SCAN_NUMBER, "1" },
                { "a.b", "{\"a.b\":1}", SCAN_NUMBER, "1" },
                { "a.b", "{\"a\":{\"c\":0},\"a.b\":1}", SCAN_NUMBER, "1" },
                { "a.b", "{\"a.b\":1,\"a\":{\"b\":2}}", SCAN_NUMBER, "1" },
                { "a.b", "{\"a\":{\"b\":2},\"a.b\":1}", SCAN_NUMBER, "2" },
                { "a.b", "{\"a\":{\"x\":{\"b\":1}}}", SCAN_ABSENT, NULL },
                { "a.b", "{\"a\":\"b\"}", SCAN_ABSENT, NULL },
                { "a.b", "{\"a\":[{\"b\":1}]}", SCAN_ABSENT, NULL },
                { "a.b", "[{\"a\":{\"b\":1}}]", SCAN_ABSENT, NULL },
                { "a.b", "{\"b\":1,\"a\":{\"a\":{\"b\":2}}}", SCAN_ABSENT, NULL },
                { "a.b", "{\"a.\":{\"b\":1}}", SCAN_ABSENT, NULL },
                { "a.b", "{\"a\":{\".b\":1}}", SCAN_ABSENT, NULL },
                { "a.b", "{\"a.b.c\":1}", SCAN_ABSENT, NULL },
                { "a.b.c", "{\"a\":{\"b\":{\"c\":1}}}", SCAN_NUMBER, "1" },
                { "a.b.c", "{\"a.b\":{\"c\":1}}", SCAN_NUMBER, "1" },
                { "a.b.c", "{\"a\":{\"b.c\":1}}", SCAN_NUMBER, "1" },
                { "a.b.c", "{\"a.b.c\":1}", SCAN_NUMBER, "1" },
                { "a.b.c", "{\"a\":{\"b\":{}},\"a\":{\"b\":{\"c\":1}}}", SCAN_NUMBER, "1" },
                { "@timestamp", "{\"@timestamp\":\"t\"}", SCAN_STRING, "t" },
                { "a", "{\"\\u0061\":1}", SCAN_ABSENT, NULL }, /* a key with an escape never matches */
                { "a", "{\"\\u0061\":1,\"a\":2}", SCAN_NUMBER, "2" },
                { "\\u0061", "{\"\\u0061\":1}", SCAN_ABSENT, NULL },
                { "a.b", "{\"\\u0061\":{\"b\":1}}", SCAN_ABSENT, NULL },
                { "ab", "{\"a\":1}", SCAN_ABSENT, NULL },
                { "a\xc3\xa4", "{\"a\xc3\xa4\":1}", SCAN_NUMBER, "1" },
                { "a", "{\"a\":1} x", SCAN_ABSENT, NULL }, /* invalid: nothing is found in it */
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct scan_value v = { .type = SCAN_ARRAY };
                scan_json(cases[i].text, strlen(cases[i].text), &cases[i].path, 1, &v, NULL);
                if (v.type != cases[i].type)
                        fail_msg("%s in %s gave type %d", cases[i].path, cases[i].text, (int)v.type);
                if (!cases[i].value)
                        continue;
                assert_int_equal(v.len, strlen(cases[i].value));
                assert_memory_equal(v.p, cases[i].value, v.len);
        }
}

static void many_paths_are_found_in_one_pass(void **state)
{
        static const char text[] =
                "{\"@timestamp\":\"t\",\"service\":{\"version\":2,\"name\":\"shop\"},\"host.name\":\"web\","
                "\"trace\":{\"id\":\"x\"},\"message\":\"m\",\"log\":{\"file\":{\"path\":\"p\"},\"offset\":7}"
                "}";
        static const char *const paths[] = {
                "service",  "service.name", "service.version", "service.nam",   "host.name",  "message",
                "trace.id", "span.id",      "log.offset",      "log.file.path", "@timestamp", "service.name"
        };
        static const char *const want[] = { "{\"version\":2,\"name\":\"shop\"}",
                                            "shop",
                                            "2",
                                            NULL,
                                            "web",
                                            "m",
                                            "x",
                                            NULL,
                                            "7",
                                            "p",
                                            "t",
                                            "shop" };
        struct scan_value values[12];

        (void)state;
        assert_int_equal(scan_json(text, sizeof(text) - 1, paths, 12, values, NULL), SCAN_IS_OBJECT);
        for (size_t i = 0; i < 12; i++) {
                assert_int_equal(values[i].type == SCAN_ABSENT, want[i] == NULL);
                if (want[i]) {
                        assert_int_equal(values[i].len, strlen(want[i]));
                        assert_memory_equal(values[i].p, want[i], values[i].len);
                }
        }
}

static void the_last_of_all_possible_paths_works(void **state)
{
        static char names[SCAN_PATHS][8];
        const char *paths[SCAN_PATHS];
        struct scan_value values[SCAN_PATHS];
        const char text[] = "{\"p00\":0,\"p31\":31}";

        (void)state;
        for (int i = 0; i < SCAN_PATHS; i++) {
                memcpy(names[i], (char[]){ 'p', (char)('0' + i / 10), (char)('0' + i % 10), 0 }, 4);
                paths[i] = names[i];
        }
        assert_int_equal(scan_json(text, sizeof(text) - 1, paths, SCAN_PATHS, values, NULL), SCAN_IS_OBJECT);
        for (int i = 0; i < SCAN_PATHS; i++)
                assert_int_equal(values[i].type, i == 0 || i == 31 ? SCAN_NUMBER : SCAN_ABSENT);
        assert_memory_equal(values[31].p, "31", 2);
}

/* --- unescaping ----------------------------------------------------------------------------- */

static void escapes_are_undone(void **state)
{
        static const struct {
                const char *text, *want;
                size_t len;
        } cases[] = {
                { "\"\"", "", 0 },
                { "\"plain\"", "plain", 5 },
                { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
                { "\"a\\nb\\n\"", "a\nb\n", 4 },
                { "\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac", 6 },
                { "\"\\u0000\"", "\0", 1 },
                { "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf",
                  11 },
                { "\"\\ud83d\\uDE00!\"", "\xf0\x9f\x98\x80!", 5 },
                { "\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8 },
                { "\"\\ud83d\"", "\xef\xbf\xbd", 3 },
                { "\"\\ud83dx\"", "\xef\xbf\xbdx", 4 },
                { "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6 },
                { "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7 },
                { "\"\\ud83d\\u0041\"",
                  "\xef\xbf\xbd"
                  "A",
                  4 },
                { "\"\\ud83d\\ue000\"", "\xef\xbf\xbd\xee\x80\x80", 6 },
                { "\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4 },
                { "\"\\ud83d\\\\ude00\"", "\xef\xbf\xbd\\ude00", 9 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct buf b = { 0 };
                struct scan_value v = { .type = SCAN_STRING,
                                        .p = cases[i].text + 1,
                                        .len = strlen(cases[i].text) - 2 };
                assert_int_equal(scan_exact(cases[i].text, strlen(cases[i].text), NULL), SCAN_IS_OTHER);
                scan_unescape(&b, &v);
                assert_int_equal(b.len, cases[i].len);
                if (b.len)
                        assert_memory_equal(b.data, cases[i].want, b.len);
                buf_fini(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(valid_json_is_told_by_its_kind),
                cmocka_unit_test(what_is_not_one_json_value_is_invalid),
                cmocka_unit_test(numbers_follow_the_grammar),
                cmocka_unit_test(escapes_follow_the_grammar),
                cmocka_unit_test(each_byte_at_each_place_of_a_string_is_judged_alike),
                cmocka_unit_test(invalid_utf8_is_told_and_does_not_fail),
                cmocka_unit_test(newline_between_tokens_is_told),
                cmocka_unit_test(depth_is_bounded),
                cmocka_unit_test(every_prefix_of_an_object_is_invalid),
                cmocka_unit_test(one_path_finds_the_first_of_its_splits),
                cmocka_unit_test(many_paths_are_found_in_one_pass),
                cmocka_unit_test(the_last_of_all_possible_paths_works),
                cmocka_unit_test(escapes_are_undone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
