/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event.h"

#include "base/json.h"
#include "event/timestamp.h"

/* The event's start with its two variable fields filled in by anything of the right width. */
#define ANY_TIMESTAMP   "0000-00-00T00:00:00.000Z"
#define ANY_ID          IDENT_SCHEME "0000000000000000000000"
#define UP_TO_TIMESTAMP "{\"@timestamp\":\""
#define UP_TO_ID        UP_TO_TIMESTAMP ANY_TIMESTAMP "\",\"event\":{\"id\":\""

static const char head[] = UP_TO_ID ANY_ID "\"},\"message\":\"";
static const char text_head[] = UP_TO_TIMESTAMP ANY_TIMESTAMP "\",\"message\":\"";
static const char text_tail[] = "\"}";
static const char all_flags[] = ",\"flags\":[\"truncated\",\"multiline\"]";

_Static_assert(sizeof(UP_TO_TIMESTAMP) - 1 == EVENT_TIMESTAMP_AT, "the header says where");
_Static_assert(sizeof(UP_TO_ID) - 1 == EVENT_ID_AT, "the header says where");
_Static_assert(sizeof(ANY_TIMESTAMP) - 1 == TIMESTAMP_LEN, "a time stamp's width");
_Static_assert(sizeof(ANY_ID) - 1 == IDENT_LINE_TEXT, "an id's width");

enum {
        HEAD_LEN = sizeof(head) - 1,
        TEXT_HEAD_LEN = sizeof(text_head) - 1,
        TEXT_TAIL_LEN = sizeof(text_tail) - 1,
        FLAGS_LEN = sizeof(all_flags) - 1,
        UP_TO_ID_LEN = sizeof(UP_TO_ID) - 1,
        NS_MORE = TIMESTAMP_NS_LEN - TIMESTAMP_LEN,
        OFFSET_MAX = 20, /* digits of UINT64_MAX */
        ESCAPED_MAX = 6, /* a control byte becomes \u00XX; nothing grows more */
};

const char *const event_root_name[EVENT_NROOTS] = {
        [EVENT_EVENT] = "event", [EVENT_LOG] = "log",       [EVENT_SERVICE] = "service",
        [EVENT_HOST] = "host",   [EVENT_LABELS] = "labels", [EVENT_TRACE] = "trace",
        [EVENT_SPAN] = "span",   [EVENT_USER] = "user",
};

enum event_root event_root_of(const char *path, size_t len, size_t *ret_rest)
{
        const char *dot = memchr(path, '.', len);
        size_t n = dot ? (size_t)(dot - path) : len;

        for (int i = 0; dot && n + 1 < len && i < EVENT_NROOTS; i++) {
                if (strlen(event_root_name[i]) == n && memcmp(path, event_root_name[i], n) == 0) {
                        *ret_rest = n + 1;
                        return (enum event_root)i;
                }
        }
        return EVENT_NROOTS;
}

/* --- streams -------------------------------------------------------------------------------- */

void event_stream_init(struct event_stream *s, const struct ident *file, const char *path,
                       const char *service, const char *host)
{
        struct buf *b = &s->before_offset;
        char id[IDENT_FILE_TEXT];

        s->file = *file;
        ident_text(file, id);
        buf_init(b, 0);
        buf_puts(b, "\",\"log\":{");
        if (path) {
                buf_puts(b, "\"file\":{\"path\":");
                json_cstring(b, path);
                buf_puts(b, ",\"id\":\"");
                buf_put(b, id, sizeof(id));
                buf_puts(b, "\"},");
        }
        buf_puts(b, "\"offset\":");

        buf_init(&s->after_offset, 0);
        buf_puts(&s->after_offset, "}}");
        for (int i = 0; i < EVENT_NROOTS; i++)
                s->ends[i] = i == EVENT_LOG ? 0 : -1;
        s->has_service = service && *service;
        s->has_host = host && *host;
        s->has_more = false;
        if (s->has_service)
                event_stream_add(s, "service.name", service);
        if (s->has_host)
                event_stream_add(s, "host.name", host);
}

void event_stream_fini(struct event_stream *s)
{
        buf_fini(&s->before_offset);
        buf_fini(&s->after_offset);
}

static void insert(struct event_stream *s, size_t at, const struct buf *text)
{
        struct buf *b = &s->after_offset;

        buf_reserve(b, text->len);
        memmove(b->data + at + text->len, b->data + at, b->len - at);
        memcpy(b->data + at, text->data, text->len);
        b->len += text->len;
        for (int i = 0; i < EVENT_NROOTS; i++)
                if (s->ends[i] >= (int32_t)at)
                        s->ends[i] += (int32_t)text->len;
}

