/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_conf: an rd_kafka_conf_t made from the configuration, for the producer of
 * sinks/kafka.c and the consumer of collector/consume.c.
 *
 * Properties of the user pass through; those that would break a promise are
 * refused with the reason (one table in kafka_conf.c).  In the order of rising weight:
 * kafka_conf_new's own defaults, the caller's defaults (kafka_conf_set), the user's
 * properties (kafka_conf_apply), and what the promises need (kafka_conf_set again).
 * No message carries a string value: it may be a password.
 */
#ifndef SLUICE_SINKS_KAFKA_CONF_H
#define SLUICE_SINKS_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "config/opt.h"
#include "sinks/kafka_security.h"

/* Refused, unknown or malformed: -EINVAL, the message names the property and the reason. */
int kafka_conf_check(const char *property, struct err *e) MUST_CHECK;   /* "name=value" */

/* NULL: fit to be a list of brokers.  Else what is wrong with it, a phrase to follow the setting's name. */
const char *kafka_brokers_fault(const char *brokers);

/* Both of the above for a table of settings: complains of brokers (NULL: not set, no fault) and each property. */
void kafka_conf_check_all(const char *brokers, const struct strlist *properties, struct opt_errors *errors);

/* 0 and a new conf (the caller's until rd_kafka_new takes it). security: NULL for none. properties: applied
 * at once; NULL: none yet. */
int kafka_conf_new(const char *brokers, const struct kafka_security *security, const struct strlist *properties,
                   rd_kafka_conf_t **ret, struct err *e) MUST_CHECK;
int kafka_conf_apply(rd_kafka_conf_t *conf, const struct strlist *properties, struct err *e) MUST_CHECK;
int kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e) MUST_CHECK;

/* librdkafka's own log lines go to ours, component "kafka". */
void kafka_conf_log(rd_kafka_conf_t *conf);

/* What librdkafka says of a broker (its error callback's text), as a sentence for people that names it. */
void kafka_sentence(const char *text, char *ret, size_t size);

#endif
