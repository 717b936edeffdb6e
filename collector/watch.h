/* SPDX-License-Identifier: Apache-2.0 */
/* watch: what the consumer finds out by asking, because nobody tells it.  The third part of consume.h.
 *
 *      a topic is missing or refused   asked until it is there: librdkafka says it once, and nothing when it comes
 *      a partition is refused          assigned anew, until a record or its end comes
 *      an offset no longer exists      which do? what lies between is lost, and counted
 *      partitions are paused           where do they end by now? the lag grows while nothing is fetched
 *      a record is not settled         for how long already
 *
 * No question holds the loop: asker.h.  One thread.
 */
#ifndef SLUICE_COLLECTOR_WATCH_H
#define SLUICE_COLLECTOR_WATCH_H

#include "collector/group.h"

enum { TOPICS_PERIOD_MS = 10000 };      /* between two questions for the topics; also how long none may be ours */

void watch_turn(struct consume *c);             /* each turn */
void watch_second(struct consume *c);           /* about once a second */
void watch_answered(void *arg, const struct question *q);       /* asker's hook; arg: struct consume */

void watch_out_of_range(struct consume *c, struct partition *p);
void watch_refused(struct consume *c, struct partition *p, rd_kafka_resp_err_t err);    /* p NULL: some topic */
void watch_heard(struct consume *c, struct partition *p);       /* p was refused, and now its end or a record came */

#endif
