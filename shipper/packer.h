/* SPDX-License-Identifier: Apache-2.0 */
/* packer: the records of the batch format that are being filled, each with lines of one file.
 *
 *      line of f --> [open record of f] --+
 *      line of g --> [open record of g] --+-- packers_close --> batch
 *                     one entry of its file's ack window: the entry's end moves with each line
 *
 * Invariant: while a record is open, its entry is the newest of the file's window, so a line that is left out between
 * two of its lines moves on with it and not before it.
 *
 * Files that are written to at the same time have one each, so that they do not close each other's at every line; of
 * more files than PACKERS some share a place, and whoever comes closes the other's.  Bounded by packers_full, which the
 * owner heeds.  Owned by ship; one thread.
 */
#ifndef SLUICE_SHIPPER_PACKER_H
#define SLUICE_SHIPPER_PACKER_H

#include "event/pack.h"
#include "shipper/file.h"
#include "sinks/batch.h"

enum { PACKERS = 16 };

struct packer {
        struct pack pack;
        struct file *file;              /* whose lines are in it; NULL: nothing is open */
        unsigned stream_no;             /* of the file, when it was begun */
        uint64_t seq;                   /* its entry in the file's window */
        uint32_t weight;                /* lines of the file */
};

struct packers {
        struct packer at[PACKERS];
        size_t max_size;                /* before compression; a record holds one line at least, whatever its size */
        size_t bytes;                   /* in all open records */
};

void packers_init(struct packers *ps);
void packers_fini(struct packers *ps);          /* zeroed struct ok */
void packers_set_limit(struct packers *ps, size_t record_bytes);        /* what a record's value may have */

/* Where the lines of f go; what is open there may be another file's. */
struct packer *packers_of(struct packers *ps, const struct file *f);
struct packer *packers_next_open(struct packers *ps, struct packer *after);     /* NULL: the first; none is left */
bool packers_full(const struct packers *ps);    /* close them */

/* Adds to p, which is that of f, what ends at position `end`.  False: it does not fit behind what is open there, or is
 * too large for any record. */
bool packers_add(struct packers *ps, struct packer *p, struct file *f, int64_t end, const struct event_line *event,
                 uint32_t lines, size_t *ret_repaired);

/* The open record becomes b's next one, without its key. */
struct record *packers_close(struct packers *ps, struct packer *p, struct batch *b);

/* r, refused as it is, becomes two records of b with half of its lines each, which share its entry and have no key yet:
 * the two last ones.  False: it has one line, or is none of ours. */
bool packer_divide(const struct batch *from, const struct record *r, struct batch *b);

#endif
