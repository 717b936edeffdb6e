/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* ---- its state ------------------------------------------------------------------------------------ */

#define STATE_NAME(name, help) #name,
static const char *const state_names[] = { ES_BULK_STATES(STATE_NAME) };

static const bool may[BULK_NSTATES][BULK_NSTATES] = {
        [BULK_NEW] = { [BULK_QUEUED] = true },
        [BULK_QUEUED] = { [BULK_BUILDING] = true },
        [BULK_BUILDING] = { [BULK_BUILT] = true },
        [BULK_BUILT] = { [BULK_SENDING] = true },
        [BULK_SENDING] = { [BULK_WAITING] = true, [BULK_QUEUED] = true },
        [BULK_WAITING] = { [BULK_QUEUED] = true },
};

static bool holds_body(enum es_bulk_state state)
{
        return state == BULK_BUILDING || state == BULK_BUILT || state == BULK_SENDING;
}

/* Takes it out of its list, and out of what is counted by state. */
static void leave(struct es_bulk *b)
{
        struct es_bulks *all = b->all;

        if (b->state == BULK_NEW)
                return;
        TAILQ_REMOVE(&all->lists[b->state], b, link);
        if (holds_body(b->state))
                all->bodies--;
        if (b->state == BULK_SENDING)
                all->requests--;
        stat_add(&all->stats->waiting, -(b->state == BULK_WAITING));
}

static void show_gauges(struct es_bulks *all)
{
        stat_set(&all->stats->in_flight, (int64_t)all->requests);
        stat_set(&all->stats->bodies, (int64_t)all->bodies);
}

/* The only place that assigns b->state. */
void es_bulk_enter(struct es_bulk *b, enum es_bulk_state to, const char *why)
{
        struct es_bulks *all = b->all;

        CHECK(may[b->state][to]);
        log_debug("elasticsearch", "bulk of %zu: %s -> %s: %s", b->batch->n, state_names[b->state],
                  state_names[to], why);
        leave(b);
        if (!holds_body(to))
                es_job_drop(&b->job);
        all->bodies += holds_body(to);
        all->requests += to == BULK_SENDING;
        stat_add(&all->stats->waiting, to == BULK_WAITING);
        /* What waited is older than what is queued, and holds the owner's window open. */
        if (to == BULK_QUEUED && b->state != BULK_NEW)
                TAILQ_INSERT_HEAD(&all->lists[to], b, link);
        else
                TAILQ_INSERT_TAIL(&all->lists[to], b, link);
        b->state = to;
        show_gauges(all);
}

/* ---- its life --------------------------------------------------------------------------------------- */

void es_bulks_init(struct es_bulks *all)
{
        for (size_t i = 0; i < BULK_NSTATES; i++)
                TAILQ_INIT(&all->lists[i]);
}

const struct es_bulk *es_bulks_most_troubled(const struct es_bulks *all)
{
        static const enum es_bulk_state order[] = { BULK_WAITING, BULK_SENDING, BULK_BUILT, BULK_BUILDING,
                                                    BULK_QUEUED };
        const struct es_bulk *found = NULL, *b;

        for (size_t i = 0; i < ARRAY_LEN(order); i++)
                TAILQ_FOREACH(b, &all->lists[order[i]], link)
        if (b->why && (!found || (b->operators && !found->operators)))
                found = b;
        return found;
}

struct es_bulk *es_bulk_new(struct es_bulks *all, struct batch **batch)
{
        struct es_bulk *b = xcalloc(1, sizeof *b);

        b->all = all;
        b->batch = *batch;
        *batch = NULL;
        b->limit = SIZE_MAX;
        backoff_init(&b->backoff, all->retry_base_ms, all->retry_max_ms);
        b->timer = (struct timer){ .name = "elasticsearch retry", .fn = all->on_timer, .arg = b };
        return b;
}

void es_bulk_free(struct es_bulk *b)
{
        leave(b);
        show_gauges(b->all);
        timer_disarm(b->all->sink->loop, &b->timer);
        es_round_fini(&b->round);
        es_job_drop(&b->job);
        free(b->strikes);
        free(b->why);
        free(b);
}

void es_bulk_why(struct es_bulk *b, char *why, bool operators)
{
        free(b->why);
        b->why = why;
        b->operators = operators;
}

void es_bulk_wait(struct es_bulk *b, int64_t at_least_ms)
{
        int64_t ms = backoff_next_ms(&b->backoff);

        stat_inc(&b->all->stats->retries);
        es_bulk_enter(b, BULK_WAITING, b->why ? b->why : "to be tried again");
        timer_arm(b->all->sink->loop, &b->timer, ms > at_least_ms ? ms : at_least_ms);
}

