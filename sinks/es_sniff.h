/* SPDX-License-Identifier: Apache-2.0 */
/* es_sniff: asks a cluster for the addresses of its nodes: before the first bulk, then now and again, and when a node fails.
 *
 *      GET /_nodes/http --> {"nodes":{"x":{"roles":["data"],"http":{"publish_address":"es3/10.0.0.3:9200"}}}}
 *                           --> http://es3:9200        the scheme is that of the address that was asked
 *
 * A node that is only a master is left out.  Where the question is not answered it goes to the next node, those that were found
 * included, after a backoff.  A cluster that refuses it, or says something else, has the nodes that are known, which is said,
 * and is asked again at the next time.
 *
 * One thread: the loop's.
 */
#ifndef SLUICE_SINKS_ES_SNIFF_H
#define SLUICE_SINKS_ES_SNIFF_H

#include "base/backoff.h"
#include "base/loop.h"
#include "config/opt.h"
#include "sinks/http_client.h"

enum { ES_SNIFF_NODES = 256 };

struct es_sniff {
        struct loop *loop;              /* borrowed, as are http and urls */
        struct http_client *http;
        const struct strlist *urls;
        int64_t interval_ms;            /* from an answer to the next question */
        int64_t connect_timeout_ms, request_timeout_ms, retry_base_ms, retry_max_ms;
        void (*settled)(void *arg);     /* found is what it is now; from the loop */
        void *arg;

        struct strlist found;           /* owned: addresses, those of urls left out */
        bool done;                      /* it was answered once, or refused */
        bool soon;                      /* the timer is that of a backoff, not of the interval */
        size_t node;                    /* of urls and found: to ask next */
        struct http_request request;
        char *url;                      /* owned */
        struct buf answer;
        struct backoff backoff;
        struct timer timer;
        char *why;                      /* owned; why it waits, a sentence; NULL: it does not */
};

/* What stands above the line in the struct is filled in by the caller. */
void es_sniff_start(struct es_sniff *s);
void es_sniff_look(struct es_sniff *s);         /* a node has failed: asks soon, if it has begun; zeroed struct ok */
void es_sniff_fini(struct es_sniff *s);         /* zeroed struct ok; ends what is under way */

/* The addresses that an answer names, appended to found.  -1: it is no such answer. */
int es_sniff_read(const char *body, size_t len, const char *scheme, const struct strlist *known, struct strlist *found);

#endif
