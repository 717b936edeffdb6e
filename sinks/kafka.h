/* SPDX-License-Identifier: Apache-2.0 */
/* kafka: the sink that produces records to a Kafka topic.
 *
 *   submit --> rd_kafka_produceva --> librdkafka's threads --> broker (acks=all, idempotent)
 *                (payload stays in the batch, no copy)            |
 *   done  <--- one delivery report a record <--- event fd on the loop
 *
 * A record's delivery report is its verdict.  librdkafka retries what can be retried without
 * limit of time (message.timeout.ms=0); what it reports as failed though it may work later
 * (topic missing, authorization, purge after a fatal error) is produced again after a backoff; only
 * what the broker will never take (message too large, invalid record) is a REJECT.
 * After a fatal error of the idempotent producer a new producer takes over what is inside; likewise when the topic
 * turns out to take less than the requests that this one makes.
 */
#ifndef SLUICE_SINKS_KAFKA_H
#define SLUICE_SINKS_KAFKA_H

#include "sinks/kafka_opts.h"
#include "sinks/sink.h"

struct sink *sink_kafka_new(struct loop *l, const struct kafka_config *c, const struct sink_owner *owner,
                            const struct sink_limits *limits, struct err *e);

#endif
