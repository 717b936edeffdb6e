/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_probe: asks a Kafka cluster what `check` wants to know, and changes nothing there.
 *
 * Reads only: no record, no commit, no membership in a group.  A topic is looked for in the list of all of
 * them, because a question about one by name makes it come into being where the broker is set so
 * (auto.create.topics.enable, and clients or brokers too old to say "but do not make it").
 *
 * Blocks the caller, for at most timeout_ms over all its questions.  One thread.
 */
#ifndef SLUICE_SINKS_KAFKA_PROBE_H
#define SLUICE_SINKS_KAFKA_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/opt.h"
#include "sinks/kafka_security.h"
#include "status/report.h"

struct kafka_probe;

struct kafka_place {                    /* all borrowed for the call */
        const char *brokers;
        const struct kafka_security *security;
        const struct strlist *properties;
        const char *group;              /* NULL: kafka_probe_group will not be called */
};

/* One line about the cluster.  NULL when it does not answer, with a failure in the report: EX_UNAVAILABLE, EX_NOPERM,
 * or EX_CONFIG for a property.  properties: as in the configuration. */
struct kafka_probe *kafka_probe_new(const struct kafka_place *place, int64_t timeout_ms, struct report *report);
void kafka_probe_free(struct kafka_probe *p);           /* NULL ok */

/* The topics of the cluster, one after the other; NULL: no more. Borrowed. */
const char *kafka_probe_name(const struct kafka_probe *p, int i);
bool kafka_probe_has(const struct kafka_probe *p, const char *topic);

/* One line about the topic; absent is a failure, records of largest_record bytes not fitting is a warning; 0: it is only
 * read from, and its limit is not asked for. */
void kafka_probe_topic(struct kafka_probe *p, const char *topic, int64_t largest_record);

/* One line: how far the group is behind the topics' ends.  A topic that is not there does not count. */
void kafka_probe_group(struct kafka_probe *p, const char *group, const struct strlist *topics);

#endif
