/* SPDX-License-Identifier: Apache-2.0 */
/* topics: which topics the configuration means: names, and regular expressions that begin with ^ (POSIX extended, as
 * librdkafka reads them).  Those of the cluster that fit are followed as they come and go.
 */
#ifndef SLUICE_COLLECTOR_TOPICS_H
#define SLUICE_COLLECTOR_TOPICS_H

#include <stdbool.h>

#include "config/opt.h"

static inline bool topics_is_pattern(const char *topic) { return topic[0] == '^'; }
void topics_check(const struct strlist *topics, struct opt_errors *errors);     /* complains of what is no expression */
bool topics_match(const char *topic, const char *name);                        /* topic: one of the configuration's */
bool topics_mean(const struct strlist *topics, const char *name);              /* any of them */

#endif
