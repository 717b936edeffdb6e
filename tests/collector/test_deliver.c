/* SPDX-License-Identifier: Apache-2.0 */
/* From a record taken to its outcome, with two sinks that answer when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/deliver.h"
#include "collector/letter.h"
#include "tests/fake/sink_held.h"

struct rig {
        struct collector_config config;
        struct collector_stats stats;
        struct loop *loop;
        struct sink *index, *dead;
        struct sink *spare;             /* NULL: there is none */
        struct deliver *deliver;
        struct partition *p;
        bool paused;
        unsigned pauses;
        size_t waiting;                 /* bytes of partitions paused alone */
};

static void on_settle(void *arg, struct partition *p, uint64_t seq)
{
        (void)arg;
        partition_settle(p, seq);
}

static void on_pause(void *arg)
{
        struct rig *r = arg;
        assert_false(r->paused);
        r->paused = true;
        r->pauses++;
}

static void on_resume(void *arg)
{
        struct rig *r = arg;
        assert_true(r->paused);
        r->paused = false;
}

static struct sink *on_spare(void *arg)
{
        return ((struct rig *)arg)->spare;
}

static size_t on_waiting(void *arg)
{
        return ((struct rig *)arg)->waiting;
}

static int set_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));
        const struct deliver_hooks hooks = { on_settle, on_pause, on_resume, on_waiting, on_spare, r };
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        struct err e = { 0 };

        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        r->config.elasticsearch.index = (char *)"logs-{service.name:generic}-default";
        r->config.dlq.topic = (char *)"dead";
        r->config.batch_bytes = 64 * 1024;
        r->config.batch_records = 10;
        r->config.batch_time_ms = 20;
        r->loop = loop_new(&clock_system, &e);
        r->deliver = deliver_new(r->loop, &r->config, &r->stats, &hooks, &e);
        struct sink_owner index = deliver_index_owner(r->deliver), dead = deliver_dead_owner(r->deliver);
        r->index = sink_held_new(r->loop, &index, &limits);
        r->dead = sink_held_new(r->loop, &dead, &limits);
        deliver_set_sinks(r->deliver, r->index, r->dead, 256 * 1024);
        r->p = partition_new("logs", 0, 0);
        *state = r;
        return 0;
}

static void check_ledger(const struct rig *r)
{
        const struct collector_stats *s = &r->stats;

        assert_int_equal(stat_get(&s->consumed),
                         stat_get(&s->indexed) + stat_get(&s->duplicate) + stat_get(&s->dead_rejected) +
                                 stat_get(&s->dead_no_index) + stat_get(&s->dead_parked) +
                                 stat_get(&s->dead_invalid) + stat_get(&s->dropped_tombstone) +
                                 stat_get(&s->dropped_refused) + stat_get(&s->in_flight));
        assert_int_equal(stat_get(&s->in_flight), r->p->held);
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        check_ledger(r);
        sink_free(r->index);
        sink_free(r->dead);
        sink_free(r->spare);
        deliver_free(r->deliver);
        loop_free(r->loop);
        r->p->held = 0;
        partition_free(r->p);
        free(r);
        return 0;
}

static void take(struct rig *r, const char *payload)
{
        const struct incoming in = { .cluster = "c", .topic = "logs", .offset = r->p->next, .timestamp_ms = 1700000000000,
                                     .payload = payload, .len = payload ? strlen(payload) : 0 };
        deliver_take(r->deliver, r->p, partition_take(r->p, in.offset), &in);
}

static void flush(struct rig *r)
{
        deliver_flush(r->deliver);
        deliver_turn(r->deliver);
}

static void mixed_verdicts_settle_each_record_for_itself(void **state)
{
        struct rig *r = *state;

        take(r, "one");
        take(r, "two");
        take(r, "three");
        flush(r);
        assert_int_equal(sink_held_count(r->index), 3);
        sink_held_answer(r->index, 2, VERDICT_DUPLICATE, 409, NULL);
        sink_held_answer(r->index, 1, VERDICT_DONE, 201, NULL);
        assert_int_equal(partition_committable(r->p), -1);
        sink_held_answer(r->index, 0, VERDICT_REJECT, 400, "mapper_parsing_exception: no");
        deliver_turn(r->deliver);
        assert_int_equal(stat_get(&r->stats.indexed), 1);
        assert_int_equal(stat_get(&r->stats.duplicate), 1);

        /* Refused is not settled: only its acknowledged dead letter is. */
        assert_int_equal(sink_held_count(r->dead), 1);
        assert_int_equal(partition_committable(r->p), -1);
        assert_int_equal(stat_get(&r->stats.in_flight), 1);
        sink_held_answer(r->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(r->p), 3);
        assert_int_equal(stat_get(&r->stats.dead_rejected), 1);
}

