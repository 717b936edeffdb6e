/* SPDX-License-Identifier: Apache-2.0 */
/* A stream in pieces of any size gives the messages that it gives in one; no byte is lost without being counted.
 * Input: the mode, the size of the pieces, the bytes.
 */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "shipper/splitter.h"

enum { MAX_BYTES = 48 };

struct sum { uint64_t hash; size_t n, bytes; };

static void take(void *arg, const char *text, size_t len, size_t skipped)
{
        struct sum *s = arg;
        const uint64_t said[] = { s->hash, XXH3_64bits(text, len), len, skipped };

        CHECK(len <= MAX_BYTES && (skipped == 0 || len == MAX_BYTES));
        s->hash = XXH3_64bits(said, sizeof(said));
        s->n++;
        s->bytes += len + skipped;
}

static struct sum split(enum splitter_mode mode, const char *p, size_t n, size_t piece)
{
        struct splitter s = { .mode = mode, .max_bytes = MAX_BYTES };
        struct sum sum = { 0 };

        for (size_t at = 0; at < n; at += piece)
                splitter_feed(&s, p + at, piece < n - at ? piece : n - at, take, &sum);
        splitter_end(&s, take, &sum);
        CHECK(s.held.len == 0 && s.skipped == 0);
        splitter_fini(&s);
        return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2)
                return 0;
        enum splitter_mode mode = (enum splitter_mode)(data[0] % 3);
        const char *p = (const char *)data + 2;
        size_t n = size - 2;
        struct sum one = split(mode, p, n, n + 1), pieces = split(mode, p, n, 1u + data[1]);

        CHECK(one.hash == pieces.hash && one.n == pieces.n && one.bytes == pieces.bytes && one.bytes <= n);
        return 0;
}