/* ---- its window ------------------------------------------------------------------------------------- */

enum { ACTION_BYTES = 100 }; /* of an action line, about */

/* The records that fit, at least one. */
static size_t that_fit(const struct batch *batch, size_t max_bytes)
{
        size_t bytes = 0, n = 0;

        while (n < batch->n) {
                bytes += batch->recs[n].value.len + ACTION_BYTES;
                if (bytes > max_bytes && n > 0)
                        break;
                n++;
        }
        return n;
}

void es_bulk_choose(struct es_bulk *b, size_t max_bytes)
{
        size_t n = b->batch->n < b->limit ? b->batch->n : b->limit;
        bool may_be_more = b->batch->data.len + b->batch->n * ACTION_BYTES > max_bytes;
        size_t fit = may_be_more ? that_fit(b->batch, max_bytes) : n;

        b->cut = fit < n;
        b->window = b->cut ? fit : n;
        b->job.batch = b->batch;
        b->job.n = b->window;
}

/* ---- verdicts ------------------------------------------------------------------------------------- */

static enum verdict verdict_of(enum es_verdict v)
{
        return v == ES_REJECT ? VERDICT_REJECT : v == ES_DUPLICATE ? VERDICT_DUPLICATE : VERDICT_DONE;
}

static void settle_record(struct es_bulk *b, size_t i, const struct es_outcome *o)
{
        es_stats_document(b->all->stats, o->verdict);
        if (o->verdict <= ES_DUPLICATE) {
                b->all->passed++;
                b->all->culprits = 0;
        }
        if (!es_verdict_waits(o->verdict))
                batch_settle(b->batch, &b->batch->recs[i], verdict_of(o->verdict), o->status, o->reason,
                             o->reason_len);
}

/* A document that fails again and again while others pass is at fault itself. */
static bool struck_out(struct es_bulk *b, size_t i)
{
        if (!b->strikes)
                b->strikes = xcalloc(b->batch->n, 1);
        return ++b->strikes[i] >= ES_STRIKES;
}

/* Its index takes no writes, and that for longer than the owner wants to wait. */
static bool parked(struct es_bulk *b, size_t i, const struct es_outcome *o)
{
        const char *why = b->round.why ? b->round.why : "";
        int64_t age_ms = loop_now_ms(b->all->sink->loop) - b->batch->opened_ms;

        if (o->verdict != ES_BLOCKED || b->all->park_after_ms == 0 || age_ms < b->all->park_after_ms)
                return false;
        es_stats_document(b->all->stats, o->verdict);
        batch_settle(b->batch, &b->batch->recs[i], VERDICT_PARK, o->status, why, strlen(why));
        return true;
}

bool es_bulk_settle(struct es_bulk *b)
{
        bool others_pass = es_round_any_passed(&b->round) || b->all->passed > b->passed_at_strike;
        bool again = false;

        for (size_t i = 0; i < b->window; i++) {
                struct es_outcome o = es_round_outcome(&b->round, i);

                if (o.verdict == ES_STRIKE && others_pass && struck_out(b, i))
                        o.verdict = ES_REJECT;
                if (parked(b, i, &o))
                        continue;
                again |= es_verdict_waits(o.verdict);
                settle_record(b, i, &o);
        }
        b->passed_at_strike = b->all->passed;
        return again;
}

static void reject_lone(struct es_bulk *b, unsigned status)
{
        const struct es_error *error = es_round_error(&b->round);
        char *reason = error->type[0] ? xasprintf("%s: %s", error->type, error->reason)
                                      : xasprintf("%u: the document is too large for the server", status);
        struct es_outcome o = { ES_REJECT, status, reason, strlen(reason) };

        settle_record(b, 0, &o);
        free(reason);
        es_bulk_why(b, NULL, false);
}

bool es_bulk_halve(struct es_bulk *b, unsigned status)
{
        if (b->window > 1) {
                b->limit = b->window / 2;
                return false;
        }
        reject_lone(b, status);
        b->all->culprits++;
        return true;
}

struct batch *es_bulk_take_settled(struct es_bulk *b)
{
        struct batch *settled = b->batch;
        size_t kept = 0;

        if (settled->waiting == settled->n)
                return NULL;
        for (size_t i = 0; b->strikes && i < settled->n; i++)
                if (settled->recs[i].verdict == VERDICT_NONE)
                        b->strikes[kept++] = b->strikes[i];
        b->batch = batch_split_waiting(settled);
        if (b->batch)
                sink_split(b->all->sink, settled, b->batch);
        return settled;
}
