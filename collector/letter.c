/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/letter.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/json.h"
#include "event/ident.h"
#include "event/scan.h"
#include "event/timestamp.h"

enum { ERROR_TYPE_MAX = 64 };

bool letter_text_is(const struct letter_text *t, const char *word)
{
        return t->len == strlen(word) && memcmp(t->p, word, t->len) == 0;
}

/* --- in a topic ------------------------------------------------------------------------------- */

static void put_text(struct batch *b, struct record *r, const char *name, const struct letter_text *t)
{
        batch_header(b, r, name, t->p ? t->p : "", t->len);
}

static void put_number(struct batch *b, struct record *r, const char *name, int64_t n)
{
        char text[24];
        int len = snprintf(text, sizeof(text), "%" PRId64, n);
        batch_header(b, r, name, text, (size_t)len);
}

static void put_if_any(struct batch *b, struct record *r, const char *name, const struct letter_text *t)
{
        if (t->len > 0)
                put_text(b, r, name, t);
}

struct record *letter_put_record(struct batch *b, const struct letter *l)
{
        struct slice value = batch_put(b, l->document.p, l->document.len);
        struct slice key = batch_put(b, l->id.p, l->id.len);
        struct record *r = batch_add(b);

        r->value = value;
        r->key = key;
        put_text(b, r, "sluice.reason", &l->reason);
        put_text(b, r, "sluice.error", &l->error);
        put_text(b, r, "sluice.index", &l->index);
        put_text(b, r, "sluice.topic", &l->topic);
        put_number(b, r, "sluice.status", l->status);
        put_number(b, r, "sluice.partition", l->partition);
        put_number(b, r, "sluice.offset", l->offset);
        put_number(b, r, "sluice.timestamp", l->timestamp_ms);
        put_number(b, r, "sluice.first_seen", l->first_seen_ms);
        put_if_any(b, r, "sluice.pipeline", &l->pipeline);
        put_if_any(b, r, "sluice.routing", &l->routing);
        return r;
}

static int64_t number_of(const struct incoming_header *h)
{
        char text[24];
        snprintf(text, sizeof(text), "%.*s", (int)h->len, h->value ? h->value : "");
        return strtoll(text, NULL, 10);
}

bool letter_read_headers(const struct incoming_header *headers, size_t n, struct letter *ret)
{
        const struct { const char *name; struct letter_text *text; int64_t *number; } known[] = {
                { "sluice.reason", &ret->reason, NULL },
                { "sluice.error", &ret->error, NULL },
                { "sluice.index", &ret->index, NULL },
                { "sluice.topic", &ret->topic, NULL },
                { "sluice.pipeline", &ret->pipeline, NULL },
                { "sluice.routing", &ret->routing, NULL },
                { "sluice.status", NULL, &ret->status },
                { "sluice.partition", NULL, &ret->partition },
                { "sluice.offset", NULL, &ret->offset },
                { "sluice.timestamp", NULL, &ret->timestamp_ms },
                { "sluice.first_seen", NULL, &ret->first_seen_ms },
        };

        *ret = (struct letter){ .first_seen_ms = -1 };
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < ARRAY_LEN(known); k++) {
                        if (strcmp(headers[i].name, known[k].name) != 0)
                                continue;
                        if (known[k].text)
                                *known[k].text = (struct letter_text){ headers[i].value, headers[i].len };
                        else
                                *known[k].number = number_of(&headers[i]);
                }
        return ret->reason.len > 0;
}

bool letter_read_place(const char *p, size_t len, uint64_t *ret_key)
{
        char text[48];
        int32_t partition;
        int64_t offset;

        snprintf(text, sizeof(text), "%.*s", (int)len, p);
        if (sscanf(text, "%" SCNd32 ":%" SCNd64, &partition, &offset) != 2)
                return false;
        *ret_key = letter_place_key(partition, offset);
        return true;
}

/* --- in a file -------------------------------------------------------------------------------- */

static void member(struct buf *out, const char *name, const struct letter_text *t)
{
        buf_printf(out, ",\"%s\":", name);
        json_string(out, t->p ? t->p : "", t->len);
}

