/* SPDX-License-Identifier: Apache-2.0 */
/* descriptors: which files are open, and which of them gives way when there are too many.
 *
 *      first [read longest ago] ... [read just now] last       at most `limit`
 *
 * A file that is closed keeps its place and its identity; whoever reads it next opens it again.  A file that its path
 * does not lead to any more (deleted, moved out of sight) has nothing but its descriptor: it stays open, and so the
 * limit may be exceeded by those.  One thread.
 */
#ifndef SLUICE_SHIPPER_DESCRIPTORS_H
#define SLUICE_SHIPPER_DESCRIPTORS_H

#include "base/loop.h"
#include "shipper/file.h"
#include "shipper/stats.h"

struct descriptors {
        struct loop *loop;              /* borrowed */
        struct shipper_stats *stats;    /* borrowed */
        struct file *first, *last;
        int64_t open, limit;
        int64_t tell_after_ms;          /* that the limit is reached: not before */
};

void descriptors_init(struct descriptors *d, struct loop *loop, struct shipper_stats *stats, int64_t limit);

/* What max_files says, or what the process may open less what its sockets may need. */
int64_t descriptors_limit(const struct shipper_config *c);
void descriptors_raise_limit(void);                     /* of the process, to what it may have at most */

bool descriptors_make_room(struct descriptors *d);      /* for one more; false: all are needed */
void descriptors_full(struct descriptors *d);           /* the system takes no more: that is the limit from now on */

void descriptors_add(struct descriptors *d, struct file *f);            /* it was opened */
void descriptors_used(struct descriptors *d, struct file *f);           /* it is being read */
void descriptors_remove(struct descriptors *d, struct file *f);         /* f->fd is the caller's now */
void descriptors_close(struct descriptors *d, struct file *f);          /* not open: no-op */

void descriptors_close_idle(struct descriptors *d);     /* those that were not read for their input's close_idle */

#endif
