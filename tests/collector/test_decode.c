/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "collector/decode.h"
#include "event/event.h"

static struct collector_stats stats;

/* Decodes one payload; the document, id and index as strings. */
struct decoded { char value[2048], id[600], dest[256]; bool ok; };

static struct decoded decode_with(const char *template, const char *id_field, const char *payload, size_t len,
                                  int64_t offset)
{
        struct err e = { 0 };
        struct decoder *d = decode_new(template, id_field, &stats, &e);
        struct batch *b = batch_new(0);
        struct decoded out = { .ok = false };
        const struct incoming in = { .cluster = "c1", .topic = "logs", .partition = 2, .offset = offset,
                                     .timestamp_ms = 1700000000123, .payload = payload, .len = len };

        assert_non_null(d);
        out.ok = decode(d, &in, b);
        assert_int_equal(b->n, 1);
        const struct record *r = &b->recs[0];
        snprintf(out.value, sizeof(out.value), "%.*s", (int)r->value.len, batch_at(b, r->value));
        snprintf(out.id, sizeof(out.id), "%.*s", (int)r->id.len, batch_at(b, r->id));
        snprintf(out.dest, sizeof(out.dest), "%.*s", (int)r->dest.len, batch_at(b, r->dest));
        batch_free(b);
        decode_free(d);
        return out;
}

static struct decoded decode_at(const char *template, const char *payload, size_t len, int64_t offset)
{
        return decode_with(template, NULL, payload, len, offset);
}

static struct decoded decode_text(const char *template, const char *payload)
{
        return decode_at(template, payload, strlen(payload), 5);
}

#define INDEX "logs-{service.name:generic}-default"

static void a_sluice_event_passes_through_under_its_own_id(void **state)
{
        const char *event = "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\",\"event\":{\"id\":\"s1.abcdefghijklmnopqrstuv\"},"
                            "\"message\":\"a\\\"b\",\"service\":{\"name\":\"shop\"}}";
        struct decoded d = decode_text(INDEX, event);

        (void)state;
        assert_true(d.ok);
        assert_string_equal(d.value, event);
        assert_string_equal(d.id, "s1.abcdefghijklmnopqrstuv");
        assert_string_equal(d.dest, "logs-shop-default");
}

static void a_foreign_id_is_not_ours(void **state)
{
        struct decoded a = decode_text(INDEX, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"event\":{\"id\":\"4711\"}}");
        struct decoded again = decode_text(INDEX, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"event\":{\"id\":\"4711\"}}");

        (void)state;
        assert_int_equal(strlen(a.id), IDENT_FILE_TEXT);
        assert_string_equal(a.id, again.id);
}

static struct decoded with_id_field(const char *payload)
{
        return decode_with(INDEX, "order.id", payload, strlen(payload), 5);
}

static void id_field_names_a_record_of_another_sender_and_never_an_event_of_ours(void **state)
{
        (void)state;
        assert_string_equal(with_id_field("{\"order\":{\"id\":\"a\\u00e4\\\"b\"}}").id, "a\xc3\xa4\"b");
        assert_string_equal(with_id_field("{\"order\":{\"id\":4711}}").id, "4711");
        static const char both[] = "{\"event\":{\"id\":\"s1.abcdefghijklmnopqrstuv\"},\"order\":{\"id\":4711}}";
        assert_string_equal(with_id_field(both).id, "s1.abcdefghijklmnopqrstuv");
        assert_string_equal(decode_text(INDEX, "{\"order\":{\"id\":4711}}").id, decode_text(INDEX, "x").id);
}

