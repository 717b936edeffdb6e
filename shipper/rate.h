/* SPDX-License-Identifier: Apache-2.0 */
/* rate: how many lines of an input may go on in a while.
 *
 *      "1000/s" with burst 5000:  a bucket of 5000 lines that fills by 1000 a second; a line takes one.
 *      sample 100:                when it is empty, one line of 100 goes on all the same.
 */
#ifndef SLUICE_SHIPPER_RATE_H
#define SLUICE_SHIPPER_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct rate {
        int64_t lines, period_ms;       /* lines 0: no limit */
        int64_t burst;                  /* lines */
        int64_t sample;                 /* 0: none beyond the rate */
        int64_t parts;                  /* in the bucket; period_ms of them are a line */
        int64_t filled_ms;              /* when it was filled last */
        int64_t beyond;                 /* lines that found it empty */
};

/* text: "N/s", "N/m" or "N/h"; NULL: no limit.  burst 0: what flows in in a second, at least one line. */
int rate_init(struct rate *r, const char *text, int64_t burst, int64_t sample, struct err *e) MUST_CHECK;
bool rate_take(struct rate *r, int64_t now_ms);         /* false: drop the line */

#endif
