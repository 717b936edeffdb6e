/* SPDX-License-Identifier: Apache-2.0 */
/* packer: the record of the batch format that is being filled, with lines of one file.
 *
 *      line, line, line --> [open record of file f] -- packer_close --> batch
 *                            one entry of f's ack window: its end moves with each line
 *
 * Invariant: while it is open, its entry is the newest of the file's window, so a line that is left out between
 * two of its lines moves on with it and not before it.  Owned by ship; one thread.
 */
#ifndef SLUICE_SHIPPER_PACKER_H
#define SLUICE_SHIPPER_PACKER_H

#include "event/pack.h"
#include "shipper/file.h"
#include "sinks/batch.h"

struct packer {
        struct pack pack;
        size_t max_size;                /* before compression; a record holds one line at least, whatever its size */
        struct file *file;              /* whose lines are in it; NULL: nothing is open */
        unsigned stream_no;             /* of the file, when it was begun */
        uint64_t seq;                   /* its entry in the file's window */
        uint32_t weight;                /* lines of the file */
};

void packer_init(struct packer *p);
void packer_fini(struct packer *p);             /* zeroed struct ok */
void packer_set_limit(struct packer *p, size_t record_bytes);   /* what a record's value may have */

/* Adds what ends at position `end` of f.  False: it does not fit behind what is open, or is too large for any record. */
bool packer_add(struct packer *p, struct file *f, int64_t end, const struct event_line *event, uint32_t lines,
                size_t *ret_repaired);

/* The open record becomes b's next one, without its key. */
struct record *packer_close(struct packer *p, struct batch *b);

/* r, refused as it is, becomes two records of b with half of its lines each, which share its entry and have no key yet:
 * the two last ones.  False: it has one line, or is none of ours. */
bool packer_divide(const struct batch *from, const struct record *r, struct batch *b);

static inline size_t packer_bytes(const struct packer *p) { return p->file ? pack_size(&p->pack) : 0; }

#endif
