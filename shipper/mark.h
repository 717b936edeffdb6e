/* SPDX-License-Identifier: Apache-2.0 */
/* mark: what stood just before a position of a file, so that it can be told whether it still does.
 *
 *      |.......................|== up to MARK_BYTES ==|
 *                                                     at         hash of these bytes
 *
 * A file that was truncated and has grown past the position again keeps its inode, its birth time and
 * perhaps its first line, but not these bytes.  They are hashed as they are read: a file on the disk may be another
 * one by the time an acknowledgement comes.  Pure but for mark_check.
 */
#ifndef SLUICE_SHIPPER_MARK_H
#define SLUICE_SHIPPER_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MARK_BYTES = 256 };

struct mark {
        int64_t at;             /* 0: none; it fits everything */
        uint64_t hash;
};

static inline size_t mark_len(int64_t at) { return at < MARK_BYTES ? (size_t)at : MARK_BYTES; }

/* end: where the byte at position `at` stands in memory, with mark_len(at) bytes of the file before it. */
struct mark mark_of(const char *end, int64_t at);
bool mark_fits(const struct mark *m, const char *end);

/* Of an open file. A read error counts as a fit: it says nothing about what stands there. */
bool mark_check(const struct mark *m, int fd);

/* The marks of a file that is being read: the newest, one that is safe to store with the committed position, and
 * two older ones, about a half and a quarter back, for a copy that was made before the last lines came. */
struct marks {
        struct mark last, older[2];
        struct mark waiting, safe;      /* safe.at <= committed; waiting becomes safe when committed has passed it */
};

void marks_read(struct marks *m, struct mark newest);
struct mark marks_safe(struct marks *m, int64_t committed);

/* The newest mark at or before size; .at 0 when there is none. */
struct mark marks_within(const struct marks *m, int64_t size);

#endif
