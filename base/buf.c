/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { BUF_FIRST = 64 };

void buf_init(struct buf *b, size_t max)
{
        *b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
        free(b->data);
        *b = (struct buf){ .max = b->max };
}

void buf_reset(struct buf *b)
{
        b->len = 0;
        b->failed = false;
}

static void grow(struct buf *b, size_t need)
{
        size_t cap = b->cap > BUF_FIRST ? b->cap : BUF_FIRST;

        while (cap < need)
                cap = cap > SIZE_MAX / 4 ? need : cap * 2;
        if (b->max > 0 && cap > b->max)
                cap = b->max; /* need is not above max */
        b->data = xrealloc(b->data, cap + BUF_SLACK);
        b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
        if (b->failed)
                return NULL;
        if (n > b->cap - b->len || b->data == NULL) {
                if (n > (b->max > 0 ? b->max : SIZE_MAX / 2) - b->len) {
                        b->failed = true;
                        return NULL;
                }
                grow(b, b->len + n);
        }
        return b->data + b->len;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
        char *to;

        if (n == 0 || (to = buf_reserve(b, n)) == NULL)
                return;
        memcpy(to, p, n);
        b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
        buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
        char *to = buf_reserve(b, 1);

        if (to == NULL)
                return;
        *to = c;
        b->len++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
        va_list ap, again;
        char *to;
        int n;

        va_start(ap, fmt);
        va_copy(again, ap);
        n = vsnprintf(NULL, 0, fmt, ap);
        CHECK(n >= 0);
        to = buf_reserve(b, (size_t)n);
        if (to != NULL) {
                vsnprintf(to, (size_t)n + 1, fmt, again); /* its NUL goes into the slack */
                b->len += (size_t)n;
        }
        va_end(again);
        va_end(ap);
}

void buf_put_u64(struct buf *b, uint64_t n)
{
        char digits[20], *p = digits + sizeof(digits);

        do {
                *--p = (char)('0' + n % 10);
                n /= 10;
        } while (n > 0);
        buf_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

const char *buf_cstr(struct buf *b)
{
        if (b->data == NULL)
                return "";
        b->data[b->len] = '\0'; /* in the slack when the buffer is full */
        return b->data;
}