void event_stream_add(struct event_stream *s, const char *path, const char *value)
{
        size_t rest = 0, at = s->after_offset.len - 1;
        enum event_root root = event_root_of(path, strlen(path), &rest);
        bool is_new = root != EVENT_NROOTS && s->ends[root] < 0;
        struct buf text = { 0 };

        if (root == EVENT_EVENT) { /* that one is written before the stream's part */
                root = EVENT_NROOTS;
                rest = 0;
        }
        buf_putc(&text, ',');
        if (root != EVENT_NROOTS && is_new)
                buf_printf(&text, "\"%s\":{", event_root_name[root]);
        else if (root != EVENT_NROOTS)
                at = (size_t)s->ends[root];
        json_cstring(&text, path + rest);
        buf_putc(&text, ':');
        json_cstring(&text, value);
        if (root != EVENT_NROOTS && is_new)
                buf_putc(&text, '}');
        insert(s, at, &text);
        if (root != EVENT_NROOTS && is_new)
                s->ends[root] = (int32_t)(at + text.len - 1);
        buf_fini(&text);
}

void event_stream_put(struct event_stream *s, const struct buf *members)
{
        struct buf text = { 0 };

        if (members->len == 0)
                return;
        buf_putc(&text, ',');
        buf_put(&text, members->data, members->len);
        insert(s, s->after_offset.len - 1, &text);
        s->has_more = true;
        buf_fini(&text);
}

void event_parts_reset(struct event_parts *p)
{
        p->precise = p->no_message = false;
        p->message = NULL;
        p->message_len = 0;
        for (int i = 0; i < EVENT_NROOTS; i++)
                buf_reset(&p->more[i]);
        buf_reset(&p->rest);
}

void event_parts_fini(struct event_parts *p)
{
        for (int i = 0; i < EVENT_NROOTS; i++)
                buf_fini(&p->more[i]);
        buf_fini(&p->rest);
}

size_t event_parts_max(const struct event_parts *p)
{
        enum { NAME_MAX_BYTES = 13 }; /* ,"service":{} */
        size_t n = p->message_len + p->rest.len + 1 + NS_MORE;

        for (int i = 0; i < EVENT_NROOTS; i++)
                n += p->more[i].len > 0 ? p->more[i].len + NAME_MAX_BYTES : 0;
        return n;
}

/* --- lines ---------------------------------------------------------------------------------- */

static inline struct ident line_id(const struct event_stream *s, const struct event_line *line)
{
        return line->span ? ident_of_span(&s->file, line->offset, line->span)
                          : ident_of_line(&s->file, line->offset);
}

static void put_head(struct buf *b, const struct event_stream *s, const struct event_line *line)
{
        struct ident id = line_id(s, line);
        char *p = buf_reserve(b, HEAD_LEN);

        if (!p)
                return;
        memcpy(p, head, HEAD_LEN);
        timestamp_format(line->wall_ns, p + EVENT_TIMESTAMP_AT);
        ident_line_text(&id, p + EVENT_ID_AT);
        b->len += HEAD_LEN;
}

__attribute__((noinline)) static void put_flags(struct buf *b, unsigned flags)
{
        buf_puts(b, ",\"flags\":[");
        if (flags & EVENT_TRUNCATED)
                buf_puts(b, "\"truncated\"");
        if (flags & EVENT_MULTILINE)
                buf_puts(b, flags & EVENT_TRUNCATED ? ",\"multiline\"" : "\"multiline\"");
        buf_putc(b, ']');
}

/* As put_head, up to what may stand between the id and the message. */
static void put_open_head(struct buf *b, const struct event_stream *s, const struct event_line *line)
{
        bool precise = line->parts && line->parts->precise && line->wall_ns % 1000000 != 0;
        struct ident id = line_id(s, line);
        char *p = buf_reserve(b, UP_TO_ID_LEN + NS_MORE + IDENT_LINE_TEXT + 1);
        size_t at = EVENT_ID_AT;

        if (!p)
                return;
        memcpy(p, head, UP_TO_ID_LEN);
        if (precise) {
                timestamp_format_ns(line->wall_ns, p + EVENT_TIMESTAMP_AT);
                memcpy(p + EVENT_TIMESTAMP_AT + TIMESTAMP_NS_LEN, head + EVENT_TIMESTAMP_AT + TIMESTAMP_LEN,
                       UP_TO_ID_LEN - EVENT_TIMESTAMP_AT - TIMESTAMP_LEN);
                at += NS_MORE;
        } else {
                timestamp_format(line->wall_ns, p + EVENT_TIMESTAMP_AT);
        }
        ident_line_text(&id, p + at);
        p[at + IDENT_LINE_TEXT] = '"';
        b->len += at + IDENT_LINE_TEXT + 1;
}

