/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

struct map_slot {
        uint64_t key;
        void *value; /* NULL: free */
};

enum { MAP_FIRST = 16 };

void map_fini(struct map *m)
{
        free(m->slots);
        *m = (struct map){ 0 };
}

/* Where key would like to be.  The product's top bits are its best mixed ones. */
static size_t home(const struct map *m, uint64_t key)
{
        uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);

        return (size_t)(h >> 32) & (m->cap - 1);
}

/* The slot that holds key, or the free one where it belongs.  There is always a free one. */
static struct map_slot *find(const struct map *m, uint64_t key)
{
        size_t i = home(m, key);

        while (m->slots[i].value != NULL && m->slots[i].key != key)
                i = (i + 1) & (m->cap - 1);
        return &m->slots[i];
}

static void grow(struct map *m)
{
        struct map old = *m;

        m->cap = old.cap > 0 ? old.cap * 2 : MAP_FIRST;
        CHECK(m->cap <= UINT32_MAX); /* home() has 32 bits */
        m->slots = xcalloc(m->cap, sizeof(*m->slots));
        for (size_t i = 0; i < old.cap; i++)
                if (old.slots[i].value != NULL)
                        *find(m, old.slots[i].key) = old.slots[i];
        free(old.slots);
}

void *map_get(const struct map *m, uint64_t key)
{
        return m->len > 0 ? find(m, key)->value : NULL;
}

void map_put(struct map *m, uint64_t key, void *value)
{
        struct map_slot *s;

        CHECK(value != NULL);
        if (4 * (m->len + 1) > 3 * m->cap)
                grow(m);
        s = find(m, key);
        if (s->value == NULL)
                m->len++;
        *s = (struct map_slot){ .key = key, .value = value };
}

/* Closes the gap at i: each follower that may move down does, so that no search
 * stops early and no tombstones pile up. */
static void close_gap(struct map *m, size_t gap)
{
        size_t mask = m->cap - 1;

        for (size_t i = (gap + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask) {
                size_t way = (i - home(m, m->slots[i].key)) & mask; /* how far it stands from home */

                if (way >= ((i - gap) & mask)) {
                        m->slots[gap] = m->slots[i];
                        gap = i;
                }
        }
        m->slots[gap] = (struct map_slot){ 0 };
}

void *map_del(struct map *m, uint64_t key)
{
        struct map_slot *s;
        void *value;

        if (m->len == 0)
                return NULL;
        s = find(m, key);
        value = s->value;
        if (value != NULL) {
                close_gap(m, (size_t)(s - m->slots));
                m->len--;
        }
        return value;
}

void *map_next(const struct map *m, size_t *i)
{
        while (*i < m->cap) {
                void *value = m->slots[(*i)++].value;

                if (value != NULL)
                        return value;
        }
        return NULL;
}
