/* SPDX-License-Identifier: Apache-2.0 */
/* splitter: where a message ends in a stream of bytes (RFC 6587).
 *
 *      lines     <13>one\n<13>two\r\n             a message ends at LF
 *      octets    7 <13>one7 <13>two               its length stands before it; it may hold newlines
 *
 *                digit         "<digits> <"
 *      START -----------> COUNT -----------> OCTETS --- n bytes ---> START
 *        | else             | else                                     ^
 *        +----> LINE <------+ ------------------- LF ------------------+
 *
 * SPLIT_AUTO decides for each message: a count, a blank and '<' begin octets, all else is a line.  SPLIT_OCTETS asks
 * for no '<'; what has no count there is taken as a line, so nothing is thrown away.
 *
 * Any bytes in, in pieces of any size.  Kept is only the message that is not at its end yet, and max_bytes of it: what
 * is beyond is skipped and counted.  Owned by one connection.
 */
#ifndef SLUICE_SHIPPER_SPLITTER_H
#define SLUICE_SHIPPER_SPLITTER_H

#include <stddef.h>

#include "base/buf.h"

enum splitter_mode { SPLIT_AUTO, SPLIT_LINES, SPLIT_OCTETS };

struct splitter {
        enum splitter_mode mode;
        size_t max_bytes;               /* kept of one message; may be changed at any time */
        enum { SPLIT_START, SPLIT_COUNT, SPLIT_LINE, SPLIT_OCTET } state;
        struct buf held;                /* of the message under way */
        size_t skipped;                 /* bytes of it beyond max_bytes */
        size_t need;                    /* bytes until its end, in SPLIT_OCTET */
};

/* A whole message without its line end; text is borrowed for the call. */
typedef void splitter_fn(void *arg, const char *text, size_t len, size_t skipped);

void splitter_feed(struct splitter *s, const char *p, size_t n, splitter_fn *fn, void *arg);
void splitter_end(struct splitter *s, splitter_fn *fn, void *arg);      /* the stream is over: what is held is a message */
void splitter_fini(struct splitter *s);         /* zeroed struct ok */

#endif
