/* SPDX-License-Identifier: Apache-2.0 */
/* es_node: the addresses of one cluster, a circuit breaker for each, and which of them gets the next request.
 *
 *                 failures in a row              its rest is over
 *      CLOSED ---------------------------> OPEN ------------------> HALF_OPEN
 *        ^                                  ^                        |     |
 *        |                                  +------ no answer -------+     |
 *        +------------------------------------- the probe is answered -----+
 *
 * A closed node gets requests: the one with the fewest outstanding, in turn among equals.  An open one
 * gets none; each rest is a backoff longer than the last.  A half-open one gets one probe, which is no
 * bulk (es_health).  A node that came back is on probation: the next failure opens it again, and
 * its rests grow on, until a bulk was answered.
 *
 * All nodes open is a state like any other: bulks wait.
 *
 * The nodes of the configuration are there for ever; those that the cluster names come and go (es_sniff).  One that has left
 * gets nothing, and its place is taken once nothing of it is under way; places never move.  One thread.
 */
#ifndef SLUICE_SINKS_ES_NODE_H
#define SLUICE_SINKS_ES_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backoff.h"
#include "config/opt.h"

#define ES_NODE_STATES(X) \
        X(ES_NODE_CLOSED, "closed") \
        X(ES_NODE_OPEN, "open") \
        X(ES_NODE_HALF_OPEN, "half_open")
#define ES_NODE_STATE(id, name) id,
enum es_node_state { ES_NODE_STATES(ES_NODE_STATE) ES_NODE_NSTATES };
#undef ES_NODE_STATE

struct es_node_config {
        int64_t rest_base_ms, rest_max_ms;
        unsigned failures;              /* in a row: opens the breaker */
        unsigned max_requests;          /* at a time to one node */
};

struct es_node {
        char *url;                      /* owned: "http://es1:9200", no slash at the end */
        char *bulk_url, *probe_url;     /* owned */
        const struct es_node_config *config;    /* borrowed from its es_nodes */
        unsigned outstanding;           /* bulks */
        enum es_node_state state;
        unsigned failures;              /* in a row */
        struct backoff backoff;
        int64_t rests_until_ms;         /* loop time; of any state, a server may ask for it */
        char *why;                      /* owned: why it is not closed; NULL while it is */
        bool left;                      /* the cluster names it no more */
};

struct es_nodes {
        struct es_node_config config;
        struct es_node *v;              /* owned; of `places`, n are or were nodes, the first `own` of the configuration */
        size_t n, own, places, turn;
};

/* NULL: fit to be one of urls. Else what is wrong with it, a phrase to follow the address. */
const char *es_url_fault(const char *url);
/* How much of it a path can follow: all but the slashes at its end. */
int es_url_base_len(const char *url);
/* The address without what stands before an @, for messages. */
const char *es_url_shown(const char *url);

/* path: what a bulk is sent to, with its query: "/_bulk?filter_path=..."  more: places for nodes that the cluster names. */
void es_nodes_init(struct es_nodes *ns, const struct strlist *urls, size_t more, const char *path, const struct es_node_config *config);
void es_nodes_fini(struct es_nodes *ns);                /* zeroed struct ok */

/* Beside those of the configuration these are the nodes from now on, none of them twice.  For which there is no place is
 * not taken.  True: some came or left. */
bool es_nodes_name(struct es_nodes *ns, const struct strlist *named, const char *path);

/* For a bulk.  shunned (NULL: none) is taken only when no other can be.  NULL: none can be used now; then
 * *ret_wait_ms is the time until a closed one's rest is over, or INT64_MAX: an answer or a probe will tell. */
struct es_node *es_nodes_pick(struct es_nodes *ns, int64_t now_ms, const struct es_node *shunned, int64_t *ret_wait_ms);

/* An open one that is due for its probe.  NULL: none; then *ret_wait_ms as above. */
struct es_node *es_nodes_due(struct es_nodes *ns, int64_t now_ms, int64_t *ret_wait_ms);

size_t es_nodes_in(const struct es_nodes *ns, enum es_node_state state);
size_t es_nodes_here(const struct es_nodes *ns);        /* in any state */

void es_node_sent(struct es_node *node);                /* a bulk is under way */
void es_node_back(struct es_node *node);                /* it ended, or was given up; then at most one of: */
void es_node_well(struct es_node *node);                /* it gave an answer of its own */
bool es_node_failed(struct es_node *node, int64_t now_ms, const char *why);     /* true: its breaker opened */
void es_node_rest(struct es_node *node, int64_t now_ms, int64_t ms);            /* it asked for it: Retry-After */

void es_node_probe_sent(struct es_node *node);          /* open --> half-open */
void es_node_probe_ended(struct es_node *node, int64_t now_ms, const char *why);        /* why: NULL: it is well */

#endif
