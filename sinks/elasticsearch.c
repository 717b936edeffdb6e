/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/elasticsearch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/es_bulk.h"
#include "sinks/es_control.h"
#include "sinks/es_health.h"
#include "sinks/es_install.h"
#include "sinks/es_sniff.h"
#include "sinks/http_client.h"

#define BULK_PATH                                                                                            \
        "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*."          \
        "failure_store"

enum {
        RETRY_AFTER_MAX_MS = 300 * 1000, /* a proxy that says "tomorrow" is not believed */
        SLOW_MS = 5000,                  /* a request this old is worth a sentence */
        BROKEN_BEFORE_HALVING = 3,
};

struct elasticsearch {
        struct sink sink;
        char *index;                /* owned */
        struct strlist urls;        /* owned */
        const char *const *headers; /* static */
        int64_t connect_timeout_ms, request_timeout_ms;
        size_t max_bodies;

        struct http_client *http;
        struct es_builder *builder;
        struct es_control control;
        struct es_nodes nodes;
        struct es_health health;
        char *bulk_path; /* owned */
        bool sniffs, looked_at_templates;
        struct es_sniff sniff;     /* likewise, and the templates come after it */
        struct es_install install; /* nothing is sent until it is settled */
        struct timer node_timer;   /* all closed nodes rest: the first is usable again */

        struct es_bulks bulks;
        struct es_stats stats;
        struct buf sentence; /* of trouble() */
};

static void pump(struct elasticsearch *es);
static bool on_data(struct http_request *r, const char *p, size_t n);
static void on_answered(struct http_request *r, const struct http_result *result);

static void show_control(struct elasticsearch *es)
{
        stat_set(&es->stats.limit_requests, es_control_requests(&es->control));
        stat_set(&es->stats.limit_bytes, (int64_t)es_control_bytes(&es->control));
}

static void show_nodes(struct elasticsearch *es)
{
        stat_set(&es->stats.nodes_closed, (int64_t)es_nodes_in(&es->nodes, ES_NODE_CLOSED));
        stat_set(&es->stats.nodes_open, (int64_t)es_nodes_in(&es->nodes, ES_NODE_OPEN));
        stat_set(&es->stats.nodes_half_open, (int64_t)es_nodes_in(&es->nodes, ES_NODE_HALF_OPEN));
}

static struct elasticsearch *of_bulk(const struct es_bulk *b)
{
        return container_of(b->all, struct elasticsearch, bulks);
}

/* ---- from the queue to a worker to a node --------------------------------------------------------- */

static void build(struct es_bulk *b)
{
        struct elasticsearch *es = of_bulk(b);

        es_bulk_choose(b, es_control_bytes(&es->control));
        es_bulk_enter(b, BULK_BUILDING, "a worker takes it");
        es_builder_add(es->builder, &b->job);
}

static void on_built(void *arg, struct es_job *job)
{
        struct elasticsearch *es = arg;

        es_bulk_enter(container_of(job, struct es_bulk, job), BULK_BUILT, "its body is written");
        pump(es);
}

static void send_bulk(struct es_bulk *b, struct es_node *node)
{
        struct elasticsearch *es = of_bulk(b);

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
        es_bulk_enter(b, BULK_SENDING, node->url);
        b->crowded = es->bulks.requests >= es_control_requests(&es->control);
        http_send(es->http, &b->request);
}

static bool may_send(const struct elasticsearch *es)
{
        return (!es->sniffs || es->sniff.done) && es_install_settled(&es->install);
}

