/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/show.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/pack.h"

struct show_sink {
        struct sink sink;
        struct show_config config;
        struct qitem *first, *last;     /* batches inside, oldest first */
        struct timer due;               /* prints outside of submit */
        int64_t shown;
};

static struct show_sink *show_of(const struct sink *s)
{
        return container_of(s, struct show_sink, sink);
}

static void print_field(const struct show_sink *w, const char *name, const char *text, size_t len)
{
        if (len > 0)
                fprintf(w->config.out, "  %-9s %.*s\n", name, (int)len, text);
}

static void print_text(const struct show_sink *w, const char *name, const char *text)
{
        print_field(w, name, text, strlen(text));
}

static void print_slice(const struct show_sink *w, const char *name, const struct batch *b, struct slice s)
{
        print_field(w, name, batch_at(b, s), s.len);
}

/* Everything but the document. */
static void print_head(struct show_sink *w, const struct batch *b, const struct record *r)
{
        fprintf(w->config.out, "record %lld\n", (long long)++w->shown);
        if (r->dest.len > 0 || !w->config.dest)
                print_slice(w, w->config.place, b, r->dest);
        else
                fprintf(w->config.out, "  %-9s %s\n", w->config.place, w->config.dest);
        if (w->config.server_ids)
                print_text(w, "_id", "made by the server");
        else
                print_slice(w, "_id", b, r->id);
        print_slice(w, "key", b, r->key);
        for (size_t i = 0; i < r->nheaders; i++) {
                const struct header *h = &b->headers[r->first_header + i];
                fprintf(w->config.out, "  header    %s: %.*s\n", h->name, (int)h->value.len, batch_at(b, h->value));
        }
}

static bool wanted(const struct show_sink *w)
{
        return w->shown < w->config.records;
}

static void print_lines(struct show_sink *w, const struct batch *b, const struct record *r)
{
        struct unpack u = { 0 };
        struct unpacked line;
        struct buf scratch = { 0 };
        struct err e = { 0 };

        if (unpack_begin(&u, batch_at(b, r->value), r->value.len, &e) < 0) {
                print_head(w, b, r);
                print_text(w, "damaged", e.msg);
        }
        for (uint32_t i = 1; wanted(w) && unpack_next(&u, &scratch, &line); i++) {
                print_head(w, b, r);
                fprintf(w->config.out, "  %-9s line %u of %u in a record of %u bytes\n", "batch", i, u.lines, r->value.len);
                print_field(w, "document", line.doc, line.len);
        }
        unpack_fini(&u);
        buf_fini(&scratch);
}

static void print_record(struct show_sink *w, const struct batch *b, const struct record *r)
{
        if (pack_is(batch_at(b, r->value), r->value.len)) {
                print_lines(w, b, r);
                return;
        }
        print_head(w, b, r);
        print_slice(w, "document", b, r->value);
}

static void take_batch(struct show_sink *w, struct batch *b)
{
        for (size_t i = 0; i < b->n; i++) {
                bool shows = wanted(w);
                if (shows)
                        print_record(w, b, &b->recs[i]);
                batch_settle(b, &b->recs[i], VERDICT_DONE, 0, NULL, 0);
                if (shows && !wanted(w) && w->config.enough)
                        w->config.enough(w->config.arg);
        }
        fflush(w->config.out);
}

static void due(struct timer *t)
{
        struct show_sink *w = t->arg;

        while (w->first) {
                struct batch *b = container_of(w->first, struct batch, item);
                w->first = b->item.next;
                b->item.next = NULL;
                take_batch(w, b);
                sink_done(&w->sink, &b);
        }
}

static void show_submit(struct sink *s, struct batch **bp)
{
        struct show_sink *w = show_of(s);
        struct qitem *item = &(*bp)->item;

        *bp = NULL;
        item->next = NULL;
        *(w->first ? &w->last->next : &w->first) = item;
        w->last = item;
        if (!timer_armed(&w->due))
                timer_arm(s->loop, &w->due, 0);
}

static const char *show_trouble(struct sink *s)
{
        (void)s;
        return NULL;
}

static struct stat_group show_stats(struct sink *s)
{
        (void)s;
        return (struct stat_group){ 0 };
}

static void show_close(struct sink *s)
{
        struct show_sink *w = show_of(s);

        timer_disarm(s->loop, &w->due);
        due(&w->due);
}

static void show_free(struct sink *s)
{
        free(show_of(s));
}

static const struct sink_ops show_ops = { .name = "show",
                                          .submit = show_submit,
                                          .trouble = show_trouble,
                                          .stats = show_stats,
                                          .close = show_close,
                                          .free = show_free };

struct sink *sink_show_new(struct loop *l, const struct show_config *c, const struct sink_owner *owner,
                           const struct sink_limits *limits)
{
        struct show_sink *w = xcalloc(1, sizeof(*w));

        w->sink = (struct sink){ .ops = &show_ops, .loop = l, .owner = *owner, .limits = *limits };
        w->config = *c;
        w->due = (struct timer){ .name = "show", .fn = due, .arg = w };
        return &w->sink;
}

int64_t sink_show_count(const struct sink *s)
{
        return show_of(s)->shown;
}
