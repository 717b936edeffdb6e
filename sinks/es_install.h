/* SPDX-License-Identifier: Apache-2.0 */
/* es_install: sees to the index templates of a configuration, once, before the first bulk goes out.
 *
 *      each template:  GET it --> nothing there --> does another one cover the name? --> PUT, create only
 *                        |  older, ours -------------------------------------------> PUT
 *                        +-- current, ours: nothing to do      +-- foreign: left alone, said
 *
 * Invariant: a template that is not ours is never written, and between two collectors only one creates it.
 * No right to do so, or a server that refuses, is said and not fatal: documents go on under what the cluster has.  A
 * node that does not answer is no refusal: the same question goes to the next one after a backoff, and bulks
 * wait meanwhile, since a first document in the wrong kind of index cannot be taken back.
 *
 * One thread: the loop's.  Used by the sink, and by check, which only looks.
 */
#ifndef SLUICE_SINKS_ES_INSTALL_H
#define SLUICE_SINKS_ES_INSTALL_H

#include "base/backoff.h"
#include "base/loop.h"
#include "config/opt.h"
#include "sinks/es_template.h"
#include "sinks/http_client.h"

#define ES_INSTALL_ENDS(X) \
        X(ES_INSTALL_OPEN, "open", "is not looked at yet") \
        X(ES_INSTALL_COVERED, "covered", "another template of the cluster has the fields") \
        X(ES_INSTALL_CURRENT, "current", "is there") \
        X(ES_INSTALL_MADE, "made", "was made") \
        X(ES_INSTALL_WANTED, "wanted", "will be made at the start") \
        X(ES_INSTALL_FOREIGN, "foreign", "is there but not Sluice's, and stays as it is") \
        X(ES_INSTALL_FORBIDDEN, "forbidden", "may not be looked at or made: the privilege manage_index_templates is missing") \
        X(ES_INSTALL_REFUSED, "refused", "is refused")
#define ES_INSTALL_END(id, name, text) id,
enum es_install_end { ES_INSTALL_ENDS(ES_INSTALL_END) ES_INSTALL_NENDS };
#undef ES_INSTALL_END
extern const char *const es_install_text[ES_INSTALL_NENDS];

struct es_installed {
        struct es_template template;
        enum es_install_end end;
        char *why;                      /* owned: what the server said; NULL: nothing */
};

struct es_install {
        struct loop *loop;              /* borrowed, as are http and urls */
        struct http_client *http;
        const struct strlist *urls;
        enum es_template_manage manage;
        bool look_only;
        int64_t connect_timeout_ms, request_timeout_ms, retry_base_ms, retry_max_ms;
        void (*settled)(void *arg);     /* all have their end; from the loop */
        void *arg;

        struct es_installed *v;         /* owned */
        size_t n, at;                   /* v[at] is at work; at == n: settled */
        enum es_install_step { STEP_LOOK, STEP_SIMULATE, STEP_CREATE, STEP_REPLACE } step;
        size_t node;                    /* of urls: to ask next */
        unsigned lost_races;
        struct http_request request;
        char *url;                      /* owned */
        struct buf body, answer;
        struct backoff backoff;
        struct timer timer;
        char *why;                      /* owned; why it waits, a sentence; NULL: it does not */
};

/* What stands above the line in the struct is filled in by the caller. indexes: may hold NULL and the same twice. */
void es_install_init(struct es_install *in, const char *const *indexes, size_t n);
void es_install_fini(struct es_install *in);            /* zeroed struct ok; ends what is under way */

void es_install_start(struct es_install *in);           /* settled() may be called only later, unless there is nothing to do */
static inline bool es_install_settled(const struct es_install *in) { return in->at == in->n; }
const char *es_install_trouble(const struct es_install *in);   /* why it waits; NULL: it does not */

#endif
