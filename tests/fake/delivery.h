/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: deliver on one partition, with sinks that answer when the test says so.
 *
 *      deliver_take --> deliver --> index, dead, spare: sink_held
 *
 * Settings that a test changes count from delivery_build on.  Failures abort the test.
 */
#ifndef SLUICE_TESTS_FAKE_DELIVERY_H
#define SLUICE_TESTS_FAKE_DELIVERY_H

#include "collector/deliver.h"
#include "tests/fake/sink_held.h"

enum { DELIVERY_BUDGET = 256 * 1024, DELIVERY_PARTITION = 3 };

struct delivery {
        struct collector_config config;
        struct collector_stats stats;
        struct sink_limits limits;      /* of each sink */
        struct loop *loop;
        struct sink *index, *dead;
        struct sink *spare;             /* NULL: there is none */
        struct deliver *deliver;
        struct partition *p;
        bool paused;
        unsigned pauses;
        size_t waiting;                 /* bytes of partitions paused alone */
};

struct delivery *delivery_new(void);            /* not built */
void delivery_free(struct delivery *d);         /* checks the ledger, also of what was never answered */

void delivery_build(struct delivery *d);        /* again: in place of what stood */
void delivery_demolish(struct delivery *d);     /* it comes again */

void delivery_take(struct delivery *d, const void *payload, size_t len, const struct incoming_header *headers, size_t nheaders);
void delivery_flush(struct delivery *d);
void delivery_check_ledger(const struct delivery *d);

#endif
