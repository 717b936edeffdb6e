/* SPDX-License-Identifier: Apache-2.0 */
/* watch: which paths there are, and which of them changed.
 *
 *   patterns -- glob, at start and every scan_interval --> finder_found
 *   their directories -- inotify --> finder_found, finder_touched, finder_moved, finder_gone
 *
 * inotify makes it fast, the scan makes it right: whatever the kernel does not tell (a network file
 * system, a queue that overflowed, a directory that a "*" names made later) the next scan finds.  A new directory
 * under "**" is looked into at once, with all below it.  One thread.
 */
#ifndef SLUICE_SHIPPER_WATCH_H
#define SLUICE_SHIPPER_WATCH_H

#include "base/loop.h"
#include "shipper/tail.h"

struct watch;

/* All borrowed.  Without inotify (limit reached) it scans and says so. */
struct watch *watch_new(struct loop *l, const struct shipper_config *config, struct tail *tail,
                        struct shipper_stats *stats);
void watch_free(struct watch *w);       /* NULL ok */
void watch_scan(struct watch *w);       /* now; the first call is the caller's */

#endif
