/* SPDX-License-Identifier: Apache-2.0 */
/* map: from a 64-bit key to a pointer.  Open addressing, linear probing,
 * grows at three quarters.  Keys are spread by a multiplicative hash, so inode
 * numbers and watch descriptors are good keys.  Values are borrowed, never NULL.
 * One thread.
 */
#ifndef SLUICE_BASE_MAP_H
#define SLUICE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
        struct map_slot *slots;         /* owned */
        size_t cap, len;
};

void map_fini(struct map *m);                           /* a zeroed struct is an empty map */
void *map_get(const struct map *m, uint64_t key);       /* NULL: not there */
void map_put(struct map *m, uint64_t key, void *value); /* replaces */
void *map_del(struct map *m, uint64_t key);             /* what was there, or NULL */

/* for (size_t i = 0; (v = map_next(m, &i)) != NULL;)  -- no change to the map meanwhile */
void *map_next(const struct map *m, size_t *i);

#endif
