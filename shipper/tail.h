/* SPDX-License-Identifier: Apache-2.0 */
/* tail: owns the files: finds out who is who, opens, ends them, and lets them be read in turn.
 *
 *   watch -- found, touched, moved, gone --> tail -- reader --> ship
 *                                              ^                 |
 *             checkpoint <-- positions <-------+--- settled -----+
 *
 * A file is known by inode and birth time, never by its path: a rename changes where it is, not what it
 * is.  When a path suddenly holds another file than the one known there, the old one is
 * looked for among the siblings ("a.log.1"), and what was born after it and rotated away unseen is shipped too.
 *
 * Files with unread bytes stand in one queue and get one buffer's worth each in turn.  One thread.
 */
#ifndef SLUICE_SHIPPER_TAIL_H
#define SLUICE_SHIPPER_TAIL_H

#include "shipper/checkpoint.h"
#include "shipper/ship.h"

struct tail;

/* All borrowed. */
struct tail_parts {
        struct loop *loop;
        const struct shipper_config *config;
        struct shipper_stats *stats;
        struct ship *ship;
};

struct tail *tail_new(const struct tail_parts *parts);
void tail_free(struct tail *t);                                 /* NULL ok; after the sink is closed */

void tail_restore(struct tail *t, const struct checkpoint_row *row);    /* before the first found */

void tail_set_checkpoint(struct tail *t, struct checkpoint *c);         /* after them; borrowed */

/* What watch tells. Paths are borrowed for the call. */
void tail_found(struct tail *t, const char *path, const struct input_config *input);    /* it is there, known or not */
void tail_touched(struct tail *t, const char *path);            /* it may have grown */
void tail_moved(struct tail *t, const char *from, const char *to);
void tail_gone(struct tail *t, const char *path);
void tail_scanning(struct tail *t);                             /* all patterns are about to be matched ... */
void tail_scanned(struct tail *t);                              /* ... and were */

/* A turn's duties, in this order: read and frame, hand to the sink; then store what is settled. */
void tail_read(struct tail *t);
void tail_save(struct tail *t, bool now);                       /* now: do not wait for the interval */

void tail_settled(struct tail *t, struct file *f);              /* ship's hook */

bool tail_at_end(const struct tail *t);                         /* every file is read to its end */
bool tail_is_acked(const struct tail *t, const char *path, int64_t size);       /* so much of it, and that is stored */
int64_t tail_lag_bytes(const struct tail *t);                   /* seen in files and not yet acknowledged */
const char *tail_trouble(const struct tail *t);                 /* why positions are not stored, or NULL */
void tail_each(const struct tail *t, void (*fn)(void *arg, const struct file *f), void *arg);

#endif
