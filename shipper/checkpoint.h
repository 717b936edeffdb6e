/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint: the positions that are safe, on disk.
 *
 *      DIR/checkpoint    sluice-checkpoint 2
 *                        f <id> <inode> <birth> <generation> <head length> <head hash> <offset>
 *                          <size> <mark's position> <mark's hash> <path> <sum>     (one line)
 *                        f ...                                   appended as positions move, newest wins
 *                        d <id> <sum>                            forgotten
 *
 * Two ways to the disk, both end in an fsync before anyone relies on them:
 *   flush    appends the changed rows and syncs: what it costs follows what moved, not how many files there are.
 *   rewrite  writes all rows to DIR/checkpoint.new, syncs it, renames it over the old one, syncs the directory.
 *            In this order a power cut leaves the old file or the new one, whole.
 * Version 1, without the second line of a row, is read and written anew as version 2.
 * Each row carries a checksum; a torn last row is what a crash leaves and is dropped in silence, a bad row elsewhere is
 * counted and reported by load.
 *
 * Positions only come here after the output's acknowledgement (tail.c).  One thread at a time: the loop's, and saver's
 * while it writes.
 */
#ifndef SLUICE_SHIPPER_CHECKPOINT_H
#define SLUICE_SHIPPER_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "event/ident.h"
#include "shipper/mark.h"

struct checkpoint_row {
        struct ident id;                /* of the file; the row's key */
        uint64_t inode;
        int64_t birth_ns;
        uint32_t generation;
        uint32_t head_len;              /* bytes of the file's head that head_hash covers */
        uint64_t head_hash;             /* 0: nothing was read yet of this file, or generation */
        int64_t offset;                 /* everything before it is acknowledged */
        int64_t size;                   /* of the file when it was last looked at; 0 in version 1 */
        struct mark mark;               /* at or before offset; none in version 1 */
        const char *path;               /* where it was last seen; borrowed */
};

struct checkpoint;

/* Reads DIR/checkpoint and calls each(arg, row) for the newest row of every file.  A missing file is an empty
 * one. *ret_bad: rows that were damaged, not counting a torn last one.
 * -EINVAL: not a checkpoint, or of a later version; other -errno: cannot be read or written. */
int checkpoint_open(const char *dir, void (*each)(void *arg, const struct checkpoint_row *row), void *arg,
                    struct checkpoint **ret, unsigned *ret_bad, struct err *e) MUST_CHECK;
void checkpoint_free(struct checkpoint *c);     /* NULL ok; does not flush */

/* Wall time until which every file that there was is in its rows; 0: never.  It is the file's time of change, and what was
 * stored by an earlier run counts until the first call of checkpoint_is_complete, also for the run after a crash.  The next
 * flush tells the disk. */
int64_t checkpoint_complete_ns(const struct checkpoint *c);
/* What is put next is all that was known then: no younger is the file, however long the disk takes for it. */
void checkpoint_as_of(struct checkpoint *c, int64_t wall_ns);
void checkpoint_is_complete(struct checkpoint *c, int64_t until_ns);

/* Only looks: takes no lock and writes nothing, so a shipper may be at work there; what it is appending just
 * now is a torn last row or not there yet.  -ENOENT: no checkpoint; otherwise as checkpoint_open. */
int checkpoint_read(const char *dir, void (*each)(void *arg, const struct checkpoint_row *row), void *arg,
                    unsigned *ret_bad, struct err *e) MUST_CHECK;

/* Remember a row, or that a file is forgotten, for the next flush. */
void checkpoint_put(struct checkpoint *c, const struct checkpoint_row *row);
void checkpoint_forget(struct checkpoint *c, const struct ident *id);
bool checkpoint_is_new(const struct checkpoint *c);     /* open found none */
bool checkpoint_dirty(const struct checkpoint *c);      /* there is something for a flush */

/* Appends what was put, if anything, and syncs. After an error nothing of it counts as stored: rewrite is due. */
int checkpoint_flush(struct checkpoint *c, struct err *e) MUST_CHECK;

/* True when the file has grown far beyond its live rows, or an append failed. */
bool checkpoint_wants_rewrite(const struct checkpoint *c);
/* Then: begin, put every live row, commit. */
void checkpoint_rewrite_begin(struct checkpoint *c);
int checkpoint_rewrite_commit(struct checkpoint *c, struct err *e) MUST_CHECK;

#endif
