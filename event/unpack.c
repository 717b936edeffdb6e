/* SPDX-License-Identifier: Apache-2.0 */
#include "event/pack.h"

#include <errno.h>
#include <lz4frame.h>

#include "event/pack_form.h"

/* A line as its entry in the table has it. */
struct entry {
        size_t len;
        unsigned mask;
        uint64_t nanos, span, flags, stream;
};

bool pack_is(const void *p, size_t n)
{
        return n >= 4 && memcmp(p, "\x04\x22\x4d\x18", 4) == 0;
}

/* --- numbers --------------------------------------------------------------------------------- */

static uint64_t le(const char *p, size_t bytes)
{
        uint64_t n = 0;

        for (size_t i = 0; i < bytes; i++)
                n |= (uint64_t)(uint8_t)p[i] << 8 * i;
        return n;
}

static bool get_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
        uint64_t n = 0;

        for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
                uint8_t byte = *(*p)++;
                if (shift == 63 && byte > 1)
                        return false;
                n |= (uint64_t)(byte & 0x7f) << shift;
                if (byte < 0x80) {
                        *ret = n;
                        return true;
                }
        }
        return false;
}

static int64_t unzigzag(uint64_t n)
{
        return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

/* --- the frame ------------------------------------------------------------------------------- */

static int bad(struct err *e, const char *why)
{
        return err_set(e, EBADMSG, "record in the batch format: %s", why);
}

static int check_frame(struct unpack *u, const char *p, size_t n, size_t *ret_head, size_t *ret_size, struct err *e)
{
        LZ4F_frameInfo_t info;

        *ret_head = n;
        LZ4F_resetDecompressionContext(u->lz4);
        size_t hint = LZ4F_getFrameInfo(u->lz4, &info, p, ret_head);
        if (LZ4F_isError(hint))
                return bad(e, "it is not an LZ4 frame, or cut");
        if (info.frameType != LZ4F_frame || info.dictID != 0 || info.contentChecksumFlag != LZ4F_contentChecksumEnabled)
                return bad(e, "the LZ4 frame has no content checksum, or needs a dictionary");
        if (info.contentSize < PACK_HEAD)
                return bad(e, "the LZ4 frame does not say its content's size, or has too little");
        if (info.contentSize > PACK_CONTENT)
                return bad(e, "its content is larger than a record's may be");
        *ret_size = (size_t)info.contentSize;
        return 0;
}

/* The whole frame, and nothing behind it. */
static int decompress(struct unpack *u, const char *p, size_t n, struct err *e)
{
        const LZ4F_decompressOptions_t how = { .stableDst = 1 };
        size_t at, size = 0, done = 0, hint = 1;
        int r = check_frame(u, p, n, &at, &size, e);

        if (r < 0)
                return r;
        buf_reset(&u->content);
        char *to = buf_reserve(&u->content, size);
        while (hint != 0) {
                size_t took = n - at, put = size - done;
                hint = LZ4F_decompress(u->lz4, to + done, &put, p + at, &took, &how);
                if (LZ4F_isError(hint))
                        return bad(e, "the LZ4 frame is damaged");
                at += took;
                done += put;
                if (hint != 0 && took == 0 && put == 0)
                        return bad(e, at == n ? "the LZ4 frame is cut" : "the LZ4 frame is damaged");
        }
        if (at != n)
                return bad(e, "there is something behind the LZ4 frame");
        if (done != size)
                return bad(e, "the LZ4 frame is damaged");
        u->content.len = size;
        return 0;
}

/* --- the content ----------------------------------------------------------------------------- */

static struct buf piece(char *p, size_t len)
{
        return (struct buf){ .data = p, .len = len, .cap = len };
}

static int open_content(struct unpack *u, struct err *e)
{
        char *p = u->content.data;
        uint64_t before = le(p + HEAD_BEFORE, 4), after = le(p + HEAD_AFTER, 4), text = le(p + HEAD_TEXT, 4),
                 table = le(p + HEAD_TABLE, 4), lines = le(p + HEAD_LINES, 4);

        if (memcmp(p, PACK_MAGIC, sizeof(PACK_MAGIC) - 1) != 0)
                return bad(e, "the LZ4 frame holds something else");
        if (p[HEAD_VERSION] != PACK_VERSION || p[HEAD_SCHEME] != PACK_SCHEME)
                return err_set(e, EBADMSG,
                               "record in the batch format: is of version %u with ids of scheme %u; this program reads version "
                               "%d with scheme %d: bring it up to date",
                               (uint8_t)p[HEAD_VERSION], (uint8_t)p[HEAD_SCHEME], PACK_VERSION, PACK_SCHEME);
        if (PACK_HEAD + before + after + text + table != u->content.len)
                return bad(e, "its parts do not add up");
        if (lines == 0 || lines > PACK_LINES)
                return bad(e, "it has no lines, or more than a record may");
        if (after == 0)
                return bad(e, "it has no end of an event");
        u->lines = u->left = (uint32_t)lines;
        u->stream = (struct event_stream){ .before_offset = piece(p + PACK_HEAD, before),
                                           .after_offset = piece(p + PACK_HEAD + before, after) };
        memset(u->stream.ends, 0xff, sizeof(u->stream.ends));
        memcpy(u->stream.file.bytes, p + HEAD_FILE, sizeof(u->stream.file.bytes));
        u->text = p + PACK_HEAD + before + after;
        u->table = (const uint8_t *)u->text + text;
        u->table_end = u->table + table;
        return 0;
}

static void rewind_lines(struct unpack *u)
{
        u->ms = (int64_t)le(u->content.data + HEAD_TIME, 8);
        u->end = le(u->content.data + HEAD_OFFSET, 8) - 1;
        u->gap = 1;
}

static bool get_extras(struct unpack *u, const uint8_t **p, struct entry *ret)
{
        uint64_t gap = 0, time = 0;
        struct {
                unsigned bit;
                uint64_t *to;
        } const fields[] = { { LINE_GAP, &gap },          { LINE_TIME, &time },        { LINE_NANOS, &ret->nanos },
                             { LINE_SPAN, &ret->span },   { LINE_FLAGS, &ret->flags }, { LINE_STREAM, &ret->stream } };

        if (*p == u->table_end)
                return false;
        ret->mask = *(*p)++;
        if (ret->mask == LINE_EVENT)
                return true;
        if (ret->mask == 0 || ret->mask >= LINE_EVENT)
                return false;
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                if (ret->mask & fields[i].bit && !get_varint(p, u->table_end, fields[i].to))
                        return false;
        if (ret->mask & LINE_GAP)
                u->gap = (uint64_t)unzigzag(gap);
        u->ms = (int64_t)((uint64_t)u->ms + (uint64_t)unzigzag(time));
        return ret->nanos < 1000000 && ret->flags <= (EVENT_TRUNCATED | EVENT_MULTILINE) && ret->stream <= PACK_STREAMS;
}

/* The next entry, and where its line stands. */
static bool get_entry(struct unpack *u, struct entry *ret, uint64_t *ret_offset)
{
        const uint8_t *p = u->table;
        uint64_t n;

        *ret = (struct entry){ 0 };
        if (!get_varint(&p, u->table_end, &n) || (n & 1 && !get_extras(u, &p, ret)))
                return false;
        ret->len = (size_t)(n >> 1);
        u->table = p;
        if (ret->mask != LINE_EVENT) {
                *ret_offset = u->end + u->gap;
                u->end = *ret_offset + ret->len;
        }
        return true;
}

static bool time_fits(int64_t ms)
{
        return ms >= INT64_MIN / 1000000 + 1 && ms <= INT64_MAX / 1000000 - 1;
}

/* Walks through the table once, so that nothing can go wrong later. */
static int check_table(struct unpack *u, struct err *e)
{
        const uint8_t *table = u->table, *text = (const uint8_t *)u->text;
        size_t room = (size_t)(table - text);
        struct entry entry;
        uint64_t offset;

        rewind_lines(u);
        for (uint32_t i = 0; i < u->lines; i++) {
                if (!get_entry(u, &entry, &offset) || entry.len > room || !time_fits(u->ms))
                        return bad(e, "its table of lines is damaged");
                room -= entry.len;
        }
        if (u->table != u->table_end || room != 0)
                return bad(e, "its table of lines does not fit its text");
        u->table = table;
        rewind_lines(u);
        return 0;
}

int unpack_begin(struct unpack *u, const void *p, size_t n, struct err *e)
{
        if (!u->lz4 && LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION)))
                return err_set(e, ENOMEM, "lz4: no memory");
        int r = decompress(u, p, n, e);
        if (r == 0)
                r = open_content(u, e);
        if (r == 0)
                r = check_table(u, e);
        if (r < 0)
                unpack_end(u);
        return r;
}

