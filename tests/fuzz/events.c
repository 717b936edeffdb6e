/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/events.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "shipper/weave.h"

struct seen {
        size_t at, span;
        uint64_t hash;                  /* of all that is said about it */
        size_t position;                /* behind its group; 0: not its last */
        struct frame_skip skip;         /* there */
};

struct list { struct seen *v; size_t n, cap; };

static void add(struct list *l, const struct frame *f, size_t at)
{
        const uint64_t said[] = { f->len, f->lines, f->unfinished, f->multiline, f->truncated, f->foreign,
                                  f->stream ? (uint64_t)f->stream[3] : 0, f->time_len, f->repaired };

        if (l->n == l->cap) {
                l->cap = l->cap ? 2 * l->cap : 16;
                l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
        }
        l->v[l->n++] = (struct seen){ .at = at, .span = f->span,
                                      .hash = XXH3_64bits(f->text, f->len) ^ XXH3_64bits(said, sizeof(said)) };
}

/* Reads n bytes from `from` on. */
static struct list read_all(const struct framing *what, const char *text, size_t n, size_t from, struct frame_skip skip,
                            bool final)
{
        struct framing how = *what;
        struct list l = { 0 };
        const char *p = text + from, *end = text + n;
        struct frame f;

        how.start = p;
        how.offset = (int64_t)from;
        how.skip = skip;
        how.final = final;
        if (how.weave)
                weave_reset(how.weave);
        while (frame_next(&how, p, end, 0, &f)) {
                CHECK(f.size <= (size_t)(end - p) && (f.text ? f.lines > 0 : f.size > 0 && f.skipped > 0));
                CHECK(f.at + f.span <= (size_t)(end - p));
                if (f.text)
                        add(&l, &f, (size_t)(p - text) + f.at);
                p += f.size;
                if (f.size == 0)
                        continue;
                how.skip = f.skip;
                if (l.n > 0)
                        l.v[l.n - 1].position = (size_t)(p - text);
                if (l.n > 0)
                        l.v[l.n - 1].skip = f.skip;
        }
        CHECK(!final || p == end);
        CHECK(final || p == end || (size_t)(end - p) <= how.max_bytes || f.unfinished);
        return l;
}

static void same(const struct seen *a, const struct seen *b)
{
        CHECK(a->at == b->at && a->span == b->span && a->hash == b->hash);
}

void events_check(const struct framing *how, const char *text, size_t n, size_t seen)
{
        struct frame_skip none = { 0 };
        struct list all = read_all(how, text, n, 0, none, true);
        struct list part = read_all(how, text, seen, 0, none, false);

        CHECK(part.n <= all.n);
        for (size_t i = 0; i < part.n; i++)
                same(&part.v[i], &all.v[i]);
        free(part.v);
        for (size_t i = 0; i < all.n && i < 64; i++) {
                if (all.v[i].position == 0)
                        continue;
                struct list rest = read_all(how, text, n, all.v[i].position, all.v[i].skip, true);
                CHECK(rest.n == all.n - i - 1);
                for (size_t k = 0; k < rest.n; k++)
                        same(&rest.v[k], &all.v[i + 1 + k]);
                free(rest.v);
        }
        free(all.v);
}
