/* SPDX-License-Identifier: Apache-2.0 */
/* positions: which files' positions have moved, and when they go to the checkpoint.
 *
 *      settled, ended, begun anew -- positions_add --> [moved] -- positions_save --> [storing] --> stored
 *                                                                                saver: checkpoint, fsync
 *
 * At most one fsync per SAVE_INTERVAL_MS, and one at a time.  It happens on saver's thread: what moves meanwhile waits for
 * the next.  A file that has ended waits here until nothing of it is in flight; then its row is forgotten and it is freed.
 * Until then every rewrite holds its row: what a crash loses of it is counted at the next start.  After an error nothing
 * counts as stored and it is tried again.  One thread.
 */
#ifndef SLUICE_SHIPPER_POSITIONS_H
#define SLUICE_SHIPPER_POSITIONS_H

#include "base/loop.h"
#include "base/map.h"
#include "shipper/checkpoint.h"
#include "shipper/file.h"
#include "shipper/stats.h"
#include "shipper/turns.h"

struct positions;

/* files: all but the ended ones; turns: for those that are awaited; borrowed like the rest. */
struct positions *positions_new(struct loop *l, struct shipper_stats *stats, const struct map *files, struct turns *turns);
void positions_free(struct positions *p);               /* NULL ok; frees the ended files that still wait */
void positions_set_checkpoint(struct positions *p, struct checkpoint *c);       /* borrowed; before the first save */

void positions_add(struct positions *p, struct file *f);        /* what is stored of f is no longer true */
/* f is fresh and in no queue: it gets its turn as soon as its row is stored, or could not be. */
void positions_await(struct positions *p, struct file *f);
bool positions_awaited(const struct positions *p);              /* some file waits for that */
void positions_complete(struct positions *p, int64_t until_ns); /* checkpoint_is_complete, by the next save */
/* now: not by the interval, and it returns when that is done.  False: the disk does not answer, nothing counts as stored and
 * p must not be freed. */
bool positions_save(struct positions *p, bool now);
/* Not by the interval, but without waiting.  True: all is stored, or the disk refuses it; false: to be asked again later. */
bool positions_flush(struct positions *p);
bool positions_late(const struct positions *p);         /* the disk takes seconds for what is being written */
const char *positions_trouble(struct positions *p);     /* why they are not stored, or NULL; borrowed until the next call */

#endif
