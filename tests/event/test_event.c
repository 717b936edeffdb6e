/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "event/event.h"
#include "event/scan.h"
#include "event/timestamp.h"

#define WALL_NS (INT64_C(1795428000) * 1000000000 + 123000000)

static const struct ident file_id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
static const char bad_path[] = "/var/log/\x01\"\\\xff";

/* One event of the stream, as a string; free() it. */
static char *write_one(const struct event_stream *s, const struct event_line *line, size_t *ret_repaired)
{
        struct buf b;

        buf_init(&b, 0);
        size_t repaired = event_write(&b, s, line);
        assert_true(buf_ok(&b));
        assert_true(b.len <= event_max_size(s, line->len));
        if (ret_repaired)
                *ret_repaired = repaired;
        buf_putc(&b, '\0');
        return b.data;
}

static yajl_val parse(const char *json)
{
        char why[512];
        yajl_val v = yajl_tree_parse(json, why, sizeof(why));

        if (!v)
                fail_msg("%s: %s", json, why);
        return v;
}

static const char *string_at(yajl_val root, const char *a, const char *b, const char *c)
{
        const char *path[] = { a, b, b ? c : NULL, NULL };

        return YAJL_GET_STRING(yajl_tree_get(root, path, yajl_t_string));
}

static void event_is_written_byte_for_byte(void **state)
{
        struct event_stream s;
        struct event_line line = { .wall_ns = WALL_NS, .offset = 8123, .text = "say \"hi\"", .len = 8 };

        (void)state;
        event_stream_init(&s, &file_id, "/var/log/a.log", "shop", "web-1");
        char *json = write_one(&s, &line, NULL), id[IDENT_LINE_TEXT];
        struct ident line_id = ident_of_line(&file_id, 8123);
        struct buf want = { 0 };
        ident_line_text(&line_id, id);
        buf_puts(&want, "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\",\"event\":{\"id\":\"");
        buf_put(&want, id, sizeof(id));
        buf_puts(&want, "\"},\"message\":\"say \\\"hi\\\"\",\"log\":{\"file\":{\"path\":\"/var/log/a.log\","
                        "\"id\":\"AQIDBAUGBwgJCgsMDQ4PEA\"},\"offset\":8123},\"service\":{\"name\":\"shop\"},"
                        "\"host\":{\"name\":\"web-1\"}}");
        assert_string_equal(json, buf_cstr(&want));
        buf_fini(&want);
        free(json);
        event_stream_fini(&s);
}

static void time_and_id_stand_at_their_fixed_places(void **state)
{
        struct event_stream s;
        struct event_line line = { .wall_ns = WALL_NS, .offset = 1, .text = "", .len = 0 };
        char text[TIMESTAMP_LEN];

        (void)state;
        event_stream_init(&s, &file_id, "/a", NULL, "h");
        char *json = write_one(&s, &line, NULL);
        timestamp_format(WALL_NS, text);
        assert_memory_equal(json + EVENT_TIMESTAMP_AT, text, sizeof(text));
        assert_memory_equal(json + EVENT_ID_AT, IDENT_SCHEME, sizeof(IDENT_SCHEME) - 1);
        struct ident id, want = ident_of_line(&file_id, 1);
        assert_int_equal(ident_parse(json + EVENT_ID_AT + sizeof(IDENT_SCHEME) - 1, &id), 0);
        assert_memory_equal(&id, &want, sizeof(id));
        free(json);
        event_stream_fini(&s);
}

static void service_and_host_are_absent_when_they_have_no_name(void **state)
{
        static const char *const none[] = { NULL, "" };
        struct event_line line = { .text = "x", .len = 1 };

        (void)state;
        for (int i = 0; i < 2; i++) {
                struct event_stream s;
                event_stream_init(&s, &file_id, "/a", none[i], none[i]);
                char *json = write_one(&s, &line, NULL);
                yajl_val v = parse(json);
                assert_null(string_at(v, "service", "name", NULL));
                assert_null(strstr(json, "service"));
                assert_null(strstr(json, "host"));
                assert_string_equal(string_at(v, "message", NULL, NULL), "x");
                yajl_tree_free(v);
                free(json);
                event_stream_fini(&s);
        }
}