/* Two letters have the same name only when the same process writes one record's within one nanosecond. */
static void put_name(struct buf *out, const struct letter *l)
{
        static uint64_t count;          /* the loop's thread */
        char topic[256], text[IDENT_FILE_TEXT];

        snprintf(topic, sizeof(topic), "%" PRIu64 " %.*s", ++count, (int)l->topic.len, l->topic.p ? l->topic.p : "");
        struct ident id = ident_of_record("", topic, (int32_t)l->partition, l->offset, l->refused_ms);
        ident_text(&id, text);
        buf_put(out, text, sizeof(text));
}

static void put_head(struct buf *out, const struct letter *l)
{
        char time[TIMESTAMP_LEN];

        timestamp_format(l->refused_ms * 1000000, time);
        buf_printf(out, "{\"@timestamp\":\"%.*s\",\"letter\":\"", TIMESTAMP_LEN, time);
        put_name(out, l);
        buf_putc(out, '"');
        member(out, "reason", &l->reason);
        buf_printf(out, ",\"status\":%" PRId64, l->status);
        member(out, "error", &l->error);
        member(out, "index", &l->index);
        member(out, "id", &l->id);
        if (l->pipeline.len > 0)
                member(out, "pipeline", &l->pipeline);
        if (l->routing.len > 0)
                member(out, "routing", &l->routing);
        member(out, "topic", &l->topic);
        buf_printf(out,
                   ",\"partition\":%" PRId64 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64
                   ",\"first_seen\":%" PRId64 ",",
                   l->partition, l->offset, l->timestamp_ms, l->first_seen_ms);
}

/* False: it would spoil the line: it need not even be JSON, or it is nested too deep. */
static bool put_object(struct buf *out, size_t start, const struct letter_text *t)
{
        struct scan_info info = { 0 };

        if (t->len == 0 || t->p[0] != '{')
                return false;
        buf_puts(out, "\"document\":");
        buf_put(out, t->p, t->len);
        buf_putc(out, '}');
        return scan_json(out->data + start, out->len - start, NULL, 0, NULL, &info) == SCAN_IS_OBJECT && !info.invalid_utf8;
}

/* False: it is no UTF-8, and as text would not come back as it was. */
static bool put_string(struct buf *out, const struct letter_text *t)
{
        buf_puts(out, "\"document\":");
        size_t replaced = json_string(out, t->p, t->len);
        buf_putc(out, '}');
        return replaced == 0;
}

static void put_base64(struct buf *out, const struct letter_text *t)
{
        buf_puts(out, "\"document_base64\":\"");
        char *to = buf_reserve(out, t->len / 3 * 4 + 5);
        out->len += (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)t->p, (int)t->len);
        buf_puts(out, "\"}");
}

struct record *letter_put_line(struct batch *b, const struct letter *l)
{
        struct buf *out = &b->data;
        size_t start = out->len;

        put_head(out, l);
        size_t document = out->len;
        if (!put_object(out, start, &l->document)) {
                out->len = document;
                if (!put_string(out, &l->document)) {
                        out->len = document;
                        put_base64(out, &l->document);
                }
        }
        struct record *r = batch_add(b);
        r->value = batch_since(b, start);
        return r;
}

static struct letter_text text_of(const struct scan_value *v, struct buf *scratch)
{
        size_t start = scratch->len;

        if (v->type == SCAN_OBJECT)
                return (struct letter_text){ v->p, v->len };
        if (v->type != SCAN_STRING)
                return (struct letter_text){ "", 0 };
        if (!memchr(v->p, '\\', v->len))
                return (struct letter_text){ v->p, v->len };
        scan_unescape(scratch, v);
        return (struct letter_text){ scratch->data + start, scratch->len - start };
}

/* len is 0 when it is none. */
static struct letter_text bytes_of(const struct scan_value *v, struct buf *scratch)
{
        size_t start = scratch->len;
        char *to = v->type == SCAN_STRING && v->len >= 4 ? buf_reserve(scratch, v->len) : NULL;
        int n = to ? EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)v->p, (int)v->len) : 0;

        if (n <= 0)
                return (struct letter_text){ "", 0 };
        n -= v->p[v->len - 1] == '=';
        n -= v->p[v->len - 2] == '=';
        scratch->len += (size_t)n;
        return (struct letter_text){ scratch->data + start, (size_t)n };
}

