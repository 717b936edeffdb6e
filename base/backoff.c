/* SPDX-License-Identifier: Apache-2.0 */
#include "base/backoff.h"

#include <stdbool.h>
#include <sys/random.h>

#include "base/check.h"

void backoff_init(struct backoff *b, int64_t base_ms, int64_t max_ms)
{
        CHECK(base_ms > 0 && max_ms >= base_ms);
        *b = (struct backoff){ .base_ms = base_ms, .max_ms = max_ms };
}

int64_t backoff_next_ms(struct backoff *b)
{
        int64_t limit = b->base_ms;
        int64_t delay;

        for (unsigned i = 0; i < b->tries && limit < b->max_ms; i++)
                limit = limit > b->max_ms / 2 ? b->max_ms : limit * 2;
        b->tries++;
        delay = (int64_t)(random_u64() % ((uint64_t)limit + 1));
        return delay > 0 ? delay : 1;
}

void backoff_reset(struct backoff *b)
{
        b->tries = 0;
}

static _Thread_local uint64_t state;
static _Thread_local bool seeded;

void random_seed(uint64_t seed)
{
        state = seed;
        seeded = true;
}

/* splitmix64: small, quick, and good enough to spread retries. */
uint64_t random_u64(void)
{
        uint64_t z;

        if (!seeded) {
                ssize_t n = getrandom(&z, sizeof(z), 0);

                CHECK(n == (ssize_t)sizeof(z)); /* so short a read is never cut (getrandom(2)) */
                random_seed(z);
        }
        state += UINT64_C(0x9e3779b97f4a7c15);
        z = state;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}
