/* SPDX-License-Identifier: Apache-2.0 */
/* From a record taken to its outcome, with two sinks that answer when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/letter.h"
#include "tests/fake/delivery.h"

static int set_up(void **state)
{
        struct delivery *d = delivery_new();

        delivery_build(d);
        *state = d;
        return 0;
}

static int clean_up(void **state)
{
        struct delivery *d = *state;

        assert_int_equal(stat_get(&d->stats.in_flight), d->p->held);
        delivery_free(d);
        return 0;
}

static void take(struct delivery *d, const char *payload)
{
        delivery_take(d, payload, payload ? strlen(payload) : 0, NULL, 0);
}

static void mixed_verdicts_settle_each_record_for_itself(void **state)
{
        struct delivery *d = *state;

        take(d, "one");
        take(d, "two");
        take(d, "three");
        delivery_flush(d);
        assert_int_equal(sink_held_count(d->index), 3);
        sink_held_answer(d->index, 2, VERDICT_DUPLICATE, 409, NULL);
        sink_held_answer(d->index, 1, VERDICT_DONE, 201, NULL);
        assert_int_equal(partition_committable(d->p), -1);
        sink_held_answer(d->index, 0, VERDICT_REJECT, 400, "mapper_parsing_exception: no");
        deliver_turn(d->deliver);
        assert_int_equal(stat_get(&d->stats.indexed), 1);
        assert_int_equal(stat_get(&d->stats.duplicate), 1);

        /* Refused is not settled: only its acknowledged dead letter is. */
        assert_int_equal(sink_held_count(d->dead), 1);
        assert_int_equal(partition_committable(d->p), -1);
        assert_int_equal(stat_get(&d->stats.in_flight), 1);
        sink_held_answer(d->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(d->p), 3);
        assert_int_equal(stat_get(&d->stats.dead_rejected), 1);
}

static void a_dead_letter_says_what_why_and_where_from(void **state)
{
        struct delivery *d = *state;

        take(d, "first");
        take(d, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"service\":{\"name\":\"shop\"}}");
        delivery_flush(d);
        sink_held_answer(d->index, 1, VERDICT_REJECT, 400, "document_parsing_exception: field [x]");
        deliver_turn(d->deliver);
        const struct record *dead = sink_held_record(d->dead, 0);
        assert_true(sink_held_value_has(d->dead, 0, "\"name\":\"shop\""));
        assert_string_equal(sink_held_header(dead, "sluice.reason"), "rejected");
        assert_string_equal(sink_held_header(dead, "sluice.error"), "document_parsing_exception: field [x]");
        assert_string_equal(sink_held_header(dead, "sluice.status"), "400");
        assert_string_equal(sink_held_header(dead, "sluice.index"), "logs-shop-default");
        assert_string_equal(sink_held_header(dead, "sluice.topic"), "logs");
        assert_string_equal(sink_held_header(dead, "sluice.partition"), "3");
        assert_string_equal(sink_held_header(dead, "sluice.offset"), "1");
        assert_string_equal(sink_held_header(dead, "sluice.timestamp"), "1700000000000");
        int64_t waited_ms = clock_system.wall_ns(&clock_system) / 1000000 - atoll(sink_held_header(dead, "sluice.first_seen"));
        assert_in_range(waited_ms, 0, 60000);
}

static void a_parked_document_is_a_dead_letter_of_its_own_kind(void **state)
{
        struct delivery *d = *state;

        take(d, "one");
        delivery_flush(d);
        sink_held_answer(d->index, 0, VERDICT_PARK, 403, "http://es: index full: cluster_block_exception");
        deliver_turn(d->deliver);
        assert_int_equal(sink_held_count(d->dead), 1);
        assert_string_equal(sink_held_header(sink_held_record(d->dead, 0), "sluice.reason"), "parked");
        assert_int_equal(partition_committable(d->p), -1);
        sink_held_answer(d->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(d->p), 1);
        assert_int_equal(stat_get(&d->stats.dead_parked), 1);
}

