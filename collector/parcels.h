/* SPDX-License-Identifier: Apache-2.0 */
/* parcels: records in the batch format that were taken and are not yet all documents.
 *
 *      parcels_put --> [compressed] [compressed] [open: content, next line] --> parcels_next, one document at a time
 *                                                 oldest
 *
 * One record becomes thousands of documents, more than there may be room for: it is opened when it is its turn and goes
 * on where it stopped, and only the oldest is held unpacked.  One thread.
 */
#ifndef SLUICE_COLLECTOR_PARCELS_H
#define SLUICE_COLLECTOR_PARCELS_H

#include "collector/incoming.h"
#include "collector/partition.h"
#include "event/pack.h"

struct parcel {
        struct parcel *next;
        struct partition *partition;    /* borrowed: it lives while something of it is held */
        uint64_t seq;                   /* its entry in the partition's window */
        struct incoming in;             /* payload and headers are the parcel's own */
        uint32_t lines, left;           /* 0: not opened yet */
};

struct parcels {
        struct parcel *first, **last;   /* owned */
        size_t bytes;                   /* compressed */
        struct unpack unpack;           /* of the first, when that is open */
        struct buf scratch;
};

void parcels_init(struct parcels *q);
void parcels_fini(struct parcels *q);           /* forgets what is left */

void parcels_put(struct parcels *q, struct partition *p, uint64_t seq, const struct incoming *in);      /* copies it */
static inline bool parcels_any(const struct parcels *q) { return q->first != NULL; }
size_t parcels_left(const struct parcels *q);   /* documents; a record that was not opened counts as one */
size_t parcels_bytes(const struct parcels *q);  /* memory it holds */

/* Opens the oldest, which is not open.  -EBADMSG: it is no such record, and e says why. */
int parcels_open(struct parcels *q, struct err *e) MUST_CHECK;
/* The next document of the oldest, borrowed until the next call.  False: there was none left. */
bool parcels_next(struct parcels *q, struct incoming *ret, size_t *ret_repaired);
void parcels_drop(struct parcels *q);           /* the oldest is done with */

#endif
