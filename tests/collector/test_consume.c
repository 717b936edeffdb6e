/* SPDX-License-Identifier: Apache-2.0 */
/* A member of the group on a mock cluster: what it takes, what it commits, how it leaves.
 * ctest-label: component */
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
#include "collector/client.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/side_by_side.h"

enum { DEADLINE_MS = 60000, MAX_RECORDS = 20000, PARTITIONS = 2 };
enum { LIST_OFFSETS = 2, OFFSET_FETCH = 9 };     /* API keys */

/* One collector's consuming half; the test decides when a record is settled. */
struct member {
        struct loop *loop;
        struct collector_config config;
        struct collector_stats stats;
        struct consume *consume;
        bool hold;                      /* keep what is taken unsettled */
        struct held { struct partition *p; uint64_t seq; int32_t partition; int64_t offset; } held[MAX_RECORDS];
        size_t nheld;
        unsigned taken[PARTITIONS][MAX_RECORDS];        /* how often, by offset */
        size_t ntaken;
        int64_t expect[PARTITIONS];     /* next offset: no gap, nothing twice within an assignment */
        unsigned flushes;
        char headers[128];              /* of the record taken last: "NAME=VALUE," each */
};

static void on_take(void *arg, struct partition *p, uint64_t seq, const struct incoming *in)
{
        struct member *m = arg;

        assert_true(in->partition < PARTITIONS && in->offset < MAX_RECORDS);
        m->taken[in->partition][in->offset]++;
        m->ntaken++;
        m->headers[0] = '\0';
        for (size_t i = 0, at = 0; i < in->nheaders; i++)
                at += (size_t)snprintf(m->headers + at, sizeof(m->headers) - at, "%s=%.*s,", in->headers[i].name,
                                       (int)in->headers[i].len, in->headers[i].value ? in->headers[i].value : "");
        if (m->hold) {
                assert_true(m->nheld < MAX_RECORDS);
                m->held[m->nheld++] = (struct held){ p, seq, in->partition, in->offset };
        } else {
                consume_settle(m->consume, p, seq);
        }
}

static void on_flush(void *arg)
{
        ((struct member *)arg)->flushes++;
}

static void on_turn(void *arg)
{
        struct member *m = arg;
        consume_turn(m->consume);
}

static struct member *join(const struct mock_kafka *k, enum assignment assignment, int64_t revoke_timeout_ms)
{
        struct member *m = xcalloc(1, sizeof(*m));
        static char *topic = (char *)"logs";
        const struct consume_hooks hooks = { on_take, on_flush, m };
        struct err e = { 0 };

        m->config.kafka = (struct consumer_config){ .brokers = (char *)k->bootstrap,
                                                    .topics = { &topic, 1 },
                                                    .group = (char *)"g",
                                                    .assignment = assignment,
                                                    .session_timeout_ms = 6000 };
        m->config.memory = 40 << 20;
        m->config.commit_interval_ms = 50;
        m->config.revoke_timeout_ms = revoke_timeout_ms;
        m->loop = loop_new(&clock_system, &e);
        m->consume = consume_new(m->loop, &m->config, &m->stats, &hooks, &e);
        if (!m->consume)
                fail_msg("%s", e.msg);
        loop_on_turn(m->loop, on_turn, m);
        return m;
}

static void leave_within(struct member *m, int64_t timeout_ms)
{
        consume_stop_taking(m->consume);
        consume_close(m->consume, timeout_ms);
        consume_free(m->consume);
        loop_free(m->loop);
        free(m);
}

static void leave(struct member *m)
{
        leave_within(m, 5000);
}

/* As a SIGKILL leaves it: no commit, no good-bye. */
static void vanish(struct member *m)
{
        consume_free(m->consume);
        loop_free(m->loop);
        free(m);
}

static void settle_one(struct member *m, size_t i)
{
        struct held h = m->held[i];

        m->held[i] = m->held[--m->nheld];
        consume_settle(m->consume, h.p, h.seq);
}

