/* SPDX-License-Identifier: Apache-2.0 */
/* es_answer: reads the answer to a _bulk as it arrives, item by item.
 *
 *   {"errors":true,"items":[{"create":{"status":201}},
 *                           {"create":{"status":400,"error":{"type":"...","reason":"..."}}}]}
 *                            |---- one call of item(), in the order of the actions ----|
 *
 * The same reader takes the answer to a whole request that failed:
 *   {"error":{"type":"security_exception","reason":"..."},"status":403}
 *
 * Nothing is held but the item at hand, so an answer may be as long as it likes;
 * what is longer than ES_TYPE_MAX or ES_REASON_MAX is cut.  Only es_answer_complete tells
 * whether the items meant anything: an answer that was cut, or is not Elasticsearch's, may
 * have delivered some before the fault was seen.
 *
 * Foreign bytes: any content, cut into any pieces.  One thread.
 */
#ifndef SLUICE_SINKS_ES_ANSWER_H
#define SLUICE_SINKS_ES_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum { ES_TYPE_MAX = 128, ES_REASON_MAX = 1024 };

struct es_error {
        char type[ES_TYPE_MAX];                 /* NUL-terminated; "" when there is no error */
        char reason[ES_REASON_MAX];             /* NUL-terminated, cut between characters */
};

struct es_item {
        size_t index;                           /* of the action it answers */
        unsigned status;
        bool failure_store;                     /* it stands in the failure store instead */
        const struct es_error *error;           /* borrowed for the call */
};

struct es_answer {
        size_t max_items;
        void (*item)(void *arg, const struct es_item *item);
        void *arg;

        bool errors, errors_seen;               /* the flag of the answer */
        size_t items;                           /* seen so far */
        struct es_error error;                  /* of the whole request */

        struct yajl_handle_t *yajl;             /* owned; NULL after a fault */
        const char *fault;                      /* NULL, or why it is no answer; static */
        struct es_parse *parse;                 /* owned: where in the text we are */
};

/* More items than max_items are a fault. item may be NULL. */
void es_answer_init(struct es_answer *a, size_t max_items, void (*item)(void *arg, const struct es_item *item), void *arg);
void es_answer_fini(struct es_answer *a);       /* zeroed struct ok */

/* False from the first byte on that shows that this is no answer of Elasticsearch's. */
bool es_answer_feed(struct es_answer *a, const char *p, size_t n);

/* After the last byte.  True: one whole JSON object. */
bool es_answer_end(struct es_answer *a);

/* After es_answer_end.  True: the answer of a bulk of n actions; a->errors and the items count. */
bool es_answer_complete(const struct es_answer *a, size_t n);

int es_answer_version(void);                    /* of yajl, as loaded: 20100 is 2.1.0 */

#endif
