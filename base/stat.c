/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stat.h"

#include "base/check.h"

const double hist_bounds[HIST_BUCKETS] = {
        0.0001, 0.00022, 0.00046, 0.001, 0.0022, 0.0046, 0.01, 0.022, 0.046, 0.1,
        0.22,   0.46,    1,       2.2,   4.6,    10,     22,   46,    100,
};

void hist_add(struct hist *h, double seconds)
{
        int i = 0; /* most of what is measured is short, so the search is too */

        while (i < HIST_BUCKETS && seconds > hist_bounds[i])
                i++;
        h->bucket[i]++;
        h->count++;
        h->sum += seconds;
}

double hist_quantile(const struct hist *h, double q)
{
        double rank = q * (double)h->count, below = 0;

        CHECK(q >= 0 && q <= 1);
        for (int i = 0; i < HIST_BUCKETS; i++) {
                double low = i == 0 ? 0 : hist_bounds[i - 1], here = (double)h->bucket[i];

                if (here > 0 && below + here >= rank)
                        return low + (hist_bounds[i] - low) * (rank - below) / here;
                below += here;
        }
        return h->count == 0 ? 0 : hist_bounds[HIST_BUCKETS - 1]; /* no more is known than "above" */
}
