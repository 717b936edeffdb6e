/* SPDX-License-Identifier: Apache-2.0 */
/* tail: lets the files be read in turn, and ends or idles them by what the read finds.
 *
 *   watch --> finder --> known -- turns --> tail -- reader --> ship
 *                          ^                                     |
 *           checkpoint <-- positions <---------- settled --------+
 *
 *   finder   who is who: what stands at a path, where a rotated file went (siblings)
 *   unseen   what was rotated away while no shipper ran
 *   archives those of them that stand in a compressed file
 *   known    every file by identity and by path; begins and ends them
 *   turns    the queue of those with unread bytes, one share each
 *   order    what stood at one place one after another is read so
 *
 * tail owns all of them.  One thread.
 */
#ifndef SLUICE_SHIPPER_TAIL_H
#define SLUICE_SHIPPER_TAIL_H

#include "shipper/checkpoint.h"
#include "shipper/finder.h"
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

/* Over a reload: keep just before free, take_back when the rows of the next tail are restored. */
void tail_keep(struct tail *t, struct kept_files *ret);
void tail_take_back(struct tail *t, struct kept_files *kept);

struct finder *tail_finder(struct tail *t);                     /* for those who know of paths: watch, sources */

/* A turn's duties, in this order: read and frame, hand to the sink; then store what is settled. */
void tail_read(struct tail *t);
bool tail_save(struct tail *t, bool now);       /* as positions_save */
bool tail_flush(struct tail *t);                /* as positions_flush */

void tail_settled(struct tail *t, struct file *f);              /* ship's hook */

void tail_finish(struct tail *t);       /* what the next scan finds is all: last lines without an end are shipped */
bool tail_at_end(const struct tail *t);                         /* every file is read to its end */
bool tail_waits_for_disk(const struct tail *t);                 /* with new files, whose rows are being stored */
bool tail_is_acked(const struct tail *t, const char *path, int64_t size);       /* so much of it, and that is stored */
bool tail_disk_is_late(const struct tail *t);                   /* it takes seconds to store positions */
int64_t tail_lag_bytes(const struct tail *t);                   /* seen in files and not yet acknowledged */
const char *tail_trouble(const struct tail *t);                 /* why positions are not stored, or NULL */
void tail_each(const struct tail *t, void (*fn)(void *arg, const struct file *f), void *arg);

#endif
