/* SPDX-License-Identifier: Apache-2.0 */
/* event: writes a log line as an Elastic Common Schema event, in one pass.
 *
 *      {"@timestamp":"2026-11-23T10:00:00.123Z","event":{"id":"s1.<22>"},"message":"<escaped line>",
 *       "log":{"file":{"path":"...","id":"<22>"},"offset":8123},"service":{"name":"..."},"host":{"name":"..."}}
 *      |<------- fixed width: EVENT_ID_AT ------->|
 *
 * What is the same for every line of a file (from `","log":` to `"offset":`, and
 * from there to the end) is written once into a struct event_stream; a line costs
 * a time stamp, an id, the escaped message and two copies.
 *
 * What was found in a line (struct event_parts) goes into the same objects, behind what is
 * always there, and new ones to the end.  A time finer than a millisecond is six characters
 * wider, and the id then stands six further on: event_id_at.
 * Any bytes in; the output always parses.  One thread.
 */
#ifndef SLUICE_EVENT_EVENT_H
#define SLUICE_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/ident.h"

enum {
        EVENT_TIMESTAMP_AT = 15,        /* where the time stamp stands: 24 or, with nanoseconds, 30 characters */
        EVENT_ID_AT = 56,               /* where the id's IDENT_LINE_TEXT characters stand behind one of 24 */
};
static inline size_t event_id_at(const char *event) { return EVENT_ID_AT + (event[EVENT_TIMESTAMP_AT + 23] == 'Z' ? 0 : 6); }

/* The objects at an event's top that have members of more than one origin. */
enum event_root {
        EVENT_EVENT, EVENT_LOG, EVENT_SERVICE, EVENT_HOST, EVENT_LABELS, EVENT_TRACE, EVENT_SPAN, EVENT_USER,
        EVENT_NROOTS
};
extern const char *const event_root_name[EVENT_NROOTS];

/* The root that a path begins with, and what is left of it: "service.name" is EVENT_SERVICE and "name".
 * EVENT_NROOTS: none of them, or nothing is left. */
enum event_root event_root_of(const char *path, size_t len, size_t *ret_rest);

struct event_stream {
        struct ident file;
        struct buf before_offset, after_offset;         /* owned, precomputed */
        bool has_service, has_host, has_more;           /* service.name, host.name; members of event_stream_put */
        int32_t ends[EVENT_NROOTS];                     /* where the root's } stands in after_offset; -1: it has none */
};

/* service or host NULL or "": the field is absent; path NULL: log.file is. */
void event_stream_init(struct event_stream *s, const struct ident *file, const char *path, const char *service, const char *host);
void event_stream_fini(struct event_stream *s);         /* zeroed struct ok */

/* Adds a field to every event of the stream: "labels.env", "service.version", "cloud.region". The caller sees to it
 * that none is added twice and that the events have none of that name already. */
void event_stream_add(struct event_stream *s, const char *path, const char *value);

/* The same for members that are JSON already: "\"container\":{...}". None of them is one of the roots. */
void event_stream_put(struct event_stream *s, const struct buf *members);

enum {
        EVENT_TRUNCATED = 1,            /* the text was cut */
        EVENT_MULTILINE = 2,            /* several lines of the file */
};

/* What was found in a line. Everything is JSON, ready to be copied, and without braces: "\"level\":\"warn\"". */
struct event_parts {
        bool precise;                   /* wall_ns is the line's own: what it has below a millisecond is kept */
        bool no_message;
        const char *message;            /* NULL: the line's text; else the inside of a JSON string */
        size_t message_len;
        struct buf more[EVENT_NROOTS];  /* owned; members for each root */
        struct buf rest;                /* owned; members at the top */
};
void event_parts_reset(struct event_parts *p);          /* nothing was found; keeps the memory */
void event_parts_fini(struct event_parts *p);           /* zeroed struct ok */
size_t event_parts_max(const struct event_parts *p);    /* upper bound of what they add to an event */

struct event_line {
        int64_t wall_ns;                /* goes to @timestamp */
        uint64_t offset;                /* of the line's first byte in the file */
        uint64_t span;                  /* 0: one whole line; else its id is that of so many bytes of the file */
        const char *text;
        size_t len;                     /* without the terminator */
        unsigned flags;                 /* EVENT_: to log.flags */
        const char *stream;             /* "stdout" ..., NULL: the field is absent */
        const struct event_parts *parts;        /* borrowed; NULL: nothing was looked for */
};

/* Appends one event. Returns the number of U+FFFD put in for invalid UTF-8 in the
 * text.  When the buffer failed, half an event may stand at its end. */
size_t event_write(struct buf *b, const struct event_stream *s, const struct event_line *line);

/* Upper bound of what event_write appends for a line of n bytes without parts or stream. */
size_t event_max_size(const struct event_stream *s, size_t n);

/* The same for a line that is not ours (a plain text record met by the collector):
 * {"@timestamp":...,"message":"..."}.  At most event_max_text(n). */
size_t event_write_text(struct buf *b, int64_t wall_ns, const char *text, size_t len);
size_t event_max_text(size_t n);

#endif
