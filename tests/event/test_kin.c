/* SPDX-License-Identifier: Apache-2.0 */
#include "event/kin.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "event/event.h"
#include "event/scan.h"

#define HEAD(time, id, message) "{\"@timestamp\":\"" time "\",\"event\":{\"id\":\"s1." id "\"},\"message\":\"" message
#define T1 "2026-11-23T10:00:00.123Z"
#define I1 "AAAAAAAAAAAAAAAAAAAAAA"
#define TAIL(offset) "\",\"log\":{\"file\":{\"path\":\"/a.log\"},\"offset\":" offset "},\"service\":{\"name\":\"shop\"}}"
#define EVENT HEAD(T1, I1, "hello") TAIL("17")

static int find(struct kin *k, const char *text)
{
        /* Without its NUL, so that the sanitizer sees a byte read too many. */
        size_t n = strlen(text);
        char *p = malloc(n);
        memcpy(p, text, n);
        int i = kin_find(k, p, n);
        free(p);
        return i;
}

static void only_time_id_message_and_offset_may_differ(void **state)
{
        static const struct {
                const char *what, *text;
                bool fits;
        } cases[] = {
                { "the same", EVENT, true },
                { "all four", HEAD("2027-01-01T00:00:00.000Z", "BBBBBBBBBBBBBBBBBBBBB_", "") TAIL("0"), true },
                { "escapes and UTF-8", HEAD(T1, I1, "\\\"\\u00e9\xc3\xa9\\\\") TAIL("18446744073709551615"), true },
                { "another path", HEAD(T1, I1, "x") "\",\"log\":{\"file\":{\"path\":\"/b.log\"},\"offset\":17},\"service\":{\"name\":\"shop\"}}", false },
                { "one more member", HEAD(T1, I1, "x") "\",\"log\":{\"file\":{\"path\":\"/a.log\"},\"offset\":17},\"service\":{\"name\":\"shop\"},\"a\":1}", false },
                { "something behind the end", EVENT " ", false },
                { "cut", HEAD(T1, I1, "hello") "\",\"log\":{\"file\":{\"path\":\"/a.log\"},\"offset\":17},\"service\":{\"name\":\"shop\"}", false },
                { "no number", HEAD(T1, I1, "x") TAIL("1x"), false },
                { "a number with a sign", HEAD(T1, I1, "x") TAIL("-1"), false },
                { "a number that begins with 0", HEAD(T1, I1, "x") TAIL("017"), false },
                { "no number at all", HEAD(T1, I1, "x") TAIL(""), false },
                { "21 digits", HEAD(T1, I1, "x") TAIL("100000000000000000000"), false },
                { "an escape that is none", HEAD(T1, I1, "\\x") TAIL("17"), false },
                { "a raw control", HEAD(T1, I1, "\n") TAIL("17"), false },
                { "invalid UTF-8", HEAD(T1, I1, "\xc3(") TAIL("17"), false },
                { "a message that ends early", HEAD(T1, I1, "x\",\"y\":\"") TAIL("17"), false },
                { "a quote in the time", HEAD("2026-11-23T10:00:00\"123Z", I1, "x") TAIL("17"), false },
                { "a backslash in the id", HEAD(T1, "AAAAAAAAAAAAAAAAAAAAA\\", "x") TAIL("17"), false },
                { "a time with nanoseconds", HEAD("2026-11-23T10:00:00.123456789Z", I1, "x") TAIL("17"), false },
                { "another scheme", "{\"@timestamp\":\"" T1 "\",\"event\":{\"id\":\"s2." I1 "\"},\"message\":\"x" TAIL("17"), false },
                { "nothing", "", false },
        };
        struct kin *k = kin_new();

        (void)state;
        assert_int_equal(find(k, EVENT), -1);
        assert_int_equal(kin_learn(k, EVENT, strlen(EVENT)), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (find(k, cases[i].text) != (cases[i].fits ? 0 : -1))
                        fail_msg("%s: %s", cases[i].what, cases[i].fits ? "does not fit" : "fits");
        kin_free(k);
}

/* Any byte of an event is changed: what still fits must be JSON as good as before. */
static void what_fits_is_an_object_whatever_byte_changes(void **state)
{
        struct kin *k = kin_new();
        char text[] = EVENT;
        size_t n = strlen(text), fitted = 0;

        (void)state;
        assert_int_equal(kin_learn(k, text, n), 0);
        for (size_t at = 0; at < n; at++)
                for (int c = 0; c < 256; c++) {
                        struct scan_info info = { 0 };
                        char before = text[at];
                        text[at] = (char)c;
                        if (kin_find(k, text, n) == 0) {
                                fitted++;
                                assert_int_equal(scan_json(text, n, NULL, 0, NULL, &info), SCAN_IS_OBJECT);
                                assert_false(info.invalid_utf8 || info.has_newline);
                        }
                        text[at] = before;
                }
        assert_true(fitted > n);
        kin_free(k);
}

static void as_many_files_as_it_holds_are_known_at_a_time(void **state)
{
        struct kin *k = kin_new();
        char text[KIN_FORMS + 1][256];

        (void)state;
        for (int i = 0; i <= KIN_FORMS; i++) {
                snprintf(text[i], sizeof(text[i]), HEAD(T1, I1, "x") "\",\"log\":{\"path\":\"/%d\",\"offset\":1}}", i);
                assert_int_equal(kin_learn(k, text[i], strlen(text[i])), i % KIN_FORMS);
        }
        assert_int_equal(find(k, text[0]), -1);
        for (int i = 1; i <= KIN_FORMS; i++)
                assert_int_equal(find(k, text[i]), i % KIN_FORMS);
        kin_free(k);
}

static void a_value_of_the_fixed_parts_is_found_in_the_copy(void **state)
{
        struct kin *k = kin_new();
        char text[] = EVENT;

        (void)state;
        assert_int_equal(kin_learn(k, text, strlen(text)), 0);
        assert_memory_equal(kin_place(k, strstr(text, "/a.log")), "/a.log", 6);
        assert_memory_equal(kin_place(k, strstr(text, "shop")), "shop", 4);
        assert_null(kin_place(k, strstr(text, "hello")));
        assert_null(kin_place(k, strstr(text, "17}")));
        assert_null(kin_place(k, text + EVENT_ID_AT));
        kin_free(k);
}

static void what_event_write_writes_is_known(void **state)
{
        const struct ident id = { { 1, 2, 3 } };
        struct event_stream s;
        struct buf b = { 0 };
        struct event_line line = { .wall_ns = 1795600000000000000, .offset = 5, .text = "one", .len = 3 };
        struct kin *k = kin_new();

        (void)state;
        event_stream_init(&s, &id, "/var/log/a \"b\".log", "shop", "web-1");
        event_write(&b, &s, &line);
        assert_int_equal(kin_learn(k, b.data, b.len), 0);
        line = (struct event_line){ .wall_ns = 1795600001000000000, .offset = 12345, .text = "an\tother", .len = 8 };
        buf_reset(&b);
        event_write(&b, &s, &line);
        assert_int_equal(kin_find(k, b.data, b.len), 0);
        buf_fini(&b);
        event_stream_fini(&s);
        kin_free(k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_time_id_message_and_offset_may_differ),
                cmocka_unit_test(what_fits_is_an_object_whatever_byte_changes),
                cmocka_unit_test(as_many_files_as_it_holds_are_known_at_a_time),
                cmocka_unit_test(a_value_of_the_fixed_parts_is_found_in_the_copy),
                cmocka_unit_test(what_event_write_writes_is_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
