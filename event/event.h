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
        EVENT_TIMESTAMP_AT = 15,        /* where the time stamp's 24 characters stand */
        EVENT_ID_AT = 56,               /* where the id's IDENT_LINE_TEXT characters stand */
};

struct event_stream {
        struct ident file;
        struct buf before_offset, after_offset;         /* owned, precomputed */
};

/* service or host NULL or "": the field is absent. */
void event_stream_init(struct event_stream *s, const struct ident *file, const char *path, const char *service, const char *host);
void event_stream_fini(struct event_stream *s);         /* zeroed struct ok */

struct event_line {
        int64_t wall_ns;        /* goes to @timestamp */
        uint64_t offset;        /* of the line's first byte in the file */
        const char *text;
        size_t len;             /* without the terminator */
        bool truncated;         /* adds "flags":["truncated"] in log */
};

/* Appends one event. Returns the number of U+FFFD put in for invalid UTF-8 in the
 * text.  When the buffer failed, half an event may stand at its end. */
size_t event_write(struct buf *b, const struct event_stream *s, const struct event_line *line);

/* Upper bound of what event_write appends for a line of n bytes. */
size_t event_max_size(const struct event_stream *s, size_t n);

/* The same for a line that is not ours (a plain text record met by the collector):
 * {"@timestamp":...,"message":"..."}.  At most event_max_text(n). */
size_t event_write_text(struct buf *b, int64_t wall_ns, const char *text, size_t len);
size_t event_max_text(size_t n);

#endif
