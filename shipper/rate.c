/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/rate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 1000 * 1000 * 1000 };

int rate_init(struct rate *r, const char *text, int64_t burst, int64_t sample, struct err *e)
{
        static const char units[] = "smh";
        static const int64_t periods[] = { 1000, 60 * 1000, 3600 * 1000 };
        char *end;

        *r = (struct rate){ .sample = sample };
        if (!text)
                return 0;
        long long n = strtoll(text, &end, 10);
        const char *unit = *end == '/' && end[1] && !end[2] ? strchr(units, end[1]) : NULL;
        if (!unit || n < 1 || n > LINES_MAX)
                return err_set(
                        e, EINVAL,
                        "rate_limit: \"%s\": write lines in a time, as in \"1000/s\", \"600/m\" or \"100/h\"",
                        text);
        r->lines = n;
        r->period_ms = periods[unit - units];
        r->burst = burst > 0 ? burst : n * 1000 / r->period_ms;
        if (r->burst < 1)
                r->burst = 1;
        r->parts = r->burst * r->period_ms;
        r->filled_ms = INT64_MIN;
        return 0;
}

static void fill(struct rate *r, int64_t now_ms)
{
        int64_t full = r->burst * r->period_ms,
                passed = r->filled_ms == INT64_MIN ? 0 : now_ms - r->filled_ms;

        r->filled_ms = now_ms;
        if (passed <= 0)
                return;
        if (passed > (full - r->parts) / r->lines)
                r->parts = full;
        else
                r->parts += passed * r->lines;
}

bool rate_take(struct rate *r, int64_t now_ms)
{
        if (r->lines == 0)
                return true;
        fill(r, now_ms);
        if (r->parts >= r->period_ms) {
                r->parts -= r->period_ms;
                return true;
        }
        return r->sample > 0 && r->beyond++ % r->sample == 0;
}
