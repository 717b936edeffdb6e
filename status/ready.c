/* SPDX-License-Identifier: Apache-2.0 */
#include "status/ready.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ready_init(struct ready *r)
{
        memset(r, 0, sizeof(*r));
}

void ready_block(struct ready *r, const char *why)
{
        snprintf(r->blocked, sizeof(r->blocked), "%s", why ? why : "");
}

void ready_progress(struct ready *r, int64_t now_ms)
{
        r->since_ms = now_ms;
}

/* Work that begins to wait starts the clock; an idle hour before it is no stall. */
void ready_observe(struct ready *r, bool work_waits, int64_t now_ms)
{
        if (work_waits && !r->waiting)
                r->since_ms = now_ms;
        r->waiting = work_waits;
}

const char *ready_why_not(struct ready *r, int64_t now_ms, const char *trouble)
{
        if (r->blocked[0])
                return r->blocked;
        int64_t stalled_ms = now_ms - r->since_ms;
        if (!r->waiting || stalled_ms < READY_STALL_MS)
                return NULL;
        snprintf(r->sentence, sizeof(r->sentence), "no progress for %" PRId64 " s: %s", stalled_ms / 1000,
                 trouble ? trouble : "work waits, and no part says why");
        return r->sentence;
}
