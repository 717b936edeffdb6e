/* SPDX-License-Identifier: Apache-2.0 */
/* backoff: how long to wait before the next try, with full jitter.
 *
 *      delay = random(0, min(max, base * 2^tries))
 *
 * Full jitter spreads the retries of many processes best (AWS Architecture
 * Blog, "Exponential Backoff And Jitter").  The first delay is at least 1 ms.
 */
#ifndef SLUICE_BASE_BACKOFF_H
#define SLUICE_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
        int64_t base_ms, max_ms;
        unsigned tries;
};

void backoff_init(struct backoff *b, int64_t base_ms, int64_t max_ms);
int64_t backoff_next_ms(struct backoff *b);     /* counts the try */
void backoff_reset(struct backoff *b);          /* after a success */

uint64_t random_u64(void);                      /* thread-local generator, seeded by getrandom(2); not for secrets */
void random_seed(uint64_t seed);                /* tests: the same sequence again, this thread */

#endif
