/* SPDX-License-Identifier: Apache-2.0 */
/* group: the consumer's standing in its group: which partitions are ours, how they come and go, and what is
 * committed.  The half of consume.h that answers the group; consume.c is the half that takes records.
 *
 * Invariants: one rebalance at a time, and it is `moving`; one commit at a time, so that offsets never go back;
 * a partition that left while records of it were held waits in `gone` until the last of them is answered.
 * One thread: the loop's, librdkafka's callbacks included (they are served by polling).
 */
#ifndef SLUICE_COLLECTOR_GROUP_H
#define SLUICE_COLLECTOR_GROUP_H

#include <librdkafka/rdkafka.h>

#include "collector/asker.h"
#include "collector/consume.h"
#include "collector/lag.h"
#include "collector/troubles.h"

enum rebalance { REB_NONE, REB_STARTING, REB_DRAINING, REB_COMMITTING };

struct consume {
        struct loop *loop;
        const struct collector_config *config;
        struct collector_stats *stats;
        struct consume_hooks hooks;

        rd_kafka_t *rk;                 /* owned */
        struct joining *joining;        /* owned; client.h */
        rd_kafka_queue_t *queue;        /* owned */
        struct io io;                   /* eventfd that librdkafka signals */
        int64_t ahead_ms;               /* wall: a record written later than this was written in the future */
        struct timer keepalive;
        bool stopping;                  /* consume_stop_taking was called */

        struct partitions parts;        /* ours */
        struct partition **gone;        /* owned array of owned: late answers are due */
        size_t ngone, gone_cap;
        bool paused;                    /* all of them */
        size_t nalone;                  /* partitions paused alone: share.h */
        size_t budget;                  /* bytes that they may be charged; 0: not bounded */

        enum rebalance rebalance;       /* assigned by rebalance_enter only */
        rd_kafka_topic_partition_list_t *moving;        /* owned: what the rebalance is about */
        uintptr_t nth_moving;           /* its number: an answer to a question about an earlier one is stale */
        rd_kafka_queue_t *answers;      /* owned: to questions for committed offsets */
        int64_t deadline_ms, ask_again_ms;

        bool committing;                /* one commit at a time */
        bool assigned;                  /* at least once since the client was made */
        bool joined;                    /* the coordinator had given it a member id when it was closed */
        int64_t commit_after_ms;
        char *cluster;                  /* owned */
        struct troubles troubles;
        int64_t heard_ms;               /* when librdkafka last told of one that ends by its age */

        /* watch.c's */
        struct asker *asker;            /* owned */
        bool topics_asked_for;          /* a topic is missing or refused: until all are there */
        int64_t ask_topics_ms, ask_range_ms, ask_ends_ms, try_refused_ms;      /* not before */
        struct lag lag;
        uintptr_t lag_of;               /* the rebalance after which it was observed */
};

rd_kafka_topic_partition_list_t *consume_list(const struct consume *c);        /* ours, without offsets; the caller's */
void consume_seek(struct consume *c, struct partition *p);                      /* to its next */
void consume_on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque);

bool group_cooperative(const struct consume *c);

struct partition *group_find(const struct consume *c, const rd_kafka_topic_partition_t *tp);     /* NULL: not ours */
void group_part_with(struct consume *c, struct partition *p, const char *why);
void group_forget(struct consume *c, struct partition *p);      /* its last record was answered after it had left */

/* The rebalance machine, drawn in consume.h. */
void group_enter(struct consume *c, enum rebalance to);         /* the only place that assigns the state */
void group_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque);
void group_step(struct consume *c);                             /* each turn */
void group_leave_partitions(struct consume *c, const char *why);
void group_finish(struct consume *c);
void group_report(struct consume *c, rd_kafka_error_t *error);  /* takes error; NULL ok */

void group_commit(struct consume *c);                           /* what is settled; the answer comes to group_on_commit */
void group_commit_when_due(struct consume *c);
void group_on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque);

#endif
