/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka sink on a mock cluster.  ctest-label: component threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sinks/kafka.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/submitter.h"

enum { PRODUCE = 0, INIT_PRODUCER_ID = 22 }; /* numbers of requests in the Kafka protocol */

struct world {
        struct mock_kafka *kafka;
        struct submitter *s;
};

static const struct sink_limits wide = { .max_batches = 1000, .max_bytes = 64 << 20 };

static void open_sink(struct world *w, const char *topic)
{
        char *brokers = xstrdup(w->kafka->bootstrap), *name = xstrdup(topic);
        char *properties[] = { "topic.metadata.propagation.max.ms=200" };
        const struct kafka_config c = {
                .brokers = brokers,
                .topic = name,
                .linger_ms = 1,
                .librdkafka = { properties, 1 },
        };
        const struct sink_owner owner = submitter_owner(w->s);
        struct err e = { 0 };

        w->s->sink = sink_kafka_new(w->s->loop, &c, &owner, &wide, &e);
        assert_string_equal(e.msg, "");
        assert_non_null(w->s->sink);
        free(brokers);
        free(name);
}

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        w->kafka = mock_kafka_new(1);
        mock_kafka_topic(w->kafka, "logs", 1);
        w->s = submitter_new();
        open_sink(w, "logs");
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        submitter_free(w->s);
        mock_kafka_free(w->kafka);
        free(w);
        return 0;
}

static int64_t stat_of(struct world *w, const char *name)
{
        struct stat_group g = w->s->sink->ops->stats(w->s->sink);

        for (size_t i = 0; i < g.nrows; i++) {
                const char *at = (const char *)g.base + g.rows[i].offset;

                if (strcmp(g.rows[i].name, name) != 0)
                        continue;
                if (g.rows[i].kind == STAT_HISTOGRAM)
                        return (int64_t)((const struct hist *)at)->count;
                return stat_get((const struct stat_value *)at);
        }
        fail_msg("no row %s", name);
        return 0;
}

/* Every number from 0 to n - 1 stands in the topic; how many records there are. */
static size_t assert_all_in(struct world *w, const char *topic, size_t n)
{
        struct mock_records got = mock_kafka_wait(w->kafka, topic, n);
        bool *seen = xcalloc(n, sizeof(*seen));
        size_t count = got.n;

        for (size_t i = 0; i < got.n; i++) {
                unsigned long number = strtoul(mock_record_header(&got.v[i], "n"), NULL, 10);

                assert_true(number < n);
                seen[number] = true;
        }
        for (size_t i = 0; i < n; i++)
                assert_true(seen[i]);
        free(seen);
        mock_records_free(&got);
        return count;
}

/* Exactly the numbers from 0 to n - 1, in this order (the topic has one partition). */
static void assert_in_order(struct world *w, const char *topic, size_t n)
{
        struct mock_records got = mock_kafka_wait(w->kafka, topic, n);

        assert_int_equal(got.n, n);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(strtoul(mock_record_header(&got.v[i], "n"), NULL, 10), i);
        mock_records_free(&got);
}

/* --- the way there -------------------------------------------------------------------------- */

static void record_arrives_with_key_headers_and_value(void **state)
{
        struct world *w = *state;
        struct mock_records got;

        submitter_send(w->s, 2, 10);
        submitter_wait_all(w->s);
        got = mock_kafka_wait(w->kafka, "logs", 2);
        assert_int_equal(got.n, 2);
        assert_string_equal(got.v[1].value, "{\"n\":1,\"pad\":\"xxxxxxxxxx\"}");
        assert_string_equal(got.v[1].key, "k1");
        assert_int_equal(got.v[1].nheaders, 1);
        assert_string_equal(mock_record_header(&got.v[1], "n"), "1");
        mock_records_free(&got);
        assert_int_equal(w->s->count[VERDICT_DONE], 2);
        assert_null(sink_trouble(w->s->sink));
}

