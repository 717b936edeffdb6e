/* SPDX-License-Identifier: Apache-2.0 */
/* es_round: one request and what its answer says, kept until it is known whether the
 * answer is whole.
 *
 *   es_round_init --> es_round_feed* --> es_round_end --+--> es_round_outcome(i) of each record
 *                     (yajl, streamed)                  +--> or why the request failed
 *
 * Held is a status, a verdict and, of what may be rejected, the reason; reasons up to
 * ES_REASONS_MAX in all, beyond that a reject says only that its reason was not kept.
 * One thread.
 */
#ifndef SLUICE_SINKS_ES_ROUND_H
#define SLUICE_SINKS_ES_ROUND_H

#include "base/buf.h"
#include "sinks/batch.h"
#include "sinks/es_answer.h"
#include "sinks/es_verdict.h"
#include "sinks/http_client.h"

enum { ES_REASONS_MAX = 1 << 20, ES_FOREIGN_MAX = 1 << 20 };

struct es_round {
        const struct batch *batch;      /* borrowed until fini, and so are node and index */
        size_t n;                       /* the request carries its first n records */
        const char *node, *index;       /* for sentences: address; name for records without dest */

        struct es_answer answer;
        bool whole;                     /* one JSON object, ended */
        size_t foreign_bytes;
        struct es_kept *kept;           /* owned; one a record */
        struct buf reasons;
        enum es_verdict worst;          /* of the verdicts that wait; ES_DONE: none */
        char *why;                      /* owned; of the worst one: a sentence for trouble() */
};

/* What becomes of one record. */
struct es_outcome {
        enum es_verdict verdict;
        unsigned status;
        const char *reason;             /* NULL or borrowed until fini, not NUL-terminated */
        size_t reason_len;
};

void es_round_init(struct es_round *r, const struct batch *b, size_t n, const char *node, const char *index);
void es_round_fini(struct es_round *r);                                 /* zeroed struct ok */

/* False when too much came that is no answer. (A short foreign page is read to its end, so that the connection can be kept.) */
bool es_round_feed(struct es_round *r, const char *p, size_t n);

enum es_request_verdict es_round_end(struct es_round *r, const struct http_result *result);

/* After es_round_end said ES_REQUEST_ANSWERED. */
struct es_outcome es_round_outcome(const struct es_round *r, size_t i);
bool es_round_any_passed(const struct es_round *r);
bool es_round_any(const struct es_round *r, enum es_verdict v);

/* After es_round_end said anything else. */
const struct es_error *es_round_error(const struct es_round *r);        /* type "" when the body has none */
char *es_round_why_failed(const struct es_round *r, const struct http_result *result);  /* the caller frees it */

#endif
