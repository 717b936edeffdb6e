/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_limit: the largest record that a topic takes, asked of the broker.
 *
 *      start --> asks --> answer: max.message.bytes, or "I do not tell"   --> known() once, then only on a change
 *                  ^  no answer: again in a moment
 *                  +-- kafka_limit_ask, after a record was refused as too large
 *
 * Waits for nothing: the answer comes by the producer's own queue.  Who must not read before it knows looks at *asking,
 * which is true until the first answer and for at most KAFKA_LIMIT_PATIENCE_MS: with no broker there is nothing to wait for.
 * One thread: the loop's.
 */
#ifndef SLUICE_SINKS_KAFKA_LIMIT_H
#define SLUICE_SINKS_KAFKA_LIMIT_H

#include "sinks/kafka_client.h"

enum { KAFKA_LIMIT_PATIENCE_MS = 1000 };

struct kafka_limit {
        struct kafka_client *client;    /* borrowed; whom to ask. NULL: this is not in use */
        const char *topic;              /* borrowed */
        bool *asking;                   /* borrowed */
        void (*known)(void *arg);       /* bytes has another value than before */
        void *arg;

        int64_t bytes;                  /* the topic's; 0: not known */
        bool under_way;
        int64_t asked_ms;
        struct timer again, patience;
};

/* with: the borrowed ones and known are set. */
void kafka_limit_init(struct kafka_limit *l, const struct kafka_limit *with);
void kafka_limit_fini(struct kafka_limit *l);   /* zeroed struct ok, as for the others */

void kafka_limit_started(struct kafka_limit *l);        /* the client is UP, with a new handle: asks, unless an answer is known */
void kafka_limit_ask(struct kafka_limit *l);            /* once more; not oftener than every few seconds */

void kafka_limit_answer(struct kafka_limit *l, rd_kafka_event_t *event);        /* borrowed; DESCRIBECONFIGS_RESULT */

/* max.message.bytes in an answer, or -1 with the reason. */
int64_t kafka_limit_of(rd_kafka_event_t *event, rd_kafka_resp_err_t *ret_err, const char **ret_why);

/* Bytes that a record's value may have where a request with nothing but this record may have `limit`. */
int64_t kafka_limit_value(int64_t limit);

#endif