static void record_with_nothing_in_it_is_no_tombstone(void **state)
{
        struct world *w = *state;
        struct batch *b = submitter_batch(w->s, 1, 0);
        struct mock_records got;

        b->recs[0].value = b->recs[0].key = (struct slice){ 0 };
        b->recs[0].nheaders = 0;
        submitter_submit(w->s, &b);
        submitter_wait_all(w->s);
        got = mock_kafka_wait(w->kafka, "logs", 1);
        assert_non_null(got.v[0].value);
        assert_int_equal(got.v[0].value_len, 0);
        assert_null(got.v[0].key);
        assert_int_equal(got.v[0].nheaders, 0);
        mock_records_free(&got);
}

static void record_goes_to_its_own_topic(void **state)
{
        struct world *w = *state;
        struct batch *b = submitter_batch(w->s, 2, 10);
        struct mock_records got;

        mock_kafka_topic(w->kafka, "other", 1);
        b->recs[1].dest = batch_put(b, "other", 5);
        submitter_submit(w->s, &b);
        submitter_wait_all(w->s);
        got = mock_kafka_wait(w->kafka, "other", 1);
        assert_string_equal(mock_record_header(&got.v[0], "n"), "1");
        mock_records_free(&got);
        assert_int_equal(w->s->count[VERDICT_DONE], 2);
}

static void many_records_arrive_once_and_in_order(void **state)
{
        struct world *w = *state;

        for (int i = 0; i < 100; i++)
                submitter_send(w->s, 100, 50);
        submitter_wait_all(w->s);
        assert_in_order(w, "logs", 10000);
        assert_int_equal(stat_of(w, "kafka_records_delivered_total"), 10000);
        assert_int_equal(stat_of(w, "kafka_delivery_seconds"), 100);
        assert_int_equal(stat_of(w, "kafka_queue_records"), 0);
        assert_int_equal(stat_of(w, "kafka_delivery_errors_total"), 0);
}

/* --- refusals ------------------------------------------------------------------------------- */

static void refusal_of_a_request_is_no_verdict_on_its_records(void **state)
{
        struct world *w = *state;

        rd_kafka_mock_push_request_errors(w->kafka->cluster, PRODUCE, 1,
                                          RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        submitter_send(w->s, 20, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 20);
        assert_int_equal(assert_all_in(w, "logs", 20), 20);
        assert_true(stat_of(w, "kafka_delivery_errors_total") > 0);
        assert_int_equal(stat_of(w, "kafka_delivery_errors_total"),
                         stat_of(w, "kafka_records_retried_total"));
}

static void record_refused_alone_is_rejected_with_the_reason(void **state)
{
        struct world *w = *state;

        rd_kafka_mock_push_request_errors(w->kafka->cluster, PRODUCE, 2, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                          RD_KAFKA_RESP_ERR_INVALID_RECORD);
        submitter_send(w->s, 20, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 19);
        assert_int_equal(w->s->count[VERDICT_REJECT], 1);
        assert_int_equal(w->s->status, RD_KAFKA_RESP_ERR_INVALID_RECORD);
        assert_non_null(strstr(w->s->reason, "topic logs refused a record of 26 bytes: Broker: "));

        submitter_send(w->s, 20, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 39);
}

static void record_above_the_clients_limit_is_rejected_and_its_neighbours_pass(void **state)
{
        struct world *w = *state;
        struct batch *b = submitter_batch(w->s, 3, 10);
        char *huge = xcalloc(1, 65 << 20);

        b->recs[1].value = batch_put(b, huge, 65 << 20);
        free(huge);
        submitter_submit(w->s, &b);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->verdict[0], VERDICT_DONE);
        assert_int_equal(w->s->verdict[1], VERDICT_REJECT);
        assert_int_equal(w->s->verdict[2], VERDICT_DONE);
        assert_int_equal(w->s->status, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

static void topic_name_that_cannot_be_is_rejected(void **state)
{
        struct world *w = *state;
        struct batch *b = submitter_batch(w->s, 1, 10);
        char name[300];

        memset(name, 'x', sizeof(name));
        b->recs[0].dest = batch_put(b, name, sizeof(name));
        submitter_submit(w->s, &b);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_REJECT], 1);
}

