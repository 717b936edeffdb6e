/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a bulk, a batch on its way through the sink:
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
 * After each answer what is settled goes back at once; the bulk keeps the rest.  So all records
 * of its batch are unsettled whenever it is in a state, and a request carries the first `window`
 * of them: all, unless the server found that too large or one of them to spoil the request.
 */
#include "sinks/elasticsearch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/es_body.h"
#include "sinks/es_node.h"
#include "sinks/es_round.h"
#include "sinks/es_stats.h"
#include "sinks/http_client.h"

#define BULK_PATH                                                                                            \
        "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*."          \
        "failure_store"

enum {
        RETRY_AFTER_MAX_MS = 300 * 1000, /* a proxy that says "tomorrow" is not believed */
        SLOW_MS = 5000,                  /* a request this old is worth a sentence */
        BROKEN_BEFORE_HALVING = 3,
};

#define BULK_STATES(X)                                                                                       \
        X(BULK_NEW, "in no state yet")                                                                       \
        X(BULK_QUEUED, "waits for a worker; no body")                                                        \
        X(BULK_BUILDING, "a worker writes its body; the batch may only be read")                             \
        X(BULK_BUILT, "waits for a free request and a usable node; holds a body")                            \
        X(BULK_SENDING, "its request is under way; holds a body")                                            \
        X(BULK_WAITING, "its timer runs; no body")
#define STATE_NAME(name, help) name,
enum bulk_state { BULK_STATES(STATE_NAME) BULK_NSTATES };
#undef STATE_NAME
#define STATE_NAME(name, help) #name,
static const char *const state_names[] = { BULK_STATES(STATE_NAME) };

static const bool may[BULK_NSTATES][BULK_NSTATES] = {
        [BULK_NEW] = { [BULK_QUEUED] = true },
        [BULK_QUEUED] = { [BULK_BUILDING] = true },
        [BULK_BUILDING] = { [BULK_BUILT] = true },
        [BULK_BUILT] = { [BULK_SENDING] = true },
        [BULK_SENDING] = { [BULK_WAITING] = true, [BULK_QUEUED] = true },
        [BULK_WAITING] = { [BULK_QUEUED] = true },
};

struct bulk {
        TAILQ_ENTRY(bulk) link; /* in the list of its state */
        enum bulk_state state;
        struct elasticsearch *es; /* borrowed */
        struct batch *batch;      /* owned; no record has a verdict */
        size_t limit;             /* records a request may carry; halved and doubled */
        size_t window;            /* records this request carries: the first ones */

        struct es_job job;
        struct es_node *node; /* borrowed, while SENDING */
        struct http_request request;
        int64_t sent_ms;

        struct es_round round; /* while SENDING */

        struct backoff backoff;
        struct timer timer;
        unsigned broken;  /* requests in a row that broke without a status */
        uint8_t *strikes; /* owned, NULL: none; one a record of the batch */
        int64_t passed_at_strike;

        char *why;      /* owned; why it is still here, NULL: no trouble */
        bool operators; /* and somebody must do something */
};
TAILQ_HEAD(bulk_list, bulk);

struct elasticsearch {
        struct sink sink;
        char *index;                /* owned */
        const char *const *headers; /* static */
        int64_t connect_timeout_ms, request_timeout_ms;
        int64_t retry_base_ms, retry_max_ms;
        size_t max_requests, max_bodies;

        struct http_client *http;
        struct es_builder *builder;
        struct es_nodes nodes;
        struct timer node_timer; /* all nodes rest: the first is usable again */

        struct bulk_list lists[BULK_NSTATES]; /* the state is the list */
        size_t requests, bodies;
        int64_t passed; /* documents the cluster took */
        struct es_stats stats;
        struct buf sentence; /* of trouble() */
};

static void pump(struct elasticsearch *es);
static void on_bulk_timer(struct timer *t);
static bool on_data(struct http_request *r, const char *p, size_t n);
static void on_answered(struct http_request *r, const struct http_result *result);

/* ---- a bulk and its state ------------------------------------------------------------------------ */

static bool holds_body(enum bulk_state state)
{
        return state == BULK_BUILDING || state == BULK_BUILT || state == BULK_SENDING;
}

