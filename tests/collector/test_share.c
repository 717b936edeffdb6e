/* SPDX-License-Identifier: Apache-2.0 */
/* A partition whose documents wait, beside others: from a mock cluster to a sink that answers when the test says so.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/deliver.h"
#include "collector/share.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/side_by_side.h"
#include "tests/fake/sink_held.h"

enum {
        DEADLINE_MS = 40000,
        PARTITIONS = 3,
        WAITS = 0,                      /* the partition whose documents are not answered */
        MAX_RECORDS = 1000,
        SIZE = 4096,
        BUDGET = 64 * SIZE,
        MANY = 200,                     /* several budgets, of each partition */
};

/* Both halves of a collector, as main.c joins them. */
struct member {
        struct loop *loop;
        struct collector_config config;
        struct collector_stats stats;
        struct consume *consume;
        struct deliver *deliver;
        struct sink *index, *dead;
        unsigned taken[PARTITIONS][MAX_RECORDS];        /* how often, by offset */
        size_t ntaken[PARTITIONS];
        bool all;                       /* answer what waits, too */
};

static void on_take(void *arg, struct partition *p, uint64_t seq, const struct incoming *in)
{
        struct member *m = arg;

        m->taken[in->partition][in->offset]++;
        m->ntaken[in->partition]++;
        deliver_take(m->deliver, p, seq, in);
}

static void on_flush(void *arg)
{
        deliver_flush(((struct member *)arg)->deliver);
}

static void on_settle(void *arg, struct partition *p, uint64_t seq)
{
        consume_settle(((struct member *)arg)->consume, p, seq);
}

static void on_pause(void *arg)
{
        consume_pause(((struct member *)arg)->consume);
}

static void on_resume(void *arg)
{
        consume_resume(((struct member *)arg)->consume);
}

static struct sink *no_spare(void *arg)
{
        (void)arg;
        return NULL;
}

static size_t on_waiting(void *arg)
{
        return share_waiting(((struct member *)arg)->consume);
}

static void answer(struct member *m)
{
        for (size_t i = 0; i < sink_held_count(m->index);) {
                const struct partition *p = sink_held_record(m->index, i)->origin;
                if (p->id == WAITS && !m->all)
                        i++;
                else
                        sink_held_answer(m->index, i, VERDICT_DONE, 201, NULL);
        }
}

static void on_turn(void *arg)
{
        struct member *m = arg;

        answer(m);
        deliver_turn(m->deliver);
        consume_set_budget(m->consume, deliver_chargeable(m->deliver));
        consume_turn(m->consume);
}

static struct member *join(const struct mock_kafka *k, const char *topic, enum assignment assignment)
{
        struct member *m = xcalloc(1, sizeof(*m));
        char **topics = xcalloc(1, sizeof(*topics));
        const struct consume_hooks to_deliver = { on_take, on_flush, m };
        const struct deliver_hooks to_consume = { on_settle, on_pause, on_resume, on_waiting, no_spare, m };
        const struct sink_limits limits = { .max_batches = 10000, .max_bytes = BUDGET };
        struct err e = { 0 };

        topics[0] = (char *)topic;
        m->config.kafka = (struct consumer_config){ .brokers = (char *)k->bootstrap, .topics = { topics, 1 }, .group = (char *)"g",
                                                    .assignment = assignment, .session_timeout_ms = 6000 };
        m->config.memory = 40 << 20;
        m->config.commit_interval_ms = 50;
        m->config.revoke_timeout_ms = 200;
        m->config.batch_bytes = BUDGET / 16;
        m->config.batch_records = 4;
        m->config.batch_time_ms = 5;
        m->config.elasticsearch.index = (char *)"logs";
        m->config.dlq.topic = (char *)"dead";
        m->loop = loop_new(&clock_system, &e);
        m->deliver = deliver_new(m->loop, &m->config, &m->stats, &to_consume, &e);
        struct sink_owner index = deliver_index_owner(m->deliver), dead = deliver_dead_owner(m->deliver);
        m->index = sink_held_new(m->loop, &index, &limits);
        m->dead = sink_held_new(m->loop, &dead, &limits);
        deliver_set_sinks(m->deliver, m->index, m->dead, BUDGET);
        m->consume = consume_new(m->loop, &m->config, &m->stats, &to_deliver, &e);
        if (!m->consume)
                fail_msg("%s", e.msg);
        loop_on_turn(m->loop, on_turn, m);
        return m;
}

