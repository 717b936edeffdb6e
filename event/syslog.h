/* SPDX-License-Identifier: Apache-2.0 */
/* syslog: takes a syslog message apart, RFC 5424 and what people send as RFC 3164.
 *
 *      <165>1 2026-11-24T02:08:15.003Z web-1 shop 4711 ID47 [origin ip="10.0.0.7"] text
 *       pri v time                     host  app  procid msgid structured data     message
 *
 *      <34>Nov 24 02:08:15 web-1 su[231]: text         no year, no zone; host or tag may be missing; some write the
 *       pri time           host  app procid  message   time as RFC 3339 does
 *
 * What begins with a priority is syslog.  Behind it each part is taken as long as it is what it should be; from
 * the first that is not, the rest is the message, so nothing of it gets lost.  Every part is a slice of the
 * text.  Pure.
 */
#ifndef SLUICE_EVENT_SYSLOG_H
#define SLUICE_EVENT_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct syslog_part {
        const char *p;                  /* borrowed from the text */
        size_t len;                     /* 0: absent, or "-" */
};

struct syslog {
        unsigned facility, severity;
        unsigned version;               /* 0: not RFC 5424 */
        bool has_time;
        int64_t wall_ns;
        struct syslog_part host, app, procid, msgid, message;
        struct syslog_part structured;  /* well-formed, no name in it twice */
};

/* received_ns gives the year that RFC 3164 leaves out, zone_minutes is what its clock is ahead of UTC.
 * False: not syslog. */
bool syslog_parse(const char *p, size_t n, int64_t received_ns, int zone_minutes, struct syslog *ret);

/* Appends members of ECS's "log": "level":"error","syslog":{...}  Valid JSON whatever the bytes are. */
void syslog_put_members(struct buf *b, const struct syslog *s);

#endif
