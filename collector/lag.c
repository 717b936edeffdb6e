/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/lag.h"

void lag_reset(struct lag *l)
{
        l->n = 0;
}

void lag_observe(struct lag *l, int64_t records, int64_t now_ms)
{
        l->ring[l->n++ % LAG_SAMPLES] = (struct lag_sample){ now_ms, records };
}

int64_t lag_catch_up_s(const struct lag *l)
{
        if (l->n == 0)
                return -1;
        const struct lag_sample *now = &l->ring[(l->n - 1) % LAG_SAMPLES];
        const struct lag_sample *then = &l->ring[l->n > LAG_SAMPLES ? l->n % LAG_SAMPLES : 0];
        int64_t gone = then->records - now->records, took_ms = now->at_ms - then->at_ms;
        if (now->records == 0)
                return 0;
        if (gone <= 0 || took_ms < LAG_LEAST_MS)
                return -1;
        return (int64_t)((double)now->records * (double)took_ms / (double)gone / 1000 + 0.5);
}
