/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_producer: what the configuration and the promises make of the producers of sinks/kafka.c. */
#ifndef SLUICE_SINKS_KAFKA_PRODUCER_H
#define SLUICE_SINKS_KAFKA_PRODUCER_H

#include <librdkafka/rdkafka.h>

#include "sinks/kafka_opts.h"

/* For many records a request, and for one.  The caller's, also after an error, those that are made by then. */
int kafka_producer_confs(const struct kafka_config *c, rd_kafka_conf_t **ret_many, rd_kafka_conf_t **ret_alone,
                         struct err *e) MUST_CHECK;

#endif
