/* SPDX-License-Identifier: Apache-2.0 */
/* es_health: asks nodes whose breaker is open whether they are well again.
 *
 *      es_health_look(h) --> timer until the first rest is over --> GET / on each node that is due
 *                                                                    |  side by side, timeout of its own
 *      changed(arg) <-- breaker closed, or open for a longer rest <--+
 *
 * Any whole answer below 500 is a sign of life, also "who are you?" and "not here".  A probe carries no
 * document, so that no document waits for a node that may hang.  One thread.
 */
#ifndef SLUICE_SINKS_ES_HEALTH_H
#define SLUICE_SINKS_ES_HEALTH_H

#include "base/loop.h"
#include "sinks/es_node.h"
#include "sinks/http_client.h"

struct es_health {
        struct loop *loop;              /* borrowed, as are http and nodes */
        struct http_client *http;
        struct es_nodes *nodes;
        int64_t timeout_ms;
        void (*changed)(void *arg, const struct es_node *node, bool well);      /* after each probe */
        void *arg;

        struct timer timer;
        struct es_health_probe *probes; /* owned; one for each place */
};

/* All but timer and probes is filled in by the caller. */
void es_health_init(struct es_health *h);
void es_health_fini(struct es_health *h);       /* zeroed struct ok; cancels probes */

void es_health_look(struct es_health *h);       /* after a breaker opened */

#endif
