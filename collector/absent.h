/* SPDX-License-Identifier: Apache-2.0 */
/* absent: which topic of the subscription the cluster does not have.
 *
 * librdkafka says once that a subscribed topic is not available, and nothing when it comes (2.0.2, rdkafka_cgrp.c,
 * rd_kafka_propagate_consumer_topic_errors), so whoever has heard it asks until all are there.
 */
#ifndef SLUICE_COLLECTOR_ABSENT_H
#define SLUICE_COLLECTOR_ABSENT_H

#include <librdkafka/rdkafka.h>

#include "config/opt.h"

enum { ABSENT_ASK_MS = 500 };   /* how long a question may hold the caller */

/* 1: *ret_topic (borrowed from topics) is the first that does not exist.  0: all do.  -1: the broker did not answer.
 * Makes no topic: a consumer's metadata request does not (allow.auto.create.topics). */
int absent_topic(rd_kafka_t *rk, const struct strlist *topics, const char **ret_topic);

#endif
