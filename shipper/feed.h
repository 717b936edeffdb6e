/* SPDX-License-Identifier: Apache-2.0 */
/* feed: takes the journal's entries into a ring, and remembers how far.
 *
 *      journal --> feed_start: some entries a turn --> put(), flush() --> the ring's file --> feed's store: ring_sync,
 *                  ^                                                                          then the journal's place
 *                  +--- not while the ring has no room: the owner pauses it
 *
 * Invariant: the place that is stored lies behind no entry of which the ring's bytes are not on the disk.  It is stored at
 * once, then every STORE_MS at most, and when reading pauses.  Owned by one listener, whose ring it is; one thread.
 */
#ifndef SLUICE_SHIPPER_FEED_H
#define SLUICE_SHIPPER_FEED_H

#include "base/loop.h"
#include "shipper/journal.h"
#include "shipper/ring.h"
#include "shipper/stats.h"

struct feed;

/* All borrowed. */
struct feed_parts {
        struct loop *loop;
        struct shipper_stats *stats;
        const char *name;               /* of the input, for messages */
        struct ring *ring;
        struct journal_parts journal;
        void (*put)(void *arg, const char *line, size_t len, size_t cut);       /* into the ring's memory */
        bool (*flush)(void *arg);       /* to its file: as ring_flush.  It may pause the feed */
        void *arg;
};

struct feed *feed_new(const struct feed_parts *parts, struct err *e);
void feed_free(struct feed *f);                 /* NULL ok; stores the place, so before the ring */

void feed_start(struct feed *f);                /* at first, and when there is room again */
void feed_pause(struct feed *f);                /* the ring has none */

#endif
