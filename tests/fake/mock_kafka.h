/* SPDX-License-Identifier: Apache-2.0 */
/* mock_kafka: a Kafka cluster inside the test process (librdkafka's mock cluster), with what
 * every test needs around it: a bootstrap string, records put in, records read back.
 *
 *      struct mock_kafka *k = mock_kafka_new(1);
 *      mock_kafka_topic(k, "logs", 2);
 *      ... the code under test, with brokers = k->bootstrap ...
 *      struct mock_records got = mock_kafka_wait(k, "logs", 100);
 *
 * Faults go straight to k->cluster: rd_kafka_mock_push_request_errors, rd_kafka_mock_broker_set_down,
 * rd_kafka_mock_broker_set_rtt (<librdkafka/rdkafka_mock.h>).
 * A partition keeps about 5 MB and then drops its oldest records.  Deadlines that pass abort the test.
 */
#ifndef SLUICE_TESTS_FAKE_MOCK_KAFKA_H
#define SLUICE_TESTS_FAKE_MOCK_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stddef.h>
#include <stdint.h>

enum { MOCK_KAFKA_DEADLINE_MS = 30000 };

struct mock_kafka {
        rd_kafka_t *rk;                         /* owned; a producer, holds the cluster */
        rd_kafka_mock_cluster_t *cluster;       /* of rk */
        const char *bootstrap;                  /* of cluster: "127.0.0.1:PORT,..." */
};

struct mock_kafka *mock_kafka_new(int brokers);
void mock_kafka_free(struct mock_kafka *k);                     /* NULL ok */

/* A topic that is not made here comes into being at first use, with 4 partitions. */
void mock_kafka_topic(struct mock_kafka *k, const char *topic, int partitions);

enum { MOCK_HEADERS = 16 };
struct mock_header { char *name, *value; size_t len; };         /* owned by the record; NUL behind value */
struct mock_record {
        int32_t partition;
        int64_t offset, timestamp_ms;
        char *key, *value;                      /* owned, NUL behind; NULL: none */
        size_t key_len, value_len;
        struct mock_header headers[MOCK_HEADERS];
        size_t nheaders;
};
struct mock_records { struct mock_record *v; size_t n; };       /* by partition, then offset */

/* All that the topic holds now. */
struct mock_records mock_kafka_read(struct mock_kafka *k, const char *topic);
/* Reads again until there are at least n. */
struct mock_records mock_kafka_wait(struct mock_kafka *k, const char *topic, size_t n);
void mock_records_free(struct mock_records *r);
const char *mock_record_header(const struct mock_record *r, const char *name);  /* NULL: not there */

/* Puts a record in and waits for its acknowledgement: partition (-1: by key), key, value, headers of
 * r count, and timestamp_ms unless 0. */
void mock_kafka_put(struct mock_kafka *k, const char *topic, const struct mock_record *r);

#endif
