/* SPDX-License-Identifier: Apache-2.0 */
/* ackwin: turns acks that arrive in any order into a position safe to store.
 *
 *         committed                    next
 *             |                          |
 *   ==========+----+----+----+----+------+-----> position
 *     stored  | ?  | A  | ?  | A  |  A   |       ?  in flight
 *     for good                                   A  acked early
 *
 * Invariant: everything before `committed` is acked; the entry at `committed`
 * is not.  So a crash re-sends from `committed`: duplicates, never a hole.
 *
 * A position is a file offset in the shipper and a Kafka offset in the
 * collector; this file does not care which.  One window per file or per
 * partition, used by one thread.
 */
#ifndef SLUICE_BASE_ACKWIN_H
#define SLUICE_BASE_ACKWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct ackwin {
        struct ackwin_entry *ring;      /* owned; grows by doubling up to max_inflight */
        size_t cap, max_inflight;
        uint64_t head, tail;            /* open entries are [head, tail) */
        int64_t committed;
};

/* Allocates nothing until the first entry: 10,000 quiet files cost their structs. */
void ackwin_init(struct ackwin *w, size_t max_inflight, int64_t start);
void ackwin_fini(struct ackwin *w);             /* zeroed struct ok */

void ackwin_rest(struct ackwin *w);             /* gives its memory back while nothing is open */

/* Opens an entry that ends at position `end` (exclusive, never goes back).
 * 0 and *ret_seq, or -EAGAIN when max_inflight are open: stop reading. */
int ackwin_open(struct ackwin *w, int64_t end, uint64_t *ret_seq) MUST_CHECK;

/* Marks `seq` acked.  True when `committed` moved, so the caller can store it.
 * Acking twice, or acking what was never opened, is a bug and aborts. */
bool ackwin_ack(struct ackwin *w, uint64_t seq);

/* `seq`, which is not acked, takes n acks from now on, at least one: what it stands for was divided. */
void ackwin_share(struct ackwin *w, uint64_t seq, uint32_t n);

/* Moves to `end` over what needs no ack: at once when nothing is open, else together with the newest entry.
 * True when `committed` moved. */
bool ackwin_skip(struct ackwin *w, int64_t end);

static inline int64_t ackwin_committed(const struct ackwin *w) { return w->committed; }
static inline size_t ackwin_inflight(const struct ackwin *w) { return (size_t)(w->tail - w->head); }

#endif