static void leave(struct member *m)
{
        consume_stop_taking(m->consume);
        consume_close(m->consume, 5000);
        sink_close(m->index);
        sink_close(m->dead);
        consume_free(m->consume);
        assert_int_equal(stat_get(&m->stats.partitions_paused), 0);
        sink_free(m->index);
        sink_free(m->dead);
        deliver_free(m->deliver);
        loop_free(m->loop);
        free(m->config.kafka.topics.v);
        free(m);
}

/* Turns the loops of one or two members until the condition holds. */
#define WAIT(condition, a, b)                                                                                  \
        do {                                                                                                   \
                int64_t deadline_ = clock_system.mono_ns(&clock_system) + DEADLINE_MS * INT64_C(1000000);      \
                struct member *members_[] = { (a), (b) };                                                      \
                while (!(condition)) {                                                                         \
                        assert_true(clock_system.mono_ns(&clock_system) < deadline_);                          \
                        for (int i_ = 0; i_ < 2; i_++)                                                         \
                                if (members_[i_])                                                              \
                                        loop_turn(members_[i_]->loop, 10);                                     \
                }                                                                                              \
        } while (0)

static void put_records(struct mock_kafka *k, const char *topic, int partition, int n)
{
        char *value = xcalloc(1, SIZE + 1);

        memset(value, 'x', SIZE);
        for (int i = 0; i < n; i++) {
                struct mock_record r = { .partition = partition, .value = value, .value_len = SIZE };
                mock_kafka_put(k, topic, &r);
        }
        free(value);
}

static struct partition *part(const struct member *m, const char *topic, int32_t id)
{
        return partitions_get(consume_partitions(m->consume), topic, id);
}

static int64_t stored(const struct member *m, int32_t id)
{
        const struct partition *p = part(m, "logs", id);
        return p ? p->stored : -1;
}

static size_t gone(const struct member *m)
{
        size_t n;
        consume_gone(m->consume, &n);
        return n;
}

static int set_up(void **state)
{
        struct mock_kafka *k = mock_kafka_new(1);

        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        mock_kafka_topic(k, "logs", PARTITIONS);
        mock_kafka_topic(k, "one", 1);
        *state = k;
        return 0;
}

static int clean_up(void **state)
{
        mock_kafka_free(*state);
        return 0;
}

/* One partition is paused alone, and of the others all is stored. */
static struct member *with_one_that_waits(struct mock_kafka *k, enum assignment assignment)
{
        for (int p = 0; p < PARTITIONS; p++)
                put_records(k, "logs", p, MANY);
        struct member *m = join(k, "logs", assignment);
        WAIT(stored(m, 1) == MANY && stored(m, 2) == MANY && stat_get(&m->stats.partitions_paused) == 1, m, NULL);
        assert_true(part(m, "logs", WAITS)->alone);
        return m;
}

static void a_partition_that_waits_lets_the_others_go_on_and_comes_back_without_a_gap_or_a_double(void **state)
{
        struct member *m = with_one_that_waits(*state, ASSIGN_COOPERATIVE);
        const struct partition *p = part(m, "logs", WAITS);
        char sentence[SHARE_SENTENCE];

        /* About half: batches are charged with the room that they have left, of others too. */
        assert_in_range(stat_get(&m->stats.held_bytes), BUDGET / 8, BUDGET - 1);
        assert_true(m->ntaken[WAITS] < MANY);
        assert_int_equal(stored(m, WAITS), 0);
        assert_ptr_equal(share_oldest(m->consume), p);
        share_sentence(m->consume, p, "index full", sentence);
        assert_non_null(strstr(sentence, "topic logs partition 0 is paused for "));
        assert_non_null(strstr(sentence, " s: its record at offset 0 is not stored, and "));
        assert_non_null(strstr(sentence, " behind it fill its share of the memory: index full"));

        m->all = true;
        WAIT(stored(m, WAITS) == MANY, m, NULL);
        assert_int_equal(stat_get(&m->stats.partitions_paused), 0);
        assert_int_equal(p->bytes, 0);
        assert_null(share_oldest(m->consume));
        for (int i = 0; i < PARTITIONS; i++)
                for (int offset = 0; offset < MANY; offset++)
                        assert_int_equal(m->taken[i][offset], 1);
        leave(m);
}