static int64_t int_of(const struct scan_value *v, int64_t absent)
{
        return v->type == SCAN_NUMBER ? strtoll(v->p, NULL, 10) : absent;
}

bool letter_read_line(const char *line, size_t len, struct letter *ret, struct buf *scratch)
{
        enum { AT, NAME, REASON, STATUS, ERROR, INDEX, ID, TOPIC, PARTITION, OFFSET, TIMESTAMP, FIRST, DOCUMENT, BASE64, PIPELINE, ROUTING, N };
        static const char *const paths[N] = { "@timestamp", "letter", "reason",    "status", "error",     "index",      "id",
                                              "topic",      "partition", "offset", "timestamp", "first_seen", "document",
                                              "document_base64", "pipeline", "routing" };
        struct scan_value v[N];
        int64_t at_ns;

        if (scan_json(line, len, paths, N, v, NULL) != SCAN_IS_OBJECT || v[NAME].type != SCAN_STRING ||
            v[NAME].len != LETTER_NAME || v[REASON].type != SCAN_STRING || (v[DOCUMENT].type == SCAN_ABSENT && v[BASE64].type != SCAN_STRING) ||
            v[AT].type != SCAN_STRING || timestamp_parse(v[AT].p, v[AT].len, &at_ns) < 0)
                return false;
        buf_reset(scratch);
        buf_reserve(scratch, len + 1);  /* unescaped it is not longer, so nothing moves */
        *ret = (struct letter){ .refused_ms = at_ns / 1000000,
                                .name = { v[NAME].p, v[NAME].len },
                                .key = letter_key(v[NAME].p, v[NAME].len),
                                .reason = text_of(&v[REASON], scratch),
                                .error = text_of(&v[ERROR], scratch),
                                .index = text_of(&v[INDEX], scratch),
                                .id = text_of(&v[ID], scratch),
                                .topic = text_of(&v[TOPIC], scratch),
                                .pipeline = text_of(&v[PIPELINE], scratch),
                                .routing = text_of(&v[ROUTING], scratch),
                                .document = v[DOCUMENT].type != SCAN_ABSENT ? text_of(&v[DOCUMENT], scratch) :
                                                                              bytes_of(&v[BASE64], scratch),
                                .status = int_of(&v[STATUS], 0),
                                .partition = int_of(&v[PARTITION], -1),
                                .offset = int_of(&v[OFFSET], -1),
                                .timestamp_ms = int_of(&v[TIMESTAMP], -1),
                                .first_seen_ms = int_of(&v[FIRST], -1) };
        return true;
}

/* --- markers ---------------------------------------------------------------------------------- */

uint64_t letter_key(const char *name, size_t len)
{
        return XXH3_64bits(name, len);
}

void letter_put_marker(struct buf *out, const struct letter_text *name, int64_t wall_ns)
{
        char time[TIMESTAMP_LEN];

        timestamp_format(wall_ns, time);
        buf_printf(out, "{\"redriven\":\"%.*s\",\"at\":\"%.*s\"}", (int)name->len, name->p, TIMESTAMP_LEN, time);
}

bool letter_read_marker(const char *line, size_t len, uint64_t *ret_key)
{
        static const char *const path = "redriven";
        struct scan_value v;

        if (scan_json(line, len, &path, 1, &v, NULL) != SCAN_IS_OBJECT || v.type != SCAN_STRING)
                return false;
        *ret_key = letter_key(v.p, v.len);
        return true;
}

struct letter_text letter_error_type(const struct letter *l)
{
        const char *colon = l->error.len > 0 ? memchr(l->error.p, ':', l->error.len) : NULL;
        size_t len = colon ? (size_t)(colon - l->error.p) : l->error.len;

        if (l->error.len > 0 && letter_text_is(&l->reason, "no_index"))
                len = 0;                /* the reason says it all */
        return (struct letter_text){ l->error.p, len < ERROR_TYPE_MAX ? len : ERROR_TYPE_MAX };
}