static void settle_all(struct member *m)
{
        while (m->nheld > 0)
                settle_one(m, m->nheld - 1);
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

static void put_records(struct mock_kafka *k, int partition, int n)
{
        for (int i = 0; i < n; i++) {
                struct mock_record r = { .partition = partition, .value = (char *)"{}", .value_len = 2 };
                mock_kafka_put(k, "logs", &r);
        }
}

/* What the group has committed, asked by a client of its own; -1: nothing. */
static int64_t committed(const struct mock_kafka *k, int partition)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char text[256];

        rd_kafka_conf_set(conf, "bootstrap.servers", k->bootstrap, NULL, 0);
        rd_kafka_conf_set(conf, "group.id", "g", NULL, 0);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, "logs", partition);
        assert_int_equal(rd_kafka_committed(rk, list, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
        int64_t offset = list->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_destroy(rk);
        return offset < 0 ? -1 : offset;
}

static int set_up(void **state)
{
        struct mock_kafka *k = mock_kafka_new(1);

        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        mock_kafka_topic(k, "logs", PARTITIONS);
        *state = k;
        return 0;
}

static int clean_up(void **state)
{
        mock_kafka_free(*state);
        return 0;
}

static void without_a_commit_it_starts_at_the_beginning_and_goes_on_where_it_committed(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 20);
        put_records(k, 1, 10);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == 30, m, NULL);
        WAIT(stat_get(&m->stats.commits) > 0 && committed(k, 0) == 20 && committed(k, 1) == 10, m, NULL);
        leave(m);

        put_records(k, 0, 5);
        m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == 5, m, NULL);
        for (int i = 0; i < 25; i++)
                assert_int_equal(m->taken[0][i], i < 20 ? 0 : 1);
        leave(m);
}

static void headers_come_along_in_their_order_and_a_record_without_has_none(void **state)
{
        struct mock_kafka *k = *state;
        struct mock_record r = { .partition = 0, .value = (char *)"{}", .value_len = 2, .nheaders = 3,
                                 .headers = { { (char *)"user_id", (char *)"u1", 2 }, { (char *)"empty", (char *)"", 0 },
                                              { (char *)"user_id", (char *)"u2", 2 } } };

        mock_kafka_put(k, "logs", &r);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == 1, m, NULL);
        assert_string_equal(m->headers, "user_id=u1,empty=,user_id=u2,");
        put_records(k, 0, 1);
        WAIT(m->ntaken == 2, m, NULL);
        assert_string_equal(m->headers, "");
        leave(m);
}

static void only_the_contiguous_settled_part_is_committed(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 10);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        m->hold = true;
        WAIT(m->ntaken == 10, m, NULL);
        for (size_t i = 0; i < m->nheld;)
                if (m->held[i].offset != 4)
                        settle_one(m, i);
                else
                        i++;
        WAIT(committed(k, 0) == 4, m, NULL);
        for (int i = 0; i < 20; i++)
                loop_turn(m->loop, 10);
        assert_int_equal(committed(k, 0), 4);
        vanish(m);
        assert_int_equal(committed(k, 0), 4);
}

static void a_stop_commits_what_is_settled(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 10);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        m->config.commit_interval_ms = 3600 * 1000;
        m->hold = true;
        WAIT(m->ntaken == 10, m, NULL);
        settle_all(m);
        leave(m);
        assert_int_equal(committed(k, 0), 10);
}

static void pause_and_resume_leave_no_gap_and_no_double(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 2000);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        for (size_t target = 100; target <= 2000; target += 190) {
                WAIT(m->ntaken >= target, m, NULL);
                consume_pause(m->consume);
                for (int i = 0; i < 5; i++)
                        loop_turn(m->loop, 5);
                consume_resume(m->consume);
        }
        WAIT(m->ntaken >= 2000, m, NULL);
        put_records(k, 0, 1);
        WAIT(m->ntaken == 2001, m, NULL);
        for (int i = 0; i < 2001; i++)
                assert_int_equal(m->taken[0][i], 1);
        leave(m);
}

