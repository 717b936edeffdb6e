/* SPDX-License-Identifier: Apache-2.0 */
/* deliver: from a record taken to its final outcome.
 *
 *   consume -- take --> decode --> [open batch] --> sink (elasticsearch) -- done --+
 *      ^                                                                          |
 *      +-- settle <-- indexed, duplicate -----------------------------------------+
 *      +-- settle <-- stored <-- sink (dead letters: kafka, file) <-- refused -----+
 *      +-- settle <-- stored <-- spare sink (file) <-- refused by the topic, too
 *
 * The only place that counts records_in_flight, and the only one that settles: a record is settled
 * when its document stands in the index, or when its dead letter is acknowledged, never before.
 * When what is held reaches the budget the owner is told to pause, and to resume when half of what the waiting
 * partitions leave is free.  Each document is charged to its partition from the batch on until it is settled.  One thread.
 */
#ifndef SLUICE_COLLECTOR_DELIVER_H
#define SLUICE_COLLECTOR_DELIVER_H

#include "base/loop.h"
#include "collector/conf.h"
#include "collector/decode.h"
#include "collector/partition.h"
#include "sinks/sink.h"

struct deliver_hooks {
        void (*settle)(void *arg, struct partition *p, uint64_t seq);
        void (*pause)(void *arg);
        void (*resume)(void *arg);
        size_t (*waiting)(void *arg);   /* bytes of partitions that are paused alone, or gone: room for nobody */
        struct sink *(*spare)(void *arg);       /* files for letters that their topic refuses; NULL: not now, asked again */
        void *arg;
};

struct deliver;

/* All borrowed. NULL with e set: the index template is wrong. */
struct deliver *deliver_new(struct loop *l, const struct collector_config *config, struct collector_stats *stats,
                            const struct deliver_hooks *hooks, struct err *e);
void deliver_free(struct deliver *d);                   /* NULL ok; after its sinks are closed */

/* The sinks are made with these owners, then given here; borrowed. */
struct sink_owner deliver_index_owner(struct deliver *d);
struct sink_owner deliver_dead_owner(struct deliver *d);
struct sink_owner deliver_spare_owner(struct deliver *d);
void deliver_set_sinks(struct deliver *d, struct sink *index, struct sink *dead, size_t budget);

void deliver_take(struct deliver *d, struct partition *p, uint64_t seq, const struct incoming *in);
void deliver_flush(struct deliver *d);                  /* send what is open, as far as there is room */
void deliver_turn(struct deliver *d);                   /* end of a turn: sends what is due, pauses, resumes */
bool deliver_paused(const struct deliver *d);           /* it said pause and not yet resume */
size_t deliver_chargeable(const struct deliver *d);     /* the budget, in the bytes that partitions are charged */
bool deliver_crowded(const struct deliver *d);          /* half of the bulks that there may be wait: pause who waits longest */
bool deliver_idle(const struct deliver *d);             /* nothing in flight */

#endif
