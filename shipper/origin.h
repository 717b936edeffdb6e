/* SPDX-License-Identifier: Apache-2.0 */
/* origin: makes an event of an entry of a ring: the time it was received, its sender, its text; and of syslog what is
 * in it.
 *
 *      1764000000123 10.0.0.7:4711 <13>1 2026-...  -->  @timestamp, log.source.address, log.level, log.syslog.*, message
 *
 * Only lines of inputs with listen come here.  What is no entry is shipped as the line it is.  Owned by ship; one thread.
 */
#ifndef SLUICE_SHIPPER_ORIGIN_H
#define SLUICE_SHIPPER_ORIGIN_H

#include "event/event.h"
#include "shipper/conf.h"

struct origin {
        struct buf text;                /* when bytes of an entry were put back */
        struct event_parts parts;
        int64_t zone_second;            /* when zone_minutes was asked for */
        int zone_minutes;
};

/* Fills in what it finds; e borrows from o until the next call. */
void origin_apply(struct origin *o, const struct input_config *in, struct event_line *e);
void origin_fini(struct origin *o);     /* zeroed struct ok */

#endif
