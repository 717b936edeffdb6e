/* SPDX-License-Identifier: Apache-2.0 */
/* lag: from the records behind, looked at every so often, the time until there are none.
 *
 * What arrives meanwhile is in it: the estimate is the lag divided by how fast it shrinks.  One thread.
 */
#ifndef SLUICE_COLLECTOR_LAG_H
#define SLUICE_COLLECTOR_LAG_H

#include <stddef.h>
#include <stdint.h>

enum { LAG_SAMPLES = 32, LAG_LEAST_MS = 3000 };

struct lag {
        struct lag_sample { int64_t at_ms, records; } ring[LAG_SAMPLES];
        size_t n;               /* samples ever taken since the last reset */
};

void lag_reset(struct lag *l);          /* other partitions: what was seen says nothing about them */
void lag_observe(struct lag *l, int64_t records, int64_t now_ms);
/* Seconds until it is caught up.  0: it is.  -1: it does not shrink, or is not looked at for LAG_LEAST_MS yet. */
int64_t lag_catch_up_s(const struct lag *l);

#endif