/* --- faults that pass ----------------------------------------------------------------------- */

static void broker_that_is_down_is_named_and_waited_for(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        rd_kafka_mock_broker_set_down(w->kafka->cluster, 1);
        submitter_send(w->s, 10, 10);
        submitter_wait_trouble(w->s, "kafka broker 127.0.0.1:");
        submitter_wait_trouble(w->s, "cannot be reached: Connection refused");
        assert_int_equal(w->s->back, 10);
        assert_int_equal(stat_of(w, "kafka_queue_records"), 10);

        rd_kafka_mock_broker_set_up(w->kafka->cluster, 1);
        submitter_wait_all(w->s);
        assert_null(sink_trouble(w->s->sink));
        assert_int_equal(w->s->count[VERDICT_DONE], 20);
        assert_int_equal(assert_all_in(w, "logs", 20), 20);
}

static void lost_answer_stores_nothing_twice(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        rd_kafka_mock_push_request_errors(w->kafka->cluster, PRODUCE, 3, RD_KAFKA_RESP_ERR__TRANSPORT,
                                          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
        submitter_send(w->s, 100, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 110);
        assert_int_equal(assert_all_in(w, "logs", 110), 110);
}

static void missing_topic_is_named_and_records_wait_for_it(void **state)
{
        struct world *w = *state;

        rd_kafka_mock_topic_set_error(w->kafka->cluster, "late", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        sink_free(w->s->sink);
        open_sink(w, "late");
        submitter_send(w->s, 10, 10);
        submitter_wait_trouble(w->s, "topic late does not exist");
        submitter_send(w->s, 10, 10);
        assert_int_equal(w->s->back, 0);

        rd_kafka_mock_topic_set_error(w->kafka->cluster, "late", RD_KAFKA_RESP_ERR_NO_ERROR);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 20);
        assert_null(sink_trouble(w->s->sink));
        assert_int_equal(assert_all_in(w, "late", 20), 20);
}

static void record_for_a_missing_topic_does_not_hold_its_batch(void **state)
{
        struct world *w = *state;
        struct batch *b = submitter_batch(w->s, 5, 10);

        rd_kafka_mock_topic_set_error(w->kafka->cluster, "late", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        b->recs[2].dest = batch_put(b, "late", 4);
        submitter_submit(w->s, &b);
        submitter_wait(w->s, 4);
        assert_int_equal(w->s->verdict[2], VERDICT_NONE);
        assert_int_equal(w->s->sink->batches, 1);
        submitter_send(w->s, 5, 10);
        submitter_wait(w->s, 9);

        rd_kafka_mock_topic_set_error(w->kafka->cluster, "late", RD_KAFKA_RESP_ERR_NO_ERROR);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 10);
}

static void refused_credentials_are_waited_out(void **state)
{
        struct world *w = *state;

        rd_kafka_mock_push_request_errors(w->kafka->cluster, PRODUCE, 1,
                                          RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        submitter_send(w->s, 10, 10);
        submitter_wait_trouble(w->s, "topic logs takes no records: Broker: Topic authorization failed");
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 10);
        assert_in_order(w, "logs", 10);
}

static void records_that_wait_for_their_next_try_are_not_overtaken(void **state)
{
        struct world *w = *state;

        rd_kafka_mock_push_request_errors(w->kafka->cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP);
        submitter_send(w->s, 10, 10);
        submitter_wait_trouble(w->s, "topic logs takes no records: ");
        for (int i = 0; i < 5; i++)
                submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        assert_in_order(w, "logs", 60);
}

static void fatal_error_makes_a_new_producer_take_over(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        rd_kafka_mock_push_request_errors(w->kafka->cluster, PRODUCE, 1,
                                          RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        for (int i = 0; i < 20; i++)
                submitter_send(w->s, 50, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 1010);
        assert_all_in(w, "logs", 1010);
        assert_int_equal(stat_of(w, "kafka_producer_restarts_total"), 1);
        assert_true(stat_of(w, "kafka_records_retried_total") > 0);
        assert_null(sink_trouble(w->s->sink));
}

/* Nothing is inside that could be sent again, so only the sink itself can notice. */
static void producer_that_dies_before_its_first_record_is_replaced(void **state)
{
        struct world *w = *state;

        sink_free(w->s->sink);
        rd_kafka_mock_push_request_errors(w->kafka->cluster, INIT_PRODUCER_ID, 1,
                                          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
        open_sink(w, "logs");
        submitter_wait_trouble(w->s, "Cluster authorization failed");
        for (int i = 0; stat_of(w, "kafka_producer_restarts_total") == 0 && i < 1000; i++)
                submitter_turns(w->s, 10);
        assert_int_equal(stat_of(w, "kafka_producer_restarts_total"), 1);
        submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 10);
        assert_null(sink_trouble(w->s->sink));
}

/* While the old producer dies, and until the new one is there. */
static void record_submitted_without_a_producer_waits_in_order(void **state)
{
        struct world *w = *state;

        sink_free(w->s->sink);
        rd_kafka_mock_push_request_errors(w->kafka->cluster, INIT_PRODUCER_ID, 1,
                                          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
        open_sink(w, "logs");
        submitter_wait_trouble(w->s, "Cluster authorization failed");
        for (int i = 0; i < 20; i++)
                submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        assert_in_order(w, "logs", 200);
}

/* --- the end -------------------------------------------------------------------------------- */

static void close_hands_back_what_a_dead_broker_never_took(void **state)
{
        struct world *w = *state;
        int64_t before;

        submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        rd_kafka_mock_broker_set_down(w->kafka->cluster, 1);
        for (int i = 0; i < 10; i++)
                submitter_send(w->s, 50, 10);
        submitter_wait_trouble(w->s, "cannot be reached");
        before = clock_system.mono_ns(&clock_system);
        submitter_close(w->s);
        assert_true(clock_system.mono_ns(&clock_system) - before < 3000000000);
        assert_int_equal(w->s->count[VERDICT_RETRY], 500);
}

static void close_hands_back_what_is_on_the_wire(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 1, 10);
        submitter_wait_all(w->s);
        rd_kafka_mock_broker_set_rtt(w->kafka->cluster, 1, 10000);
        for (int i = 0; i < 10; i++)
                submitter_send(w->s, 50, 1000);
        submitter_turns(w->s, 100);
        submitter_close(w->s);
        assert_int_equal(w->s->count[VERDICT_RETRY], 500);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(record_arrives_with_key_headers_and_value),
                TEST(record_with_nothing_in_it_is_no_tombstone),
                TEST(record_goes_to_its_own_topic),
                TEST(many_records_arrive_once_and_in_order),
                TEST(refusal_of_a_request_is_no_verdict_on_its_records),
                TEST(record_refused_alone_is_rejected_with_the_reason),
                TEST(record_above_the_clients_limit_is_rejected_and_its_neighbours_pass),
                TEST(topic_name_that_cannot_be_is_rejected),
                TEST(broker_that_is_down_is_named_and_waited_for),
                TEST(lost_answer_stores_nothing_twice),
                TEST(missing_topic_is_named_and_records_wait_for_it),
                TEST(record_for_a_missing_topic_does_not_hold_its_batch),
                TEST(refused_credentials_are_waited_out),
                TEST(records_that_wait_for_their_next_try_are_not_overtaken),
                TEST(fatal_error_makes_a_new_producer_take_over),
                TEST(producer_that_dies_before_its_first_record_is_replaced),
                TEST(record_submitted_without_a_producer_waits_in_order),
                TEST(close_hands_back_what_a_dead_broker_never_took),
                TEST(close_hands_back_what_is_on_the_wire),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
