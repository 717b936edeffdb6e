/* SPDX-License-Identifier: Apache-2.0 */
#include "event/parser.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/level.h"

const struct alias parser_aliases[] = {
        { "@timestamp", FIELD_TIME },
        { "timestamp", FIELD_TIME },
        { "time", FIELD_TIME },
        { "ts", FIELD_TIME },
        { "log.level", FIELD_LEVEL },
        { "level", FIELD_LEVEL },
        { "severity", FIELD_LEVEL },
        { "lvl", FIELD_LEVEL },
        { "loglevel", FIELD_LEVEL },
        { "message", FIELD_MESSAGE },
        { "msg", FIELD_MESSAGE },
        { "traceparent", FIELD_TRACE_PARENT },
        { "trace.id", FIELD_TRACE_ID },
        { "trace_id", FIELD_TRACE_ID },
        { "traceId", FIELD_TRACE_ID },
        { "traceid", FIELD_TRACE_ID },
        { "dd.trace_id", FIELD_TRACE_ID },
        { "span.id", FIELD_SPAN },
        { "span_id", FIELD_SPAN },
        { "spanId", FIELD_SPAN },
        { "spanid", FIELD_SPAN },
        { "dd.span_id", FIELD_SPAN },
        { "user.id", FIELD_USER },
        { "user_id", FIELD_USER },
        { "userId", FIELD_USER },
        { "enduser.id", FIELD_USER },
        { "event.id", FIELD_EVENT_ID },
};
_Static_assert(ARRAY_LEN(parser_aliases) == NALIASES, "the header says how many");

/* --- members -------------------------------------------------------------------------------- */

static bool note(struct seen *slots, size_t n, uint64_t event, uint64_t hash)
{
        for (size_t i = hash;; i++) {
                struct seen *at = &slots[i & (n - 1)];
                if (at->event != event) {
                        *at = (struct seen){ event, hash };
                        return true;
                }
                if (at->hash == hash)
                        return false;
        }
}

static void grow_seen(struct parser *p)
{
        size_t n = 2 * p->nseen;
        struct seen *slots = xcalloc(n, sizeof(*slots));

        for (size_t i = 0; i < p->nseen; i++)
                if (p->seen[i].event == p->event)
                        (void)note(slots, n, p->event, p->seen[i].hash);
        free(p->seen);
        p->seen = slots;
        p->nseen = n;
}

bool parser_is_first(struct parser *p, enum event_root root, const char *name, size_t len)
{
        buf_reset(&p->name);
        p->out.repaired += json_string(&p->name, name, len);
        if (2 * (p->used + 1) > p->nseen)
                grow_seen(p);
        bool yes =
                note(p->seen, p->nseen, p->event,
                     XXH3_64bits(p->name.data, p->name.len) ^ (uint64_t)root * UINT64_C(0x9e3779b97f4a7c15));
        p->used += yes;
        return yes;
}

struct buf *parser_begin_member(struct parser *p, enum event_root root, const char *name, size_t len)
{
        struct buf *b = root == EVENT_NROOTS ? &p->out.parts.rest : &p->out.parts.more[root];

        if (!parser_is_first(p, root, name, len)) {
                p->out.doubles++;
                return NULL;
        }
        if (b->len > 0)
                buf_putc(b, ',');
        buf_put(b, p->name.data, p->name.len);
        buf_putc(b, ':');
        return b;
}

static void put_string(struct parser *p, struct buf *b, const struct value *v)
{
        if (!v->escaped) {
                p->out.repaired += json_string(b, v->p, v->len);
                return;
        }
        buf_putc(b, '"');
        buf_put(b, v->p, v->len);
        buf_putc(b, '"');
}

static void put_member(struct parser *p, enum event_root root, const char *name, size_t len,
                       const struct value *v)
{
        struct buf *b = parser_begin_member(p, root, name, len);

        if (b)
                put_string(p, b, v);
}

void parser_put_path(struct parser *p, const char *path, const struct value *v)
{
        size_t rest = 0, len = strlen(path);
        enum event_root root = event_root_of(path, len, &rest);

        put_member(p, root, path + rest, len - rest, v);
}