static const char *header(const struct record *rec, const char *name)
{
        static char text[256];

        for (unsigned i = 0; i < rec->nheaders; i++) {
                const struct header *h = &rec->batch->headers[rec->first_header + i];
                if (strcmp(h->name, name) == 0) {
                        snprintf(text, sizeof(text), "%.*s", (int)h->value.len, batch_at(rec->batch, h->value));
                        return text;
                }
        }
        return NULL;
}

static void a_dead_letter_says_what_why_and_where_from(void **state)
{
        struct rig *r = *state;

        take(r, "first");
        take(r, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"service\":{\"name\":\"shop\"}}");
        flush(r);
        sink_held_answer(r->index, 1, VERDICT_REJECT, 400, "document_parsing_exception: field [x]");
        deliver_turn(r->deliver);
        const struct record *dead = sink_held_record(r->dead, 0);
        assert_true(sink_held_value_has(r->dead, 0, "\"name\":\"shop\""));
        assert_string_equal(header(dead, "sluice.reason"), "rejected");
        assert_string_equal(header(dead, "sluice.error"), "document_parsing_exception: field [x]");
        assert_string_equal(header(dead, "sluice.status"), "400");
        assert_string_equal(header(dead, "sluice.index"), "logs-shop-default");
        assert_string_equal(header(dead, "sluice.topic"), "logs");
        assert_string_equal(header(dead, "sluice.partition"), "0");
        assert_string_equal(header(dead, "sluice.offset"), "1");
        assert_string_equal(header(dead, "sluice.timestamp"), "1700000000000");
        int64_t waited_ms = clock_system.wall_ns(&clock_system) / 1000000 - atoll(header(dead, "sluice.first_seen"));
        assert_in_range(waited_ms, 0, 60000);
}

static void a_parked_document_is_a_dead_letter_of_its_own_kind(void **state)
{
        struct rig *r = *state;

        take(r, "one");
        flush(r);
        sink_held_answer(r->index, 0, VERDICT_PARK, 403, "http://es: index full: cluster_block_exception");
        deliver_turn(r->deliver);
        assert_int_equal(sink_held_count(r->dead), 1);
        assert_string_equal(header(sink_held_record(r->dead, 0), "sluice.reason"), "parked");
        assert_int_equal(partition_committable(r->p), -1);
        sink_held_answer(r->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(r->p), 1);
        assert_int_equal(stat_get(&r->stats.dead_parked), 1);
}

static void a_record_that_may_not_be_repaired_is_a_dead_letter_as_it_came(void **state)
{
        struct rig *r = *state;
        const struct deliver_hooks hooks = { on_settle, on_pause, on_resume, on_waiting, on_spare, r };
        struct err e = { 0 };

        deliver_free(r->deliver);
        r->config.on_invalid = INVALID_DEAD_LETTER;
        r->deliver = deliver_new(r->loop, &r->config, &r->stats, &hooks, &e);
        r->index->owner = deliver_index_owner(r->deliver);
        r->dead->owner = deliver_dead_owner(r->deliver);
        deliver_set_sinks(r->deliver, r->index, r->dead, 256 * 1024);
        take(r, "{\"a\":1,\"a\":2}");
        take(r, "{\"a\":1}");
        flush(r);
        assert_int_equal(sink_held_count(r->index), 1);
        assert_int_equal(sink_held_count(r->dead), 1);
        assert_true(sink_held_value_has(r->dead, 0, "{\"a\":1,\"a\":2}"));
        assert_string_equal(header(sink_held_record(r->dead, 0), "sluice.reason"), "invalid");
        assert_string_equal(header(sink_held_record(r->dead, 0), "sluice.error"), "has two members of one name");
        sink_held_answer(r->dead, 0, VERDICT_DONE, 0, NULL);
        sink_held_answer(r->index, 0, VERDICT_DONE, 201, NULL);
        assert_int_equal(stat_get(&r->stats.dead_invalid), 1);
        assert_int_equal(partition_committable(r->p), 2);
}

