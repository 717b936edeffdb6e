/* SPDX-License-Identifier: Apache-2.0 */
/* dlq_filter: which letters are meant: dlq.reason, dlq.since, dlq.until. */
#ifndef SLUICE_COLLECTOR_DLQ_FILTER_H
#define SLUICE_COLLECTOR_DLQ_FILTER_H

#include "collector/conf.h"
#include "collector/letter.h"

struct dlq_filter {
        const char *reason;             /* borrowed; NULL: any */
        int64_t since_ms, until_ms;     /* wall time; 0: no bound */
};
int dlq_filter_init(struct dlq_filter *f, const struct dlq_config *c, int64_t now_ms, struct err *e) MUST_CHECK;
bool dlq_fits(const struct dlq_filter *f, const struct letter *l);

#endif
