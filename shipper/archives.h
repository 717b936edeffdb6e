/* SPDX-License-Identifier: Apache-2.0 */
/* archives: files whose bytes stand in a compressed file now: which one, and whose turn it is to be unpacked.
 *
 *      a.log.1 --gzip--> a.log.1.gz        an inode of its own; what is in it begins with the head of a.log.1 and has
 *                                          a.log.1's mark where it had been read to
 *
 *      a known file is gone -- archives_rest --> a candidate with its head -- archives_turn --> the mark is there: read on
 *                                                      ^                                         |    at the offset
 *                                                      +---- the next candidate <---- it is not -+
 *      an archive nobody knows, which a pattern names,
 *      or unseen (unseen.h) -- archives_note --> after the scan: if it can be nobody's rest,
 *                                                                          a file of its own
 *
 * A file that was found in an archive takes over its inode and its path, and keeps its id: its lines have the ids that they had.
 * An archive that ends too early may still be being written: its file is looked at again at each scan until nobody has
 * written to it for a minute.  Then what is readable was shipped, and what is known to be missing is counted.
 *
 * Only one archive is open at a time, since a decoder may need megabytes.  One thread.
 */
#ifndef SLUICE_SHIPPER_ARCHIVES_H
#define SLUICE_SHIPPER_ARCHIVES_H

#include "shipper/known.h"
#include "shipper/ship.h"
#include "shipper/unseen.h"

struct noted_archive;

struct archives {
        struct known *known;                    /* borrowed, as the next two */
        const struct unseen *unseen;
        struct ship *ship;
        struct file *current;                   /* is being unpacked; READY.  NULL: nobody */
        struct noted_archive *noted;            /* owned; what the scan under way found */
        size_t nnoted;
};

void archives_init(struct archives *a, struct known *known, const struct unseen *unseen, struct ship *ship);
void archives_fini(struct archives *a);

/* f is not being read, and gone from the disk as a plain file.  True: it is ready, in the queue, to be read from an archive, or
 * some archive could not be looked into and it stays known for the next scan. */
bool archives_rest(struct archives *a, struct file *f);

/* What stood in f is gone from there, and may be in an archive: true when that is looked for.  f is ready, in the queue;
 * *next, the next generation at its old place, is ready and in none. */
bool archives_cut(struct archives *a, struct file *f, struct file **next);

/* An archive that is read to its end must stay known, so that it is not taken for one that nobody has seen. */
bool archives_keeps(const struct archives *a, const struct file *f);

/* A path that holds an archive nobody knows, and that a pattern matches; it is forgotten unless that pattern names archives. */
void archives_note(struct archives *a, const char *path, const struct input_config *input);
void archives_note_unseen(struct archives *a, const char *path, const struct input_config *input);      /* whatever its pattern */
void archives_scanning(struct archives *a);     /* what was noted is forgotten ... */
void archives_scanned(struct archives *a);      /* ... and what was noted since becomes files of their own */

/* f->packed, and f was taken from the queue.  True: its archive is open, and it is read from f->read on; false: f is
 * where it belongs next.  What it unpacked is taken off *budget. */
bool archives_turn(struct archives *a, struct file *f, int64_t *budget);

/* The reader got what there is.  True: nothing more will come, and what is unfinished ends here. */
bool archives_is_final(const struct archives *a, const struct file *f);
/* Then f is done with; else it waits.  foreign: what stands in the archive is not what was read of the file.  In all cases
 * f, which is in no queue, is where it belongs next. */
void archives_leave(struct archives *a, struct file *f, bool final, bool foreign);

#endif