/* Moves on whatever can move on.  Calls nobody back. */
static void pump(struct elasticsearch *es)
{
        struct es_bulk *b;
        int64_t wait_ms;

        if (es->sink.closed)
                return;
        while (es->bulks.bodies < es->max_bodies && (b = es_bulks_first(&es->bulks, BULK_QUEUED)) != NULL)
                build(b);
        while (may_send(es) && es->bulks.requests < es_control_requests(&es->control) &&
               (b = es_bulks_first(&es->bulks, BULK_BUILT)) != NULL) {
                struct es_node *node =
                        es_nodes_pick(&es->nodes, loop_now_ms(es->sink.loop), b->shunned, &wait_ms);
                if (!node) {
                        if (wait_ms < INT64_MAX)
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
        struct es_bulk *b = t->arg;

        es_bulk_enter(b, BULK_QUEUED, "its backoff is over");
        pump(of_bulk(b));
}

static void on_probed(void *arg, const struct es_node *node, bool well)
{
        struct elasticsearch *es = arg;
        (void)node;

        stat_inc(well ? &es->stats.probes_well : &es->stats.probes_failed);
        show_nodes(es);
        pump(es);
}

static void see_to_templates(struct elasticsearch *es)
{
        if (es->looked_at_templates || es_install_settled(&es->install))
                pump(es);
        else
                es_install_start(&es->install);
        es->looked_at_templates = true;
}

static void on_sniffed(void *arg)
{
        struct elasticsearch *es = arg;

        if (es_nodes_name(&es->nodes, &es->sniff.found, es->bulk_path))
                log_info("elasticsearch", "sniff: nodes beside those of urls: %zu", es->sniff.found.n);
        http_client_keep(es->http, (unsigned)(es->max_bodies + es_nodes_here(&es->nodes)));
        es_health_look(&es->health);
        show_nodes(es);
        see_to_templates(es);
}

static void on_installed(void *arg)
{
        struct elasticsearch *es = arg;

        for (size_t i = 0; i < es->install.n; i++)
                es_stats_template(&es->stats, es->install.v[i].end);
        pump(es);
}

/* ---- the end of a request -------------------------------------------------------------------------- */

static void go_on(struct es_bulk *b, bool again, int64_t at_least_ms)
{
        struct elasticsearch *es = of_bulk(b);
        struct batch *settled = es_bulk_take_settled(b);

        es_round_fini(&b->round);
        b->node = NULL;
        if (!b->batch)
                es_bulk_free(b);
        else if (again)
                es_bulk_wait(b, at_least_ms);
        else
                es_bulk_enter(b, BULK_QUEUED, "the next part of it");
        if (settled)
                sink_done(&es->sink, &settled); /* may submit, so b is where it belongs by now */
        pump(es);
}

static void answered(struct es_bulk *b, int64_t retry_after_ms)
{
        bool again = es_bulk_settle(b);

        b->broken = 0;
        b->shunned = NULL;
        if (b->limit < SIZE_MAX / 2)
                b->limit *= 2;
        if (again) {
                es_bulk_why(b, xstrdup(b->round.why), b->round.worst == ES_OPERATOR);
        } else {
                backoff_reset(&b->backoff);
                es_bulk_why(b, NULL, false);
        }
        go_on(b, again, retry_after_ms);
}

/* A server that refuses every document alone is not to be believed: somebody must look. */
static void find_culprit(struct es_bulk *b, unsigned status)
{
        struct elasticsearch *es = of_bulk(b);

        if (b->window == 1 && es->bulks.culprits >= ES_CULPRITS_MAX) {
                b->operators = true;
                go_on(b, true, 0);
                return;
        }
        es_bulk_halve(b, status);
        go_on(b, false, 0);
}

static void too_large(struct es_bulk *b, unsigned status)
{
        struct elasticsearch *es = of_bulk(b);

        if (b->window > 1)
                es_control_too_large(&es->control, loop_now_ms(es->sink.loop), b->job.raw_len);
        es_bulk_halve(b, status);
        show_control(es);
        go_on(b, false, 0);
}

/* A server may refuse a large body by closing the connection, its 413 lost in the reset. */
static void note_broken(struct es_bulk *b, const struct http_result *result)
{
        b->broken = result->end == HTTP_BROKEN && result->status == 0 ? b->broken + 1 : 0;
        if (b->broken < BROKEN_BEFORE_HALVING || b->window == 1)
                return;
        b->broken = 0;
        b->limit = b->window / 2;
}

/* Whether the node itself is fit for the next request. */
static void mind_node(struct es_bulk *b, enum es_request_verdict v, int64_t retry_after_ms, const char *why)
{
        struct elasticsearch *es = of_bulk(b);
        int64_t now_ms = loop_now_ms(es->sink.loop);

        es_node_back(b->node);
        if (v == ES_REQUEST_NEXT_NODE) {
                b->shunned = b->node;
                if (es_node_failed(b->node, now_ms, why)) {
                        stat_inc(&es->stats.node_opened);
                        es_health_look(&es->health);
                        es_sniff_look(&es->sniff);
                }
        } else if (v == ES_REQUEST_OPERATOR) {
                es_node_rest(b->node, now_ms, backoff_next_ms(&b->node->backoff));
        } else {
                es_node_well(b->node);
        }
        if (retry_after_ms > 0 && v != ES_REQUEST_ANSWERED)
                es_node_rest(b->node, now_ms, retry_after_ms);
        show_nodes(es);
}

static enum es_load load_of(const struct es_bulk *b, const struct http_result *result)
{
        if (result->end == HTTP_TIMEOUT)
                return ES_LOAD_TIMEOUT;
        if (result->status == 429 || result->status >= 500)
                return es_round_error(&b->round)->type[0] &&
                                       es_verdict_request(result->status, es_round_error(&b->round)) ==
                                               ES_REQUEST_BLOCKED
                               ? ES_LOAD_NONE
                               : ES_LOAD_REFUSED;
        return es_round_any(&b->round, ES_AGAIN) ? ES_LOAD_REFUSED : ES_LOAD_NONE;
}

/* An answer that never came, or is none, says nothing about load. */
static void mind_control(struct es_bulk *b, enum es_request_verdict v, const struct http_result *result)
{
        struct elasticsearch *es = of_bulk(b);
        struct es_sample s = {
                .sent_ms = b->sent_ms,
                .now_ms = loop_now_ms(es->sink.loop),
                .seconds = result->seconds,
                .bytes = b->job.raw_len,
                .load = load_of(b, result),
                .crowded = b->crowded,
                .cut = b->cut,
        };

        if (s.load == ES_LOAD_NONE && v != ES_REQUEST_ANSWERED)
                return;
        es_stats_step(&es->stats, es_control_sample(&es->control, &s));
        show_control(es);
}

static void on_answered(struct http_request *r, const struct http_result *result)
{
        struct es_bulk *b = r->arg;
        enum es_request_verdict v = es_round_end(&b->round, result);
        char *why = v == ES_REQUEST_ANSWERED ? NULL : es_round_why_failed(&b->round, result);
        int64_t retry_after_ms =
                result->retry_after_ms < RETRY_AFTER_MAX_MS ? result->retry_after_ms : RETRY_AFTER_MAX_MS;

        es_stats_request(&of_bulk(b)->stats, result, v);
        mind_node(b, v, retry_after_ms, why);
        mind_control(b, v, result);
        if (v == ES_REQUEST_ANSWERED) {
                answered(b, retry_after_ms);
                return;
        }
        es_bulk_why(b, why, v == ES_REQUEST_OPERATOR);
        if (v == ES_REQUEST_TOO_LARGE) {
                too_large(b, result->status);
        } else if (v == ES_REQUEST_CULPRIT) {
                find_culprit(b, result->status);
        } else {
                note_broken(b, result);
                go_on(b, true, retry_after_ms);
        }
}

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct es_bulk *b = r->arg;

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

        es_bulk_enter(es_bulk_new(&es->bulks, b), BULK_QUEUED, "submitted");
        pump(es);
}

/* A node that cannot be used, when none can. */
static const struct es_node *all_down(const struct elasticsearch *es)
{
        return es_nodes_in(&es->nodes, ES_NODE_CLOSED) == 0 ? &es->nodes.v[0] : NULL;
}

static const char *es_trouble(struct sink *s)
{
        struct elasticsearch *es = es_of(s);
        const struct es_bulk *b = es_bulks_most_troubled(&es->bulks);
        const struct es_bulk *oldest = es_bulks_first(&es->bulks, BULK_SENDING);
        const struct es_node *down = s->batches > 0 ? all_down(es) : NULL;
        int64_t age_ms = oldest ? loop_now_ms(s->loop) - oldest->sent_ms : 0;

        buf_reset(&es->sentence);
        if (es->sniff.why && !es->sniff.done)
                buf_puts(&es->sentence, es->sniff.why);
        else if (es_install_trouble(&es->install))
                buf_puts(&es->sentence, es_install_trouble(&es->install));
        else if (b)
                buf_puts(&es->sentence, b->why);
        else if (down)
                buf_puts(&es->sentence, down->why);
        else if (age_ms >= SLOW_MS)
                buf_printf(&es->sentence, "%s has not answered a bulk request for %lld s", oldest->node->url,
                           (long long)(age_ms / 1000));
        else
                return NULL;
        if (es_nodes_here(&es->nodes) > 1 && all_down(es))
                buf_printf(&es->sentence, " (none of the %zu nodes can be used)", es_nodes_here(&es->nodes));
        return buf_cstr(&es->sentence);
}

static struct stat_group es_stats_of(struct sink *s)
{
        return es_stats_group(&es_of(s)->stats);
}

static void hand_back(struct es_bulk *b)
{
        struct elasticsearch *es = of_bulk(b);
        struct batch *batch = b->batch;

        if (b->state == BULK_SENDING) {
                http_cancel(es->http, &b->request);
                es_node_back(b->node);
        }
        for (size_t i = 0; i < batch->n; i++)
                batch_settle(batch, &batch->recs[i], VERDICT_RETRY, 0, b->why, b->why ? strlen(b->why) : 0);
        es_bulk_free(b);
        sink_done(&es->sink, &batch);
}

static void es_close(struct sink *s)
{
        struct elasticsearch *es = es_of(s);
        struct es_bulk *b;

        timer_disarm(s->loop, &es->node_timer);
        es_health_fini(&es->health);
        es_sniff_fini(&es->sniff);
        es_install_fini(&es->install);
        es_builder_stop(es->builder); /* first: until then the workers read the batches */
        for (int state = 0; state < BULK_NSTATES; state++)
                while ((b = es_bulks_first(&es->bulks, (enum es_bulk_state)state)) != NULL)
                        hand_back(b);
}

static void es_free(struct sink *s)
{
        struct elasticsearch *es = es_of(s);

        es_health_fini(&es->health);
        es_sniff_fini(&es->sniff);
        es_install_fini(&es->install);
        es_builder_free(es->builder);
        http_client_free(es->http);
        es_nodes_fini(&es->nodes);
        buf_fini(&es->sentence);
        for (size_t i = 0; i < es->urls.n; i++)
                free(es->urls.v[i]);
        free(es->urls.v);
        free(es->bulk_path);
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

static void copy_urls(struct strlist *to, const struct strlist *from)
{
        *to = (struct strlist){ xcalloc(from->n, sizeof(char *)), from->n };
        for (size_t i = 0; i < from->n; i++)
                to->v[i] = xstrdup(from->v[i]);
}

static void init_install(struct elasticsearch *es, const struct es_config *c)
{
        size_t more = c->more_indexes ? c->more_indexes->n : 0;
        const char **indexes = xcalloc(more + 1, sizeof(*indexes));

        indexes[0] = es->index;
        for (size_t i = 0; i < more; i++)
                indexes[i + 1] = c->more_indexes->v[i];
        es->install = (struct es_install){
                .loop = es->sink.loop,
                .http = es->http,
                .urls = &es->urls,
                .manage = (enum es_template_manage)c->manage_template,
                .connect_timeout_ms = c->connect_timeout_ms,
                .request_timeout_ms = c->request_timeout_ms,
                .retry_base_ms = c->retry_base_ms,
                .retry_max_ms = c->retry_max_ms,
                .settled = on_installed,
                .arg = es,
        };
        es_install_init(&es->install, indexes, more + 1);
        free(indexes);
}

static bool open_parts(struct elasticsearch *es, const struct es_config *c, bool gzip, struct err *e)
{
        struct http_config http = es_http_config(c);
        struct es_body_config body = { .index = es->index,
                                       .auto_id = c->id == ES_ID_AUTO,
                                       .level = gzip ? (int)c->compression_level : 0 };

        http.max_connections = (unsigned)(es->max_bodies + c->urls.n);
        es->http = http_client_new(es->sink.loop, &http, e);
        if (!es->http)
                return false;
        es->health = (struct es_health){
                .loop = es->sink.loop,
                .http = es->http,
                .nodes = &es->nodes,
                .timeout_ms = c->probe_timeout_ms,
                .changed = on_probed,
                .arg = es,
        };
        es_health_init(&es->health);
        init_install(es, c);
        es->builder =
                es_builder_new(es->sink.loop, &body, (unsigned)c->workers, es->max_bodies, on_built, es, e);
        return es->builder != NULL;
}

static void init_parts(struct elasticsearch *es, const struct es_config *c)
{
        const struct es_control_config control = {
                .max_requests = (unsigned)c->max_requests,
                .fixed_requests = (unsigned)c->concurrency,
                .fixed_bytes = (size_t)c->bulk_bytes,
        };
        const struct es_node_config node = {
                .rest_base_ms = c->retry_base_ms,
                .rest_max_ms = c->retry_max_ms,
                .failures = (unsigned)c->node_failures,
                .max_requests = (unsigned)c->node_requests,
        };

        es->bulks = (struct es_bulks){
                .sink = &es->sink,
                .stats = &es->stats,
                .retry_base_ms = c->retry_base_ms,
                .retry_max_ms = c->retry_max_ms,
                .park_after_ms = c->park_after_ms,
                .on_timer = on_bulk_timer,
        };
        es_bulks_init(&es->bulks);
        es_control_init(&es->control, &control);
        es->bulk_path = c->pipeline ? xasprintf(BULK_PATH "&pipeline=%s", c->pipeline) : xstrdup(BULK_PATH);
        es_nodes_init(&es->nodes, &c->urls, c->sniff ? ES_SNIFF_NODES : 0, es->bulk_path, &node);
        show_control(es);
        show_nodes(es);
}

static void start_sniff(struct elasticsearch *es, const struct es_config *c)
{
        es->sniffs = true;
        es->sniff = (struct es_sniff){
                .loop = es->sink.loop,
                .http = es->http,
                .urls = &es->urls,
                .interval_ms = c->sniff_interval_ms,
                .connect_timeout_ms = c->connect_timeout_ms,
                .request_timeout_ms = c->request_timeout_ms,
                .retry_base_ms = c->retry_base_ms,
                .retry_max_ms = c->retry_max_ms,
                .settled = on_sniffed,
                .arg = es,
        };
        es_sniff_start(&es->sniff);
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
              c->request_timeout_ms > 0 && c->probe_timeout_ms > 0);

        struct elasticsearch *es = xcalloc(1, sizeof *es);
        es->sink = (struct sink){ .ops = &ops, .loop = l, .owner = *owner, .limits = *limits };
        es->index = xstrdup(c->index ? c->index : ES_DEFAULT_INDEX);
        copy_urls(&es->urls, &c->urls);
        es->headers = gzip ? gzipped : plain;
        es->connect_timeout_ms = c->connect_timeout_ms;
        es->request_timeout_ms = c->request_timeout_ms;
        es->max_bodies = (size_t)(c->concurrency > c->max_requests ? c->concurrency : c->max_requests) +
                         (size_t)c->workers;
        es->node_timer = (struct timer){ .name = "elasticsearch nodes", .fn = on_node_timer, .arg = es };
        init_parts(es, c);
        if (!open_parts(es, c, gzip, e)) {
                es_free(&es->sink);
                return NULL;
        }
        if (c->sniff)
                start_sniff(es, c);
        else
                see_to_templates(es);
        return &es->sink;
}
