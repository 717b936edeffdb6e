/* SPDX-License-Identifier: Apache-2.0 */
/* ndjson: records as lines, one value each.
 *
 *      {"@timestamp":"...","message":"..."}\n
 *
 * A newline inside a value would end its line early.  In valid JSON it can only stand between
 * tokens, so it is written as a blank; every other byte stays as it is.
 */
#ifndef SLUICE_SINKS_NDJSON_H
#define SLUICE_SINKS_NDJSON_H

#include "sinks/batch.h"

void ndjson_put(struct buf *out, const char *value, size_t n);          /* appends one line */
void ndjson_put_batch(struct buf *out, const struct batch *b);          /* and each record's */
static inline size_t ndjson_size(const struct record *r) { return (size_t)r->value.len + 1; }

#endif
