/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/sink_flaky.h"

#include <stdlib.h>

#include "base/mem.h"

enum { MAX_FAULTS = 16 };

/* One for each batch inside: its sink_data. */
struct visit {
        struct batch *b;    /* owned while inside */
        struct visit *next; /* all visits, oldest first */
        int64_t due_ms;     /* when it may go back, if it is answered by then */
        bool fed;           /* the inner sink has a copy */
        bool part;          /* split off already */
};

struct flaky {
        struct sink sink;
        struct sink *inner; /* owned; NULL: memory */
        struct visit *first;
        struct sink_flaky_fault faults[MAX_FAULTS];
        size_t nfaults;
        int64_t delay_ms;
        bool hold, split, closing;
        const char *trouble;
        struct timer timer;
        struct sink_flaky_record *kept; /* owned, and its strings */
        size_t nkept;
};

static struct flaky *flaky_of(const struct sink *s)
{
        return container_of(s, struct flaky, sink);
}

/* --- visits --------------------------------------------------------------------------------- */

/* Alone it answers by itself when the time has come. */
static bool may_go(const struct flaky *k, const struct visit *v)
{
        return k->inner == NULL || v->b->waiting == 0;
}

static void wake(struct flaky *k)
{
        int64_t now = loop_now_ms(k->sink.loop), first = INT64_MAX;

        for (const struct visit *v = k->first; v != NULL; v = v->next)
                if (may_go(k, v) && v->due_ms < first)
                        first = v->due_ms;
        if (first != INT64_MAX && !k->hold && !k->closing)
                timer_arm(k->sink.loop, &k->timer, first > now ? first - now : 0);
}

static struct visit *visit_new(struct flaky *k, struct batch *b)
{
        struct visit *v = xcalloc(1, sizeof(*v)), **end = &k->first;

        while (*end != NULL)
                end = &(*end)->next;
        *end = v;
        v->b = b;
        v->due_ms = loop_now_ms(k->sink.loop) + k->delay_ms;
        b->sink_data = v;
        for (size_t i = 0; i < b->n; i++)
                b->recs[i].batch = b;
        return v;
}

static void visit_end(struct flaky *k, struct visit *v)
{
        struct visit **at = &k->first;
        struct batch *b = v->b;

        while (*at != v)
                at = &(*at)->next;
        *at = v->next;
        free(v);
        b->sink_data = NULL;
        sink_done(&k->sink, &b);
}

/* --- verdicts ------------------------------------------------------------------------------- */

static char *copy(const struct batch *b, struct slice s)
{
        return xstrndup(s.len > 0 ? batch_at(b, s) : "", s.len);
}

static void keep(struct flaky *k, const struct record *r)
{
        const struct batch *b = r->batch;

        k->kept = xrealloc(k->kept, (k->nkept + 1) * sizeof(*k->kept));
        k->kept[k->nkept++] = (struct sink_flaky_record){
                .value = copy(b, r->value),
                .key = copy(b, r->key),
                .id = copy(b, r->id),
                .value_len = r->value.len,
        };
}

/* NULL: none.  Counts the record for the fault. */
static const struct sink_flaky_fault *fault_for(struct flaky *k)
{
        for (size_t i = 0; i < k->nfaults; i++) {
                struct sink_flaky_fault *f = &k->faults[i];

                if (f->times == SIZE_MAX)
                        continue; /* used up */
                if (f->skip > 0) {
                        f->skip--;
                        continue;
                }
                if (f->times > 0 && --f->times == 0)
                        f->times = SIZE_MAX;
                return f;
        }
        return NULL;
}

/* Settles r when a fault fits, or there is no inner sink to do it. */
static void judge(struct flaky *k, struct record *r)
{
        const struct sink_flaky_fault *f = fault_for(k);

        if (f != NULL) {
                batch_settle(r->batch, r, f->verdict, f->status, f->reason,
                             f->reason != NULL ? strlen(f->reason) : 0);
        } else if (k->inner == NULL) {
                keep(k, r);
                batch_settle(r->batch, r, VERDICT_DONE, 0, NULL, 0);
        }
}

/* Answers v, or its first half, and sends it back. */
static void answer(struct flaky *k, struct visit *v)
{
        size_t n = k->split && !v->part ? (v->b->n + 1) / 2 : v->b->n;
        struct batch *rest;

        for (size_t i = 0; i < n; i++)
                judge(k, &v->b->recs[i]);
        if ((rest = batch_split_waiting(v->b)) != NULL) {
                visit_new(k, rest)->part = true;
                sink_split(&k->sink, v->b, rest);
        }
        visit_end(k, v);
}

/* --- going back ----------------------------------------------------------------------------- */

static struct visit *next_due(struct flaky *k)
{
        int64_t now = loop_now_ms(k->sink.loop);

        for (struct visit *v = k->first; v != NULL; v = v->next)
                if (may_go(k, v) && v->due_ms <= now)
                        return v;
        return NULL;
}

static void on_timer(struct timer *t)
{
        struct flaky *k = t->arg;
        struct visit *v = k->hold ? NULL : next_due(k);

        /* One a turn, so that parts and batches come back at different times. */
        if (v != NULL && k->inner == NULL)
                answer(k, v);
        else if (v != NULL)
                visit_end(k, v);
        wake(k);
}

/* --- the inner sink ------------------------------------------------------------------------- */

/* A copy of what has no verdict, each record's origin pointing to the original: the inner sink charges and splits
 * batches on its own account. */
static struct batch *copy_for_inner(struct batch *b)
{
        struct batch *c = batch_new(b->data.len);

