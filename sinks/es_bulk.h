/* SPDX-License-Identifier: Apache-2.0 */
/* es_bulk: a batch on its way through the elasticsearch sink.
 *
 *      submit                       worker                 request and node free
 *        |                                                                     answer
 *        +--> QUEUED --> BUILDING --------> BUILT --------> SENDING -----------------+
 *              ^  ^                                                                  |
 *              |  |  timer                       some or all again, after a backoff  |
 *              |  +-------- WAITING <------------------------------------------------+
 *              |                                 the rest of a bulk sent in parts    |
 *              +---------------------------------------------------------------------+
 *                                                all settled: back to the owner, freed
 *
 * After each answer what is settled goes back at once; the bulk keeps the rest.  So all records of its batch
 * are unsettled whenever it is in a state, and a request carries the first `window` of them: all, unless that
 * was too large, or one of them spoils the request.
 */
#ifndef SLUICE_SINKS_ES_BULK_H
#define SLUICE_SINKS_ES_BULK_H

#include <sys/queue.h>

#include "base/backoff.h"
#include "base/loop.h"
#include "sinks/es_body.h"
#include "sinks/es_node.h"
#include "sinks/es_round.h"
#include "sinks/es_stats.h"
#include "sinks/http_client.h"
#include "sinks/sink.h"

#define ES_BULK_STATES(X) \
        X(BULK_NEW, "in no state yet") \
        X(BULK_QUEUED, "waits for a worker; no body") \
        X(BULK_BUILDING, "a worker writes its body; the batch may only be read") \
        X(BULK_BUILT, "waits for a free request and a usable node; holds a body") \
        X(BULK_SENDING, "its request is under way; holds a body") \
        X(BULK_WAITING, "its timer runs; no body")
#define ES_BULK_STATE(name, help) name,
enum es_bulk_state { ES_BULK_STATES(ES_BULK_STATE) BULK_NSTATES };
#undef ES_BULK_STATE

/* Lone documents refused in a row without any that passed: then it is not the documents. */
enum { ES_CULPRITS_MAX = 10 };

struct es_bulk {
        TAILQ_ENTRY(es_bulk) link;      /* in the list of its state */
        enum es_bulk_state state;
        struct es_bulks *all;           /* borrowed */
        struct batch *batch;            /* owned; no record has a verdict */
        size_t limit;                   /* records a request may carry; halved and doubled */
        size_t window;                  /* records this request carries: the first ones */
        bool cut;                       /* and would carry more, but for the limit of bytes */

        struct es_job job;
        struct es_node *node;           /* borrowed, while SENDING */
        const struct es_node *shunned;  /* borrowed: where it failed last, NULL: nowhere */
        struct http_request request;
        int64_t sent_ms;
        bool crowded;                   /* it was the last request that the limit allows */
        struct es_round round;          /* while SENDING */

        struct backoff backoff;
        struct timer timer;
        unsigned broken;                /* requests in a row that broke without a status */
        uint8_t *strikes;               /* owned, NULL: none; one a record of the batch */
        int64_t passed_at_strike;

        char *why;                      /* owned; why it is still here, NULL: no trouble */
        bool operators;                 /* and somebody must do something */
};
TAILQ_HEAD(es_bulk_list, es_bulk);

struct es_bulks {
        struct sink *sink;              /* borrowed, as is stats */
        struct es_stats *stats;
        int64_t retry_base_ms, retry_max_ms;
        int64_t park_after_ms;          /* 0: a blocked index is waited for as long as it takes */
        void (*on_timer)(struct timer *t);              /* a backoff is over; t->arg is the bulk */

        struct es_bulk_list lists[BULK_NSTATES];        /* the state is the list */
        size_t requests, bodies;        /* in those states */
        int64_t passed;                 /* documents the cluster took */
        unsigned culprits;              /* lone documents refused since the last that passed */
};

/* What stands above the line in the struct is filled in by the caller. */
void es_bulks_init(struct es_bulks *all);
static inline struct es_bulk *es_bulks_first(struct es_bulks *all, enum es_bulk_state state) { return TAILQ_FIRST(&all->lists[state]); }
/* The one that somebody must mend, else the first that has a reason; NULL: none. */
const struct es_bulk *es_bulks_most_troubled(const struct es_bulks *all);

struct es_bulk *es_bulk_new(struct es_bulks *all, struct batch **batch);        /* takes *batch */
void es_bulk_free(struct es_bulk *b);                   /* not its batch */
void es_bulk_enter(struct es_bulk *b, enum es_bulk_state to, const char *why);

void es_bulk_choose(struct es_bulk *b, size_t max_bytes);       /* the window of the next request */
void es_bulk_why(struct es_bulk *b, char *why, bool operators); /* takes why (xmalloc'ed, or NULL: no trouble) */

/* Settles what the round's answer settles.  Returns whether some must be tried again. */
bool es_bulk_settle(struct es_bulk *b);

/* Half as many in the next request.  Of one alone: settles it as refused and returns true. */
bool es_bulk_halve(struct es_bulk *b, unsigned status);

/* Parts what is settled from the rest, which b keeps.  NULL: nothing is. */
struct batch *es_bulk_take_settled(struct es_bulk *b);

void es_bulk_wait(struct es_bulk *b, int64_t at_least_ms);      /* SENDING --> WAITING for a backoff */

#endif
