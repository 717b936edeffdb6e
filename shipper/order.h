/* SPDX-License-Identifier: Apache-2.0 */
/* order: files that stood at one place one after another are read one after another.
 *
 *      a.log.2  <-- older --  a.log.1  -- newer -->  a.log         rotated; all of them have unread bytes
 *      a.log.1, where a.log's bytes were copied to   -->  a.log    copied and truncated: its next generation
 *
 * Invariant: no file is read while an older one of its row is FILE_READY, or will be when its row is stored.  An older one leaves the row when it is read to its
 * end once, or to where its end was at its first turn in the row, should it go on growing: then the next may go.  One that cannot
 * be read (not found, not to be opened, in an archive that is not whole) is not FILE_READY and holds nobody up, and one that has
 * ended is in no row.  So whoever waits, waits for a file whose turn comes.
 *
 * While the shipper runs, it is a fact who took whose place (known).  What was rotated before that is told by names, and by when it
 * was written to last, which compressors hand on: the file at the place itself is the last.  A wrong guess costs a delay.
 * A file is in one row at most; the links are borrowed, known_end takes it out.
 */
#ifndef SLUICE_SHIPPER_ORDER_H
#define SLUICE_SHIPPER_ORDER_H

#include "shipper/file.h"

struct known;

/* f took the place of older, which has unread bytes perhaps: f comes last in that row.  No-op when f is in a row behind
 * another one already, or when nothing more will be read from older. */
void order_after(struct file *f, struct file *older);
void order_leave(struct file *f);               /* in no row: no-op */
bool order_waits(const struct file *f);         /* it is not to be read now */

/* Puts all that is ready and has unread bytes in order; what stood where is not known of some. */
void order_found(struct known *k);

#endif