        for (size_t i = 0; i < b->n; i++) {
                struct record *from = &b->recs[i], *to;

                if (from->verdict != VERDICT_NONE)
                        continue;
                to = batch_add(c);
                to->value = batch_put(c, b->data.data + from->value.off, from->value.len);
                to->key = batch_put(c, b->data.data + from->key.off, from->key.len);
                to->id = batch_put(c, b->data.data + from->id.off, from->id.len);
                to->dest = batch_put(c, b->data.data + from->dest.off, from->dest.len);
                for (unsigned h = 0; h < from->nheaders; h++) {
                        const struct header *header = &b->headers[from->first_header + h];

                        batch_header(c, to, header->name, batch_at(b, header->value), header->value.len);
                }
                to->weight = from->weight;
                to->origin = from;
        }
        return c;
}

static void feed_inner(struct flaky *k)
{
        for (struct visit *v = k->first; v != NULL && !k->closing; v = v->next) {
                struct batch *c;

                if (v->b->waiting == 0 || v->fed)
                        continue;
                if (!sink_has_room(k->inner))
                        return;
                v->fed = true;
                c = copy_for_inner(v->b);
                sink_submit(k->inner, &c);
        }
}

static void on_inner_done(void *arg, struct batch **b)
{
        struct flaky *k = arg;

        for (size_t i = 0; i < (*b)->n; i++) {
                const struct record *r = &(*b)->recs[i];
                struct record *mine = r->origin;
                struct visit *v = mine->batch->sink_data;

                batch_settle(mine->batch, mine, r->verdict, r->status, batch_reason(*b, r), r->reason.len);
                v->due_ms = loop_now_ms(k->sink.loop) + k->delay_ms;
        }
        batch_free(*b);
        *b = NULL;
        wake(k);
}

static void on_inner_room(void *arg)
{
        feed_inner(arg);
}

struct sink_owner sink_flaky_inner_owner(struct sink *s)
{
        return (struct sink_owner){ .done = on_inner_done, .room = on_inner_room, .arg = flaky_of(s) };
}

void sink_flaky_wrap(struct sink *s, struct sink **inner)
{
        struct flaky *k = flaky_of(s);

        CHECK(k->inner == NULL && k->first == NULL);
        k->inner = *inner;
        *inner = NULL;
}

/* --- the sink ------------------------------------------------------------------------------- */

static void flaky_submit(struct sink *s, struct batch **b)
{
        struct flaky *k = flaky_of(s);
        struct visit *v = visit_new(k, *b);

        *b = NULL;
        if (k->inner != NULL) {
                for (size_t i = 0; i < v->b->n; i++)
                        judge(k, &v->b->recs[i]);
                feed_inner(k);
        }
        wake(k);
}

static const char *flaky_trouble(struct sink *s)
{
        struct flaky *k = flaky_of(s);

        return k->trouble != NULL || k->inner == NULL ? k->trouble : sink_trouble(k->inner);
}

static struct stat_group flaky_stats(struct sink *s)
{
        struct flaky *k = flaky_of(s);

        return k->inner != NULL ? k->inner->ops->stats(k->inner) : (struct stat_group){ 0 };
}

static void flaky_close(struct sink *s)
{
        struct flaky *k = flaky_of(s);

        k->closing = true;
        timer_disarm(s->loop, &k->timer);
        if (k->inner != NULL)
                sink_close(k->inner);
        while (k->first != NULL) {
                struct batch *b = k->first->b;

                for (size_t i = 0; i < b->n; i++)
                        if (b->recs[i].verdict == VERDICT_NONE)
                                batch_settle(b, &b->recs[i], VERDICT_RETRY, 0, NULL, 0);
                visit_end(k, k->first);
        }
}

static void flaky_free(struct sink *s)
{
        struct flaky *k = flaky_of(s);

        sink_free(k->inner);
        for (size_t i = 0; i < k->nkept; i++) {
                free(k->kept[i].value);
                free(k->kept[i].key);
                free(k->kept[i].id);
        }
        free(k->kept);
        free(k);
}

static const struct sink_ops flaky_ops = {
        .name = "flaky",
        .submit = flaky_submit,
        .trouble = flaky_trouble,
        .stats = flaky_stats,
        .close = flaky_close,
        .free = flaky_free,
};

struct sink *sink_flaky_new(struct loop *l, const struct sink_owner *owner, const struct sink_limits *limits)
{
        struct flaky *k = xcalloc(1, sizeof(*k));

        k->sink = (struct sink){ .ops = &flaky_ops, .loop = l, .owner = *owner, .limits = *limits };
        k->timer = (struct timer){ .name = "flaky", .fn = on_timer, .arg = k };
        return &k->sink;
}

/* --- orders --------------------------------------------------------------------------------- */

void sink_flaky_fault(struct sink *s, const struct sink_flaky_fault *f)
{
        struct flaky *k = flaky_of(s);

        CHECK(k->nfaults < MAX_FAULTS && f->verdict > VERDICT_DONE);
        k->faults[k->nfaults++] = *f;
}

void sink_flaky_clear(struct sink *s)
{
        flaky_of(s)->nfaults = 0;
}

void sink_flaky_delay(struct sink *s, int64_t ms)
{
        flaky_of(s)->delay_ms = ms;
}

void sink_flaky_hold(struct sink *s, bool on)
{
        flaky_of(s)->hold = on;
        wake(flaky_of(s));
}

void sink_flaky_split(struct sink *s, bool on)
{
        flaky_of(s)->split = on;
}

void sink_flaky_trouble(struct sink *s, const char *sentence)
{
        flaky_of(s)->trouble = sentence;
}

size_t sink_flaky_count(const struct sink *s)
{
        return flaky_of(s)->nkept;
}

const struct sink_flaky_record *sink_flaky_record(const struct sink *s, size_t i)
{
        CHECK(i < flaky_of(s)->nkept);
        return &flaky_of(s)->kept[i];
}
