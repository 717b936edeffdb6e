/* SPDX-License-Identifier: Apache-2.0 */
/* ring: what came from a socket or from stdin, on disk until it is acknowledged; a bounded row of files.
 *
 *      DIR/00000007.log  00000008.log  00000009.log
 *          | acknowledged    | the tailer is    ^ ring_append; a new one when it holds its share of max_bytes,
 *          v to its end      | somewhere here     and one at each start
 *        deleted
 *
 * The segments are files as any other to the tailer, which reads, ships and remembers them; the ring writes, and
 * deletes a segment when it is told that all of it is acknowledged, oldest first.  An entry (entry.h) is one line.
 *
 * Bounded: ring_has_room is false when the segments hold max_bytes, or when the disk takes nothing: stop reading,
 * ring_collect or ring_flush will call room().  What was read before may still be appended, so the ring passes its
 * bound by what one read brings.
 *
 * What is promised: an entry that was appended and flushed is in the kernel's hands and survives the death of this
 * process; it is not synced without ring_sync, so the last seconds before a power cut can be gone.  A torn last line, which a kill in
 * the middle of a write leaves, is taken off at the next start.  No segment is ever appended to by two processes' lives:
 * were the end of one lost in a power cut, a new line would get the id of one that was sent already.
 *
 * Owned by one listener.  One thread.
 */
#ifndef SLUICE_SHIPPER_RING_H
#define SLUICE_SHIPPER_RING_H

#include "base/err.h"
#include "shipper/entry.h"

enum { RING_SEGMENTS = 16 };    /* max_bytes is so many full ones */

struct ring;

struct ring_owner {
        void (*room)(void *arg);        /* there is room again */
        void *arg;
};

/* Where the ring of an input lies, and its files as a pattern; the caller frees them.
 * STATE/ring/NAME: the address with everything but letters, digits, dots and dashes made a dash. */
char *ring_dir(const char *state, const char *listen);
char *ring_pattern(const char *state, const char *listen);

/* Makes DIR, mends what is there.  max_line_bytes: of an entry, as for the tailer. */
struct ring *ring_new(const char *dir, int64_t max_bytes, int64_t max_line_bytes, const struct ring_owner *owner,
                      struct err *e);
void ring_free(struct ring *r);                         /* NULL ok; flushed before, or what was not is gone */

bool ring_has_room(const struct ring *r);
/* Into memory. Ask ring_has_room before each read that leads here. Returns how many bytes of the text were cut off. */
size_t ring_append(struct ring *r, const struct entry *e);
/* To the file. False: the disk does not take it, it stays in memory; call again later. */
bool ring_flush(struct ring *r);

/* For a source that remembers how far it was taken: ring_sync brings what was flushed to the disk, through all segments
 * begun after ring_keep_synced.  -errno: it is not known to be there, now and for good. */
void ring_keep_synced(struct ring *r);
int ring_sync(struct ring *r) MUST_CHECK;

/* Deletes segments from the oldest on while acked(arg, path, size) says so; never the one that is written to. */
void ring_collect(struct ring *r, bool (*acked)(void *arg, const char *path, int64_t size), void *arg);

const char *ring_newest(const struct ring *r);          /* path of the segment last written to; NULL: none yet */
int64_t ring_bytes(const struct ring *r);               /* in all segments */
bool ring_is_full(const struct ring *r);                /* of its bound: for the reason why there is no room */
const char *ring_trouble(const struct ring *r);         /* why the disk takes nothing, or NULL */

#endif
