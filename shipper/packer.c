/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/packer.h"

enum {
        PACK_BYTES = 256 * 1024,        /* one block of an LZ4 frame; more compresses no better */
        PACK_MOST_LINES = 16384,        /* a reader makes a document of each */
        ALL_BYTES = 2 * PACK_BYTES,
        KEEP_BYTES = 32 * 1024,         /* of each place that is not the only one in use */
};

void packers_init(struct packers *ps)
{
        *ps = (struct packers){ .max_size = PACK_BYTES };
}

void packers_fini(struct packers *ps)
{
        for (size_t i = 0; i < PACKERS; i++)
                pack_fini(&ps->at[i].pack);
}

void packers_set_limit(struct packers *ps, size_t record_bytes)
{
        size_t size = pack_size_for(record_bytes);

        ps->max_size = size < PACK_BYTES ? size : PACK_BYTES;
}

struct packer *packers_of(struct packers *ps, const struct file *f)
{
        return &ps->at[f->inode % PACKERS];     /* of files that are born together each has another number */
}

struct packer *packers_next_open(struct packers *ps, struct packer *after)
{
        for (struct packer *p = after ? after + 1 : ps->at; p < ps->at + PACKERS; p++)
                if (p->file)
                        return p;
        return NULL;
}

bool packers_full(const struct packers *ps)
{
        return ps->bytes >= ALL_BYTES;
}

static bool belongs(const struct packers *ps, const struct packer *p, const struct file *f,
                    const struct event_line *event)
{
        return p->file == f && p->stream_no == f->stream_no && pack_size(&p->pack) + event->len <= ps->max_size &&
               p->pack.lines < PACK_MOST_LINES;
}

static bool begin(struct packer *p, struct file *f, int64_t end, const struct event_line *event, size_t *ret_repaired)
{
        pack_begin(&p->pack, &f->stream);
        if (!pack_add(&p->pack, &f->stream, event, ret_repaired)) {
                pack_cancel(&p->pack);
                return false;
        }
        CHECK(ackwin_open(&f->window, end, &p->seq) == 0);
        p->file = f;
        p->stream_no = f->stream_no;
        p->weight = 0;
        return true;
}

bool packers_add(struct packers *ps, struct packer *p, struct file *f, int64_t end, const struct event_line *event,
                 uint32_t lines, size_t *ret_repaired)
{
        size_t before = p->file ? pack_size(&p->pack) : 0;

        if (!p->file) {
                if (!begin(p, f, end, event, ret_repaired))
                        return false;
        } else {
                if (!belongs(ps, p, f, event) || !pack_add(&p->pack, &f->stream, event, ret_repaired))
                        return false;
                ackwin_skip(&f->window, end);
        }
        p->weight += lines;
        ps->bytes += pack_size(&p->pack) - before;
        return true;
}

struct record *packers_close(struct packers *ps, struct packer *p, struct batch *b)
{
        size_t start = b->data.len, size = pack_size(&p->pack);

        pack_end(&p->pack, &b->data);
        struct record *r = batch_add(b);
        r->value = batch_since(b, start);
        r->weight = p->weight;
        r->origin = p->file;
        r->seq = p->seq;
        p->file = NULL;
        ps->bytes -= size;
        if (ps->bytes > 0 && p->pack.content.cap > KEEP_BYTES)
                pack_fini(&p->pack);
        return r;
}

static struct record *put_half(struct unpack *u, uint32_t lines, struct batch *b)
{
        struct pack half = { 0 };
        size_t start = b->data.len;

        pack_begin(&half, &u->stream);
        for (uint32_t i = 0; i < lines; i++) {
                bool moved = unpack_move(u, &half);
                CHECK(moved);
        }
        pack_end(&half, &b->data);
        pack_fini(&half);
        struct record *r = batch_add(b);
        r->value = batch_since(b, start);
        return r;
}

bool packer_divide(const struct batch *from, const struct record *r, struct batch *b)
{
        struct file *f = r->origin;
        struct unpack u = { 0 };
        struct err e;

        if (r->weight < 2 || !pack_is(batch_at(from, r->value), r->value.len) ||
            unpack_begin(&u, batch_at(from, r->value), r->value.len, &e) < 0 || u.lines < 2) {
                unpack_fini(&u);
                return false;
        }
        uint32_t lines[2] = { u.lines / 2, u.lines - u.lines / 2 };
        /* Which of them has the events of several lines is not told: what counts is the sum. */
        uint32_t weights[2] = { lines[0], r->weight - lines[0] };
        for (int i = 0; i < 2; i++) {
                struct record *half = put_half(&u, lines[i], b);
                half->weight = weights[i];
                half->origin = f;
                half->seq = r->seq;
        }
        ackwin_share(&f->window, r->seq, 2);
        unpack_fini(&u);
        return true;
}
