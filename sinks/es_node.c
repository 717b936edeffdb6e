/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_node.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

int es_url_base_len(const char *url)
{
        size_t len = strlen(url);

        while (len > 0 && url[len - 1] == '/')
                len--;
        return (int)len;
}

const char *es_url_fault(const char *url)
{
        const char *host = NULL;

        if (strncmp(url, "http://", 7) == 0)
                host = url + 7;
        else if (strncmp(url, "https://", 8) == 0)
                host = url + 8;
        else
                return "must begin with http:// or https://";
        size_t authority = strcspn(host, "/?#");
        if (authority == 0 || host[0] == ':')
                return "names no host";
        if (memchr(host, '@', authority))
                return "must not hold credentials (they would be shown); use username and password";
        if (strpbrk(host, "?#"))
                return "must end with host, port or path";
        for (const char *p = host; *p; p++)
                if ((unsigned char)*p <= ' ' || *p == 0x7f)
                        return "holds a blank or a control character";
        return NULL;
}

const char *es_url_shown(const char *url)
{
        const char *at = strrchr(url, '@');
        return at ? at + 1 : url;
}

/* ---- the breaker ---------------------------------------------------------------------------------- */

#define STATE_NAME(id, name) name,
static const char *const state_names[] = { ES_NODE_STATES(STATE_NAME) };

static const bool may[ES_NODE_NSTATES][ES_NODE_NSTATES] = {
        [ES_NODE_CLOSED] = { [ES_NODE_OPEN] = true },
        [ES_NODE_OPEN] = { [ES_NODE_HALF_OPEN] = true },
        [ES_NODE_HALF_OPEN] = { [ES_NODE_OPEN] = true, [ES_NODE_CLOSED] = true },
};

/* The only place that assigns node->state. why is kept as the reason, NULL: none any more. */
static void enter(struct es_node *node, enum es_node_state to, const char *why)
{
        CHECK(may[node->state][to]);
        log_debug("elasticsearch", "node %s: %s -> %s: %s", node->url, state_names[node->state],
                  state_names[to], why ? why : "it is well");
        node->state = to;
        char *kept = why ? xstrdup(why) : NULL; /* why may be node->why */
        free(node->why);
        node->why = kept;
}

static void open_breaker(struct es_node *node, int64_t now_ms, const char *why)
{
        enter(node, ES_NODE_OPEN, why);
        es_node_rest(node, now_ms, backoff_next_ms(&node->backoff));
}

/* What comes back late of an open node says nothing new. */
void es_node_well(struct es_node *node)
{
        if (node->state != ES_NODE_CLOSED)
                return;
        node->failures = 0;
        backoff_reset(&node->backoff);
}

bool es_node_failed(struct es_node *node, int64_t now_ms, const char *why)
{
        if (node->state != ES_NODE_CLOSED || ++node->failures < node->config->failures)
                return false;
        open_breaker(node, now_ms, why);
        return true;
}

void es_node_rest(struct es_node *node, int64_t now_ms, int64_t ms)
{
        if (now_ms + ms > node->rests_until_ms)
                node->rests_until_ms = now_ms + ms;
}

void es_node_probe_sent(struct es_node *node)
{
        enter(node, ES_NODE_HALF_OPEN, node->why);
}

void es_node_probe_ended(struct es_node *node, int64_t now_ms, const char *why)
{
        if (why) {
                open_breaker(node, now_ms, why);
                return;
        }
        enter(node, ES_NODE_CLOSED, NULL);
        node->failures = node->config->failures - 1; /* on probation */
}

/* ---- all of them ---------------------------------------------------------------------------------- */

static void node_init(struct es_node *node, const char *url, const char *path,
                      const struct es_node_config *config)
{
        node->url = xstrndup(url, (size_t)es_url_base_len(url));
        node->bulk_url = xasprintf("%s%s", node->url, path);
        node->probe_url = xasprintf("%s/", node->url);
        node->config = config;
        backoff_init(&node->backoff, config->rest_base_ms, config->rest_max_ms);
}

static void node_fini(struct es_node *node)
{
        free(node->url);
        free(node->bulk_url);
        free(node->probe_url);
        free(node->why);
        *node = (struct es_node){ 0 };
}

void es_nodes_init(struct es_nodes *ns, const struct strlist *urls, size_t more, const char *path,
                   const struct es_node_config *config)
{
        CHECK(config->failures > 0 && config->max_requests > 0);
        *ns = (struct es_nodes){ .config = *config,
                                 .v = xcalloc(urls->n + more, sizeof *ns->v),
                                 .n = urls->n,
                                 .own = urls->n,
                                 .places = urls->n + more };
        for (size_t i = 0; i < urls->n; i++)
                node_init(&ns->v[i], urls->v[i], path, &ns->config);
        /* Many collectors that start at once with one list must not all begin with its first. */
        ns->turn = (size_t)(random_u64() % ns->n);
}

