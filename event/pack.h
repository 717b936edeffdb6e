/* SPDX-License-Identifier: Apache-2.0 */
/* pack: many lines of one file as one Kafka record, the batch format.  docs/batch-format.md has it to the byte.
 *
 *      LZ4 frame of   | head | before | after | text of all lines | table |
 *                      fixed  shared by lines    one line behind     for each line its length, and what is
 *                      size                      the other           not as with the line before it
 *
 * A line's document is `before`, its offset and `after` put together with its time, id and text, exactly as
 * event_write does it, so both formats give the same document.  A line that was parsed is kept as the event it is.
 *
 *      pack_begin --> pack_add, pack_add, ... --> pack_end         one at a time; keeps its memory
 *      unpack_begin --> unpack_next, unpack_next, ... false        any bytes in
 *
 * Invariant: unpack_begin has checked everything, so unpack_next fails on nothing.  Bounded: PACK_CONTENT and PACK_LINES,
 * whatever a frame claims.  Both are owned by one thread.
 */
#ifndef SLUICE_EVENT_PACK_H
#define SLUICE_EVENT_PACK_H

#include "base/err.h"
#include "event/event.h"

struct LZ4F_dctx_s;

enum {
        PACK_CONTENT = 8 << 20, /* bytes before compression: a reader refuses more */
        PACK_LINES = 65536,     /* lines of one record: likewise */
};

/* --- writing --------------------------------------------------------------------------------- */

struct pack {
        struct buf content, table;      /* owned */
        size_t text_at;                 /* where the text begins in content */
        uint32_t before_len, after_len;
        uint32_t lines;
        struct ident file;
        bool has_text;                  /* there is a line that is text: the fields below are its */
        uint64_t first_offset;
        int64_t first_ms, last_ms;
        uint64_t end, gap;              /* offset where the last line's text ended, and what stood before it since the one before */
};

void pack_fini(struct pack *p);                         /* zeroed struct ok */
void pack_begin(struct pack *p, const struct event_stream *s);
static inline bool pack_is_open(const struct pack *p) { return p->content.len > 0; }

/* s is that of pack_begin.  False: it does not fit any more, or never would; nothing was added.  ret_repaired: the number
 * of U+FFFD put in, which is 0 for text: that is repaired by its reader. */
bool pack_add(struct pack *p, const struct event_stream *s, const struct event_line *line, size_t *ret_repaired);

/* A line that is a whole document already. False as for pack_add. */
bool pack_add_document(struct pack *p, const char *doc, size_t len);

/* Bytes that it has so far, before compression. */
static inline size_t pack_size(const struct pack *p) { return p->content.len + p->table.len; }
/* What pack_end appends at most when so many bytes went in. */
size_t pack_bound(size_t size);
/* The largest size whose pack_bound is at most `record`; 0: there is none. */
size_t pack_size_for(size_t record);

void pack_cancel(struct pack *p);                       /* afterwards nothing is open */
/* Appends the record's value; afterwards nothing is open.  At least one line was added. */
void pack_end(struct pack *p, struct buf *out);

/* --- reading --------------------------------------------------------------------------------- */

struct unpack {
        struct LZ4F_dctx_s *lz4;        /* owned; made when the first one is read */
        struct buf content;             /* owned */
        struct event_stream stream;     /* its buffers point into content */
        uint32_t lines, left;
        const char *text;               /* of the next line */
        const uint8_t *table, *table_end;
        int64_t ms;
        uint64_t end, gap;
};

/* One line, borrowed until the next call or the end of `scratch`'s content. */
struct unpacked {
        const char *doc;                /* JSON, when the record was made by us */
        size_t len;
        size_t repaired;                /* U+FFFD put in for invalid UTF-8 */
};

/* Does it look like one?  The first bytes of an LZ4 frame are no JSON and no text. */
bool pack_is(const void *p, size_t n);

/* -EBADMSG with a sentence: it is not whole, or not ours, or too large. */
int unpack_begin(struct unpack *u, const void *p, size_t n, struct err *e) MUST_CHECK;
/* False: that was the last line.  scratch is overwritten. */
bool unpack_next(struct unpack *u, struct buf *scratch, struct unpacked *ret);
/* The next line goes to p, which was begun with u->stream, as it is. False: there was none. */
bool unpack_move(struct unpack *u, struct pack *p);
void unpack_end(struct unpack *u);                      /* lets the content go */
void unpack_fini(struct unpack *u);                     /* zeroed struct ok */

#endif
