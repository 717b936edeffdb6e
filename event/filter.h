/* SPDX-License-Identifier: Apache-2.0 */
/* filter: which lines are wanted.
 *
 *      include  one of them matches, or there is none   --> and no exclude matches --> wanted
 *
 * A search that is given up at its limit decides for the line: it is kept.  One thread per struct.
 */
#ifndef SLUICE_EVENT_FILTER_H
#define SLUICE_EVENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/opt.h"

struct filter;

/* *ret is NULL when both lists are empty: every line is wanted.  -EINVAL: a pattern is wrong. */
int filter_new(const struct strlist *include, const struct strlist *exclude, struct filter **ret, struct err *e) MUST_CHECK;
void filter_free(struct filter *f);     /* NULL ok */
bool filter_wants(struct filter *f, const char *text, size_t len);

#endif
