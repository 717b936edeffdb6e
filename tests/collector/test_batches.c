/* SPDX-License-Identifier: Apache-2.0 */
/* Records in the batch format, from being taken to the last of their lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/pack.h"
#include "tests/fake/delivery.h"

enum { MANY = 5000 };
#define WALL_NS (INT64_C(1795428000) * 1000000000)

struct rig {
        struct delivery *d;
        struct event_stream stream;
        struct pack pack;
        uint64_t offset;                /* in the file */
};

static int set_up(void **state)
{
        static const struct ident file = { { 7 } };
        struct rig *r = xcalloc(1, sizeof(*r));

        r->d = delivery_new();
        r->d->config.batch_bytes = 16 * 1024;
        r->d->config.batch_records = 1000;
        r->d->limits.max_bytes = 64 * 1024;
        delivery_build(r->d);
        event_stream_init(&r->stream, &file, "/var/log/a.log", "shop", "web-1");
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        delivery_free(r->d);
        event_stream_fini(&r->stream);
        pack_fini(&r->pack);
        free(r);
        return 0;
}

static void add(struct rig *r, const char *text)
{
        const struct event_line line = { .wall_ns = WALL_NS, .offset = r->offset, .text = text, .len = strlen(text) };
        size_t repaired;

        if (!pack_is_open(&r->pack))
                pack_begin(&r->pack, &r->stream);
        assert_true(pack_add(&r->pack, &r->stream, &line, &repaired));
        r->offset += line.len + 1;
}

static void add_many(struct rig *r, int n)
{
        char text[64];

        for (int i = 0; i < n; i++) {
                snprintf(text, sizeof(text), "GET /basket/%d 200 12ms", i);
                add(r, text);
        }
}

static void take_record(struct rig *r)
{
        struct buf record = { 0 };

        pack_end(&r->pack, &record);
        delivery_take(r->d, record.data, record.len, NULL, 0);
        buf_fini(&record);
}

/* Document by document what the sink was given is what it would have been given in the event format. */
static void both_formats_give_the_same_documents(void **state)
{
        static const char *const texts[] = { "plain", "", "with \"quotes\" and \x01", "not UTF-8: \xff\xfe", "{\"a\":1}" };
        struct rig *r = *state;
        struct buf event = { 0 };
        size_t n = ARRAY_LEN(texts);

        for (size_t i = 0; i < n; i++) {
                const struct event_line line = { .wall_ns = WALL_NS, .offset = r->offset, .text = texts[i], .len = strlen(texts[i]) };
                buf_reset(&event);
                event_write(&event, &r->stream, &line);
                delivery_take(r->d, event.data, event.len, NULL, 0);
                add(r, texts[i]);
        }
        take_record(r);
        delivery_flush(r->d);
        assert_int_equal(sink_held_count(r->d->index), 2 * n);
        for (size_t i = 0; i < n; i++) {
                const struct record *a = sink_held_record(r->d->index, i), *b = sink_held_record(r->d->index, n + i);
                assert_int_equal(a->value.len, b->value.len);
                assert_memory_equal(batch_at(a->batch, a->value), batch_at(b->batch, b->value), a->value.len);
                assert_int_equal(a->id.len, b->id.len);
                assert_memory_equal(batch_at(a->batch, a->id), batch_at(b->batch, b->id), a->id.len);
                assert_int_equal(a->dest.len, b->dest.len);
                assert_memory_equal(batch_at(a->batch, a->dest), batch_at(b->batch, b->dest), a->dest.len);
        }
        assert_int_equal(stat_get(&r->d->stats.consumed), 2 * n);
        assert_int_equal(stat_get(&r->d->stats.batches), 1);
        assert_int_equal(stat_get(&r->d->stats.utf8_repaired), 1);
        sink_held_answer_all(r->d->index, VERDICT_DONE);
        buf_fini(&event);
}

