/* SPDX-License-Identifier: Apache-2.0 */
/* timeformat: the time that a line tells, in the forms that a configuration lists.
 *
 *      "auto"          rfc3339, iso8601, or a number told by its size: s, ms, us or ns since 1970
 *      "rfc3339"       2026-11-23T10:00:00.123Z
 *      "iso8601"       2026-11-23 10:00:00,123: blank or T, comma or point, with or without a zone
 *      "rfc3164"       Nov 23 10:00:00: the year is the one that brings it closest to now, see below
 *      "clf"           23/Nov/2026:10:00:00 +0100
 *      "rfc1123"       Mon, 23 Nov 2026 10:00:00 GMT
 *      "unix", "unix_ms", "unix_us", "unix_ns"         with or without a fraction
 *      anything with a %       as strptime: %Y %y %m %b %B %d %e %j %H %I %p %M %S %f (a fraction's digits) %z %Z (Z, UTC,
 *                              GMT) %s %a %A %T %F %R %D %%; a blank stands for any number of them
 *
 * The whole text must fit, but for blanks around it.  Without a zone it is the configured one.  Without a year: the latest
 * that is not more than a day ahead of now, so a December line read in January is of last year.
 * Without a date: the day that brings it closest to now.  Digits behind the ninth of a fraction are dropped.
 * One thread per struct.
 */
#ifndef SLUICE_EVENT_TIMEFORMAT_H
#define SLUICE_EVENT_TIMEFORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/opt.h"

struct timeformat;

/* zone: "local", "UTC" or an offset as "+01:00".  NULL with e set: an unknown name, a wrong %. */
struct timeformat *timeformat_new(const struct strlist *formats, const char *zone, struct err *e);
void timeformat_free(struct timeformat *t);             /* NULL ok */

/* The first format that fits; false: none, *ret_ns is as before. */
bool timeformat_parse(struct timeformat *t, const char *text, size_t len, int64_t now_ns, int64_t *ret_ns);

#endif
