/* SPDX-License-Identifier: Apache-2.0 */
/* es_verdict: what an answer of Elasticsearch or OpenSearch means.  Pure tables, no state.
 *
 * The status alone misleads: 429 is a cluster under load or an index that is read-only, 400 is a
 * broken document or a pipeline that nobody made, 403 a disk that is full or a missing
 * privilege.  So the first row whose error type, status and part of the reason fit decides.
 */
#ifndef SLUICE_SINKS_ES_VERDICT_H
#define SLUICE_SINKS_ES_VERDICT_H

#include <stdbool.h>

#include "sinks/es_answer.h"

/* Of one document. */
enum es_verdict {
        ES_DONE,
        ES_FAILURE_STORE,       /* kept, but in the failure store: done, and counted apart */
        ES_DUPLICATE,           /* stands there already under its id */
        ES_REJECT,              /* will never be taken */
        ES_AGAIN,               /* the cluster is under load: after a backoff */
        ES_BLOCKED,             /* its index takes no writes at present: waits, no sign of load */
        ES_STRIKE,              /* after a backoff too, but not for ever: ES_STRIKES times while others pass */
        ES_OPERATOR,            /* waits until somebody mends the cluster or the configuration */
};
enum { ES_STRIKES = 10 };

enum es_verdict es_verdict_item(const struct es_item *item);
static inline bool es_verdict_waits(enum es_verdict v) { return v >= ES_AGAIN; }

/* Of a whole request that came with a status. None is a verdict on any document. */
enum es_request_verdict {
        ES_REQUEST_ANSWERED,    /* 200: read the items */
        ES_REQUEST_NEXT_NODE,   /* the node's fault: the same bulk to another, after a backoff */
        ES_REQUEST_THROTTLED,   /* load: the same bulk after a backoff */
        ES_REQUEST_BLOCKED,     /* the cluster takes no writes at present */
        ES_REQUEST_TOO_LARGE,   /* halve; a single document is rejected */
        ES_REQUEST_CULPRIT,     /* some document spoils it: halve until it is alone, reject that one */
        ES_REQUEST_OPERATOR,    /* wait until somebody mends it */
};

/* error: of the body, when that was Elasticsearch's (else its type is ""). */
enum es_request_verdict es_verdict_request(unsigned status, const struct es_error *error);

/* What the operator can do about it, a phrase to end a sentence with; NULL: nothing to advise. */
const char *es_advice(unsigned status, const struct es_error *error);

#endif
