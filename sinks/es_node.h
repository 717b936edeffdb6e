/* SPDX-License-Identifier: Apache-2.0 */
/* es_node: the addresses of one cluster, and which of them gets the next request.
 *
 *      [es1: 2 outstanding] [es2: 0] [es3: rests until 12:00:07]
 *                              ^ next: fewest outstanding, in turn among equals
 *
 * A node that failed rests for a backoff of its own, so that a bulk that failed there
 * is tried elsewhere.  All that decides whether a node may be used is in es_node_usable:
 * a circuit breaker takes its place there.  One thread.
 */
#ifndef SLUICE_SINKS_ES_NODE_H
#define SLUICE_SINKS_ES_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backoff.h"
#include "config/opt.h"

struct es_node {
        char *url;                      /* owned: "http://es1:9200", no slash at the end */
        char *bulk_url;                 /* owned */
        unsigned outstanding;
        struct backoff backoff;
        int64_t rests_until_ms;         /* loop time */
};

struct es_nodes {
        struct es_node *v;              /* owned */
        size_t n, turn;
};

/* NULL: fit to be one of urls. Else what is wrong with it, a phrase to follow the address. */
const char *es_url_fault(const char *url);
/* The address without what stands before an @, for messages. */
const char *es_url_shown(const char *url);

/* path: what a bulk is sent to, with its query: "/_bulk?filter_path=..." */
void es_nodes_init(struct es_nodes *ns, const struct strlist *urls, const char *path, int64_t base_ms, int64_t max_ms);
void es_nodes_fini(struct es_nodes *ns);                /* zeroed struct ok */

/* NULL: all rest; *ret_wait_ms is the time until the first may be used again. */
struct es_node *es_nodes_pick(struct es_nodes *ns, int64_t now_ms, int64_t *ret_wait_ms);

bool es_node_usable(const struct es_node *node, int64_t now_ms);

void es_node_sent(struct es_node *node);                /* a request is under way */
void es_node_back(struct es_node *node);                /* it ended, or was given up; then one of: */
void es_node_well(struct es_node *node);                /* it gave an answer of its own */
void es_node_failed(struct es_node *node, int64_t now_ms);
void es_node_asked_for_rest(struct es_node *node, int64_t now_ms, int64_t ms);     /* Retry-After */

#endif
