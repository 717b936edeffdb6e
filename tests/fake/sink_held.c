/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/sink_held.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct sink_held {
        struct sink sink;
        struct batch *first;            /* owned, linked by item.next */
};

static struct batch *next_of(const struct batch *b)
{
        return b->item.next ? container_of(b->item.next, struct batch, item) : NULL;
}

static void submit(struct sink *s, struct batch **b)
{
        struct sink_held *h = (struct sink_held *)s;

        (*b)->item.next = NULL;
        for (size_t i = 0; i < (*b)->n; i++)
                (*b)->recs[i].batch = *b;
        if (!h->first) {
                h->first = *b;
        } else {
                struct batch *tail = h->first;
                while (tail->item.next)
                        tail = next_of(tail);
                tail->item.next = &(*b)->item;
        }
        *b = NULL;
}

size_t sink_held_count(const struct sink *s)
{
        size_t n = 0;

        for (const struct batch *b = ((const struct sink_held *)s)->first; b; b = next_of(b))
                n += b->n;
        return n;
}

static struct batch *find(const struct sink *s, size_t *i)
{
        struct batch *b = ((const struct sink_held *)s)->first;

        while (b && *i >= b->n) {
                *i -= b->n;
                b = next_of(b);
        }
        CHECK(b);
        return b;
}

const struct record *sink_held_record(const struct sink *s, size_t i)
{
        struct batch *b = find(s, &i);
        return &b->recs[i];
}

bool sink_held_value_has(const struct sink *s, size_t i, const char *part)
{
        const struct record *r = sink_held_record(s, i);
        return memmem(batch_at(r->batch, r->value), r->value.len, part, strlen(part)) != NULL;
}

static void replace(struct sink_held *h, struct batch *old, struct batch *with)
{
        struct batch *next = next_of(old);

        if (with)
                with->item.next = next ? &next->item : NULL;
        struct batch *put = with ? with : next;
        if (h->first == old) {
                h->first = put;
                return;
        }
        struct batch *b = h->first;
        while (next_of(b) != old)
                b = next_of(b);
        b->item.next = put ? &put->item : NULL;
}

void sink_held_answer(struct sink *s, size_t i, enum verdict v, unsigned status, const char *reason)
{
        struct batch *b = find(s, &i);

        batch_settle(b, &b->recs[i], v, status, reason, reason ? strlen(reason) : 0);
        struct batch *rest = batch_split_waiting(b);
        for (size_t k = 0; rest && k < rest->n; k++)
                rest->recs[k].batch = rest;
        replace((struct sink_held *)s, b, rest);
        if (rest)
                sink_split(s, b, rest);
        b->item.next = NULL;
        sink_done(s, &b);
}

void sink_held_answer_all(struct sink *s, enum verdict v)
{
        struct sink_held *h = (struct sink_held *)s;

        for (struct batch *b; (b = h->first) != NULL;) {
                h->first = next_of(b);
                for (size_t i = 0; i < b->n; i++)
                        batch_settle(b, &b->recs[i], v, 0, NULL, 0);
                b->item.next = NULL;
                sink_done(s, &b);
        }
}

static void close_held(struct sink *s)
{
        sink_held_answer_all(s, VERDICT_RETRY);
}

static void free_held(struct sink *s)
{
        free(s);
}

static const char *trouble(struct sink *s)
{
        (void)s;
        return NULL;
}

static struct stat_group stats(struct sink *s)
{
        (void)s;
        return (struct stat_group){ 0 };
}

static const struct sink_ops ops = { .name = "held",
                                     .submit = submit,
                                     .trouble = trouble,
                                     .stats = stats,
                                     .close = close_held,
                                     .free = free_held };

struct sink *sink_held_new(struct loop *l, const struct sink_owner *owner, const struct sink_limits *limits)
{
        struct sink_held *h = xcalloc(1, sizeof(*h));

        h->sink = (struct sink){ .ops = &ops, .loop = l, .owner = *owner, .limits = *limits };
        return &h->sink;
}

const char *sink_held_header(const struct record *rec, const char *name)
{
        static char text[256];

        for (unsigned i = 0; i < rec->nheaders; i++) {
                const struct header *h = &rec->batch->headers[rec->first_header + i];
                if (strcmp(h->name, name) == 0) {
                        snprintf(text, sizeof(text), "%.*s", (int)h->value.len, batch_at(rec->batch, h->value));
                        return text;
                }
        }
        return NULL;
}
