/* SPDX-License-Identifier: Apache-2.0 */
/* finder: who is who: which file stands at a path now, and where one that stood there has gone.
 *
 *   watch -- found, touched, moved, gone --> finder --> known: begun, moved, ended
 *                                              |
 *                                              +--> turns: it may have grown
 *                                              +--> archives: its rest may be in a compressed file
 *
 * When a path suddenly holds another file than the one known there, the old one is looked for among the siblings
 * ("a.log.1"), and what was born after it and rotated away unseen is shipped too.
 *
 * A new file that holds the same as a known one which it is named after is a copy: it is left alone as long as the known
 * one is as it was.  When that is truncated or vanishes the copy is it: reading goes on there under the same ids.  When it was
 * cut more than once before anybody looked, the copies of what stood there in between are files of their own.  One thread.
 */
#ifndef SLUICE_SHIPPER_FINDER_H
#define SLUICE_SHIPPER_FINDER_H

#include "shipper/archives.h"
#include "shipper/known.h"
#include "shipper/removed.h"
#include "shipper/ship.h"

struct finder {
        struct known *known;            /* borrowed, as the next four */
        struct archives *archives;
        struct unseen *unseen;
        const struct shipper_config *config;
        struct ship *ship;
        int64_t started_ns;             /* wall */
        int64_t too_old;                /* files the scan under way left alone by ignore_older ... */
        int64_t copies;                 /* ... and because they are copies */
        int64_t news;                   /* what it found by itself: new files, or growth that no event told of */
        char *absent;                   /* owned; the last path that a file may be a copy of, and where none is ... */
        unsigned absent_scan;           /* ... in this scan */
        struct removed removed;         /* looks after the deleted ones */
};

void finder_fini(struct finder *s);
void finder_init(struct finder *s, struct known *known, struct archives *archives, struct unseen *unseen,
                 struct ship *ship);

/* What watch tells. Paths are borrowed for the call. */
bool finder_found(struct finder *s, const char *path, const struct input_config *input);        /* it is there, known or
                                                           not; true: by a symbolic link, so no event of path tells when it grows */
void finder_poll(struct finder *s, const char *path);           /* it was found, and no event tells when it grows */
void finder_touched(struct finder *s, const char *path);        /* it may have grown */
void finder_moved(struct finder *s, const char *from, const char *to);
void finder_gone(struct finder *s, const char *path);
void finder_dir(struct finder *s, const char *dir);             /* where names that fit may stand; with a slash at its end */
void finder_scanning(struct finder *s);                         /* all patterns are about to be matched ... */
void finder_scanned(struct finder *s);                          /* ... and were */

/* Since it was asked last a file took the place of another: what came and went between the two is told by events that the
 * kernel has already. */
bool finder_replaced(struct finder *s);

static inline bool finder_news(const struct finder *s) { return s->news > 0; }  /* of the last scan */

/* What the read of f tells, which is in no queue. */
void finder_cut(struct finder *s, struct file *f);      /* what stood in it is gone, unless a copy has it; it starts anew */
void finder_begun(struct finder *s, struct file *f);    /* f->anew_ns: its head is known now; it may have been cut more than once */
void finder_deleted(struct finder *s, struct file *f);  /* it is read to its end and has no name: a copy is it, or it ends */

/* Opens f, which was closed and is about to be read.  False: it is not to be read now. */
bool finder_reopen(struct finder *s, struct file *f);

#endif