static void the_offset_waits_for_the_last_line(void **state)
{
        struct rig *r = *state;

        add_many(r, 3);
        take_record(r);
        add_many(r, 2);
        take_record(r);
        delivery_flush(r->d);
        assert_int_equal(sink_held_count(r->d->index), 5);
        assert_int_equal(stat_get(&r->d->stats.in_flight), 5);
        sink_held_answer(r->d->index, 4, VERDICT_DONE, 201, NULL);         /* of the second record */
        sink_held_answer(r->d->index, 3, VERDICT_DUPLICATE, 409, NULL);
        sink_held_answer(r->d->index, 2, VERDICT_DONE, 201, NULL);
        sink_held_answer(r->d->index, 0, VERDICT_REJECT, 400, "no");
        assert_int_equal(partition_committable(r->d->p), -1);
        sink_held_answer(r->d->index, 0, VERDICT_DONE, 201, NULL);
        assert_int_equal(partition_committable(r->d->p), -1);
        deliver_turn(r->d->deliver);
        assert_int_equal(sink_held_count(r->d->dead), 1);
        assert_true(sink_held_value_has(r->d->dead, 0, "\"message\":\"GET /basket/0 200 12ms\""));
        sink_held_answer(r->d->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(r->d->p), 2);
        assert_int_equal(stat_get(&r->d->stats.consumed), 5);
        assert_true(deliver_idle(r->d->deliver));
}

static void what_cannot_be_read_is_a_dead_letter_as_it_is(void **state)
{
        static const char poison[] = "\x04\x22\x4d\x18 and then nothing of sense";
        struct rig *r = *state;

        add_many(r, 2);
        take_record(r);
        delivery_take(r->d, poison, sizeof(poison), NULL, 0);
        add_many(r, 2);
        take_record(r);
        delivery_flush(r->d);
        assert_int_equal(sink_held_count(r->d->index), 4);
        assert_int_equal(sink_held_count(r->d->dead), 1);
        const struct record *dead = sink_held_record(r->d->dead, 0);
        assert_int_equal(dead->value.len, sizeof(poison));
        assert_memory_equal(batch_at(dead->batch, dead->value), poison, sizeof(poison));
        assert_string_equal(sink_held_header(dead, "sluice.reason"), "bad_batch");
        assert_non_null(strstr(sink_held_header(dead, "sluice.error"), "not an LZ4 frame"));
        assert_string_equal(sink_held_header(dead, "sluice.offset"), "1");
        assert_string_equal(sink_held_header(dead, "sluice.partition"), "3");
        sink_held_answer_all(r->d->index, VERDICT_DONE);
        assert_int_equal(partition_committable(r->d->p), 1);
        sink_held_answer_all(r->d->dead, VERDICT_DONE);
        assert_int_equal(partition_committable(r->d->p), 3);
        assert_int_equal(stat_get(&r->d->stats.dead_bad_batch), 1);
        assert_int_equal(stat_get(&r->d->stats.consumed), 5);
}

/* A few kilobytes from Kafka are far more documents than the budget holds: they come in portions. */
static void what_one_record_becomes_stays_within_the_budget(void **state)
{
        struct rig *r = *state;
        int64_t most = 0;

        for (int i = 0; i < 3; i++) {
                add_many(r, MANY);
                take_record(r);
        }
        assert_true(r->d->paused);
        assert_int_equal(stat_get(&r->d->stats.batches), 1);
        for (int i = 0; i < 10000 && !deliver_idle(r->d->deliver); i++) {
                delivery_flush(r->d);
                delivery_check_ledger(r->d);
                if (stat_get(&r->d->stats.held_bytes) > most)
                        most = stat_get(&r->d->stats.held_bytes);
                sink_held_answer_all(r->d->index, VERDICT_DONE);
        }
        assert_true(deliver_idle(r->d->deliver));
        assert_int_equal(stat_get(&r->d->stats.indexed), 3 * MANY);
        assert_int_equal(stat_get(&r->d->stats.consumed), 3 * MANY);
        assert_int_equal(stat_get(&r->d->stats.batches), 3);
        assert_int_equal(partition_committable(r->d->p), 3);
        /* The content of one record, and a batch beyond the mark. */
        assert_true(most < DELIVERY_BUDGET + MANY * 40 + 64 * 1024);
        deliver_turn(r->d->deliver);
        assert_false(r->d->paused);
}

