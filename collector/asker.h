/* SPDX-License-Identifier: Apache-2.0 */
/* asker: puts questions to the cluster for which librdkafka has no call that does not wait.
 *
 *      loop -- asker_ask --> [questions] --> a thread, one question at a time
 *      loop <-- answered --- [answers] <-----+
 *
 * At most one question of a kind is on its way: who has more asks again later.  The thread comes with the first
 * question.  The rd_kafka_t is shared with it (librdkafka allows that) and must outlive the asker.
 */
#ifndef SLUICE_COLLECTOR_ASKER_H
#define SLUICE_COLLECTOR_ASKER_H

#include <librdkafka/rdkafka.h>

#include "base/loop.h"
#include "base/queue.h"
#include "config/opt.h"

enum { ASK_TIMEOUT_MS = 2000 };         /* for an answer of the cluster */

enum ask {
        ASK_TOPICS,     /* are the topics of the configuration there, and may we see them? */
        ASK_ENDS,       /* where do these partitions end? into list's offsets; each may have an err */
        ASK_RANGE,      /* first and last of list's one partition: low, high */
        NASKS
};

struct question {
        struct qitem item;              /* asker's own */
        enum ask what;
        const struct strlist *topics;   /* ASK_TOPICS; borrowed, and must not change */
        rd_kafka_topic_partition_list_t *list;  /* owned; NULL for ASK_TOPICS */

        rd_kafka_resp_err_t err;        /* the answer: of the question as a whole, or about `topic` */
        const char *topic;              /* ASK_TOPICS: the first that is missing or refused; NULL: none */
        int64_t low, high;              /* ASK_RANGE */
};

struct asker;

/* answered: on the loop's thread; q is borrowed for the call. */
struct asker *asker_new(struct loop *l, rd_kafka_t *rk, void (*answered)(void *arg, const struct question *q), void *arg);
void asker_free(struct asker *a);       /* NULL ok; waits for the question on its way, at most ASK_TIMEOUT_MS a step of it */

bool asker_busy(const struct asker *a, enum ask what);
/* Takes what q holds, not q itself.  Not while it is busy with one of the kind. */
void asker_ask(struct asker *a, const struct question *q);

#endif
