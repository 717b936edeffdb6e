/* SPDX-License-Identifier: Apache-2.0 */
/* archive: a compressed file, read as the bytes it was made of: gzip, LZ4 frames, Zstandard.
 *
 *      compressed     |============|== in ==|...........|      read forwards, a buffer at a time
 *                                      |
 *      unpacked   0 ...................|== window ==|...?      what the last read asked for and what came after it
 *                     forgotten        ^ offset of the last read
 *
 * Reads like pread: any offset, and bytes that were asked for lately come from the window.  What lies before the window
 * is unpacked anew from the beginning; what lies behind it is passed over, a step a call, so that nobody waits for a
 * large file.  Several gzip members or frames, one behind the other, are one content.
 *
 * A file that ends in the middle of a frame may still be being written: a read after it has grown goes on there.  What was
 * unpacked before a fault is handed out; the fault is told by archive_end.
 *
 * Memory: the window is as large as the largest read, and the decoder needs what the file was compressed with, up to a limit.
 * One thread.
 */
#ifndef SLUICE_EVENT_ARCHIVE_H
#define SLUICE_EVENT_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum archive_kind { ARCHIVE_NONE, ARCHIVE_GZIP, ARCHIVE_LZ4, ARCHIVE_ZSTD };

/* Why a read got less than it asked for. */
enum archive_end {
        ARCHIVE_MORE,           /* nothing has ended */
        ARCHIVE_WHOLE,          /* its end, and every checksum in it was right */
        ARCHIVE_SHORT,          /* the file ends before its content does: cut off, or still being written */
        ARCHIVE_CORRUPT,        /* it goes on with bytes that mean nothing */
        ARCHIVE_TOO_LARGE,      /* it needs more memory than the limit */
};

enum { ARCHIVE_STEP = 1024 * 1024 };    /* unpacked by one call, beside what it returns */

struct archive;

enum archive_kind archive_kind_of(const char *name);    /* by its ending; ARCHIVE_NONE: none that is read */

/* fd is borrowed and its position is not used.  max_memory: of the decoder's window. */
struct archive *archive_new(int fd, enum archive_kind kind, size_t max_memory);
void archive_free(struct archive *a);   /* NULL ok */

/* n bytes from offset of the content; fewer only where archive_end says why.  -EAGAIN: on the way there, call again;
 * other -errno: the file cannot be read. */
ssize_t archive_read(struct archive *a, int64_t offset, char *to, size_t n);

/* n bytes from offset on stay at hand however far reading goes, until other bytes are kept.  Not in the window any more:
 * nothing is kept, and a read of them begins at the beginning. */
void archive_keep(struct archive *a, int64_t offset, size_t n);

enum archive_end archive_end(const struct archive *a);
const char *archive_fault(const struct archive *a);     /* of an end that is not whole, in words; static */

const char *archive_versions(void);     /* of the libraries, a line each */

#endif
