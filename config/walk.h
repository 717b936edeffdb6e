/* SPDX-License-Identifier: Apache-2.0 */
/* walk: every row of a table and of the tables in it, in order, with its path.
 *
 *      http    kafka    kafka.brokers    inputs    inputs.*.paths
 */
#ifndef SLUICE_CONFIG_WALK_H
#define SLUICE_CONFIG_WALK_H

#include "config/opt.h"

/* path is borrowed for the length of the call. */
void opt_walk(const struct opt_table *table, void (*fn)(const struct opt *row, const char *path, void *arg), void *arg);

#endif
