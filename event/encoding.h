/* SPDX-License-Identifier: Apache-2.0 */
/* encoding: text in UTF-16 and Latin-1 becomes UTF-8, and a line's terminator becomes theirs.
 *
 *      41 00 3d d8 00 de 0a 00         UTF-16LE: A, a surrogate pair, LF
 *      41 f0 9f 98 80 0a               UTF-8
 *
 * Any bytes in, valid UTF-8 out: a lone surrogate and half a unit become U+FFFD each and are counted.  UTF-8 itself is
 * not looked at here, the event's writer repairs it.  Pure.
 */
#ifndef SLUICE_EVENT_ENCODING_H
#define SLUICE_EVENT_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum encoding {
        ENCODING_UTF8,
        ENCODING_UTF16LE,
        ENCODING_UTF16BE,
        ENCODING_UTF16,         /* by the mark at the file's beginning; without one UTF-16LE */
        ENCODING_LATIN1,
};
extern const char *const encoding_names[];      /* NULL-terminated */

static inline bool encoding_is_utf16(enum encoding e) { return e >= ENCODING_UTF16LE && e <= ENCODING_UTF16; }

/* Bytes that belong together: 1, or 2 for UTF-16. */
static inline size_t encoding_unit(enum encoding e) { return encoding_is_utf16(e) ? 2 : 1; }

/* ENCODING_UTF16 by the first two bytes of a file; any other is what it is. */
enum encoding encoding_by_mark(enum encoding e, const char first[2]);

/* Length of the byte order mark with which p begins, in this encoding; 0: none. */
size_t encoding_mark(enum encoding e, const char *p, size_t n);

/* Appends the n bytes at p as UTF-8. odd: p is the second byte of a unit, which is then half a one.
 * e is neither ENCODING_UTF8 nor ENCODING_UTF16.  Returns the number of U+FFFD put in. */
size_t encoding_decode(enum encoding e, bool odd, struct buf *out, const char *p, size_t n);

/* n, less the half of a character that a cut after n bytes leaves at the end of UTF-16. */
size_t encoding_whole(enum encoding e, const char *p, size_t n);

/* Appends a text in UTF-8 in this encoding.  False: it has no such character, or is no UTF-8. */
bool encoding_encode(enum encoding e, struct buf *out, const char *text);

#endif
