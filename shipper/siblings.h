/* SPDX-License-Identifier: Apache-2.0 */
/* siblings: where the rest of a file may stand that is no longer at its path.
 *
 *      a.log  --rename-->  a.log.1         the same file: inode and birth time
 *      a.log  --copy---->  a.log.1         another file with the same bytes
 *      a.log.1 --gzip--->  a.log.1.gz      another file with the same bytes in it (archives.h)
 *
 * Lists the candidates and says what they are; who takes which is the finder's.  Names and a few bytes are all
 * that is looked at.  Keeps nothing.
 */
#ifndef SLUICE_SHIPPER_SIBLINGS_H
#define SLUICE_SHIPPER_SIBLINGS_H

#include "shipper/file.h"

struct sibling {
        char *path;                     /* owned */
        struct file_stat st;
        bool hidden;                    /* it stands where no pattern leads: beside the target of a symbolic link */
};

struct siblings {
        struct sibling *v;              /* owned */
        size_t n;
};

/* Every plain file in the directory of path that may be a rotation of it, oldest first; and every compressed one that can be
 * read. */
void siblings_list(struct siblings *s, const char *path);
void siblings_list_archives(struct siblings *s, const char *path);

/* f->path is a symbolic link now: adds f, and what may be a rotation of the link's target or of one that it led to before, from
 * the target's directory.  So kubelet rotates a container's log, and starts it anew. */
void siblings_add_targets(struct siblings *s, const struct file *f, bool archives);
void siblings_add(struct siblings *s, const char *path);        /* if it is a file */
void siblings_fini(struct siblings *s);

/* Of a file that is not where it was: does path hold what it held, as far as it goes?  The head is the same, and before
 * the newest mark that it is long enough for stand the same bytes. */
bool siblings_is_copy(const char *path, const struct file *f);

/* Of one that is as it was: does path, which is no longer than it, hold the same first and last bytes? */
bool siblings_is_prefix(const char *path, const struct file *f);

#endif
