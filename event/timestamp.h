/* SPDX-License-Identifier: Apache-2.0 */
/* timestamp: between nanoseconds since 1970 and ISO 8601 / RFC 3339 text. */
#ifndef SLUICE_EVENT_TIMESTAMP_H
#define SLUICE_EVENT_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum {
        TIMESTAMP_LEN = 24,             /* 2026-11-23T10:00:00.123Z */
        TIMESTAMP_NS_LEN = 30,          /* 2026-11-23T10:00:00.123456789Z */
};

/* UTC with milliseconds, no NUL.  The date part is computed once a second per thread. */
void timestamp_format(int64_t wall_ns, char out[TIMESTAMP_LEN]);
void timestamp_format_ns(int64_t wall_ns, char out[TIMESTAMP_NS_LEN]);

/* RFC 3339 with any number of fraction digits and Z or an offset; a space or a
 * small t or z will do, as its section 5.6 allows.  Digits after the ninth are
 * dropped.  -EINVAL for anything else: a date that does not exist, second 60
 * (a leap second has no number of its own in wall time), no zone, a year that
 * int64_t nanoseconds cannot hold (before 1677, after 2262). */
int timestamp_parse(const char *p, size_t n, int64_t *ret_wall_ns) MUST_CHECK;

/* The parts of a UTC date, with those of ISO 8601's week calendar. */
struct timestamp_date {
        int year, month, day;           /* month and day from 1 */
        int hour, minute, second;
        int week_year, week;            /* the year and week (1 to 53) of the date's Thursday */
};
void timestamp_split(int64_t wall_ns, struct timestamp_date *ret);

/* The way back, from year to second, in a zone so many minutes east of UTC; second 60 is the next minute's first.
 * -EINVAL: there is no such date or time, or int64_t nanoseconds cannot hold it. */
int timestamp_join(const struct timestamp_date *d, int64_t ns, int zone_minutes, int64_t *ret_wall_ns) MUST_CHECK;

#endif