static void a_record_that_may_not_be_repaired_is_a_dead_letter_as_it_came(void **state)
{
        struct delivery *d = *state;

        d->config.on_invalid = INVALID_DEAD_LETTER;
        delivery_build(d);
        take(d, "{\"a\":1,\"a\":2}");
        take(d, "{\"a\":1}");
        delivery_flush(d);
        assert_int_equal(sink_held_count(d->index), 1);
        assert_int_equal(sink_held_count(d->dead), 1);
        assert_true(sink_held_value_has(d->dead, 0, "{\"a\":1,\"a\":2}"));
        assert_string_equal(sink_held_header(sink_held_record(d->dead, 0), "sluice.reason"), "invalid");
        assert_string_equal(sink_held_header(sink_held_record(d->dead, 0), "sluice.error"), "has two members of one name");
        sink_held_answer(d->dead, 0, VERDICT_DONE, 0, NULL);
        sink_held_answer(d->index, 0, VERDICT_DONE, 201, NULL);
        assert_int_equal(stat_get(&d->stats.dead_invalid), 1);
        assert_int_equal(partition_committable(d->p), 2);
}

static void without_a_topic_the_letter_is_one_line_of_a_file(void **state)
{
        struct delivery *d = *state;

        d->config.dlq.topic = NULL;
        take(d, "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"service\":{\"name\":\"shop\"}}");
        delivery_flush(d);
        sink_held_answer(d->index, 0, VERDICT_REJECT, 400, "document_parsing_exception: field \"x\"");
        deliver_turn(d->deliver);
        const struct record *dead = sink_held_record(d->dead, 0);
        assert_int_equal(dead->nheaders, 0);
        struct letter l;
        struct buf scratch = { 0 };
        assert_true(letter_read_line(batch_at(dead->batch, dead->value), dead->value.len, &l, &scratch));
        assert_memory_equal(l.error.p, "document_parsing_exception: field \"x\"", l.error.len);
        assert_memory_equal(l.document.p, "{\"@timestamp\":\"2026-11-23T10:00:00Z\"", 36);
        assert_int_equal(l.offset, 0);
        assert_int_equal(partition_committable(d->p), -1);
        sink_held_answer(d->dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(d->p), 1);
        buf_fini(&scratch);
}

