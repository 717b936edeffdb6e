/* SPDX-License-Identifier: Apache-2.0 */
/* A key is known by a hash of its text and of the number of its object: two of one hash are taken for
 * one, which 64 bits make rarer than a disk error. */
#include "event/json_unique.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "event/scan.h"

enum { SLOTS_FIRST = 64 };

struct unique {
        struct buf *out;
        const char *p;
        uint64_t objects; /* begun so far: the number of the next */
        uint64_t *slots;  /* hashes, 0 is free */
        size_t nslots, used;
        size_t doubles;
        struct buf key;
};

/* False: it is there already. */
static bool add(uint64_t *slots, size_t nslots, uint64_t hash)
{
        for (size_t i = hash;; i++) {
                uint64_t *at = &slots[i & (nslots - 1)];
                if (*at == hash)
                        return false;
                if (*at == 0) {
                        *at = hash;
                        return true;
                }
        }
}

static void grow(struct unique *u)
{
        size_t n = u->nslots ? 4 * u->nslots : SLOTS_FIRST;
        uint64_t *slots = xcalloc(n, sizeof(*slots));

        for (size_t i = 0; i < u->nslots; i++)
                if (u->slots[i])
                        (void)add(slots, n, u->slots[i]);
        free(u->slots);
        u->slots = slots;
        u->nslots = n;
}

static bool is_new(struct unique *u, uint64_t object, const char *key, size_t len)
{
        if (memchr(key, '\\', len)) {
                buf_reset(&u->key);
                scan_unescape(&u->key, &(struct scan_value){ SCAN_STRING, key, len });
                key = buf_cstr(&u->key);
                len = u->key.len;
        }
        /* Not as a seed: that is mixed into short texts too simply to keep them apart. */
        uint64_t hash = (XXH3_64bits(key, len) ^ object * UINT64_C(0x9e3779b97f4a7c15)) | 1;
        if (2 * (u->used + 1) > u->nslots)
                grow(u);
        bool yes = add(u->slots, u->nslots, hash);
        u->used += yes;
        return yes;
}

static void blank(struct unique *u)
{
        while (*u->p == ' ' || *u->p == '\t' || *u->p == '\n' || *u->p == '\r')
                u->p++;
}

/* At a quote: to behind the one that ends it. */
static void skip_string(struct unique *u)
{
        for (u->p++; *u->p != '"'; u->p++)
                if (*u->p == '\\')
                        u->p++;
        u->p++;
}

static void value(struct unique *u);

static void member(struct unique *u, uint64_t object, bool *first)
{
        size_t before = u->out->len;
        const char *key = u->p;

        skip_string(u);
        bool keep = is_new(u, object, key + 1, (size_t)(u->p - key) - 2);
        if (!*first)
                buf_putc(u->out, ',');
        buf_put(u->out, key, (size_t)(u->p - key));
        buf_putc(u->out, ':');
        blank(u);
        u->p++; /* : */
        value(u);
        if (keep) {
                *first = false;
        } else {
                u->out->len = before;
                u->doubles++;
        }
}

static void container(struct unique *u)
{
        char close = *u->p == '{' ? '}' : ']';
        uint64_t object = ++u->objects;
        bool first = true;

        buf_putc(u->out, *u->p++);
        for (blank(u); *u->p != close; blank(u)) {
                if (*u->p == ',') {
                        u->p++;
                        blank(u);
                }
                if (close == '}') {
                        member(u, object, &first);
                        continue;
                }
                if (!first)
                        buf_putc(u->out, ',');
                value(u);
                first = false;
        }
        buf_putc(u->out, *u->p++);
}

static void value(struct unique *u)
{
        const char *start;

        blank(u);
        start = u->p;
        if (*u->p == '{' || *u->p == '[') {
                container(u);
                return;
        }
        if (*u->p == '"')
                skip_string(u);
        else
                u->p += strcspn(u->p, " \t\r\n,]}");
        buf_put(u->out, start, (size_t)(u->p - start));
}

size_t json_unique(struct buf *b, const char *text, size_t len)
{
        char *copy = xstrndup(text, len); /* its NUL ends a number that stands alone */
        struct unique u = { .out = b, .p = copy };

        value(&u);
        free(copy);
        free(u.slots);
        buf_fini(&u.key);
        return u.doubles;
}
