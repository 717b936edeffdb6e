/* SPDX-License-Identifier: Apache-2.0 */
/* frame: one event as it stands in a file: where it begins and ends, and its text.  Pure; knows bytes, not files.
 *
 *      position
 *      |  at     span                     |
 *      |--|===============================|
 *      |---------------- size ------------|      the position moves by
 *
 * at is 0 and span equals size but where two streams of a container are woven into one file: there an event that
 * began earlier can still be open behind this one, and the position moves when it is through (size 0 until then).
 */
#ifndef SLUICE_SHIPPER_FRAME_H
#define SLUICE_SHIPPER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
        const char *text;       /* borrowed until the next one: of the read buffer, or decoded */
        size_t len;             /* without the terminator */
        size_t at, span, size;
        size_t cut;             /* bytes of the line that are not in text: it was too long */
        uint32_t lines;         /* of the file that are in it: what the ledger counts; at least 1 */
        bool unfinished;        /* its last line had no terminator when it was taken */
        const char *stream;     /* static: "stdout", "stderr"; NULL: the file has none */
        const char *time;       /* borrowed as text: RFC 3339, by the container's runtime; NULL: none */
        size_t time_len;
};

struct multiline;

/* How events end, for one input. */
struct framing {
        struct multiline *multiline;    /* borrowed; NULL: every line is an event */
        size_t max_bytes, max_lines;    /* of an event of several lines: it ends before the line that would pass them */
        bool final;                     /* nothing comes behind `end`: what is there is all */
};

/* The event that starts at p. A pure function of the bytes from p on: read from any event's start, the events behind it are
 * the same.  False: more is needed; then there are no more than max_bytes, or no end of the first line.
 * known: as of line_next, and only without multiline. */
bool frame_next(const struct framing *how, const char *p, const char *end, size_t known, struct frame *ret);

/* The line that starts at p, whose first `known` bytes are known to hold no LF; a CR before the LF belongs to the
 * terminator. False: no LF before end. */
bool line_next(const char *p, const char *end, size_t known, struct frame *ret);

#endif
