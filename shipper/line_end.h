/* SPDX-License-Identifier: Apache-2.0 */
/* line_end: where a line ends, in the bytes of a file.
 *
 *      lf        a \n             a \r before it belongs to it
 *      crlf      a \n \r\n        only the two together
 *      cr, nul   a \r    a \0
 *      other     a%%              the text itself
 *
 * In UTF-16 it is looked for in that encoding, and only where a unit begins.  Pure.
 */
#ifndef SLUICE_SHIPPER_LINE_END_H
#define SLUICE_SHIPPER_LINE_END_H

#include "base/err.h"
#include "event/encoding.h"

enum { LINE_END_MAX = 64 };

struct line_end {
        enum encoding encoding;         /* not ENCODING_UTF16: that is one of the two others */
        bool cr;                        /* a CR before it is not part of the line */
        size_t len;
        char bytes[LINE_END_MAX];
};

/* terminator NULL: "lf".  -EINVAL: it is too long, or cannot be written in the encoding. */
int line_end_init(struct line_end *l, const char *terminator, enum encoding encoding, struct err *e) MUST_CHECK;

/* Whether it is LF in UTF-8, which needs nothing of all this. */
bool line_end_is_plain(const struct line_end *l);

/* Where the first one begins at or behind p, NULL: none before end. odd: p is the second byte of a unit. */
const char *line_end_find(const struct line_end *l, const char *p, const char *end, bool odd);

/* The length of the line at p that the one at `at` ends: without the CR. */
size_t line_end_trim(const struct line_end *l, const char *p, const char *at);

#endif
