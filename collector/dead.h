/* SPDX-License-Identifier: Apache-2.0 */
/* dead: where the dead letters of a configuration are.
 *
 *      dlq = { topic = "logs-dead"; };                         that topic
 *      dlq = { dir = "/var/spool/dead"; max_size = "1 GiB"; }; files in that directory
 *      neither                                                 files in the state directory, see dead_dir
 *
 * Each collector of a directory writes files of its own: dead-letters.ndjson.lz4, a second one at the same time
 * dead-letters-2.ndjson.lz4 ...  max_size is the bound of one's files, rotated ones included (sinks/roll.h).
 */
#ifndef SLUICE_COLLECTOR_DEAD_H
#define SLUICE_COLLECTOR_DEAD_H

#include "collector/conf.h"
#include "sinks/sink.h"

enum { DEAD_WRITERS = 16 };             /* collectors of one directory at a time */

static inline bool dead_in_topic(const struct dlq_config *c) { return c->topic && c->topic[0]; }

/* dlq.dir; else /var/lib/sluice-collector where that can be written (root, or made for this user), else
 * $XDG_STATE_HOME/sluice-collector, else ~/.local/state/sluice-collector.  xmalloc'ed. */
char *dead_dir(const struct dlq_config *c);

/* Can files be written in it, or can it be made?  Changes nothing. */
int dead_dir_check(const char *dir, struct err *e) MUST_CHECK;

/* The writer's n-th name, n from 1, without .lz4.  xmalloc'ed. */
char *dead_path(const char *dir, unsigned n);

/* NULL with e set: the directory cannot be made or written, all names are taken, or as the sink says. */
struct sink *dead_sink_new(struct loop *l, const struct collector_config *c, const struct sink_owner *owner,
                           const struct sink_limits *limits, struct err *e);

/* Files beside the topic, for what it refuses: opened when that happens first. NULL with e set: as above. */
struct sink *dead_spare_new(struct loop *l, const struct collector_config *c, const struct sink_owner *owner,
                            const struct sink_limits *limits, struct err *e);

#endif
