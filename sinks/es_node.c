/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_node.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

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

static void node_init(struct es_node *node, const char *url, const char *path, int64_t base_ms,
                      int64_t max_ms)
{
        size_t len = strlen(url);

        while (len > 0 && url[len - 1] == '/')
                len--;
        node->url = xstrndup(url, len);
        node->bulk_url = xasprintf("%s%s", node->url, path);
        backoff_init(&node->backoff, base_ms, max_ms);
}

void es_nodes_init(struct es_nodes *ns, const struct strlist *urls, const char *path, int64_t base_ms,
                   int64_t max_ms)
{
        *ns = (struct es_nodes){ .v = xcalloc(urls->n, sizeof *ns->v), .n = urls->n };
        for (size_t i = 0; i < urls->n; i++)
                node_init(&ns->v[i], urls->v[i], path, base_ms, max_ms);
        /* Many collectors that start at once with one list must not all begin with its first. */
        ns->turn = (size_t)(random_u64() % ns->n);
}

void es_nodes_fini(struct es_nodes *ns)
{
        for (size_t i = 0; i < ns->n; i++) {
                free(ns->v[i].url);
                free(ns->v[i].bulk_url);
        }
        free(ns->v);
        *ns = (struct es_nodes){ 0 };
}

bool es_node_usable(const struct es_node *node, int64_t now_ms)
{
        return now_ms >= node->rests_until_ms;
}

struct es_node *es_nodes_pick(struct es_nodes *ns, int64_t now_ms, int64_t *ret_wait_ms)
{
        struct es_node *best = NULL;
        size_t best_at = 0;
        int64_t wait_ms = INT64_MAX;

        for (size_t i = 0; i < ns->n; i++) {
                size_t at = (ns->turn + i) % ns->n;
                struct es_node *node = &ns->v[at];

                if (!es_node_usable(node, now_ms)) {
                        if (node->rests_until_ms - now_ms < wait_ms)
                                wait_ms = node->rests_until_ms - now_ms;
                } else if (!best || node->outstanding < best->outstanding) {
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

void es_node_sent(struct es_node *node)
{
        node->outstanding++;
}

void es_node_back(struct es_node *node)
{
        CHECK(node->outstanding > 0);
        node->outstanding--;
}

void es_node_well(struct es_node *node)
{
        backoff_reset(&node->backoff);
}

/* Requests that fail together, as when the node dies, count as one failure: the first sends it to rest. */
void es_node_failed(struct es_node *node, int64_t now_ms)
{
        if (es_node_usable(node, now_ms))
                node->rests_until_ms = now_ms + backoff_next_ms(&node->backoff);
}

void es_node_asked_for_rest(struct es_node *node, int64_t now_ms, int64_t ms)
{
        if (now_ms + ms > node->rests_until_ms)
                node->rests_until_ms = now_ms + ms;
}
