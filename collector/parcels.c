/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/parcels.h"

#include <stdlib.h>

#include "base/mem.h"

void parcels_init(struct parcels *q)
{
        *q = (struct parcels){ .last = &q->first };
}

void parcels_fini(struct parcels *q)
{
        while (q->first)
                parcels_drop(q);
        unpack_fini(&q->unpack);
        buf_fini(&q->scratch);
}

static size_t text_size(const struct incoming *in)
{
        size_t n = in->len;

        for (size_t i = 0; i < in->nheaders; i++)
                n += strlen(in->headers[i].name) + 1 + in->headers[i].len;
        return n;
}

static char *copy(char **to, const void *from, size_t n)
{
        char *at = *to;

        if (n > 0)
                memcpy(at, from, n);
        *to += n;
        return at;
}

/* One piece of memory: the parcel, its headers, and the bytes of both. */
void parcels_put(struct parcels *q, struct partition *p, uint64_t seq, const struct incoming *in)
{
        size_t headers_size = in->nheaders * sizeof(struct incoming_header);
        struct parcel *parcel = xmalloc(sizeof(*parcel) + headers_size + text_size(in));
        struct incoming_header *headers = (struct incoming_header *)(parcel + 1);
        char *at = (char *)headers + headers_size;

        *parcel = (struct parcel){ .partition = p, .seq = seq, .in = *in };
        parcel->in.payload = copy(&at, in->payload, in->len);
        parcel->in.headers = headers;
        for (size_t i = 0; i < in->nheaders; i++) {
                const struct incoming_header *h = &in->headers[i];
                headers[i] = (struct incoming_header){ .name = copy(&at, h->name, strlen(h->name) + 1), .len = h->len };
                headers[i].value = h->value ? copy(&at, h->value, h->len) : NULL;
        }
        *q->last = parcel;
        q->last = &parcel->next;
        q->bytes += sizeof(*parcel) + in->len;
}

size_t parcels_left(const struct parcels *q)
{
        size_t n = 0;

        for (const struct parcel *p = q->first; p; p = p->next)
                n += p->lines > 0 ? p->left : 1;
        return n;
}

size_t parcels_bytes(const struct parcels *q)
{
        /* Memory kept for the next record is no reason to stop. */
        return q->bytes + (q->unpack.content.len > 0 ? q->unpack.content.cap + q->scratch.cap : 0);
}

int parcels_open(struct parcels *q, struct err *e)
{
        struct parcel *p = q->first;
        int r = unpack_begin(&q->unpack, p->in.payload, p->in.len, e);

        if (r == 0)
                p->lines = p->left = q->unpack.lines;
        return r;
}

bool parcels_next(struct parcels *q, struct incoming *ret, size_t *ret_repaired)
{
        struct parcel *p = q->first;
        struct unpacked line;

        if (!unpack_next(&q->unpack, &q->scratch, &line))
                return false;
        *ret = p->in;
        ret->payload = line.doc;
        ret->len = line.len;
        ret->line = p->lines - p->left + 1;
        *ret_repaired = line.repaired;
        p->left--;
        return true;
}

void parcels_drop(struct parcels *q)
{
        struct parcel *p = q->first;

        q->first = p->next;
        if (!q->first)
                q->last = &q->first;
        q->bytes -= sizeof(*p) + p->in.len;
        unpack_end(&q->unpack);
        free(p);
}
