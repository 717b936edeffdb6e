/* SPDX-License-Identifier: Apache-2.0 */
/* life_view: what a program shows over HTTP whatever it is: that it lives, whether it is ready, and how its loop fares. */
#ifndef SLUICE_STATUS_LIFE_VIEW_H
#define SLUICE_STATUS_LIFE_VIEW_H

#include "base/json.h"
#include "status/life.h"
#include "status/metrics.h"

unsigned life_get_healthz(void *arg, struct buf *body);         /* an http_route's */

/* why_it_waits: the first known reason, or NULL; said when work has waited too long. */
unsigned life_get_readyz(struct life *l, const char *why_it_waits, struct buf *body);

void life_put_metrics(struct life *l, struct metrics *m);

/* The first members of /status. */
void life_put_status(struct life *l, const char *why_it_waits, const char *trouble, struct json_out *w);

#endif
