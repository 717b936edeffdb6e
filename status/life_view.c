/* SPDX-License-Identifier: Apache-2.0 */
#include "status/life_view.h"

static const char *why_not(struct life *l, const char *why_it_waits)
{
        return ready_why_not(&l->ready, loop_now_ms(l->loop), why_it_waits);
}

unsigned life_get_healthz(void *arg, struct buf *body)
{
        (void)arg;
        buf_puts(body, "alive\n");
        return 200;
}

unsigned life_get_readyz(struct life *l, const char *why_it_waits, struct buf *body)
{
        const char *why = why_not(l, why_it_waits);

        buf_printf(body, "%s\n", why ? why : "ready");
        return why ? 503 : 200;
}

void life_put_metrics(struct life *l, struct metrics *m)
{
        metrics_value(m, STAT_GAUGE, "loop_held_worst_seconds", NULL,
                      "Longest time one callback held the loop in the last minute.", (double)loop_lag(l->loop).worst_us / 1e6);
        metrics_value(m, STAT_GAUGE, "ready", NULL, "1 when /readyz says 200.", why_not(l, NULL) ? 0 : 1);
}

void life_put_status(struct life *l, const char *why_it_waits, const char *trouble, struct json_out *w)
{
        struct loop_lag lag = loop_lag(l->loop);
        const char *why = why_not(l, why_it_waits);

        json_str(w, "program", l->ops->program->name);
        json_str(w, "version", SLUICE_VERSION);
        json_bool(w, "ready", !why);
        json_str(w, "why_not", why);
        json_str(w, "trouble", trouble);
        json_str(w, "loop_worst", lag.worst_name);
        json_int(w, "loop_worst_us", lag.worst_us);
}
