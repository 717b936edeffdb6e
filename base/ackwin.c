/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ackwin.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

struct ackwin_entry {
        int64_t end;
        uint32_t owed; /* acks that are due; 0: acked */
};

enum {
        RING_FIRST = 8,
        RING_KEEP = 64, /* an empty window holds no more: after a burst most files are quiet */
};

void ackwin_init(struct ackwin *w, size_t max_inflight, int64_t start)
{
        CHECK(max_inflight > 0);
        *w = (struct ackwin){ .max_inflight = max_inflight, .committed = start };
}

void ackwin_fini(struct ackwin *w)
{
        free(w->ring);
        *w = (struct ackwin){ 0 };
}

/* cap is a power of two, so seq finds its place by a mask. */
static struct ackwin_entry *entry(const struct ackwin *w, uint64_t seq)
{
        return &w->ring[seq & (w->cap - 1)];
}

static void grow(struct ackwin *w)
{
        struct ackwin old = *w;

        w->cap = old.cap > 0 ? old.cap * 2 : RING_FIRST;
        w->ring = xmalloc(w->cap * sizeof(*w->ring));
        for (uint64_t seq = w->head; seq < w->tail; seq++)
                *entry(w, seq) = *entry(&old, seq);
        free(old.ring);
}

int ackwin_open(struct ackwin *w, int64_t end, uint64_t *ret_seq)
{
        size_t open = ackwin_inflight(w);

        CHECK(end >= (open > 0 ? entry(w, w->tail - 1)->end : w->committed));
        if (open >= w->max_inflight)
                return -EAGAIN;
        if (open == w->cap)
                grow(w);
        *entry(w, w->tail) = (struct ackwin_entry){ .end = end, .owed = 1 };
        *ret_seq = w->tail++;
        return 0;
}

void ackwin_rest(struct ackwin *w)
{
        if (w->head != w->tail)
                return;
        free(w->ring);
        w->ring = NULL;
        w->cap = 0;
}

bool ackwin_ack(struct ackwin *w, uint64_t seq)
{
        int64_t before = w->committed;

        CHECK(seq >= w->head && seq < w->tail && entry(w, seq)->owed > 0);
        entry(w, seq)->owed--;
        while (w->head < w->tail && entry(w, w->head)->owed == 0)
                w->committed = entry(w, w->head++)->end;
        if (w->cap > RING_KEEP)
                ackwin_rest(w);
        return w->committed != before;
}

void ackwin_share(struct ackwin *w, uint64_t seq, uint32_t n)
{
        CHECK(n > 0 && seq >= w->head && seq < w->tail && entry(w, seq)->owed > 0);
        entry(w, seq)->owed += n - 1;
}

bool ackwin_skip(struct ackwin *w, int64_t end)
{
        int64_t *to = w->head < w->tail ? &entry(w, w->tail - 1)->end : &w->committed;

        CHECK(end >= *to);
        *to = end;
        return to == &w->committed;
}
