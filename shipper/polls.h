/* SPDX-License-Identifier: Apache-2.0 */
/* polls: looks at the files of which the kernel tells nothing, quiet ones ever less often.
 *
 *      every 250 ms   [file][file]  <-- new, or it has grown
 *            500 ms   [file]          |
 *              1 s    [file][file]    | nothing new: one row down
 *              ...                    v
 *                     the scan, which looks at everything anyway
 *
 * A look is one stat.  In a row all wait for the same time, so the first in it is the first that is due: one timer does.
 * One thread.
 */
#ifndef SLUICE_SHIPPER_POLLS_H
#define SLUICE_SHIPPER_POLLS_H

#include "shipper/stats.h"
#include "shipper/turns.h"

enum { POLL_ROWS = 15, POLL_FIRST_MS = 250 };

struct polls {
        struct loop *loop;                      /* borrowed, as the next two */
        struct turns *turns;
        struct shipper_stats *stats;
        int64_t scan_interval_ms;               /* a row that waits longer is none */
        struct poll_row { struct file *first, *last; } rows[POLL_ROWS];
        struct timer timer;
};

void polls_init(struct polls *p, struct loop *loop, struct turns *turns, struct shipper_stats *stats, int64_t scan_interval_ms);
void polls_fini(struct polls *p);

void polls_add(struct polls *p, struct file *f);        /* it is new, or a scan has seen it grow */
void polls_remove(struct polls *p, struct file *f);     /* in none: no-op */

#endif
