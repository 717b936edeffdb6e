/* SPDX-License-Identifier: Apache-2.0 */
#include "event/pack.h"

#include <lz4frame.h>

#include "event/pack_form.h"

const char *const pack_streams[PACK_STREAMS] = { "stdout", "stderr" };

enum { VARINT_MAX = 10, ENTRY_MAX = 1 + 7 * VARINT_MAX };

/* --- varints --------------------------------------------------------------------------------- */

/* LEB128: seven bits a byte, the low ones first. */
static inline char *put_varint(char *p, uint64_t n)
{
        for (; n >= 0x80; n >>= 7)
                *p++ = (char)(n | 0x80);
        *p++ = (char)n;
        return p;
}

static inline uint64_t zigzag(int64_t n)
{
        return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static void put_le(struct buf *b, size_t at, uint64_t n, size_t bytes)
{
        for (size_t i = 0; i < bytes; i++)
                b->data[at + i] = (char)(n >> 8 * i);
}

/* --- lines ----------------------------------------------------------------------------------- */

void pack_fini(struct pack *p)
{
        buf_fini(&p->content);
        buf_fini(&p->table);
        *p = (struct pack){ 0 };
}

void pack_begin(struct pack *p, const struct event_stream *s)
{
        char *head = buf_reserve(&p->content, PACK_HEAD);

        CHECK(!pack_is_open(p));
        memset(head, 0, PACK_HEAD);
        p->content.len = PACK_HEAD;
        buf_put(&p->content, s->before_offset.data, s->before_offset.len);
        buf_put(&p->content, s->after_offset.data, s->after_offset.len);
        p->before_len = (uint32_t)s->before_offset.len;
        p->after_len = (uint32_t)s->after_offset.len;
        p->text_at = p->content.len;
        p->file = s->file;
        p->lines = 0;
        p->has_text = false;
        p->first_offset = 0;
        p->first_ms = 0;
}

static int64_t floor_ms(int64_t ns)
{
        return ns / 1000000 - (ns % 1000000 < 0);
}

/* From 1; 0: the line has none.  PACK_STREAMS + 1: one that the table does not know. */
static size_t stream_number(const char *stream)
{
        size_t i = 0;

        if (!stream)
                return 0;
        while (i < PACK_STREAMS && strcmp(stream, pack_streams[i]) != 0)
                i++;
        return i + 1;
}

/* Nothing but its time was found in it. */
static bool says_nothing(const struct event_parts *parts)
{
        if (!parts)
                return true;
        if (parts->message || parts->no_message || parts->rest.len > 0)
                return false;
        for (int i = 0; i < EVENT_NROOTS; i++)
                if (parts->more[i].len > 0)
                        return false;
        return true;
}

static void add_entry(struct pack *p, size_t len, unsigned mask, const uint64_t *values)
{
        char *start = buf_reserve(&p->table, ENTRY_MAX), *at = start;

        at = put_varint(at, (uint64_t)len << 1 | (mask != 0));
        if (mask)
                *at++ = (char)mask;
        for (unsigned bit = 0; mask >> bit && 1u << bit < LINE_EVENT; bit++)
                if (mask & 1u << bit)
                        at = put_varint(at, values[bit]);
        p->table.len += (size_t)(at - start);
        p->lines++;
}

static bool fits(const struct pack *p, size_t more)
{
        return p->lines < PACK_LINES && pack_size(p) + more + ENTRY_MAX <= PACK_CONTENT;
}

bool pack_add_document(struct pack *p, const char *doc, size_t len)
{
        if (!fits(p, len))
                return false;
        buf_put(&p->content, doc, len);
        add_entry(p, len, LINE_EVENT, NULL);
        return true;
}

static bool add_event(struct pack *p, const struct event_stream *s, const struct event_line *line, size_t *ret_repaired)
{
        size_t start = p->content.len;

        *ret_repaired = event_write(&p->content, s, line);
        if (!fits(p, 0)) {
                p->content.len = start;
                return false;
        }
        add_entry(p, p->content.len - start, LINE_EVENT, NULL);
        return true;
}

static void first_text(struct pack *p, uint64_t offset, int64_t ms)
{
        p->has_text = true;
        p->first_offset = offset;
        p->first_ms = p->last_ms = ms;
        p->gap = 1;
        p->end = offset - 1;
}

bool pack_add(struct pack *p, const struct event_stream *s, const struct event_line *line, size_t *ret_repaired)
{
        size_t stream = stream_number(line->stream);

        *ret_repaired = 0;
        if (!says_nothing(line->parts) || stream > PACK_STREAMS)
                return add_event(p, s, line, ret_repaired);
        if (!fits(p, line->len))
                return false;
        int64_t ms = floor_ms(line->wall_ns), nanos = line->wall_ns - ms * 1000000;
        if (!p->has_text)
                first_text(p, line->offset, ms);
        bool precise = line->parts && line->parts->precise && nanos != 0;
        uint64_t gap = line->offset - p->end;
        const uint64_t values[] = { zigzag((int64_t)gap),
                                    zigzag((int64_t)((uint64_t)ms - (uint64_t)p->last_ms)),
                                    (uint64_t)nanos,
                                    line->span,
                                    line->flags,
                                    stream };
        unsigned mask = (gap != p->gap ? LINE_GAP : 0u) | (ms != p->last_ms ? LINE_TIME : 0u) |
                        (precise ? LINE_NANOS : 0u) | (line->span ? LINE_SPAN : 0u) |
                        (line->flags ? LINE_FLAGS : 0u) | (stream ? LINE_STREAM : 0u);

        add_entry(p, line->len, mask, values);
        buf_put(&p->content, line->text, line->len);
        p->gap = gap;
        p->last_ms = ms;
        p->end = line->offset + line->len;
        return true;
}

/* --- the record ------------------------------------------------------------------------------ */

static LZ4F_preferences_t preferences(size_t size)
{
        return (LZ4F_preferences_t){ .frameInfo = { .blockSizeID = LZ4F_max256KB,
                                                    .blockMode = LZ4F_blockIndependent,
                                                    .contentChecksumFlag = LZ4F_contentChecksumEnabled,
                                                    .contentSize = size },
                                     .autoFlush = 1 };
}

size_t pack_bound(size_t size)
{
        LZ4F_preferences_t how = preferences(size);

        return LZ4F_compressFrameBound(size, &how);
}

size_t pack_size_for(size_t record)
{
        size_t size = record;

        while (size > 0 && pack_bound(size) > record) {
                size_t over = pack_bound(size) - record;
                size = over < size ? size - over : 0;
        }
        return size < PACK_CONTENT ? size : PACK_CONTENT;
}

void pack_cancel(struct pack *p)
{
        buf_reset(&p->content);
        buf_reset(&p->table);
}

static void fill_head(struct pack *p)
{
        struct buf *b = &p->content;

        memcpy(b->data, PACK_MAGIC, sizeof(PACK_MAGIC) - 1);
        b->data[HEAD_VERSION] = PACK_VERSION;
        b->data[HEAD_SCHEME] = PACK_SCHEME;
        put_le(b, HEAD_LINES, p->lines, 4);
        put_le(b, HEAD_BEFORE, p->before_len, 4);
        put_le(b, HEAD_AFTER, p->after_len, 4);
        put_le(b, HEAD_TEXT, b->len - p->text_at, 4);
        put_le(b, HEAD_TABLE, p->table.len, 4);
        put_le(b, HEAD_TIME, (uint64_t)p->first_ms, 8);
        put_le(b, HEAD_OFFSET, p->first_offset, 8);
        memcpy(b->data + HEAD_FILE, p->file.bytes, sizeof(p->file.bytes));
}

void pack_end(struct pack *p, struct buf *out)
{
        CHECK(p->lines > 0);
        fill_head(p);
        buf_put(&p->content, p->table.data, p->table.len);
        CHECK(p->content.len <= PACK_CONTENT && p->lines <= PACK_LINES);
        LZ4F_preferences_t how = preferences(p->content.len);
        size_t room = LZ4F_compressFrameBound(p->content.len, &how);
        char *to = buf_reserve(out, room);
        size_t n = LZ4F_compressFrame(to, room, p->content.data, p->content.len, &how);
        CHECK(!LZ4F_isError(n));
        out->len += n;
        pack_cancel(p);
}
