/* SPDX-License-Identifier: Apache-2.0 */
/* consume: a member of the consumer group, on the loop.
 *
 *   librdkafka -- event fd --> poll --> take(partition, record) --> owner
 *                                                                    |
 *   broker <-- commit <-- window's low watermark <-- consume_settle <-+
 *
 * Rebalances are answered when we are ready, not inside librdkafka's callback:
 *
 *        revoke                drained or deadline            answered or deadline
 *   REB_NONE ----> REB_DRAINING -----------------> REB_COMMITTING ---------------> unassign -> REB_NONE
 *        | assign
 *        +-------> REB_STARTING (asks for committed offsets, without waiting) ----> assign  -> REB_NONE
 *
 * Offsets: committed is only what the owner settled, contiguous, by us, never by librdkafka's auto commit.  A partition
 * without a committed offset starts at its beginning; one whose offset no longer exists is counted
 * with its range and goes on at the first that does.
 *
 * Backpressure: consume_pause stops fetching while polling goes on (max.poll.interval), consume_resume
 * seeks each partition to the next wanted offset, since librdkafka 2.0 otherwise waits up to a second.
 * A single partition that holds its share of the budget is paused alone, see share.h.
 * One thread; batch consumption and parallel seeks of librdkafka 2.0 lose messages.
 */
#ifndef SLUICE_COLLECTOR_CONSUME_H
#define SLUICE_COLLECTOR_CONSUME_H

#include "base/loop.h"
#include "collector/conf.h"
#include "collector/incoming.h"
#include "collector/partition.h"
#include "collector/stats.h"

struct consume_hooks {
        /* A record of p; borrowed for the call. The owner settles it, now or later, once. */
        void (*take)(void *arg, struct partition *p, uint64_t seq, const struct incoming *in);
        void (*flush)(void *arg);       /* partitions are leaving: send what is open */
        void *arg;
};

struct consume;

/* All borrowed. NULL with e set: a property is refused. A broker that is absent is waited for. */
struct consume *consume_new(struct loop *l, const struct collector_config *config, struct collector_stats *stats,
                            const struct consume_hooks *hooks, struct err *e);
void consume_free(struct consume *c);           /* NULL ok; after consume_close */

void consume_settle(struct consume *c, struct partition *p, uint64_t seq);
void consume_pause(struct consume *c);          /* twice: no-op */
void consume_resume(struct consume *c);
bool consume_paused(const struct consume *c);   /* all of them */
void consume_set_budget(struct consume *c, size_t bytes);       /* that partitions may be charged, all together */
void consume_turn(struct consume *c);           /* each turn: commits what is due, goes on with a rebalance */

/* Stop: no more records, then (after the owner is settled or has given up) the last commit and good-bye
 * to the group, at most timeout_ms. Blocks that long, turning nothing else. */
void consume_stop_taking(struct consume *c);
void consume_take_on(struct consume *c, bool paused);   /* the stop is called off; paused: by the owner, it resumes */
void consume_close(struct consume *c, int64_t timeout_ms);

bool consume_joined(const struct consume *c);   /* the coordinator has given us a member id */
bool consume_at_end(const struct consume *c);   /* --once: the end of every partition was seen */
const char *consume_trouble(const struct consume *c);   /* one sentence, or NULL */
int64_t consume_lag(const struct consume *c, const struct partition *p);        /* records to the end as last heard of; -1: unknown */
int64_t consume_total_lag(const struct consume *c);     /* of the partitions of which it is known */
int64_t consume_catch_up_s(const struct consume *c);    /* until there is none, at the rate of late; -1: unknown, or never */
int64_t consume_oldest_ms(const struct consume *c);     /* how long a record has not been settled, to a second or so; 0: none */
size_t consume_fetched(const struct consume *c);        /* records in librdkafka's queue */
const struct partitions *consume_partitions(const struct consume *c);
/* Those that are no longer ours and wait for late answers. */
const struct partition *const *consume_gone(const struct consume *c, size_t *ret_n);

#endif