static void without_a_topic_the_letter_is_one_line_of_a_file(void **state)
{
        struct rig *r = *state;

        r->config.dlq.topic = NULL;
        take(r, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"service\":{\"name\":\"shop\"}}");
        flush(r);
        sink_held_answer(r->index, 0, VERDICT_REJECT, 400, "document_parsing_exception: field \"x\"");
        deliver_turn(r->deliver);
        const struct record *dead = sink_held_record(r->dead, 0);
        assert_int_equal(dead->nheaders, 0);
        struct letter l;
        struct buf scratch = { 0 };
        assert_true(letter_read_line(batch_at(dead->batch, dead->value), dead->value.len, &l, &scratch));
        assert_memory_equal(l.error.p, "document_parsing_exception: field \"x\"", l.error.len);
        assert_memory_equal(l.document.p, "{\"@timestamp\":\"2026-11-23T10:00:00Z\"", 36);
        assert_int_equal(l.offset, 0);
        assert_int_equal(partition_committable(r->p), -1);
        sink_held_answer(r->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(r->p), 1);
        buf_fini(&scratch);
}

static void a_dead_letter_that_its_topic_refuses_is_written_to_a_file(void **state)
{
        struct rig *r = *state;
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        struct sink_owner owner = deliver_spare_owner(r->deliver);
        struct buf scratch = { 0 };
        struct letter l;

        take(r, "{\"service\":{\"name\":\"shop\"}}");
        flush(r);
        sink_held_answer(r->index, 0, VERDICT_REJECT, 400, "mapper_parsing_exception: no");
        deliver_turn(r->deliver);
        sink_held_answer(r->dead, 0, VERDICT_REJECT, 10, "Broker: Message size too large");
        deliver_turn(r->deliver);               /* files cannot be had yet: it waits */
        assert_int_equal(partition_committable(r->p), -1);
        assert_int_equal(stat_get(&r->stats.in_flight), 1);
        assert_true(stat_get(&r->stats.held_bytes) > 0);

        r->spare = sink_held_new(r->loop, &owner, &limits);
        deliver_turn(r->deliver);
        assert_int_equal(sink_held_count(r->spare), 1);
        const struct record *line = sink_held_record(r->spare, 0);
        assert_true(letter_read_line(batch_at(line->batch, line->value), line->value.len, &l, &scratch));
        assert_memory_equal(l.reason.p, "rejected", l.reason.len);
        assert_memory_equal(l.error.p, "mapper_parsing_exception: no", l.error.len);
        assert_memory_equal(l.index.p, "logs-shop-default", l.index.len);
        assert_int_equal(l.status, 400);
        assert_int_equal(l.offset, 0);
        assert_int_equal(l.timestamp_ms, 1700000000000);
        assert_true(l.id.len > 0);
        assert_non_null(memmem(l.document.p, l.document.len, "\"shop\"", 6));
        assert_int_equal(partition_committable(r->p), -1);
        sink_held_answer(r->spare, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(r->p), 1);
        assert_int_equal(stat_get(&r->stats.dead_rejected), 1);
        assert_int_equal(stat_get(&r->stats.dropped_refused), 0);
        assert_int_equal(r->p->bytes, 0);
        buf_fini(&scratch);
}

static void a_dead_letter_that_a_file_refuses_is_counted_as_dropped(void **state)
{
        struct rig *r = *state;

        r->config.dlq.topic = NULL;
        take(r, "one");
        flush(r);
        sink_held_answer(r->index, 0, VERDICT_REJECT, 400, "no");
        deliver_turn(r->deliver);
        sink_held_answer(r->dead, 0, VERDICT_REJECT, 10, "too large");
        assert_int_equal(stat_get(&r->stats.dropped_refused), 1);
        assert_int_equal(partition_committable(r->p), 1);
}

static void a_tombstone_is_settled_at_once(void **state)
{
        struct rig *r = *state;

        take(r, NULL);
        assert_int_equal(stat_get(&r->stats.dropped_tombstone), 1);
        assert_int_equal(partition_committable(r->p), 1);
}

static void a_record_without_index_goes_to_the_dead_letters_and_spoils_no_other(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };
        const struct deliver_hooks hooks = { on_settle, on_pause, on_resume, on_waiting, on_spare, r };

        sink_free(r->index);
        sink_free(r->dead);
        deliver_free(r->deliver);
        r->config.elasticsearch.index = (char *)"x-{tenant}";
        r->deliver = deliver_new(r->loop, &r->config, &r->stats, &hooks, &e);
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        struct sink_owner index = deliver_index_owner(r->deliver), dead = deliver_dead_owner(r->deliver);
        r->index = sink_held_new(r->loop, &index, &limits);
        r->dead = sink_held_new(r->loop, &dead, &limits);
        deliver_set_sinks(r->deliver, r->index, r->dead, 256 * 1024);

        take(r, "{\"tenant\":\"a\"}");
        take(r, "{\"other\":1}");
        take(r, "{\"tenant\":\"b\"}");
        flush(r);
        assert_int_equal(sink_held_count(r->index), 2);
        assert_int_equal(sink_held_count(r->dead), 1);
        assert_true(sink_held_value_has(r->dead, 0, "\"other\":1"));
        assert_true(sink_held_value_has(r->index, 1, "\"tenant\":\"b\""));
        sink_held_answer_all(r->index, VERDICT_DONE);
        sink_held_answer_all(r->dead, VERDICT_DONE);
        assert_int_equal(stat_get(&r->stats.dead_no_index), 1);
        assert_int_equal(partition_committable(r->p), 3);
}