/* What the next line is: there is one.  True: its text is a whole document, and the rest of ret is nothing. */
static bool take_line(struct unpack *u, struct event_line *ret)
{
        static const struct event_parts precise = { .precise = true };
        struct entry entry;
        uint64_t offset = 0;
        bool ok = get_entry(u, &entry, &offset);

        CHECK(ok && u->left > 0);
        u->left--;
        *ret = (struct event_line){ .wall_ns = u->ms * 1000000 + (int64_t)entry.nanos,
                                    .offset = offset,
                                    .span = entry.span,
                                    .text = u->text,
                                    .len = entry.len,
                                    .flags = (unsigned)entry.flags,
                                    .stream = entry.stream ? pack_streams[entry.stream - 1] : NULL,
                                    .parts = entry.mask & LINE_NANOS ? &precise : NULL };
        u->text += entry.len;
        return entry.mask == LINE_EVENT;
}

bool unpack_next(struct unpack *u, struct buf *scratch, struct unpacked *ret)
{
        struct event_line line;

        if (u->left == 0)
                return false;
        if (take_line(u, &line)) {
                *ret = (struct unpacked){ .doc = line.text, .len = line.len };
                return true;
        }
        buf_reset(scratch);
        size_t repaired = event_write(scratch, &u->stream, &line);
        *ret = (struct unpacked){ .doc = scratch->data, .len = scratch->len, .repaired = repaired };
        return true;
}

bool unpack_move(struct unpack *u, struct pack *p)
{
        struct event_line line;
        size_t repaired;

        if (u->left == 0)
                return false;
        bool whole = take_line(u, &line);
        return whole ? pack_add_document(p, line.text, line.len) : pack_add(p, &u->stream, &line, &repaired);
}

void unpack_end(struct unpack *u)
{
        enum { KEEP = 512 * 1024 };

        if (u->content.cap > KEEP)
                buf_fini(&u->content);
        buf_reset(&u->content);
        u->left = u->lines = 0;
}

void unpack_fini(struct unpack *u)
{
        LZ4F_freeDecompressionContext(u->lz4);
        buf_fini(&u->content);
        *u = (struct unpack){ 0 };
}