/* Takes it out of its list, and out of what is counted by state. */
static void bulk_leave(struct bulk *b)
{
        struct elasticsearch *es = b->es;

        if (b->state == BULK_NEW)
                return;
        TAILQ_REMOVE(&es->lists[b->state], b, link);
        if (holds_body(b->state))
                es->bodies--;
        if (b->state == BULK_SENDING)
                es->requests--;
}

static void show_gauges(struct elasticsearch *es)
{
        stat_set(&es->stats.in_flight, (int64_t)es->requests);
        stat_set(&es->stats.bodies, (int64_t)es->bodies);
}

/* The only place that assigns b->state. */
static void bulk_enter(struct bulk *b, enum bulk_state to, const char *why)
{
        struct elasticsearch *es = b->es;

        CHECK(may[b->state][to]);
        log_debug("elasticsearch", "bulk of %zu: %s -> %s: %s", b->batch->n, state_names[b->state],
                  state_names[to], why);
        bulk_leave(b);
        if (!holds_body(to))
                es_job_drop(&b->job);
        es->bodies += holds_body(to);
        es->requests += to == BULK_SENDING;
        /* What waited is older than what is queued, and holds the owner's window open. */
        if (to == BULK_QUEUED && b->state != BULK_NEW)
                TAILQ_INSERT_HEAD(&es->lists[to], b, link);
        else
                TAILQ_INSERT_TAIL(&es->lists[to], b, link);
        stat_add(&es->stats.waiting, (to == BULK_WAITING) - (b->state == BULK_WAITING));
        b->state = to;
        show_gauges(es);
}

static struct bulk *bulk_new(struct elasticsearch *es, struct batch **batch)
{
        struct bulk *b = xcalloc(1, sizeof *b);

        b->es = es;
        b->batch = *batch;
        *batch = NULL;
        b->limit = SIZE_MAX;
        backoff_init(&b->backoff, es->retry_base_ms, es->retry_max_ms);
        b->timer = (struct timer){ .name = "elasticsearch retry", .fn = on_bulk_timer, .arg = b };
        return b;
}

static void bulk_free(struct bulk *b)
{
        stat_add(&b->es->stats.waiting, -(b->state == BULK_WAITING));
        bulk_leave(b);
        show_gauges(b->es);
        timer_disarm(b->es->sink.loop, &b->timer);
        es_round_fini(&b->round);
        es_job_drop(&b->job);
        free(b->strikes);
        free(b->why);
        free(b);
}

/* ---- from the queue to a worker to a node --------------------------------------------------------- */

static void build(struct bulk *b)
{
        b->window = b->batch->n < b->limit ? b->batch->n : b->limit;
        b->job.batch = b->batch;
        b->job.n = b->window;
        bulk_enter(b, BULK_BUILDING, "a worker takes it");
        es_builder_add(b->es->builder, &b->job);
}

static void on_built(void *arg, struct es_job *job)
{
        struct elasticsearch *es = arg;

        bulk_enter(container_of(job, struct bulk, job), BULK_BUILT, "its body is written");
        pump(es);
}

static void send_bulk(struct bulk *b, struct es_node *node)
{
        struct elasticsearch *es = b->es;

        b->node = node;
        b->sent_ms = loop_now_ms(es->sink.loop);
        es_round_init(&b->round, b->batch, b->window, node->url, es->index);
        b->request = (struct http_request){
                .method = "POST",
                .url = node->bulk_url,
                .headers = es->headers,
                .body = b->job.body,
                .body_len = b->job.len,
                .connect_timeout_ms = es->connect_timeout_ms,
                .timeout_ms = es->request_timeout_ms,
                .on_data = on_data,
                .on_done = on_answered,
                .arg = b,
        };
        stat_add(&es->stats.sent_bytes, (int64_t)b->job.len);
        stat_add(&es->stats.raw_bytes, (int64_t)b->job.raw_len);
        es_node_sent(node);
        bulk_enter(b, BULK_SENDING, node->url);
        http_send(es->http, &b->request);
}

/* Moves on whatever can move on.  Calls nobody back. */
static void pump(struct elasticsearch *es)
{
        struct bulk *b;
        int64_t wait_ms;

        if (es->sink.closed)
                return;
        while (es->bodies < es->max_bodies && (b = TAILQ_FIRST(&es->lists[BULK_QUEUED])) != NULL)
                build(b);
        while (es->requests < es->max_requests && (b = TAILQ_FIRST(&es->lists[BULK_BUILT])) != NULL) {
                struct es_node *node = es_nodes_pick(&es->nodes, loop_now_ms(es->sink.loop), &wait_ms);
                if (!node) {
                        timer_arm(es->sink.loop, &es->node_timer, wait_ms);
                        return;
                }
                send_bulk(b, node);
        }
}

