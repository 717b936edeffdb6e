/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_property: one property of librdkafka, "name=value".
 *
 * Those of the user pass through; those that would break a promise are refused with the reason (one table).
 * No message carries a value: it may be a password.
 */
#ifndef SLUICE_SINKS_KAFKA_PROPERTY_H
#define SLUICE_SINKS_KAFKA_PROPERTY_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"

/* Of the user: refused, unknown or malformed: -EINVAL, the message names the property and the reason. */
int kafka_property_apply(rd_kafka_conf_t *conf, const char *property, struct err *e) MUST_CHECK;
int kafka_property_check(const char *property, struct err *e) MUST_CHECK;       /* the same, for nothing */

/* Our own: nothing is refused. */
int kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e) MUST_CHECK;

#endif
