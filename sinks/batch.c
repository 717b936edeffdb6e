/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/batch.h"

#include <stdlib.h>

#include "base/mem.h"

/* --- building ------------------------------------------------------------------------------ */

struct batch *batch_new(size_t bytes_hint)
{
        struct batch *b = xcalloc(1, sizeof(*b));

        if (bytes_hint > 0)
                buf_reserve(&b->data, bytes_hint);
        return b;
}

void batch_free(struct batch *b)
{
        if (b == NULL)
                return;
        buf_fini(&b->data);
        buf_fini(&b->notes);
        free(b->recs);
        free(b->headers);
        free(b);
}

void batch_expect(struct batch *b, size_t records)
{
        CHECK(b->n == 0 && b->recs == NULL);
        b->cap = records;
        if (records > 0)
                b->recs = xmalloc(records * sizeof(*b->recs));
}

struct record *batch_add(struct batch *b)
{
        struct record *r;

        if (b->n == b->cap) {
                b->cap = b->cap > 0 ? b->cap * 2 : 16;
                b->recs = xrealloc(b->recs, b->cap * sizeof(*b->recs));
        }
        r = &b->recs[b->n++];
        *r = (struct record){ .first_header = (uint32_t)b->nheaders };
        b->waiting++;
        return r;
}

void batch_undo_add(struct batch *b, size_t data_len)
{
        struct record *r;

        CHECK(b->n > 0 && data_len <= b->data.len);
        r = &b->recs[--b->n];
        CHECK(r->verdict == VERDICT_NONE);
        b->nheaders = r->first_header;
        b->data.len = data_len;
        b->waiting--;
}

void batch_fit(struct batch *b)
{
        if (b->data.cap > 2 * b->data.len && b->data.len > 0) {
                b->data.data = xrealloc(b->data.data, b->data.len + BUF_SLACK);
                b->data.cap = b->data.len;
        }
        if (b->cap > 2 * b->n && b->n > 0) {
                b->recs = xrealloc(b->recs, b->n * sizeof(*b->recs));
                b->cap = b->n;
        }
}

struct slice batch_put(struct batch *b, const void *p, size_t n)
{
        size_t start = b->data.len;

        CHECK(n <= UINT32_MAX && start <= UINT32_MAX - n);
        buf_put(&b->data, p, n);
        return batch_since(b, start);
}

void batch_header(struct batch *b, struct record *r, const char *name, const void *value, size_t n)
{
        CHECK(r == &b->recs[b->n - 1] && r->nheaders < UINT16_MAX);
        if (b->nheaders == b->headers_cap) {
                b->headers_cap = b->headers_cap > 0 ? b->headers_cap * 2 : 16;
                b->headers = xrealloc(b->headers, b->headers_cap * sizeof(*b->headers));
        }
        b->headers[b->nheaders++] = (struct header){ .name = name, .value = batch_put(b, value, n) };
        r->nheaders++;
}

/* --- verdicts ------------------------------------------------------------------------------ */

void batch_settle(struct batch *b, struct record *r, enum verdict v, unsigned status, const char *reason,
                  size_t reason_len)
{
        CHECK(r >= b->recs && r < b->recs + b->n);
        CHECK(v != VERDICT_NONE && r->verdict == VERDICT_NONE && status <= UINT16_MAX);
        r->verdict = (uint8_t)v;
        r->status = (uint16_t)status;
        if (reason != NULL) {
                size_t n = reason_len < BATCH_REASON_MAX ? reason_len : BATCH_REASON_MAX;

                r->reason = (struct slice){ (uint32_t)b->notes.len, (uint32_t)n };
                buf_put(&b->notes, reason, n);
        }
        b->waiting--;
}

const char *batch_reason(const struct batch *b, const struct record *r)
{
        return r->reason.len > 0 ? b->notes.data + r->reason.off : "";
}

/* --- splitting ----------------------------------------------------------------------------- */

/* Copies a slice.  One that lies in the value (an _id mostly does) is found there again. */
static struct slice copy_slice(struct batch *to, const struct batch *from, struct slice s,
                               struct slice old_value, struct slice new_value)
{
        if (s.len == 0)
                return (struct slice){ 0 };
        if (s.off >= old_value.off && s.off - old_value.off + s.len <= old_value.len)
                return (struct slice){ new_value.off + (s.off - old_value.off), s.len };
        return batch_put(to, batch_at(from, s), s.len);
}

static void copy_record(struct batch *to, const struct batch *from, const struct record *old)
{
        struct record *r = batch_add(to);
        uint32_t first_header = r->first_header;
        struct slice value;

        *r = *old;
        r->batch = to;
        r->first_header = first_header;
        r->nheaders = 0;
        r->value = value = copy_slice(to, from, old->value, (struct slice){ 0 }, (struct slice){ 0 });
        r->key = copy_slice(to, from, old->key, old->value, value);
        r->id = copy_slice(to, from, old->id, old->value, value);
        r->dest = copy_slice(to, from, old->dest, old->value, value);
        for (unsigned i = 0; i < old->nheaders; i++) {
                const struct header *h = &from->headers[old->first_header + i];

                batch_header(to, r, h->name, batch_at(from, h->value), h->value.len);
        }
}

struct batch *batch_split_waiting(struct batch *b)
{
        struct batch *part;
        size_t kept = 0;

        if (b->waiting == 0)
                return NULL;
        part = batch_new(0);
        part->tries = b->tries;
        part->opened_ms = b->opened_ms;
        for (size_t i = 0; i < b->n; i++) {
                if (b->recs[i].verdict == VERDICT_NONE)
                        copy_record(part, b, &b->recs[i]);
                else
                        b->recs[kept++] = b->recs[i];
        }
        b->n = kept;
        b->waiting = 0;
        return part;
}

size_t batch_bytes(const struct batch *b)
{
        return sizeof(*b) + b->data.cap + b->notes.cap + b->cap * sizeof(*b->recs) +
               b->headers_cap * sizeof(*b->headers) + b->n * BATCH_RECORD_OVERHEAD;
}