static void on_node_timer(struct timer *t)
{
        pump(t->arg);
}

static void on_bulk_timer(struct timer *t)
{
        struct bulk *b = t->arg;

        bulk_enter(b, BULK_QUEUED, "its backoff is over");
        pump(b->es);
}

/* ---- why it is still here ------------------------------------------------------------------------- */

/* Takes why (xmalloc'ed, or NULL for no trouble). */
static void set_why(struct bulk *b, char *why, bool operators)
{
        free(b->why);
        b->why = why;
        b->operators = operators;
}

/* ---- verdicts ------------------------------------------------------------------------------------- */

static enum verdict verdict_of(enum es_verdict v)
{
        return v == ES_REJECT ? VERDICT_REJECT : v == ES_DUPLICATE ? VERDICT_DUPLICATE : VERDICT_DONE;
}

static void settle_record(struct bulk *b, size_t i, const struct es_outcome *o)
{
        es_stats_document(&b->es->stats, o->verdict);
        if (o->verdict <= ES_DUPLICATE)
                b->es->passed++;
        if (!es_verdict_waits(o->verdict))
                batch_settle(b->batch, &b->batch->recs[i], verdict_of(o->verdict), o->status, o->reason,
                             o->reason_len);
}

/* A document that fails again and again while others pass is at fault itself. */
static bool struck_out(struct bulk *b, size_t i)
{
        if (!b->strikes)
                b->strikes = xcalloc(b->batch->n, 1);
        return ++b->strikes[i] >= ES_STRIKES;
}

/* True when some must be tried again. */
static bool settle_window(struct bulk *b)
{
        bool others_pass = es_round_any_passed(&b->round) || b->es->passed > b->passed_at_strike;
        bool again = false;

        for (size_t i = 0; i < b->window; i++) {
                struct es_outcome o = es_round_outcome(&b->round, i);

                if (o.verdict == ES_STRIKE && others_pass && struck_out(b, i))
                        o.verdict = ES_REJECT;
                again |= es_verdict_waits(o.verdict);
                settle_record(b, i, &o);
        }
        b->passed_at_strike = b->es->passed;
        return again;
}

/* ---- the end of a request -------------------------------------------------------------------------- */

/* Parts what is settled from the rest, which b keeps. NULL: nothing is. */
static struct batch *take_settled(struct bulk *b)
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
                sink_split(&b->es->sink, settled, b->batch);
        return settled;
}

static void wait_for_retry(struct bulk *b, int64_t at_least_ms)
{
        int64_t ms = backoff_next_ms(&b->backoff);

        stat_inc(&b->es->stats.retries);
        bulk_enter(b, BULK_WAITING, b->why ? b->why : "to be tried again");
        timer_arm(b->es->sink.loop, &b->timer, ms > at_least_ms ? ms : at_least_ms);
}

static void go_on(struct bulk *b, bool again, int64_t at_least_ms)
{
        struct elasticsearch *es = b->es;
        struct batch *settled = take_settled(b);

        es_round_fini(&b->round);
        b->node = NULL;
        if (!b->batch)
                bulk_free(b);
        else if (again)
                wait_for_retry(b, at_least_ms);
        else
                bulk_enter(b, BULK_QUEUED, "the next part of it");
        if (settled)
                sink_done(&es->sink, &settled); /* may submit, so b is where it belongs by now */
        pump(es);
}

static void answered(struct bulk *b, int64_t retry_after_ms)
{
        bool again = settle_window(b);

        b->broken = 0;
        if (b->limit < SIZE_MAX / 2)
                b->limit *= 2;
        if (again) {
                set_why(b, xstrdup(b->round.why), b->round.worst == ES_OPERATOR);
        } else {
                backoff_reset(&b->backoff);
                set_why(b, NULL, false);
        }
        go_on(b, again, retry_after_ms);
}

static void reject_single(struct bulk *b, unsigned status)
{
        const struct es_error *error = es_round_error(&b->round);
        char *reason = error->type[0] ? xasprintf("%s: %s", error->type, error->reason)
                                      : xasprintf("%u: the document is too large for the server", status);
        struct es_outcome o = { ES_REJECT, status, reason, strlen(reason) };

        settle_record(b, 0, &o);
        free(reason);
        set_why(b, NULL, false);
}