static void what_is_paused_alone_is_not_resumed_with_all(void **state)
{
        struct mock_kafka *k = *state;
        struct member *m = with_one_that_waits(k, ASSIGN_COOPERATIVE);
        size_t taken = m->ntaken[WAITS];

        consume_pause(m->consume);
        consume_resume(m->consume);
        put_records(k, "logs", 1, 10);
        WAIT(stored(m, 1) == MANY + 10, m, NULL);
        assert_int_equal(m->ntaken[WAITS], taken);

        /* Settled while all are paused: it goes on when they do. */
        consume_pause(m->consume);
        m->all = true;
        WAIT(stat_get(&m->stats.partitions_paused) == 0, m, NULL);
        assert_int_equal(m->ntaken[WAITS], taken);
        consume_resume(m->consume);
        WAIT(stored(m, WAITS) == MANY, m, NULL);
        for (int offset = 0; offset < MANY; offset++)
                assert_int_equal(m->taken[WAITS][offset], 1);
        leave(m);
}

static void a_partition_may_leave_while_it_is_paused_alone(void **state)
{
        struct mock_kafka *k = *state;
        struct member *a = with_one_that_waits(k, ASSIGN_RANGE);
        size_t bytes = part(a, "logs", WAITS)->bytes;

        struct member *b = join(k, "logs", ASSIGN_RANGE);
        WAIT(gone(a) == 1, a, b);
        assert_int_equal(stat_get(&a->stats.revoke_timeouts), 1);
        const struct partition *again = part(a, "logs", WAITS);
        assert_int_equal(stat_get(&a->stats.partitions_paused), again && again->alone);
        assert_true(share_waiting(a->consume) >= bytes);
        a->all = b->all = true;
        WAIT(stored(a, WAITS) == MANY || stored(b, WAITS) == MANY, a, b);
        assert_int_equal(share_waiting(a->consume) + share_waiting(b->consume), 0);
        assert_true(stat_get(&a->stats.late_answers) > 0);
        /* Once more for each rebalance that came before its answer; the mock may need two of them. */
        for (int offset = 0; offset < MANY; offset++)
                assert_true(a->taken[WAITS][offset] + b->taken[WAITS][offset] >= 1);
        leave(a);
        leave(b);
}

static void a_partition_that_is_the_only_one_has_all_of_the_budget(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, "one", 0, MANY);
        struct member *m = join(k, "one", ASSIGN_COOPERATIVE);
        WAIT(consume_paused(m->consume), m, NULL);
        assert_int_equal(stat_get(&m->stats.partitions_paused), 0);
        m->all = true;
        WAIT(part(m, "one", 0)->stored == MANY, m, NULL);
        leave(m);
}

/* Bytes say nothing when each bulk leaves one document behind. Seconds are not waited for. */
static void of_too_many_bulks_the_partition_that_stands_longest_is_paused(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, "logs", WAITS, 3);
        struct member *m = join(k, "logs", ASSIGN_COOPERATIVE);
        WAIT(m->ntaken[WAITS] == 3 && sink_held_count(m->index) == 3 && part(m, "logs", WAITS)->since_ms > 0, m, NULL);
        assert_false(deliver_crowded(m->deliver));
        m->index->limits.max_batches = 2 * m->index->batches;
        assert_true(deliver_crowded(m->deliver));
        share_hold_oldest(m->consume);
        assert_int_equal(stat_get(&m->stats.partitions_paused), 0);     /* on its way, not stuck */
        part(m, "logs", WAITS)->since_ms -= SHARE_STANDS_MS;
        share_hold_oldest(m->consume);
        share_hold_oldest(m->consume);
        assert_int_equal(stat_get(&m->stats.partitions_paused), 1);
        m->index->limits.max_batches = 10000;

        put_records(k, "logs", WAITS, 5);
        put_records(k, "logs", 1, 5);
        WAIT(stored(m, 1) == 5, m, NULL);
        assert_int_equal(m->ntaken[WAITS], 3);
        m->all = true;
        WAIT(stored(m, WAITS) == 8, m, NULL);
        assert_int_equal(stat_get(&m->stats.partitions_paused), 0);
        leave(m);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(a_partition_that_waits_lets_the_others_go_on_and_comes_back_without_a_gap_or_a_double),
                TEST(what_is_paused_alone_is_not_resumed_with_all),
                TEST(a_partition_may_leave_while_it_is_paused_alone),
                TEST(a_partition_that_is_the_only_one_has_all_of_the_budget),
                TEST(of_too_many_bulks_the_partition_that_stands_longest_is_paused),
        };
        return side_by_side(tests, ARRAY_LEN(tests));
}