static void put_more(struct buf *b, const struct buf *more)
{
        if (more->len == 0)
                return;
        buf_putc(b, ',');
        buf_put(b, more->data, more->len);
}

static size_t put_message(struct buf *b, const struct event_line *line, const struct event_parts *parts)
{
        if (parts->no_message)
                return 0;
        buf_puts(b, ",\"message\":\"");
        if (!parts->message)
                return json_escape(b, line->text, line->len);
        buf_put(b, parts->message, parts->message_len);
        return 0;
}

/* From the offset to the end: what the stream has, and behind it, root by root, what the line has. */
static void put_roots(struct buf *b, const struct event_stream *s, const struct event_parts *parts)
{
        const struct buf *after = &s->after_offset;
        size_t done = 0;

        for (;
             ;) { /* the stream's roots stand in the order of their ends, which is not that of their numbers */
                int next = -1;
                for (int i = EVENT_LOG; i < EVENT_NROOTS; i++)
                        if (s->ends[i] >= (int32_t)done && parts->more[i].len > 0 &&
                            (next < 0 || s->ends[i] < s->ends[next]))
                                next = i;
                if (next < 0)
                        break;
                buf_put(b, after->data + done, (size_t)s->ends[next] - done);
                put_more(b, &parts->more[next]);
                buf_putc(b, '}');
                done = (size_t)s->ends[next] + 1;
        }
        buf_put(b, after->data + done, after->len - 1 - done);
        for (int i = EVENT_LOG; i < EVENT_NROOTS; i++) {
                if (s->ends[i] >= 0 || parts->more[i].len == 0)
                        continue;
                buf_puts(b, ",\"");
                buf_puts(b, event_root_name[i]);
                buf_puts(b, "\":{");
                buf_put(b, parts->more[i].data, parts->more[i].len);
                buf_putc(b, '}');
        }
        put_more(b, &parts->rest);
}

/* Apart, so that the plain line does not save registers for it. */
__attribute__((noinline)) static size_t write_more(struct buf *b, const struct event_stream *s,
                                                   const struct event_line *line)
{
        static const struct event_parts none;
        const struct event_parts *parts = line->parts ? line->parts : &none;

        put_open_head(b, s, line);
        put_more(b, &parts->more[EVENT_EVENT]);
        buf_putc(b, '}');
        size_t repaired = put_message(b, line, parts);
        size_t quote = parts->no_message; /* the one that ends the message */
        buf_put(b, s->before_offset.data + quote, s->before_offset.len - quote);
        buf_put_u64(b, line->offset);
        if (line->flags)
                put_flags(b, line->flags);
        put_roots(b, s, parts);
        if (line->stream) {
                buf_puts(b, ",\"stream\":");
                json_cstring(b, line->stream);
        }
        buf_putc(b, '}');
        return repaired;
}

size_t event_write(struct buf *b, const struct event_stream *s, const struct event_line *line)
{
        if (line->parts || line->stream)
                return write_more(b, s, line);
        put_head(b, s, line);
        size_t repaired = json_escape(b, line->text, line->len);
        buf_put(b, s->before_offset.data, s->before_offset.len);
        buf_put_u64(b, line->offset);
        if (line->flags)
                put_flags(b, line->flags);
        buf_put(b, s->after_offset.data, s->after_offset.len);
        return repaired;
}

size_t event_max_size(const struct event_stream *s, size_t n)
{
        return HEAD_LEN + ESCAPED_MAX * n + s->before_offset.len + OFFSET_MAX + FLAGS_LEN +
               s->after_offset.len;
}

size_t event_write_text(struct buf *b, int64_t wall_ns, const char *text, size_t len)
{
        char *p = buf_reserve(b, TEXT_HEAD_LEN);

        if (p) {
                memcpy(p, text_head, TEXT_HEAD_LEN);
                timestamp_format(wall_ns, p + EVENT_TIMESTAMP_AT);
                b->len += TEXT_HEAD_LEN;
        }
        size_t repaired = json_escape(b, text, len);
        buf_put(b, text_tail, TEXT_TAIL_LEN);
        return repaired;
}

size_t event_max_text(size_t n)
{
        return TEXT_HEAD_LEN + ESCAPED_MAX * n + TEXT_TAIL_LEN;
}