static int64_t mono_us(void)
{
        return clock_system.mono_ns(&clock_system) / 1000;
}

/* Without the seek of consume_resume librdkafka lets up to a second pass. A busy machine may delay one of them. */
static void after_a_resume_records_come_at_once(void **state)
{
        struct mock_kafka *k = *state;
        enum { ROUNDS = 9, AT_ONCE_US = 200000 };
        int at_once = 0;

        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        put_records(k, 0, 1);
        WAIT(m->ntaken == 1, m, NULL);
        for (int round = 0; round < ROUNDS; round++) {
                size_t before = m->ntaken;
                consume_pause(m->consume);
                put_records(k, 0, 100);
                for (int i = 0; i < 20; i++)
                        loop_turn(m->loop, 10);
                int64_t begun = mono_us();
                consume_resume(m->consume);
                WAIT(m->ntaken > before, m, NULL);
                at_once += mono_us() - begun < AT_ONCE_US;
                WAIT(m->ntaken == before + 100, m, NULL);
        }
        assert_true(at_once > ROUNDS / 2);
        leave(m);
}

static void the_lag_of_a_paused_partition_grows(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 5);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == 5 && consume_total_lag(m->consume) == 0, m, NULL);
        consume_pause(m->consume);
        put_records(k, 0, 7);
        put_records(k, 1, 3);
        WAIT(consume_total_lag(m->consume) == 10, m, NULL);
        assert_int_equal(m->ntaken, 5);
        consume_resume(m->consume);
        WAIT(consume_total_lag(m->consume) == 0, m, NULL);
        leave(m);
}

/* Five minutes are not waited for: the partition is told that they have passed. */
static void a_record_that_is_not_settled_for_five_minutes_is_counted(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 3);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        m->hold = true;
        WAIT(m->ntaken == 3, m, NULL);
        struct partition *p = m->held[0].p;
        WAIT(p->since_ms != 0, m, NULL);
        assert_false(p->overdue);
        p->since_ms -= OVERDUE_MS;
        WAIT(p->overdue, m, NULL);
        assert_int_equal(stat_get(&m->stats.overdue), 1);
        assert_true(consume_oldest_ms(m->consume) >= OVERDUE_MS);
        settle_all(m);
        WAIT(!p->overdue && consume_oldest_ms(m->consume) == 0, m, NULL);
        assert_int_equal(stat_get(&m->stats.overdue), 1);
        leave(m);
}

static void what_leaves_while_all_are_paused_comes_back_unpaused(void **state)
{
        struct mock_kafka *k = *state;

        struct member *a = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(stat_get(&a->stats.partitions) == 2, a, NULL);
        consume_pause(a->consume);
        struct member *b = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(stat_get(&b->stats.partitions) == 1, a, b);
        consume_resume(a->consume);
        leave(b);
        WAIT(stat_get(&a->stats.partitions) == 2, a, NULL);
        put_records(k, 0, 3);
        put_records(k, 1, 3);
        WAIT(a->ntaken == 6, a, NULL);
        leave(a);
}

/* One member has both partitions, a second joins: the partition that moves is drained first. */
static void revoked_partitions_are_drained_and_committed_before_they_go(void **state, enum assignment assignment)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 50);
        put_records(k, 1, 50);
        struct member *a = join(k, assignment, 30000);
        a->hold = true;
        WAIT(a->ntaken == 100, a, NULL);
        struct member *b = join(k, assignment, 30000);
        WAIT(a->flushes > 0, a, b);
        for (int i = 0; i < 20; i++) {
                loop_turn(a->loop, 10);
                loop_turn(b->loop, 10);
        }
        assert_int_equal(stat_get(&b->stats.partitions), 0);
        assert_int_equal(b->ntaken, 0);
        a->hold = false;
        settle_all(a);
        WAIT(stat_get(&b->stats.partitions) == 1 && stat_get(&a->stats.partitions) == 1, a, b);
        put_records(k, 0, 1);
        put_records(k, 1, 1);
        /* The mock refuses commits while a group rebalances, so that an eager revoke cannot commit there. */
        WAIT(a->taken[0][50] + b->taken[0][50] > 0 && a->taken[1][50] + b->taken[1][50] > 0, a, b);
        if (assignment == ASSIGN_COOPERATIVE && stat_get(&a->stats.commit_errors) == 0)
                assert_int_equal(a->ntaken + b->ntaken, 102);
        assert_int_equal(stat_get(&a->stats.revoke_timeouts), 0);
        leave(a);
        leave(b);
}