static bool is_named(const struct strlist *named, const char *url)
{
        for (size_t i = 0; i < named->n; i++)
                if (strcmp(named->v[i], url) == 0)
                        return true;
        return false;
}

static bool is_here(const struct es_nodes *ns, const char *url)
{
        for (size_t i = 0; i < ns->n; i++)
                if (!ns->v[i].left && strcmp(ns->v[i].url, url) == 0)
                        return true;
        return false;
}

/* NULL: there is none. */
static struct es_node *place_for(struct es_nodes *ns)
{
        for (size_t i = ns->own; i < ns->n; i++) {
                struct es_node *node = &ns->v[i];
                if (!node->left || node->outstanding > 0 || node->state == ES_NODE_HALF_OPEN)
                        continue;
                node_fini(node);
                return node;
        }
        return ns->n < ns->places ? &ns->v[ns->n++] : NULL;
}

bool es_nodes_name(struct es_nodes *ns, const struct strlist *named, const char *path)
{
        bool changed = false;

        for (size_t i = ns->own; i < ns->n; i++) {
                bool left = !is_named(named, ns->v[i].url);
                changed |= left != ns->v[i].left;
                ns->v[i].left = left;
        }
        for (size_t i = 0; i < named->n; i++) {
                struct es_node *node = is_here(ns, named->v[i]) ? NULL : place_for(ns);
                if (!node)
                        continue;
                node_init(node, named->v[i], path, &ns->config);
                changed = true;
        }
        return changed;
}

void es_nodes_fini(struct es_nodes *ns)
{
        for (size_t i = 0; i < ns->n; i++)
                node_fini(&ns->v[i]);
        free(ns->v);
        *ns = (struct es_nodes){ 0 };
}

static void note_rest(const struct es_node *node, int64_t now_ms, int64_t *wait_ms)
{
        if (node->rests_until_ms - now_ms < *wait_ms)
                *wait_ms = node->rests_until_ms - now_ms;
}

/* True: a is the better choice; b NULL: none yet. */
static bool better(const struct es_node *a, const struct es_node *b, const struct es_node *shunned)
{
        if (!b || (b == shunned) != (a == shunned))
                return !b || b == shunned;
        return a->outstanding < b->outstanding;
}

struct es_node *es_nodes_pick(struct es_nodes *ns, int64_t now_ms, const struct es_node *shunned,
                              int64_t *ret_wait_ms)
{
        struct es_node *best = NULL;
        size_t best_at = 0;
        int64_t wait_ms = INT64_MAX;

        for (size_t i = 0; i < ns->n; i++) {
                size_t at = (ns->turn + i) % ns->n;
                struct es_node *node = &ns->v[at];

                if (node->left || node->state != ES_NODE_CLOSED ||
                    node->outstanding >= ns->config.max_requests)
                        continue;
                if (now_ms < node->rests_until_ms) {
                        note_rest(node, now_ms, &wait_ms);
                } else if (better(node, best, shunned)) {
                        best = node;
                        best_at = at;
                }
        }
        if (best)
                ns->turn = (best_at + 1) % ns->n;
        else
                *ret_wait_ms = wait_ms;
        return best;
}

struct es_node *es_nodes_due(struct es_nodes *ns, int64_t now_ms, int64_t *ret_wait_ms)
{
        int64_t wait_ms = INT64_MAX;

        for (size_t i = 0; i < ns->n; i++) {
                struct es_node *node = &ns->v[i];

                if (node->left || node->state != ES_NODE_OPEN)
                        continue;
                if (now_ms >= node->rests_until_ms)
                        return node;
                note_rest(node, now_ms, &wait_ms);
        }
        *ret_wait_ms = wait_ms;
        return NULL;
}

size_t es_nodes_in(const struct es_nodes *ns, enum es_node_state state)
{
        size_t n = 0;

        for (size_t i = 0; i < ns->n; i++)
                n += !ns->v[i].left && ns->v[i].state == state;
        return n;
}

size_t es_nodes_here(const struct es_nodes *ns)
{
        size_t n = 0;

        for (size_t i = 0; i < ns->n; i++)
                n += !ns->v[i].left;
        return n;
}

void es_node_sent(struct es_node *node)
{
        node->outstanding++;
}

void es_node_back(struct es_node *node)
{
        CHECK(node->outstanding > 0);
        node->outstanding--;
}