static void truncated_line_is_marked_and_no_other(void **state)
{
        struct event_stream s;
        struct event_line line = {
                .offset = UINT64_MAX, .text = "x", .len = 1, .flags = EVENT_TRUNCATED | EVENT_MULTILINE
        };
        const char *path[] = { "log", "flags", NULL };

        (void)state;
        event_stream_init(&s, &file_id, "/a", "s", "h");
        for (int truncated = 0; truncated < 2; truncated++) {
                line.flags = truncated ? EVENT_TRUNCATED : 0;
                char *json = write_one(&s, &line, NULL);
                yajl_val v = parse(json), array = yajl_tree_get(v, path, yajl_t_array);
                assert_int_equal(array != NULL, truncated);
                if (array)
                        assert_string_equal(YAJL_GET_STRING(YAJL_GET_ARRAY(array)->values[0]), "truncated");
                assert_non_null(strstr(json, "\"offset\":18446744073709551615"));
                assert_string_equal(string_at(v, "service", "name", NULL), "s");
                yajl_tree_free(v);
                free(json);
        }
        event_stream_fini(&s);
}

static void names_of_any_bytes_are_escaped(void **state)
{
        struct event_stream s;
        struct event_line line = { .text = "x", .len = 1 };

        (void)state;
        event_stream_init(&s, &file_id, bad_path, "a\"b\n", "h\xc3");
        char *json = write_one(&s, &line, NULL);
        yajl_val v = parse(json);
        assert_string_equal(string_at(v, "log", "file", "path"), "/var/log/\x01\"\\\xef\xbf\xbd");
        assert_string_equal(string_at(v, "service", "name", NULL), "a\"b\n");
        assert_string_equal(string_at(v, "host", "name", NULL), "h\xef\xbf\xbd");
        yajl_tree_free(v);
        free(json);
        event_stream_fini(&s);
}

static void repairs_of_the_text_are_counted(void **state)
{
        static const struct {
                const char *text, *message;
                size_t repaired;
        } cases[] = {
                { "plain", "plain", 0 },
                { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 0 },
                { "a\xff"
                  "b",
                  "a\xef\xbf\xbd"
                  "b",
                  1 },
                { "\xfe\xff", "\xef\xbf\xbd\xef\xbf\xbd", 2 },
                { "tab\there", "tab\there", 0 },
        };
        struct event_stream s;

        (void)state;
        event_stream_init(&s, &file_id, bad_path, NULL, "h"); /* the path's own repair does not count */
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct event_line line = { .text = cases[i].text, .len = strlen(cases[i].text) };
                size_t repaired;
                char *json = write_one(&s, &line, &repaired);
                yajl_val v = parse(json);
                assert_int_equal(repaired, cases[i].repaired);
                assert_string_equal(string_at(v, "message", NULL, NULL), cases[i].message);
                yajl_tree_free(v);
                free(json);
        }
        event_stream_fini(&s);
}

/* Each byte value alone, in runs of awkward lengths, and all of them in turn. */
static void no_text_passes_the_bound_or_breaks_the_event(void **state)
{
        static const size_t lengths[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 255, 1000 };
        char *text = malloc(1000);
        struct event_stream s;

        (void)state;
        event_stream_init(&s, &file_id, bad_path, "s\x02", "h\xff");
        for (int c = 0; c <= 256; c++) {
                for (size_t i = 0; i < 1000; i++)
                        text[i] = (char)(c < 256 ? (unsigned)c : i * 167);
                for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
                        struct event_line line = { .wall_ns = INT64_MIN,
                                                   .offset = UINT64_MAX,
                                                   .text = text + 1000 - lengths[i],
                                                   .len = lengths[i],
                                                   .flags = EVENT_TRUNCATED | EVENT_MULTILINE };
                        char *json = write_one(&s, &line, NULL); /* checks the bound */
                        assert_int_equal(scan_json(json, strlen(json), NULL, 0, NULL, NULL), SCAN_IS_OBJECT);
                        yajl_tree_free(parse(json));
                        free(json);
                }
        }
        event_stream_fini(&s);
        free(text);
}

static void bound_is_reached_by_control_bytes(void **state)
{
        char text[100];
        struct event_stream s;
        struct event_line line = { .offset = UINT64_MAX,
                                   .text = text,
                                   .len = sizeof(text),
                                   .flags = EVENT_TRUNCATED | EVENT_MULTILINE };
        struct buf b = { 0 };

        (void)state;
        memset(text, 1, sizeof(text));
        event_stream_init(&s, &file_id, "/a", "s", "h");
        event_write(&b, &s, &line);
        assert_int_equal(b.len, event_max_size(&s, sizeof(text)));
        buf_fini(&b);
        event_stream_fini(&s);
}

