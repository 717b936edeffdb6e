/* SPDX-License-Identifier: Apache-2.0 */
/* reader: reads one file's bytes, finds the lines in them and hands them on.
 *
 *      tail -- reader_read(f) --> source --> [one buffer for all files] --> lines --> ship
 *                <-- outcome --
 *
 * Moves f->read and f->scanned, nothing else decides about the file's life: that is tail's, by the outcome.  An
 * unfinished line stays a position, it is not kept.  Where the bytes come from is one small function (source).
 * One thread.
 */
#ifndef SLUICE_SHIPPER_READER_H
#define SLUICE_SHIPPER_READER_H

#include "shipper/ship.h"

struct reader;

/* All borrowed. */
struct reader *reader_new(const struct shipper_config *config, struct shipper_stats *stats, struct ship *ship);
void reader_free(struct reader *r);             /* NULL ok */

enum read_outcome {
        READ_MORE,      /* one share is read, or the sink is full: there is more */
        READ_END,       /* all that was there a moment ago is read */
        READ_CUT,       /* what stands before f->read is not what was read there: truncated; nothing was read */
        READ_FAILED,    /* logged and counted */
};

/* Reads one share of f, which is open; what it read is taken off *budget. */
enum read_outcome reader_read(struct reader *r, struct file *f, int64_t *budget);

/* What is there has waited long enough, or nothing will come: it ends where the file ends.  Ask ship_has_room before;
 * false: there was not enough of it, call again. */
bool reader_ship_unfinished(struct reader *r, struct file *f);

#endif