/* Half as many in the next request; a single one is what is at fault. */
static void halve(struct bulk *b, unsigned status)
{
        if (b->window > 1)
                b->limit = b->window / 2;
        else
                reject_single(b, status);
        go_on(b, false, 0);
}

/* A server may refuse a large body by closing the connection, its 413 lost in the reset. */
static void note_broken(struct bulk *b, const struct http_result *result)
{
        b->broken = result->end == HTTP_BROKEN && result->status == 0 ? b->broken + 1 : 0;
        if (b->broken < BROKEN_BEFORE_HALVING || b->window == 1)
                return;
        b->broken = 0;
        b->limit = b->window / 2;
}

/* Whether the node itself is fit for the next request. */
static void mind_node(struct bulk *b, enum es_request_verdict v, int64_t retry_after_ms)
{
        int64_t now_ms = loop_now_ms(b->es->sink.loop);

        es_node_back(b->node);
        if (v == ES_REQUEST_NEXT_NODE || v == ES_REQUEST_OPERATOR)
                es_node_failed(b->node, now_ms);
        else
                es_node_well(b->node);
        if (retry_after_ms > 0 && v != ES_REQUEST_ANSWERED)
                es_node_asked_for_rest(b->node, now_ms, retry_after_ms);
}

static void on_answered(struct http_request *r, const struct http_result *result)
{
        struct bulk *b = r->arg;
        enum es_request_verdict v = es_round_end(&b->round, result);
        int64_t retry_after_ms =
                result->retry_after_ms < RETRY_AFTER_MAX_MS ? result->retry_after_ms : RETRY_AFTER_MAX_MS;

        es_stats_request(&b->es->stats, result, v);
        mind_node(b, v, retry_after_ms);
        if (v == ES_REQUEST_ANSWERED) {
                answered(b, retry_after_ms);
                return;
        }
        set_why(b, es_round_why_failed(&b->round, result), v == ES_REQUEST_OPERATOR);
        if (v == ES_REQUEST_TOO_LARGE || v == ES_REQUEST_CULPRIT) {
                halve(b, result->status);
                return;
        }
        note_broken(b, result);
        go_on(b, true, retry_after_ms);
}

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct bulk *b = r->arg;

        return es_round_feed(&b->round, p, n);
}

/* ---- the sink --------------------------------------------------------------------------------------- */

static struct elasticsearch *es_of(struct sink *s)
{
        return container_of(s, struct elasticsearch, sink);
}

static void es_submit(struct sink *s, struct batch **b)
{
        struct elasticsearch *es = es_of(s);

        bulk_enter(bulk_new(es, b), BULK_QUEUED, "submitted");
        pump(es);
}

/* The one that somebody must mend, else the first. */
static const struct bulk *most_troubled(const struct elasticsearch *es)
{
        static const enum bulk_state order[] = { BULK_WAITING, BULK_SENDING, BULK_BUILT, BULK_BUILDING,
                                                 BULK_QUEUED };
        const struct bulk *found = NULL, *b;

        for (size_t i = 0; i < ARRAY_LEN(order); i++)
                TAILQ_FOREACH(b, &es->lists[order[i]], link)
        if (b->why && (!found || (b->operators && !found->operators)))
                found = b;
        return found;
}

static const char *es_trouble(struct sink *s)
{
        struct elasticsearch *es = es_of(s);
        const struct bulk *b = most_troubled(es), *oldest = TAILQ_FIRST(&es->lists[BULK_SENDING]);
        int64_t age_ms = oldest ? loop_now_ms(s->loop) - oldest->sent_ms : 0;

        buf_reset(&es->sentence);
        if (b)
                buf_puts(&es->sentence, b->why);
        else if (age_ms >= SLOW_MS)
                buf_printf(&es->sentence, "%s has not answered a bulk request for %lld s", oldest->node->url,
                           (long long)(age_ms / 1000));
        else
                return NULL;
        return buf_cstr(&es->sentence);
}

static struct stat_group es_stats_of(struct sink *s)
{
        return es_stats_group(&es_of(s)->stats);
}