static void what_is_left_of_a_record_is_given_back(void **state)
{
        struct rig *r = *state;

        add_many(r, MANY);
        take_record(r);
        add_many(r, 10);
        take_record(r);
        delivery_flush(r->d);
        assert_true(stat_get(&r->d->stats.in_flight) == MANY + 1);         /* the second is not opened yet */
        sink_close(r->d->index);
        sink_close(r->d->dead);
        delivery_demolish(r->d);
        assert_int_equal(stat_get(&r->d->stats.dropped_taken_again), MANY + 1);
        assert_int_equal(partition_committable(r->d->p), -1);
}

static void a_partition_that_left_is_held_until_its_last_line(void **state)
{
        struct rig *r = *state;

        add_many(r, MANY);
        take_record(r);
        add_many(r, 10);
        take_record(r);
        partition_enter(r->d->p, PART_GONE, "test");
        for (int i = 0; i < 10000 && !deliver_idle(r->d->deliver); i++) {
                assert_true(r->d->p->held > 0);
                delivery_flush(r->d);
                sink_held_answer_all(r->d->index, VERDICT_DONE);
        }
        assert_int_equal(r->d->p->held, 0);
        assert_int_equal(stat_get(&r->d->stats.indexed), MANY + 10);
        assert_int_equal(partition_committable(r->d->p), -1);
}

/* Another program may write the format and give its lines no ids. */
static void lines_without_an_id_get_one_each_and_the_same_again(void **state)
{
        struct rig *r = *state;
        struct event_parts parts = { .no_message = true };
        char ids[2][2][64];

        buf_puts(&parts.rest, "\"message\":\"x\"");
        for (int round = 0; round < 2; round++) {
                struct buf record = { 0 };
                static const char doc[] = "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"message\":\"one\"}";
                size_t repaired;
                const struct event_line line = { .wall_ns = WALL_NS, .text = "", .parts = &parts };
                pack_begin(&r->pack, &r->stream);
                for (int i = 0; i < 2; i++) {
                        size_t start = r->pack.content.len;
                        assert_true(pack_add(&r->pack, &r->stream, &line, &repaired));
                        /* The event that was written, as another program's, of the same length. */
                        memset(r->pack.content.data + start, ' ', r->pack.content.len - start);
                        memcpy(r->pack.content.data + start, doc, sizeof(doc) - 1);
                }
                pack_end(&r->pack, &record);
                const struct incoming in = { .cluster = "c", .topic = "logs", .partition = 3, .offset = 7,
                                             .timestamp_ms = 1700000000000, .payload = record.data, .len = record.len };
                deliver_take(r->d->deliver, r->d->p, partition_take(r->d->p, r->d->p->next), &in);
                delivery_flush(r->d);
                for (size_t i = 0; i < 2; i++) {
                        const struct record *rec = sink_held_record(r->d->index, i);
                        snprintf(ids[round][i], 64, "%.*s", (int)rec->id.len, batch_at(rec->batch, rec->id));
                }
                sink_held_answer_all(r->d->index, VERDICT_DONE);
                buf_fini(&record);
        }
        assert_string_not_equal(ids[0][0], ids[0][1]);
        assert_string_equal(ids[0][0], ids[1][0]);
        assert_string_equal(ids[0][1], ids[1][1]);
        event_parts_fini(&parts);
}

static void headers_of_the_record_are_those_of_each_line(void **state)
{
        static const struct incoming_header headers[] = { { "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736", 32 },
                                                          { "empty", NULL, 0 } };
        struct rig *r = *state;
        struct buf record = { 0 };

        add_many(r, 2);
        pack_end(&r->pack, &record);
        delivery_take(r->d, record.data, record.len, headers, 2);
        delivery_flush(r->d);
        assert_true(sink_held_value_has(r->d->index, 0, "\"trace\":{\"id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}"));
        assert_true(sink_held_value_has(r->d->index, 1, "\"trace\":{\"id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}"));
        sink_held_answer_all(r->d->index, VERDICT_DONE);
        buf_fini(&record);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(both_formats_give_the_same_documents),
                TEST(the_offset_waits_for_the_last_line),
                TEST(what_cannot_be_read_is_a_dead_letter_as_it_is),
                TEST(what_one_record_becomes_stays_within_the_budget),
                TEST(what_is_left_of_a_record_is_given_back),
                TEST(a_partition_that_left_is_held_until_its_last_line),
                TEST(lines_without_an_id_get_one_each_and_the_same_again),
                TEST(headers_of_the_record_are_those_of_each_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
