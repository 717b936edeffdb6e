/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever bytes come as an answer, in whatever pieces: no crash, and the pieces do not matter. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "sinks/es_answer.h"

enum { MAX_ITEMS = 16 };

struct seen {
        size_t items;
        uint64_t sum; /* of all that was said */
};

static uint64_t mix(uint64_t sum, const char *s)
{
        for (; *s; s++)
                sum = (sum ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        return sum;
}

static void on_item(void *arg, const struct es_item *item)
{
        struct seen *seen = arg;

        CHECK(item->index == seen->items && item->index < MAX_ITEMS);
        CHECK(item->status >= 100 && item->status <= 999);
        seen->items++;
        seen->sum = mix(mix(seen->sum * 31 + item->status, item->error->type), item->error->reason);
}

static bool read_in_pieces(const char *p, size_t n, size_t piece, struct seen *seen)
{
        struct es_answer a;

        es_answer_init(&a, MAX_ITEMS, on_item, seen);
        for (size_t at = 0; at < n; at += piece)
                es_answer_feed(&a, p + at, n - at < piece ? n - at : piece);
        bool whole = es_answer_end(&a);
        CHECK(seen->items == a.items);
        CHECK(whole == !a.fault);
        CHECK(whole || !es_answer_complete(&a, a.items));
        es_answer_fini(&a);
        return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n < 1)
                return 0;
        const char *p = (const char *)data + 1;
        struct seen once = { 0 }, pieces = { 0 };
        bool whole = read_in_pieces(p, n - 1, n, &once);
        bool same = read_in_pieces(p, n - 1, data[0] % 7 + 1, &pieces);

        CHECK(whole == same);
        CHECK(once.items == pieces.items && once.sum == pieces.sum);
        return 0;
}