static void event_within_the_buffers_limit_fits_and_beyond_it_fails(void **state)
{
        char text[100];
        struct event_stream s;
        struct event_line line = { .offset = 5, .text = text, .len = sizeof(text) };
        struct buf whole = { 0 };

        (void)state;
        memset(text, '"', sizeof(text));
        event_stream_init(&s, &file_id, "/a", "s", "h");
        event_write(&whole, &s, &line);
        for (size_t max = 1; max <= whole.len; max++) {
                struct buf b;
                buf_init(&b, max);
                event_write(&b, &s, &line);
                assert_int_equal(buf_ok(&b), max == whole.len);
                assert_true(b.len <= max);
                buf_fini(&b);
        }
        buf_fini(&whole);
        event_stream_fini(&s);
}

static void plain_text_becomes_an_event_of_two_fields(void **state)
{
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(event_write_text(&b, WALL_NS, "a\"\xff", 3), 1);
        assert_string_equal(
                buf_cstr(&b),
                "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\",\"message\":\"a\\\"\xef\xbf\xbd\"}");
        buf_reset(&b);
        char text[64];
        memset(text, 1, sizeof(text));
        event_write_text(&b, WALL_NS, text, sizeof(text));
        assert_int_equal(b.len, event_max_text(sizeof(text)));
        yajl_tree_free(parse(buf_cstr(&b)));
        buf_fini(&b);
}

static void put(struct buf *b, const char *text)
{
        buf_puts(b, text);
}

static char *write_parts(const struct event_stream *s, const struct event_parts *parts, const char *stream,
                         unsigned flags)
{
        struct event_line line = { .wall_ns = WALL_NS, .offset = 5, .text = "x", .len = 1, .parts = parts };
        struct buf b = { 0 };

        line.stream = stream;
        line.flags = flags;
        event_write(&b, s, &line);
        assert_int_equal(scan_json(b.data, b.len, NULL, 0, NULL, NULL), SCAN_IS_OBJECT);
        buf_putc(&b, '\0');
        yajl_tree_free(parse(b.data));
        return b.data;
}

static void assert_ends(const char *json, const char *want)
{
        const char *from = strstr(json, "\"offset\":5");

        assert_non_null(from);
        assert_string_equal(from, want);
}

static void what_was_found_goes_into_its_objects(void **state)
{
        struct event_stream s;
        struct event_parts p = { 0 };

        (void)state;
        event_stream_init(&s, &file_id, "/a", "shop", "h");
        event_stream_add(&s, "labels.env", "prod");
        event_stream_add(&s, "cloud.region", "eu\"1");
        event_stream_add(&s, "service.version", "7");
        event_stream_add(&s, "event.dataset", "shop.log");
        char *json = write_parts(&s, NULL, NULL, 0);
        assert_ends(
                json,
                "\"offset\":5},\"service\":{\"name\":\"shop\",\"version\":\"7\"},\"host\":{\"name\":\"h\"},"
                "\"labels\":{\"env\":\"prod\"},\"cloud.region\":\"eu\\\"1\","
                "\"event.dataset\":\"shop.log\"}");
        free(json);
        put(&p.more[EVENT_EVENT], "\"action\":\"a\"");
        put(&p.more[EVENT_LOG], "\"level\":\"warn\"");
        put(&p.more[EVENT_HOST], "\"os\":1");
        put(&p.more[EVENT_LABELS], "\"k\":\"v\"");
        put(&p.more[EVENT_TRACE], "\"id\":\"t\"");
        put(&p.more[EVENT_USER], "\"id\":\"u\"");
        put(&p.rest, "\"json\":{}");
        json = write_parts(&s, &p, "stderr", EVENT_MULTILINE);
        assert_ends(json,
                    "\"offset\":5,\"flags\":[\"multiline\"],\"level\":\"warn\"},"
                    "\"service\":{\"name\":\"shop\",\"version\":\"7\"},\"host\":{\"name\":\"h\",\"os\":1},"
                    "\"labels\":{\"env\":\"prod\",\"k\":\"v\"},\"cloud.region\":\"eu\\\"1\","
                    "\"event.dataset\":\"shop.log\",\"trace\":{\"id\":\"t\"},\"user\":{\"id\":\"u\"},"
                    "\"json\":{},\"stream\":\"stderr\"}");
        assert_non_null(strstr(json, "\",\"action\":\"a\"},\"message\":\"x\",\"log\":{"));
        free(json);
        event_parts_reset(&p);
        put(&p.more[EVENT_SERVICE], "\"id\":1");
        json = write_parts(&s, &p, NULL, EVENT_TRUNCATED | EVENT_MULTILINE);
        assert_non_null(strstr(json,
                               "\"flags\":[\"truncated\",\"multiline\"]},\"service\":{\"name\":\"shop\","
                               "\"version\":\"7\",\"id\":1},\"host\""));
        free(json);
        event_parts_fini(&p);
        event_stream_fini(&s);
}

