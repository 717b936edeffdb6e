/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/ndjson.h"

#include <string.h>

void ndjson_put(struct buf *out, const char *value, size_t n)
{
        size_t start = out->len;

        buf_put(out, value, n);
        for (char *at = n ? memchr(out->data + start, '\n', n) : NULL; at;
             at = memchr(at, '\n', (size_t)(out->data + start + n - at)))
                *at = ' ';
        buf_putc(out, '\n');
}

void ndjson_put_batch(struct buf *out, const struct batch *b)
{
        for (size_t i = 0; i < b->n; i++)
                ndjson_put(out, batch_at(b, b->recs[i].value), b->recs[i].value.len);
}