static void a_dead_letter_that_its_topic_refuses_is_written_to_a_file(void **state)
{
        struct delivery *d = *state;
        struct sink_owner owner = deliver_spare_owner(d->deliver);
        struct buf scratch = { 0 };
        struct letter l;

        take(d, "{\"service\":{\"name\":\"shop\"}}");
        delivery_flush(d);
        sink_held_answer(d->index, 0, VERDICT_REJECT, 400, "mapper_parsing_exception: no");
        deliver_turn(d->deliver);
        sink_held_answer(d->dead, 0, VERDICT_REJECT, 10, "Broker: Message size too large");
        deliver_turn(d->deliver);               /* files cannot be had yet: it waits */
        assert_int_equal(partition_committable(d->p), -1);
        assert_int_equal(stat_get(&d->stats.in_flight), 1);
        assert_true(stat_get(&d->stats.held_bytes) > 0);

        d->spare = sink_held_new(d->loop, &owner, &d->limits);
        deliver_turn(d->deliver);
        assert_int_equal(sink_held_count(d->spare), 1);
        const struct record *line = sink_held_record(d->spare, 0);
        assert_true(letter_read_line(batch_at(line->batch, line->value), line->value.len, &l, &scratch));
        assert_memory_equal(l.reason.p, "rejected", l.reason.len);
        assert_memory_equal(l.error.p, "mapper_parsing_exception: no", l.error.len);
        assert_memory_equal(l.index.p, "logs-shop-default", l.index.len);
        assert_int_equal(l.status, 400);
        assert_int_equal(l.offset, 0);
        assert_int_equal(l.timestamp_ms, 1700000000000);
        assert_true(l.id.len > 0);
        assert_non_null(memmem(l.document.p, l.document.len, "\"shop\"", 6));
        assert_int_equal(partition_committable(d->p), -1);
        sink_held_answer(d->spare, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(partition_committable(d->p), 1);
        assert_int_equal(stat_get(&d->stats.dead_rejected), 1);
        assert_int_equal(stat_get(&d->stats.dropped_refused), 0);
        assert_int_equal(d->p->bytes, 0);
        buf_fini(&scratch);
}

static void a_dead_letter_that_a_file_refuses_is_counted_as_dropped(void **state)
{
        struct delivery *d = *state;

        d->config.dlq.topic = NULL;
        take(d, "one");
        delivery_flush(d);
        sink_held_answer(d->index, 0, VERDICT_REJECT, 400, "no");
        deliver_turn(d->deliver);
        sink_held_answer(d->dead, 0, VERDICT_REJECT, 10, "too large");
        assert_int_equal(stat_get(&d->stats.dropped_refused), 1);
        assert_int_equal(partition_committable(d->p), 1);
}

static void a_tombstone_is_settled_at_once(void **state)
{
        struct delivery *d = *state;

        take(d, NULL);
        assert_int_equal(stat_get(&d->stats.dropped_tombstone), 1);
        assert_int_equal(partition_committable(d->p), 1);
}

static void a_record_without_index_goes_to_the_dead_letters_and_spoils_no_other(void **state)
{
        struct delivery *d = *state;

        d->config.elasticsearch.index = (char *)"x-{tenant}";
        delivery_build(d);
        take(d, "{\"tenant\":\"a\"}");
        take(d, "{\"other\":1}");
        take(d, "{\"tenant\":\"b\"}");
        delivery_flush(d);
        assert_int_equal(sink_held_count(d->index), 2);
        assert_int_equal(sink_held_count(d->dead), 1);
        assert_true(sink_held_value_has(d->dead, 0, "\"other\":1"));
        assert_true(sink_held_value_has(d->index, 1, "\"tenant\":\"b\""));
        sink_held_answer_all(d->index, VERDICT_DONE);
        sink_held_answer_all(d->dead, VERDICT_DONE);
        assert_int_equal(stat_get(&d->stats.dead_no_index), 1);
        assert_int_equal(partition_committable(d->p), 3);
}

static void a_batch_goes_by_count_by_bytes_and_by_time(void **state)
{
        struct delivery *d = *state;
        char *large = xmalloc(70 * 1024);

        for (int i = 0; i < 10; i++)
                take(d, "x");
        assert_int_equal(sink_held_count(d->index), 10);

        memset(large, 'x', 70 * 1024 - 1);
        large[70 * 1024 - 1] = '\0';
        take(d, large);
        assert_int_equal(sink_held_count(d->index), 11);
        free(large);

        take(d, "alone");
        assert_int_equal(sink_held_count(d->index), 11);
        for (int i = 0; i < 100 && sink_held_count(d->index) == 11; i++) {
                loop_turn(d->loop, 100);
                deliver_turn(d->deliver);
        }
        assert_int_equal(sink_held_count(d->index), 12);
        sink_held_answer_all(d->index, VERDICT_DONE);
}

static void a_full_budget_pauses_and_the_low_mark_resumes(void **state)
{
        struct delivery *d = *state;
        char *large = xmalloc(30 * 1024);

        memset(large, 'x', 30 * 1024 - 1);
        large[30 * 1024 - 1] = '\0';
        int taken = 0;
        while (!d->paused && taken < 100) {
                take(d, large);
                deliver_turn(d->deliver);
                taken++;
        }
        assert_true(d->paused);
        assert_true(taken < 20);
        delivery_flush(d);
        sink_held_answer(d->index, 0, VERDICT_DONE, 0, NULL);
        deliver_turn(d->deliver);
        assert_true(d->paused);
        sink_held_answer_all(d->index, VERDICT_DONE);
        deliver_turn(d->deliver);
        assert_false(d->paused);
        assert_int_equal(d->pauses, 1);
        free(large);
}

/* Bytes of a partition that waits stay: the others do not wait for the half that never comes. */
static void what_waits_raises_the_low_mark(void **state)
{
        struct delivery *d = *state;
        char *large = xmalloc(30 * 1024);

        memset(large, 'x', 30 * 1024 - 1);
        large[30 * 1024 - 1] = '\0';
        d->config.batch_records = 1;
        d->index->limits.max_batches = 100;
        while (!d->paused) {
                take(d, large);
                deliver_turn(d->deliver);
        }
        size_t bytes = d->p->bytes;
        assert_true(bytes > d->p->held * 30 * 1024);
        delivery_flush(d);
        d->waiting = 200 * 1024;
        sink_held_answer(d->index, 0, VERDICT_DONE, 0, NULL);
        deliver_turn(d->deliver);
        assert_int_equal(d->p->bytes, bytes - bytes / (d->p->held + 1));
        while (d->paused) {
                sink_held_answer(d->index, 0, VERDICT_DONE, 0, NULL);
                deliver_turn(d->deliver);
        }
        assert_true(stat_get(&d->stats.held_bytes) > 128 * 1024);
        sink_held_answer(d->index, 0, VERDICT_REJECT, 400, "no");
        deliver_turn(d->deliver);
        sink_held_answer_all(d->index, VERDICT_DONE);
        assert_true(d->p->bytes > 30 * 1024);   /* of the dead letter */
        sink_held_answer_all(d->dead, VERDICT_DONE);
        assert_int_equal(d->p->bytes, 0);
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
