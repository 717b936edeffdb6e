/* SPDX-License-Identifier: Apache-2.0 */
/* es_sniff: asks a cluster for the addresses of its nodes, once, before the first bulk.
 *
 *      GET /_nodes/http --> {"nodes":{"x":{"roles":["data"],"http":{"publish_address":"es3/10.0.0.3:9200"}}}}
 *                           --> http://es3:9200        the scheme is that of the address that was asked
 *
 * A node that is only a master is left out.  Where the question is not answered it goes to the next of urls, with a backoff
 * after all; a cluster that refuses it, or says something else, has only the nodes of the configuration, which is said.  A
 * node that comes later is seen at the next start or reload.
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
        int64_t connect_timeout_ms, request_timeout_ms, retry_base_ms, retry_max_ms;
        void (*settled)(void *arg);     /* found is what it is; from the loop */
        void *arg;

        struct strlist found;           /* owned: addresses, those of urls left out */
        bool done;
        size_t node;                    /* of urls: to ask next */
        struct http_request request;
        char *url;                      /* owned */
        struct buf answer;
        struct backoff backoff;
        struct timer timer;
        char *why;                      /* owned; why it waits, a sentence; NULL: it does not */
};

/* What stands above the line in the struct is filled in by the caller. */
void es_sniff_start(struct es_sniff *s);
void es_sniff_fini(struct es_sniff *s);         /* zeroed struct ok; ends what is under way */

/* The addresses that an answer names, appended to found.  -1: it is no such answer. */
int es_sniff_read(const char *body, size_t len, const char *scheme, const struct strlist *known, struct strlist *found);

#endif
