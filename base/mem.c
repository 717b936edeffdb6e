/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Above the batches and bodies that come and go; a larger block comes from mmap and goes back at once. */
enum { BIG_BLOCK = 4 << 20, KEEP_FREE = 32 << 20, GIVE_BACK = 3 << 20, TRIM_ANYWAY = 10 };

static void *or_abort(void *p, size_t size)
{
        if (p == NULL) {
                dprintf(STDERR_FILENO, "out of memory: %zu bytes refused\n", size);
                abort();
        }
        return p;
}

void *xmalloc(size_t size)
{
        return or_abort(malloc(size > 0 ? size : 1), size);
}

void *xcalloc(size_t n, size_t size)
{
        return or_abort(n > 0 && size > 0 ? calloc(n, size) : calloc(1, 1), n * size);
}

void *xrealloc(void *p, size_t size)
{
        return or_abort(realloc(p, size > 0 ? size : 1), size);
}

char *xstrdup(const char *s)
{
        return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
        size_t len = strnlen(s, n);
        char *copy = xmalloc(len + 1);

        if (len > 0)
                memcpy(copy, s, len);
        copy[len] = '\0';
        return copy;
}

char *xasprintf(const char *fmt, ...)
{
        va_list ap;
        char *s = NULL;
        int n;

        va_start(ap, fmt);
        n = vasprintf(&s, fmt, ap);
        va_end(ap);
        return or_abort(n < 0 ? NULL : s, strlen(fmt));
}

/* Set, the thresholds stay where they are; left alone, glibc would raise them with the first big block that is freed. */
void mem_setup(void)
{
        mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
        mallopt(M_TRIM_THRESHOLD, KEEP_FREE);
        mallopt(M_ARENA_MAX, 2);
}

/* A trim is a system call for each free piece, given back before or not, so it is left out while the same is free as after
 * the last one; now and then it is done anyway, for what was taken meanwhile and freed again. */
void mem_give_back(void)
{
        static size_t left, same;
        size_t now = mallinfo2().fordblks;

        same = now == left ? same + 1 : 0;
        if (now <= GIVE_BACK || same % TRIM_ANYWAY != 0)
                return;
        malloc_trim(0);
        left = mallinfo2().fordblks;
}
