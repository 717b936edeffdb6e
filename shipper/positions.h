/* SPDX-License-Identifier: Apache-2.0 */
/* positions: which files' positions have moved, and when they go to the checkpoint.
 *
 *      settled, ended, begun anew -- positions_add --> [unsaved] -- positions_save --> checkpoint, fsync
 *
 * At most one fsync per SAVE_INTERVAL_MS.  A file that has ended waits here until nothing of it is in flight; then its
 * row is forgotten and it is freed.  Until then every rewrite holds its row: what a crash loses of it is counted at the
 * next start.  After an error nothing counts as stored and it is tried again.  One thread.
 */
#ifndef SLUICE_SHIPPER_POSITIONS_H
#define SLUICE_SHIPPER_POSITIONS_H

#include "base/loop.h"
#include "base/map.h"
#include "shipper/checkpoint.h"
#include "shipper/file.h"
#include "shipper/stats.h"

struct positions;

/* files: all but the ended ones; borrowed like the rest. */
struct positions *positions_new(struct loop *l, struct shipper_stats *stats, const struct map *files);
void positions_free(struct positions *p);               /* NULL ok; frees the ended files that still wait */
void positions_set_checkpoint(struct positions *p, struct checkpoint *c);       /* borrowed; before the first save */

void positions_add(struct positions *p, struct file *f);        /* what is stored of f is no longer true */
void positions_save(struct positions *p, bool now);             /* now: do not wait for the interval */
const char *positions_trouble(const struct positions *p);       /* why they are not stored, or NULL */

#endif