static void an_id_field_that_holds_none_leaves_the_id_to_the_record(void **state)
{
        static const char *const payloads[] = { "text", "{}", "{\"order\":{\"id\":\"\"}}", "{\"order\":{\"id\":null}}",
                                                "{\"order\":{\"id\":{\"a\":1}}}", "{\"order\":7}" };
        char longest[800], too_long[800];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
                assert_string_equal(with_id_field(payloads[i]).id, decode_text(INDEX, "x").id);
        snprintf(longest, sizeof(longest), "{\"order\":{\"id\":\"%0512d\"}}", 1);
        snprintf(too_long, sizeof(too_long), "{\"order\":{\"id\":\"%0513d\"}}", 1);
        assert_int_equal(strlen(with_id_field(longest).id), 512);
        assert_string_equal(with_id_field(too_long).id, decode_text(INDEX, "x").id);
}

static void the_same_record_has_the_same_id_and_no_other_has_it(void **state)
{
        (void)state;
        assert_string_equal(decode_at(INDEX, "x", 1, 5).id, decode_at(INDEX, "x", 1, 5).id);
        assert_string_not_equal(decode_at(INDEX, "x", 1, 5).id, decode_at(INDEX, "x", 1, 6).id);
}

static void text_becomes_the_message_of_a_document(void **state)
{
        struct decoded d = decode_text(INDEX, "GET /\t\"x\"\n");

        (void)state;
        assert_string_equal(d.value, "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"message\":\"GET /\\t\\\"x\\\"\\n\"}");
        assert_string_equal(d.dest, "logs-generic-default");
}

static void what_is_json_but_no_object_is_text(void **state)
{
        static const char *const payloads[] = { "[1,2]", "17", "\"x\"", "null", "{\"a\":1}{", "{\"a\":1,}", "" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
                struct decoded d = decode_text(INDEX, payloads[i]);
                assert_non_null(strstr(d.value, "\"message\":\""));
        }
}

static void an_object_without_time_gets_the_records_time(void **state)
{
        (void)state;
        assert_string_equal(decode_text(INDEX, " { \"a\" : 1 }").value,
                            "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"a\" : 1 }");
        assert_string_equal(decode_text(INDEX, "{}").value, "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\"}");
}

static void invalid_utf8_in_an_object_is_repaired(void **state)
{
        int64_t before = stat_get(&stats.utf8_repaired);
        struct decoded d = decode_text(INDEX, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"a\":\"x\xff\xc3y\"}");

        (void)state;
        assert_string_equal(d.value, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"a\":\"x\xef\xbf\xbd\xef\xbf\xbdy\"}");
        assert_int_equal(stat_get(&stats.utf8_repaired), before + 1);
}

static void a_date_in_the_index_is_the_events(void **state)
{
        (void)state;
        assert_string_equal(decode_text("x-{+yyyy.MM.dd}", "{\"@timestamp\":\"2026-11-23T23:59:59Z\"}").dest,
                            "x-2026.11.23");
        assert_string_equal(decode_text("{topic}-{+yyyy}", "text").dest, "logs-2023");
}

static void a_missing_field_without_default_makes_no_index(void **state)
{
        struct decoded d = decode_text("{tenant}-x", "{\"a\":1}");

        (void)state;
        assert_false(d.ok);
        assert_int_equal(strlen(d.id), IDENT_FILE_TEXT);
}

static void a_wrong_template_is_an_error_at_start(void **state)
{
        struct err e = { 0 };

        (void)state;
        assert_null(decode_new("logs-{service.name", NULL, &stats, &e));
        assert_true(e.msg[0]);
}

