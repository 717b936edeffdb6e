/* SPDX-License-Identifier: Apache-2.0 */
/* lines: where a line ends.  Pure; knows bytes, not files.
 *
 *      text            len   size
 *       |===============|\r\n|           a CR before the LF belongs to the terminator
 */
#ifndef SLUICE_SHIPPER_LINES_H
#define SLUICE_SHIPPER_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct line {
        const char *text;       /* borrowed from the buffer */
        size_t len;             /* without the terminator */
        size_t size;            /* with it: what the position moves by */
};

/* The line that starts at p, whose first `known` bytes are known to hold no LF.  False: no LF before end. */
bool line_next(const char *p, const char *end, size_t known, struct line *ret);

#endif