/* A real broker answers such a commit when its generation has passed, and librdkafka gives up all partitions over it. */
static void nothing_is_committed_while_it_joins(void **state)
{
        struct mock_kafka *k = *state;
        const int16_t sync_group = 14;

        put_records(k, 0, 10);
        struct member *a = join(k, ASSIGN_COOPERATIVE, 30000);
        a->hold = true;
        WAIT(a->ntaken == 10, a, NULL);
        rd_kafka_mock_broker_push_request_error_rtts(k->cluster, 1, sync_group, 2, RD_KAFKA_RESP_ERR_NO_ERROR, 1000,
                                                     RD_KAFKA_RESP_ERR_NO_ERROR, 1000);
        struct member *b = join(k, ASSIGN_COOPERATIVE, 30000);
        WAIT(client_is_joining(a->consume), a, b);
        settle_all(a);
        while (client_is_joining(a->consume)) {
                loop_turn(a->loop, 5);
                loop_turn(b->loop, 5);
                if (client_is_joining(a->consume))      /* still, so the mock's answer belongs to a commit of before */
                        assert_int_equal(stat_get(&a->stats.commits) + stat_get(&a->stats.commit_errors), 0);
        }
        /* Should the next rebalance have begun, the mock refuses until a's heartbeat tells it to join. */
        WAIT(committed(k, 0) == 10, a, b);
        leave(a);
        leave(b);
}

static void cooperative_revokes_are_drained_and_committed_before_they_go(void **state)
{
        revoked_partitions_are_drained_and_committed_before_they_go(state, ASSIGN_COOPERATIVE);
}

static void eager_revokes_are_drained_and_committed_before_they_go(void **state)
{
        revoked_partitions_are_drained_and_committed_before_they_go(state, ASSIGN_RANGE);
}

static void answers_after_the_revoke_deadline_are_late_and_commit_nothing(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 50);
        put_records(k, 1, 50);
        struct member *a = join(k, ASSIGN_COOPERATIVE, 100);
        a->hold = true;
        WAIT(a->ntaken == 100, a, NULL);
        struct member *b = join(k, ASSIGN_COOPERATIVE, 100);
        b->hold = true;
        WAIT(stat_get(&b->stats.partitions) == 1 && b->ntaken == 50, a, b);
        assert_int_equal(stat_get(&a->stats.revoke_timeouts), 1);
        settle_all(a);
        assert_int_equal(stat_get(&a->stats.late_answers), 50);
        int32_t moved = b->held[0].partition;
        WAIT(committed(k, 1 - moved) == 50, a, b);
        for (int i = 0; i < 20; i++) {
                loop_turn(a->loop, 10);
                loop_turn(b->loop, 10);
        }
        assert_int_equal(committed(k, moved), -1);
        settle_all(b);
        WAIT(committed(k, moved) == 50, a, b);
        leave(a);
        leave(b);
}

static void a_broker_that_is_away_is_named_and_waited_for(void **state)
{
        struct mock_kafka *k = *state;

        rd_kafka_mock_broker_set_down(k->cluster, 1);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(consume_trouble(m->consume) != NULL, m, NULL);
        assert_non_null(strstr(consume_trouble(m->consume), "127.0.0.1"));
        rd_kafka_mock_broker_set_up(k->cluster, 1);
        put_records(k, 0, 3);
        WAIT(m->ntaken == 3, m, NULL);
        assert_null(consume_trouble(m->consume));
        leave(m);
}