/* The decoder learns from each event; what it makes of the next must not show that it did. */
static void an_event_becomes_the_same_document_whatever_came_before_it(void **state)
{
#define EVENT(time, id, message, offset, name) \
        "{\"@timestamp\":\"" time "\",\"event\":{\"id\":\"s1." id "\"},\"message\":\"" message \
        "\",\"log\":{\"file\":{\"path\":\"/a\"},\"offset\":" offset "},\"service\":{\"name\":\"" name "\"}}"
        static const char *const templates[] = { INDEX, "logs-{service.name}-{+yyyy.MM.dd}", "at-{log.offset}", "says-{message:x}",
                                                 "t-{topic}-{service.name}", "id-{event.id}", "logs-{service.version}" };
        static const char *const events[] = {
                EVENT("2026-11-23T10:00:00.123Z", "abcdefghijklmnopqrstuv", "one", "0", "shop"),
                EVENT("2026-11-24T11:00:00.456Z", "bcdefghijklmnopqrstuvw", "t\\\"wo", "4711", "shop"),
                EVENT("2026-11-24T11:00:00.456Z", "cdefghijklmnopqrstuvwx", "three", "4712", "till"),
                EVENT("not a time, 24 bytes long", "defghijklmnopqrstuvwxy", "four", "4713", "shop"),
                EVENT("2026-11-24T11:00:00.456Z", "efghijklmnopqrstuvwxyz", "fi\xffve", "4714", "shop"),
                EVENT("2026-11-25T11:00:00.456Z", "fghijklmnopqrstuvwxyzA", "", "4715", "shop"),
                EVENT("2026-11-25T11:00:00.456Z", "ghijklmnopqrstuvwxyzAB", "\n", "4716", "shop"),
                EVENT("2026-11-25T11:00:00.456Z", "hijklmnopqrstuvwxyzABC", "x\",\"host\":\"", "4717", "shop"),
                EVENT("2026-11-26T11:00:00.456Z", "ijklmnopqrstuvwxyzABCD", "last", "4718", "till"),
        };
        enum { EVENTS = sizeof(events) / sizeof(events[0]) };

        (void)state;
        for (size_t t = 0; t < sizeof(templates) / sizeof(templates[0]); t++) {
                struct err e = { 0 };
                struct decoder *d = decode_new(templates[t], NULL, &stats, &e);
                struct batch *b = batch_new(0);

                for (int i = 0; i < 3 * EVENTS; i++) {
                        const char *event = events[(i * 7 + i / EVENTS) % EVENTS];
                        struct decoded alone = decode_text(templates[t], event);
                        const struct incoming in = { .cluster = "c1", .topic = "logs", .partition = 2, .offset = 5,
                                                     .timestamp_ms = 1700000000123, .payload = event, .len = strlen(event) };
                        assert_int_equal(decode(d, &in, b), alone.ok);
                        const struct record *r = &b->recs[b->n - 1];
                        assert_int_equal(r->value.len, strlen(alone.value));
                        assert_memory_equal(batch_at(b, r->value), alone.value, r->value.len);
                        assert_int_equal(r->id.len, strlen(alone.id));
                        assert_memory_equal(batch_at(b, r->id), alone.id, r->id.len);
                        assert_int_equal(r->dest.len, strlen(alone.dest));
                        if (alone.ok)
                                assert_memory_equal(batch_at(b, r->dest), alone.dest, r->dest.len);
                        if (i % 5 == 4)         /* what was put into it is gone */
                                batch_undo_add(b, r->value.off);
                }
                batch_free(b);
                decode_free(d);
        }
#undef EVENT
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_sluice_event_passes_through_under_its_own_id),
                cmocka_unit_test(a_foreign_id_is_not_ours),
                cmocka_unit_test(id_field_names_a_record_of_another_sender_and_never_an_event_of_ours),
                cmocka_unit_test(an_id_field_that_holds_none_leaves_the_id_to_the_record),
                cmocka_unit_test(the_same_record_has_the_same_id_and_no_other_has_it),
                cmocka_unit_test(text_becomes_the_message_of_a_document),
                cmocka_unit_test(what_is_json_but_no_object_is_text),
                cmocka_unit_test(an_object_without_time_gets_the_records_time),
                cmocka_unit_test(invalid_utf8_in_an_object_is_repaired),
                cmocka_unit_test(a_date_in_the_index_is_the_events),
                cmocka_unit_test(a_missing_field_without_default_makes_no_index),
                cmocka_unit_test(a_wrong_template_is_an_error_at_start),
                cmocka_unit_test(an_event_becomes_the_same_document_whatever_came_before_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
