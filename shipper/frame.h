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

/* A line put together of pieces was cut, and the rest of it is still to come: on these streams. */
struct frame_skip {
        uint8_t streams;                /* bits by enum container_stream; 0: none */
        int64_t last_ns;                /* time of the last piece; 0: not known */
};

struct frame {
        const char *text;               /* borrowed until the next one: of the read buffer, or decoded; NULL: no event, */
        size_t len;                     /*   only bytes to pass over; without the terminator */
        size_t at, span, size;
        size_t cut;                     /* bytes of the line that are not in text: it was too long */
        uint32_t lines;                 /* of the file that are in it: what the ledger counts; at least 1 */
        uint32_t repaired;              /* U+FFFD put in while it was decoded */
        bool unfinished;                /* its last line had no end when it was taken */
        bool multiline;                 /* several lines of text */
        bool truncated;                 /* cut, and how much is not known yet: what follows is passed over */
        bool foreign;                   /* not in the form of the container's runtime */
        const char *stream;             /* static: "stdout", "stderr"; NULL: the file has none */
        const char *time;               /* borrowed as text: RFC 3339, by the container's runtime; NULL: none */
        size_t time_len;
        size_t skipped;                 /* bytes within size that belong to no event: the rest of what was truncated */
        struct frame_skip skip;         /* as it is behind this frame; of one with size 0 it says nothing */
};

struct multiline;
struct weave;
struct weaving;

/* How events end, for one input, in the bytes that begin at start. */
struct framing {
        struct multiline *multiline;    /* borrowed; NULL: every line is an event */
        size_t max_bytes, max_lines;    /* of an event of several lines: it ends before the line that would pass them */
        bool final;                     /* nothing comes behind `end`: what is there is all */
        const char *start;
        int64_t offset;                 /* of start in the file */
        const struct weaving *weaving;  /* borrowed; NULL: lines are UTF-8, end at LF and stand in the file as they are */
        struct weave *weave;            /* borrowed; its memory, reset for these bytes */
        struct frame_skip skip;         /* as it is at the position where the next event is looked for */
};

/* The event that starts at p. A pure function of the bytes from p on, and of skip: read from any event's start, the events
 * behind it are the same.  False: more is needed, and ret->unfinished says whether it is a line that has no end
 * yet; then there are no more than max_bytes, or no end of the first line.
 * known: as of line_next; of no weight for an input with multiline or containers. */
bool frame_next(const struct framing *how, const char *p, const char *end, size_t known, struct frame *ret);

/* The line at p that is longer than max_bytes: `keep` bytes of it are there, all of it is `size`, its terminator of
 * `end_len` bytes (0: unfinished) included. */
void frame_long(const struct framing *how, const char *p, size_t keep, size_t size, size_t end_len, struct frame *ret);

/* The line that starts at p, whose first `known` bytes are known to hold no LF; a CR before the LF belongs to the
 * terminator. False: no LF before end. */
bool line_next(const char *p, const char *end, size_t known, struct frame *ret);

#endif
