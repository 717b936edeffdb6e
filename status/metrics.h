/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: Prometheus text exposition format 0.0.4 from stat tables. */
#ifndef SLUICE_STATUS_METRICS_H
#define SLUICE_STATUS_METRICS_H

#include "base/buf.h"
#include "base/stat.h"

struct metrics { struct buf *out; const char *prefix; const char *last; };     /* prefix: "sluice_shipper_" */

void metrics_begin(struct metrics *m, struct buf *out, const char *prefix);
/* All rows of a table: HELP and TYPE once a name. */
void metrics_rows(struct metrics *m, const struct stat_row *rows, size_t n, const void *base);
/* One value that no table holds (lag of a partition). Same names must follow each other. labels: "a=\"b\"" or NULL. */
void metrics_value(struct metrics *m, enum stat_kind kind, const char *name, const char *labels, const char *help, double value);
/* Appends name="value" with the value escaped, a comma in front when *labels has content. */
void metrics_label(struct buf *labels, const char *name, const char *value);
/* What every process shows: resident memory, CPU, descriptors, start time (process_* as client libraries name them), build info. */
void metrics_process(struct metrics *m);

#endif