static void hand_back(struct bulk *b)
{
        struct elasticsearch *es = b->es;
        struct batch *batch = b->batch;

        if (b->state == BULK_SENDING) {
                http_cancel(es->http, &b->request);
                es_node_back(b->node);
        }
        for (size_t i = 0; i < batch->n; i++)
                batch_settle(batch, &batch->recs[i], VERDICT_RETRY, 0, b->why, b->why ? strlen(b->why) : 0);
        bulk_free(b);
        sink_done(&es->sink, &batch);
}

static void es_close(struct sink *s)
{
        struct elasticsearch *es = es_of(s);
        struct bulk *b;

        timer_disarm(s->loop, &es->node_timer);
        es_builder_stop(es->builder); /* first: until then the workers read the batches */
        for (int state = 0; state < BULK_NSTATES; state++)
                while ((b = TAILQ_FIRST(&es->lists[state])) != NULL)
                        hand_back(b);
}

static void es_free(struct sink *s)
{
        struct elasticsearch *es = es_of(s);

        es_builder_free(es->builder);
        http_client_free(es->http);
        es_nodes_fini(&es->nodes);
        buf_fini(&es->sentence);
        free(es->index);
        free(es);
}

static const struct sink_ops ops = {
        .name = "elasticsearch",
        .submit = es_submit,
        .trouble = es_trouble,
        .stats = es_stats_of,
        .close = es_close,
        .free = es_free,
};

/* ---- the making of it ------------------------------------------------------------------------------ */

static int check_urls(const struct strlist *urls, struct err *e)
{
        if (urls->n == 0)
                return err_set(e, EINVAL, "urls: must name at least one node");
        for (size_t i = 0; i < urls->n; i++) {
                const char *what = es_url_fault(urls->v[i]);
                if (what)
                        return err_set(e, EINVAL, "urls: \"%s\" %s", es_url_shown(urls->v[i]), what);
        }
        return 0;
}

static bool open_parts(struct elasticsearch *es, const struct es_config *c, bool gzip, struct err *e)
{
        struct http_config http = {
                .username = c->username,
                .password = c->password,
                .api_key = c->api_key,
                .ca_file = c->ca_file,
                .verify = c->verify,
                .max_connections = (unsigned)(c->max_requests + (int64_t)c->urls.n),
        };
        struct es_body_config body = { .index = es->index, .level = gzip ? (int)c->compression_level : 0 };

        es->http = http_client_new(es->sink.loop, &http, e);
        if (!es->http)
                return false;
        es->builder =
                es_builder_new(es->sink.loop, &body, (unsigned)c->workers, es->max_bodies, on_built, es, e);
        return es->builder != NULL;
}

struct sink *sink_elasticsearch_new(struct loop *l, const struct es_config *c, const struct sink_owner *owner,
                                    const struct sink_limits *limits, struct err *e)
{
        static const char *const plain[] = { "Content-Type: application/x-ndjson", NULL };
        static const char *const gzipped[] = { "Content-Type: application/x-ndjson", "Content-Encoding: gzip",
                                               NULL };
        bool gzip = !c->compression || strcmp(c->compression, "none") != 0;

        if (check_urls(&c->urls, e) < 0)
                return NULL;
        CHECK(c->workers > 0 && c->max_requests > 0 && c->connect_timeout_ms > 0 &&
              c->request_timeout_ms > 0);

        struct elasticsearch *es = xcalloc(1, sizeof *es);
        es->sink = (struct sink){ .ops = &ops, .loop = l, .owner = *owner, .limits = *limits };
        for (size_t i = 0; i < BULK_NSTATES; i++)
                TAILQ_INIT(&es->lists[i]);
        es->index = xstrdup(c->index ? c->index : ES_DEFAULT_INDEX);
        es->headers = gzip ? gzipped : plain;
        es->connect_timeout_ms = c->connect_timeout_ms;
        es->request_timeout_ms = c->request_timeout_ms;
        es->retry_base_ms = c->retry_base_ms;
        es->retry_max_ms = c->retry_max_ms;
        es->max_requests = (size_t)c->max_requests;
        es->max_bodies = es->max_requests + (size_t)c->workers;
        es->node_timer = (struct timer){ .name = "elasticsearch nodes", .fn = on_node_timer, .arg = es };
        es_nodes_init(&es->nodes, &c->urls, BULK_PATH, c->retry_base_ms, c->retry_max_ms);
        if (!open_parts(es, c, gzip, e)) {
                es_free(&es->sink);
                return NULL;
        }
        return &es->sink;
}