static void objects_that_the_stream_lacks_are_made(void **state)
{
        struct event_stream s;
        struct event_parts p = { .message = "a\\n", .message_len = 3 };

        (void)state;
        event_stream_init(&s, &file_id, "/a", NULL, NULL);
        put(&p.more[EVENT_SERVICE], "\"name\":\"x\"");
        char *json = write_parts(&s, &p, "", 0);
        assert_ends(json, "\"offset\":5},\"service\":{\"name\":\"x\"},\"stream\":\"\"}");
        assert_non_null(strstr(json, "\"message\":\"a\\n\",\"log\""));
        free(json);
        p.no_message = true;
        json = write_parts(&s, &p, NULL, 0);
        assert_null(strstr(json, "message"));
        assert_non_null(strstr(json, "\"},\"log\":{\"file\":{\"path\":\"/a\""));
        free(json);
        event_parts_fini(&p);
        event_stream_fini(&s);
}

static void nanoseconds_are_kept_and_the_id_is_found_behind_them(void **state)
{
        static const struct {
                int64_t ns;
                bool precise;
                const char *time;
        } cases[] = {
                { WALL_NS, true, "2026-11-23T10:00:00.123Z" },
                { WALL_NS + 456789, true, "2026-11-23T10:00:00.123456789Z" },
                { WALL_NS + 1, true, "2026-11-23T10:00:00.123000001Z" },
                { WALL_NS + 456789, false, "2026-11-23T10:00:00.123Z" },
                { -1, true, "1969-12-31T23:59:59.999999999Z" },
        };
        struct event_stream s;
        struct ident id, want = ident_of_line(&file_id, 7);

        (void)state;
        event_stream_init(&s, &file_id, "/a", "s", "h");
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct event_parts p = { .precise = cases[i].precise };
                struct event_line line = { .wall_ns = cases[i].ns, .offset = 7, .text = "", .parts = &p };
                struct buf b = { 0 };
                event_write(&b, &s, &line);
                assert_memory_equal(b.data + EVENT_TIMESTAMP_AT, cases[i].time, strlen(cases[i].time));
                assert_int_equal(ident_parse(b.data + event_id_at(b.data) + strlen(IDENT_SCHEME), &id), 0);
                assert_memory_equal(&id, &want, sizeof(id));
                yajl_tree_free(parse(buf_cstr(&b)));
                buf_fini(&b);
        }
        event_stream_fini(&s);
}

/* The plain way and the other one write the same event when there is nothing to tell. */
static void empty_parts_change_nothing(void **state)
{
        static const struct event_parts none;
        struct event_stream s;

        (void)state;
        event_stream_init(&s, &file_id, "/a", "s", "h");
        for (unsigned flags = 0; flags < 4; flags++) {
                char *a = write_parts(&s, NULL, NULL, flags), *b = write_parts(&s, &none, NULL, flags);
                assert_string_equal(a, b);
                free(a);
                free(b);
        }
        event_stream_fini(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(event_is_written_byte_for_byte),
                cmocka_unit_test(time_and_id_stand_at_their_fixed_places),
                cmocka_unit_test(service_and_host_are_absent_when_they_have_no_name),
                cmocka_unit_test(truncated_line_is_marked_and_no_other),
                cmocka_unit_test(names_of_any_bytes_are_escaped),
                cmocka_unit_test(repairs_of_the_text_are_counted),
                cmocka_unit_test(no_text_passes_the_bound_or_breaks_the_event),
                cmocka_unit_test(bound_is_reached_by_control_bytes),
                cmocka_unit_test(event_within_the_buffers_limit_fits_and_beyond_it_fails),
                cmocka_unit_test(plain_text_becomes_an_event_of_two_fields),
                cmocka_unit_test(what_was_found_goes_into_its_objects),
                cmocka_unit_test(objects_that_the_stream_lacks_are_made),
                cmocka_unit_test(nanoseconds_are_kept_and_the_id_is_found_behind_them),
                cmocka_unit_test(empty_parts_change_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
