/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_health.h"

#include <stdlib.h>

#include "base/mem.h"

enum { ANSWER_MAX = 256 * 1024 };

struct es_health_probe {
        struct es_health *health; /* borrowed */
        struct es_node *node;     /* borrowed */
        struct http_request request;
        size_t read;
};

/* What it says is of no matter, but reading it keeps the connection. */
static bool on_data(struct http_request *r, const char *bytes, size_t n)
{
        struct es_health_probe *p = r->arg;
        (void)bytes;

        p->read += n;
        return p->read <= ANSWER_MAX;
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct es_health_probe *p = r->arg;
        struct es_health *h = p->health;
        bool well = result->end == HTTP_COMPLETE && result->status > 0 && result->status < 500;
        char *why = well                 ? NULL
                    : result->status > 0 ? xasprintf("%s answers %u", p->node->url, result->status)
                                         : xasprintf("%s: %s", p->node->url, result->error);

        es_node_probe_ended(p->node, loop_now_ms(h->loop), why);
        free(why);
        es_health_look(h);
        h->changed(h->arg, p->node, well);
}

static void probe(struct es_health *h, struct es_node *node)
{
        struct es_health_probe *p = &h->probes[node - h->nodes->v];

        p->read = 0;
        p->request = (struct http_request){
                .method = "GET",
                .url = node->probe_url,
                .connect_timeout_ms = h->timeout_ms,
                .timeout_ms = h->timeout_ms,
                .on_data = on_data,
                .on_done = on_done,
                .arg = p,
        };
        es_node_probe_sent(node);
        http_send(h->http, &p->request);
}

static void on_timer(struct timer *t)
{
        struct es_health *h = t->arg;
        struct es_node *node;
        int64_t wait_ms;

        while ((node = es_nodes_due(h->nodes, loop_now_ms(h->loop), &wait_ms)) != NULL)
                probe(h, node);
        es_health_look(h);
}

void es_health_look(struct es_health *h)
{
        int64_t wait_ms = 0;

        if (!es_nodes_due(h->nodes, loop_now_ms(h->loop), &wait_ms) && wait_ms == INT64_MAX)
                timer_disarm(h->loop, &h->timer);
        else
                timer_arm(h->loop, &h->timer, wait_ms);
}

void es_health_init(struct es_health *h)
{
        h->timer = (struct timer){ .name = "elasticsearch probes", .fn = on_timer, .arg = h };
        h->probes = xcalloc(h->nodes->places, sizeof *h->probes);
        for (size_t i = 0; i < h->nodes->places; i++) {
                h->probes[i].health = h;
                h->probes[i].node = &h->nodes->v[i];
        }
}

void es_health_fini(struct es_health *h)
{
        if (!h->probes)
                return;
        timer_disarm(h->loop, &h->timer);
        for (size_t i = 0; i < h->nodes->places; i++)
                http_cancel(h->http, &h->probes[i].request);
        free(h->probes);
        h->probes = NULL;
}
