/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_conf: an rd_kafka_conf_t made from the configuration, for the producer of
 * sinks/kafka.c and the consumer of collector/consume.c.
 *
 * In the order of rising weight: kafka_conf_new's own defaults, the caller's defaults (kafka_property_set), the
 * user's properties (kafka_conf_apply), and what the promises need (kafka_property_set again).
 */
#ifndef SLUICE_SINKS_KAFKA_CONF_H
#define SLUICE_SINKS_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "config/opt.h"
#include "sinks/kafka_security.h"

/* For a table of settings: complains of brokers (NULL: not set, no fault) and each property that would not pass. */
void kafka_conf_check_all(const char *brokers, const struct strlist *properties, struct opt_errors *errors);

/* 0 and a new conf (the caller's until rd_kafka_new takes it). security: NULL for none. properties: applied
 * at once; NULL: none yet. */
int kafka_conf_new(const char *brokers, const struct kafka_security *security, const struct strlist *properties,
                   rd_kafka_conf_t **ret, struct err *e) MUST_CHECK;
int kafka_conf_apply(rd_kafka_conf_t *conf, const struct strlist *properties, struct err *e) MUST_CHECK;

/* librdkafka's own log lines go to ours, component "kafka". */
void kafka_conf_log(rd_kafka_conf_t *conf);

#endif