void parser_put_label(struct parser *p, const char *key, size_t len, const struct value *v)
{
        buf_reset(&p->key);
        buf_put(&p->key, key, len);
        for (size_t i = 0; i < len; i++)
                if (p->key.data[i] == '.')
                        p->key.data[i] = '_';
        put_member(p, EVENT_LABELS, p->key.data, len, v);
}

/* --- fields --------------------------------------------------------------------------------- */

/* The value as text: its own bytes unless it holds an escape. */
static struct value plain(struct parser *p, const struct value *v)
{
        if (!v->escaped || !memchr(v->p, '\\', v->len))
                return (struct value){ v->p, v->len, false };
        buf_reset(&p->value);
        scan_unescape(&p->value, &(struct scan_value){ SCAN_STRING, v->p, v->len });
        return (struct value){ buf_cstr(&p->value), p->value.len, false };
}

static void take_time(struct parser *p, const struct value *v, int64_t read_ns)
{
        struct value text = plain(p, v);

        p->out.has_time = timeformat_parse(p->times, text.p, text.len, read_ns, &p->out.time_ns);
        p->out.bad_time = !p->out.has_time;
        p->out.parts.precise |= p->out.has_time;
}

static void take_level(struct parser *p, const struct value *v)
{
        struct value text = plain(p, v);
        const char *name = level_name(text.p, text.len);

        parser_put_path(p, "log.level", name ? &(struct value){ name, strlen(name), false } : v);
}

void parser_take_message(struct parser *p, const struct value *v)
{
        struct event_parts *parts = &p->out.parts;

        if (v->escaped) {
                parts->message = v->p;
                parts->message_len = v->len;
                return;
        }
        buf_reset(&p->message);
        p->out.repaired += json_escape(&p->message, v->p, v->len);
        parts->message = buf_cstr(&p->message);
        parts->message_len = p->message.len;
}

static void take_parent(struct parser *p, const struct value *v)
{
        struct trace_headers *h = &p->out.headers;

        if (!trace_take_parent(h, v->p, v->len)) {
                parser_put_label(p, "traceparent", strlen("traceparent"), v);
                return;
        }
        parser_put_path(p, "trace.id", &(struct value){ h->trace_id, h->trace_id_len, false });
        parser_put_path(p, "span.id", &(struct value){ h->span_id, h->span_id_len, false });
}

static void take(struct parser *p, enum field field, const struct value *v, int64_t read_ns)
{
        struct trace_headers *h = &p->out.headers;

        switch (field) {
        case FIELD_TIME:
                take_time(p, v, read_ns);
                break;
        case FIELD_LEVEL:
                take_level(p, v);
                break;
        case FIELD_MESSAGE:
                parser_take_message(p, v);
                break;
        case FIELD_TRACE_PARENT:
                take_parent(p, v);
                break;
        case FIELD_TRACE_ID:
                if (h->traceparent_len == 0) {
                        (void)trace_take_id(h, v->p, v->len);
                        parser_put_path(p, "trace.id", v);
                }
                break;
        case FIELD_SPAN:
                if (h->traceparent_len == 0) {
                        (void)trace_take_span(h, v->p, v->len);
                        parser_put_path(p, "span.id", v);
                }
                break;
        case FIELD_USER:
                if (!v->escaped || !memchr(v->p, '\\', v->len))
                        (void)trace_take_user(h, v->p, v->len);
                parser_put_path(p, "user.id", v);
                break;
        case FIELD_EVENT_ID: /* ours is the event's */
                parser_put_label(p, "event_id", strlen("event_id"), v);
                break;
        case NFIELDS:
                break;
        }
}

void parser_take_all(struct parser *p, const struct value found[NFIELDS], int64_t read_ns)
{
        for (int i = 0; i < NFIELDS; i++)
                if (found[i].p)
                        take(p, (enum field)i, &found[i], read_ns);
}

static bool same(const char *name, const char *key, size_t len)
{
        return strlen(name) == len && memcmp(name, key, len) == 0; /* a key may hold NUL */
}

int parser_find_alias(const char *name, size_t len)
{
        for (int i = 0; i < NALIASES; i++)
                if (same(parser_aliases[i].name, name, len))
                        return i;
        return -1;
}
