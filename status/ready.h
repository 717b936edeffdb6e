/* SPDX-License-Identifier: Apache-2.0 */
/* ready: is work going on, and if not, why, in one sentence.
 *
 * Two ways to be not ready: the program says so (starting, stopping: ready_block), or work has waited for
 * READY_STALL_MS without progress; then the sentence is the first trouble that is known.
 */
#ifndef SLUICE_STATUS_READY_H
#define SLUICE_STATUS_READY_H

#include <stdbool.h>
#include <stdint.h>

enum { READY_STALL_MS = 30000 };

struct ready {
        char blocked[256];      /* "" or why: "starting: waiting for the broker" */
        bool waiting;           /* work waits */
        int64_t since_ms;       /* last progress, or when the work began to wait */
        char sentence[512];
};

void ready_init(struct ready *r);
void ready_block(struct ready *r, const char *why);             /* NULL: no longer */
void ready_progress(struct ready *r, int64_t now_ms);           /* something was settled */
/* Tell it once a turn or once a second whether anything waits. */
void ready_observe(struct ready *r, bool work_waits, int64_t now_ms);
/* NULL: ready.  Else the sentence; trouble is what the sinks say now, or NULL. */
const char *ready_why_not(struct ready *r, int64_t now_ms, const char *trouble);

#endif
