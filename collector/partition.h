/* SPDX-License-Identifier: Apache-2.0 */
/* partition: one assignment of one partition to this process, from assign to the last answer.
 *
 *      0        committed        window's                 next             high
 *      |=========|== settled, ====|-- in flight, some ------|................|
 *        stored    not committed     settled early            not taken yet: the lag
 *
 *                    revoke                     drained, or the deadline
 *   PART_ACTIVE ---------------> PART_DRAINING ------------------------> PART_GONE
 *        |                                                                  ^   freed when
 *        +------- assignment lost, or the consumer closed ------------------+   held is 0
 *
 * A partition that comes back is a new struct: answers for the old one are late, they are counted but never
 * move the new one's offset.  One thread.
 */
#ifndef SLUICE_COLLECTOR_PARTITION_H
#define SLUICE_COLLECTOR_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ackwin.h"
#include "base/map.h"

#define PARTITION_STATES(X)                                     \
        X(PART_ACTIVE, "ours, its records are taken")           \
        X(PART_DRAINING, "is being revoked, waits for answers") \
        X(PART_GONE, "no longer ours, waits for late answers")

#define PARTITION_STATE_ENUM(name, text) name,
enum partition_state { PARTITION_STATES(PARTITION_STATE_ENUM) PART_NSTATES };
#undef PARTITION_STATE_ENUM
extern const char *const partition_state_text[PART_NSTATES];

enum { OVERDUE_MS = 5 * 60 * 1000 };

struct partition {
        enum partition_state state;     /* assigned by partition_enter only */
        char *topic;                    /* owned */
        int32_t id;
        void *handle;                   /* consume.c's: rd_kafka_topic_t, for seek */

        int64_t next;                   /* offset of the record to take next */
        struct ackwin window;           /* settled up to here: its committed is what may be committed */
        int64_t stored;                 /* committed at the broker, as far as answered */
        size_t held;                    /* records, or documents of them, taken and not settled */
        size_t bytes;                   /* of documents held, as deliver charges them */
        bool alone;                     /* paused, whatever the others are: it holds its share (share.h) */
        size_t resume_at;               /* bytes, then */
        int64_t alone_since_ms;
        bool out_of_range;              /* the offset to take next no longer exists */
        bool ended;                     /* its end was seen */
        int refused;                    /* the broker's error while it gives no records of it; 0: none */
        int64_t end;                    /* behind its last record, as asked for while paused; -1: not asked yet */

        int64_t looked_at, since_ms;    /* where its window stood when last looked at, and since when it does */
        bool overdue;                   /* for longer than OVERDUE_MS */
};

/* The partitions that are ours, by topic and number; owns them until they are gone. */
struct partitions { struct map map; };

struct partition *partition_new(const char *topic, int32_t id, int64_t start);
void partition_free(struct partition *p);                       /* NULL ok; nothing held */
void partition_enter(struct partition *p, enum partition_state to, const char *why);    /* the only place that assigns */

struct partition *partitions_get(const struct partitions *ps, const char *topic, int32_t id);   /* NULL: not ours */
void partitions_add(struct partitions *ps, struct partition *p);
void partitions_remove(struct partitions *ps, struct partition *p);     /* it is the caller's now */

/* A record at `offset` is taken. */
uint64_t partition_take(struct partition *p, int64_t offset);

/* The record taken as seq holds n documents, and each is settled for itself: the window passes it with the last one. */
void partition_share(struct partition *p, uint64_t seq, uint32_t n);

/* One of its records, or documents, is settled. False: late, the window was not moved. The caller frees p when it is gone and held is 0. */
bool partition_settle(struct partition *p, uint64_t seq);

/* No record stands between the last one taken and `offset`: control records, aborted transactions, compaction. */
void partition_pass(struct partition *p, int64_t offset);

/* Looks how long the oldest record has not been settled: call it every second or so. */
void partition_look(struct partition *p, int64_t now_ms);
int64_t partition_stands_ms(const struct partition *p, int64_t now_ms);

/* Go on at `offset`: forward over what is lost, or back in a topic that was made anew. Nothing may be held to go back. */
void partition_leap(struct partition *p, int64_t offset);

/* Offset to commit now, or -1 when there is nothing new. */
int64_t partition_committable(const struct partition *p);

#endif
