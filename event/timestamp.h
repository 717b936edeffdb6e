/* SPDX-License-Identifier: Apache-2.0 */
/* timestamp: between nanoseconds since 1970 and ISO 8601 / RFC 3339 text. */
#ifndef SLUICE_EVENT_TIMESTAMP_H
#define SLUICE_EVENT_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum { TIMESTAMP_LEN = 24 };    /* 2026-11-23T10:00:00.123Z */

/* UTC with milliseconds, no NUL.  The date part is computed once a second per thread. */
void timestamp_format(int64_t wall_ns, char out[TIMESTAMP_LEN]);

/* RFC 3339 with any number of fraction digits and Z or an offset. 0, or -EINVAL. */
int timestamp_parse(const char *p, size_t n, int64_t *ret_wall_ns) MUST_CHECK;

#endif