static bool says(struct member *m, const char *sentence)
{
        const char *trouble = consume_trouble(m->consume);

        return trouble && strcmp(trouble, sentence) == 0;
}

static void the_loop_turns_while_it_asks_where_to_start(void **state)
{
        struct mock_kafka *k = *state;
        enum { RTT_MS = 900 };

        put_records(k, 0, 3);
        rd_kafka_mock_broker_push_request_error_rtts(k->cluster, 1, OFFSET_FETCH, 2,
                                                     RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 0,
                                                     RD_KAFKA_RESP_ERR_NO_ERROR, RTT_MS);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(says(m, "committed offsets of group g cannot be read: Broker: Group authorization failed"), m, NULL);
        WAIT(m->ntaken == 3, m, NULL);
        assert_true(loop_lag(m->loop).worst_us < RTT_MS * 1000 / 2);
        assert_null(consume_trouble(m->consume));
        leave(m);
}

/* librdkafka says it once, and nothing when it is over. */
static void a_topic_that_is_refused_is_named_until_it_is_not(void **state)
{
        struct mock_kafka *k = *state;

        put_records(k, 0, 3);
        rd_kafka_mock_topic_set_error(k->cluster, "logs", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(says(m, "topic logs cannot be read: Broker: Topic authorization failed"), m, NULL);
        assert_true(loop_lag(m->loop).worst_us < 300 * 1000);
        rd_kafka_mock_topic_set_error(k->cluster, "logs", RD_KAFKA_RESP_ERR_NO_ERROR);
        WAIT(!consume_trouble(m->consume), m, NULL);
        leave(m);
}

static void a_partition_that_is_refused_is_tried_until_it_is_not(void **state)
{
        struct mock_kafka *k = *state;
        const int16_t fetch = 1;

        put_records(k, 0, 3);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == 3, m, NULL);
        rd_kafka_mock_push_request_errors(k->cluster, fetch, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        WAIT(says(m, "topic logs cannot be read: Broker: Topic authorization failed"), m, NULL);
        WAIT(!consume_trouble(m->consume), m, NULL);
        put_records(k, 0, 1);
        WAIT(m->ntaken == 4, m, NULL);
        leave(m);
}

static void a_group_that_is_refused_is_named_until_it_is_not(void **state)
{
        struct mock_kafka *k = *state;
        const int16_t join_group = 11;

        put_records(k, 0, 3);
        rd_kafka_mock_push_request_errors(k->cluster, join_group, 2, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                          RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(says(m, "group g takes no member of this user: Broker: Group authorization failed"), m, NULL);
        WAIT(m->ntaken == 3, m, NULL);
        assert_null(consume_trouble(m->consume));
        leave(m);
}

static void a_commit_that_is_refused_is_named_until_one_succeeds(void **state)
{
        struct mock_kafka *k = *state;
        const int16_t offset_commit = 8;

        rd_kafka_mock_push_request_errors(k->cluster, offset_commit, 2, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                          RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
        put_records(k, 0, 3);
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(says(m, "offsets of group g cannot be committed: Broker: Group authorization failed"), m, NULL);
        WAIT(committed(k, 0) == 3, m, NULL);
        WAIT(!consume_trouble(m->consume), m, NULL);
        leave(m);
}

static void records_of_a_clock_that_is_ahead_are_counted(void **state)
{
        static const struct { int64_t ahead_ms; } records[] = { { 0 }, { 30000 }, { 600000 }, { -600000 } };
        struct mock_kafka *k = *state;
        int64_t now_ms = clock_system.wall_ns(&clock_system) / 1000000;

        for (size_t i = 0; i < ARRAY_LEN(records); i++)
                mock_kafka_put(k, "logs", &(struct mock_record){ .partition = 0, .value = (char *)"x", .value_len = 1,
                                                                .timestamp_ms = now_ms + records[i].ahead_ms });
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == ARRAY_LEN(records), m, NULL);
        assert_int_equal(stat_get(&m->stats.from_future), 1);
        leave(m);
}

/* The mock keeps about 5 MB of a partition: what was committed long ago is gone. */
static void offsets_that_retention_took_are_counted_and_passed(void **state)
{
        struct mock_kafka *k = *state;
        enum { SIZE = 64 * 1024, LAST = 159 };
        char *large = xcalloc(1, SIZE + 1);
        struct mock_record r = { .partition = 0, .value = large, .value_len = SIZE };

        put_records(k, 0, 3);
        put_records(k, 1, 1);           /* both have a commit, so nothing but the leap asks for offsets */
        struct member *m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(m->ntaken == 4 && committed(k, 0) == 3 && committed(k, 1) == 1, m, NULL);
        leave(m);
        memset(large, 'x', SIZE);
        for (int i = 3; i <= LAST; i++)
                mock_kafka_put(k, "logs", &r);
        rd_kafka_mock_push_request_errors(k->cluster, LIST_OFFSETS, 2, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                          RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        m = join(k, ASSIGN_COOPERATIVE, 1000);
        WAIT(says(m, "offset 3 of topic logs partition 0 no longer exists, and the broker does not say which do"), m, NULL);
        WAIT(m->taken[0][LAST] > 0, m, NULL);
        int64_t lost = stat_get(&m->stats.records_lost);
        assert_int_equal(stat_get(&m->stats.offset_resets), 1);
        assert_true(lost > 0);
        assert_int_equal(lost + (int64_t)m->ntaken, LAST + 1 - 3);
        assert_int_equal(m->taken[0][3 + lost - 1], 0);
        assert_int_equal(m->taken[0][3 + lost], 1);
        leave(m);
        free(large);
}

/* librdkafka 2.0 aborts when such a member is ended. */
static void a_member_that_waits_for_its_first_assignment_may_leave(void **state)
{
        struct mock_kafka *k = *state;
        const int16_t sync_group = 14;

        rd_kafka_mock_broker_push_request_error_rtts(k->cluster, 1, sync_group, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 60000);
        struct member *a = join(k, ASSIGN_COOPERATIVE, 5000);
        WAIT(consume_joined(a->consume), a, NULL);
        leave_within(a, 200);           /* the first assignment does not come in that time */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(without_a_commit_it_starts_at_the_beginning_and_goes_on_where_it_committed),
                TEST(headers_come_along_in_their_order_and_a_record_without_has_none),
                TEST(only_the_contiguous_settled_part_is_committed),
                TEST(a_stop_commits_what_is_settled),
                TEST(pause_and_resume_leave_no_gap_and_no_double),
                TEST(after_a_resume_records_come_at_once),
                TEST(the_lag_of_a_paused_partition_grows),
                TEST(what_leaves_while_all_are_paused_comes_back_unpaused),
                TEST(a_record_that_is_not_settled_for_five_minutes_is_counted),
                TEST(nothing_is_committed_while_it_joins),
                TEST(cooperative_revokes_are_drained_and_committed_before_they_go),
                TEST(eager_revokes_are_drained_and_committed_before_they_go),
                TEST(answers_after_the_revoke_deadline_are_late_and_commit_nothing),
                TEST(the_loop_turns_while_it_asks_where_to_start),
                TEST(a_topic_that_is_refused_is_named_until_it_is_not),
                TEST(a_partition_that_is_refused_is_tried_until_it_is_not),
                TEST(a_group_that_is_refused_is_named_until_it_is_not),
                TEST(a_commit_that_is_refused_is_named_until_one_succeeds),
                TEST(records_of_a_clock_that_is_ahead_are_counted),
                TEST(offsets_that_retention_took_are_counted_and_passed),
                TEST(a_broker_that_is_away_is_named_and_waited_for),
                TEST(a_member_that_waits_for_its_first_assignment_may_leave),
        };
        return side_by_side(tests, ARRAY_LEN(tests));
}