static void a_batch_goes_by_count_by_bytes_and_by_time(void **state)
{
        struct rig *r = *state;
        char *large = xmalloc(70 * 1024);

        for (int i = 0; i < 10; i++)
                take(r, "x");
        assert_int_equal(sink_held_count(r->index), 10);

        memset(large, 'x', 70 * 1024 - 1);
        large[70 * 1024 - 1] = '\0';
        take(r, large);
        assert_int_equal(sink_held_count(r->index), 11);
        free(large);

        take(r, "alone");
        assert_int_equal(sink_held_count(r->index), 11);
        for (int i = 0; i < 100 && sink_held_count(r->index) == 11; i++) {
                loop_turn(r->loop, 100);
                deliver_turn(r->deliver);
        }
        assert_int_equal(sink_held_count(r->index), 12);
        sink_held_answer_all(r->index, VERDICT_DONE);
}

static void a_full_budget_pauses_and_the_low_mark_resumes(void **state)
{
        struct rig *r = *state;
        char *large = xmalloc(30 * 1024);

        memset(large, 'x', 30 * 1024 - 1);
        large[30 * 1024 - 1] = '\0';
        int taken = 0;
        while (!r->paused && taken < 100) {
                take(r, large);
                deliver_turn(r->deliver);
                taken++;
        }
        assert_true(r->paused);
        assert_true(taken < 20);
        flush(r);
        sink_held_answer(r->index, 0, VERDICT_DONE, 0, NULL);
        deliver_turn(r->deliver);
        assert_true(r->paused);
        sink_held_answer_all(r->index, VERDICT_DONE);
        deliver_turn(r->deliver);
        assert_false(r->paused);
        assert_int_equal(r->pauses, 1);
        free(large);
}

/* Bytes of a partition that waits stay: the others do not wait for the half that never comes. */
static void what_waits_raises_the_low_mark(void **state)
{
        struct rig *r = *state;
        char *large = xmalloc(30 * 1024);

        memset(large, 'x', 30 * 1024 - 1);
        large[30 * 1024 - 1] = '\0';
        r->config.batch_records = 1;
        r->index->limits.max_batches = 100;
        while (!r->paused) {
                take(r, large);
                deliver_turn(r->deliver);
        }
        size_t bytes = r->p->bytes;
        assert_true(bytes > r->p->held * 30 * 1024);
        flush(r);
        r->waiting = 200 * 1024;
        sink_held_answer(r->index, 0, VERDICT_DONE, 0, NULL);
        deliver_turn(r->deliver);
        assert_int_equal(r->p->bytes, bytes - bytes / (r->p->held + 1));
        while (r->paused) {
                sink_held_answer(r->index, 0, VERDICT_DONE, 0, NULL);
                deliver_turn(r->deliver);
        }
        assert_true(stat_get(&r->stats.held_bytes) > 128 * 1024);
        sink_held_answer(r->index, 0, VERDICT_REJECT, 400, "no");
        deliver_turn(r->deliver);
        sink_held_answer_all(r->index, VERDICT_DONE);
        assert_true(r->p->bytes > 30 * 1024);   /* of the dead letter */
        sink_held_answer_all(r->dead, VERDICT_DONE);
        assert_int_equal(r->p->bytes, 0);
        free(large);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(mixed_verdicts_settle_each_record_for_itself),
                TEST(a_dead_letter_says_what_why_and_where_from),
                TEST(a_parked_document_is_a_dead_letter_of_its_own_kind),
                TEST(a_record_that_may_not_be_repaired_is_a_dead_letter_as_it_came),
                TEST(without_a_topic_the_letter_is_one_line_of_a_file),
                TEST(a_dead_letter_that_its_topic_refuses_is_written_to_a_file),
                TEST(a_dead_letter_that_a_file_refuses_is_counted_as_dropped),
                TEST(a_tombstone_is_settled_at_once),
                TEST(a_record_without_index_goes_to_the_dead_letters_and_spoils_no_other),
                TEST(a_batch_goes_by_count_by_bytes_and_by_time),
                TEST(a_full_budget_pauses_and_the_low_mark_resumes),
                TEST(what_waits_raises_the_low_mark),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
