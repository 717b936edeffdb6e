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
static const char flags[] = ",\"flags\":[\"truncated\"]";

_Static_assert(sizeof(UP_TO_TIMESTAMP) - 1 == EVENT_TIMESTAMP_AT, "the header says where");
_Static_assert(sizeof(UP_TO_ID) - 1 == EVENT_ID_AT, "the header says where");
_Static_assert(sizeof(ANY_TIMESTAMP) - 1 == TIMESTAMP_LEN, "a time stamp's width");
_Static_assert(sizeof(ANY_ID) - 1 == IDENT_LINE_TEXT, "an id's width");

enum {
        HEAD_LEN = sizeof(head) - 1,
        TEXT_HEAD_LEN = sizeof(text_head) - 1,
        TEXT_TAIL_LEN = sizeof(text_tail) - 1,
        FLAGS_LEN = sizeof(flags) - 1,
        OFFSET_MAX = 20, /* digits of UINT64_MAX */
        ESCAPED_MAX = 6, /* a control byte becomes \u00XX; nothing grows more */
};

static void put_name(struct buf *b, const char *field, const char *name)
{
        if (!name || !*name)
                return;
        buf_puts(b, ",\"");
        buf_puts(b, field);
        buf_puts(b, "\":{\"name\":");
        json_cstring(b, name);
        buf_putc(b, '}');
}

void event_stream_init(struct event_stream *s, const struct ident *file, const char *path,
                       const char *service, const char *host)
{
        struct buf *b = &s->before_offset;
        char id[IDENT_FILE_TEXT];

        s->file = *file;
        ident_text(file, id);
        buf_init(b, 0);
        buf_puts(b, "\",\"log\":{\"file\":{\"path\":");
        json_cstring(b, path);
        buf_puts(b, ",\"id\":\"");
        buf_put(b, id, sizeof(id));
        buf_puts(b, "\"},\"offset\":");

        buf_init(&s->after_offset, 0);
        buf_putc(&s->after_offset, '}');
        put_name(&s->after_offset, "service", service);
        put_name(&s->after_offset, "host", host);
        buf_putc(&s->after_offset, '}');
}

void event_stream_fini(struct event_stream *s)
{
        buf_fini(&s->before_offset);
        buf_fini(&s->after_offset);
}

static void put_head(struct buf *b, const struct event_stream *s, const struct event_line *line)
{
        struct ident id = ident_of_line(&s->file, line->offset);
        char *p = buf_reserve(b, HEAD_LEN);

        if (!p)
                return;
        memcpy(p, head, HEAD_LEN);
        timestamp_format(line->wall_ns, p + EVENT_TIMESTAMP_AT);
        ident_line_text(&id, p + EVENT_ID_AT);
        b->len += HEAD_LEN;
}

size_t event_write(struct buf *b, const struct event_stream *s, const struct event_line *line)
{
        put_head(b, s, line);
        size_t repaired = json_escape(b, line->text, line->len);
        buf_put(b, s->before_offset.data, s->before_offset.len);
        buf_put_u64(b, line->offset);
        if (line->truncated)
                buf_put(b, flags, FLAGS_LEN);
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
