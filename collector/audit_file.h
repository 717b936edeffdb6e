/* SPDX-License-Identifier: Apache-2.0 */
/* audit_file: a log file as the audit reads it: lines with their places, and what the shipper may have called the file.
 *
 *      offset                             end
 *      |====== text, at most AUDIT_TEXT ====|\r\n|
 *
 * Reads up to the size the file had when it was opened.  A compressed one (gzip, LZ4, Zstandard) is unpacked first, into a
 * file of $TMPDIR or /tmp without a name, which goes with this struct.  One thread.
 */
#ifndef SLUICE_COLLECTOR_AUDIT_FILE_H
#define SLUICE_COLLECTOR_AUDIT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "event/ident.h"

enum { AUDIT_TEXT = 1 << 20, AUDIT_GENERATIONS = 16 };

struct audit_line {
        int64_t number;                 /* from 1 */
        int64_t offset, end;            /* end: behind its terminator */
        size_t text, len;               /* in the caller's buffer; len without the terminator */
        bool unfinished;                /* no terminator: the file's last */
        bool cut;                       /* longer than AUDIT_TEXT, of which so much is there */
};

struct audit_file {
        const char *path;               /* borrowed */
        int fd;                         /* owned; of an archive that of its content */
        bool archive;
        int64_t size;
        uint64_t inode;
        int64_t birth_ns;
        char head[IDENT_HEAD];
        size_t head_len;

        struct buf chunk;               /* what was read from `at - chunk.len` on */
        size_t used;                    /* of it */
        int64_t at;                     /* offset of the next read */
        int64_t offset, number;         /* of the next line */
};

int audit_file_open(struct audit_file *f, const char *path, struct err *e) MUST_CHECK; /* -EILSEQ: an archive that is damaged, or of another kind */
void audit_file_close(struct audit_file *f);

void audit_file_rewind(struct audit_file *f);           /* to its first line */

/* Appends the next line's text to *texts. 1: there is one; 0: the end; -errno. */
int audit_file_next(struct audit_file *f, struct buf *texts, struct audit_line *ret, struct err *e) MUST_CHECK;

/* The bytes of a stretch of the file, appended. False: it ends earlier, or cannot be read. */
bool audit_file_bytes(const struct audit_file *f, int64_t offset, size_t len, struct buf *ret);

struct ident audit_file_ident(const struct audit_file *f, const char *host, uint32_t generation);

#endif
