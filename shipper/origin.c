/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/origin.h"

#include <time.h>

#include "base/json.h"
#include "event/syslog.h"
#include "shipper/entry.h"

enum { ZONE_SECONDS = 60 };             /* how long an answer about summer time is good for */

/* What this machine's clock is ahead of UTC: RFC 3164 leaves the zone out, and its senders are mostly neighbours. */
static int zone_minutes(struct origin *o, int64_t wall_ns)
{
        int64_t second = wall_ns / 1000000000;
        time_t t = (time_t)second;
        struct tm tm;

        if (o->zone_second == 0 || second - o->zone_second >= ZONE_SECONDS || second < o->zone_second) {
                o->zone_minutes = localtime_r(&t, &tm) ? (int)(tm.tm_gmtoff / 60) : 0;
                o->zone_second = second;
        }
        return o->zone_minutes;
}

static void put_sender(struct buf *b, const struct entry *e)
{
        if (e->sender_len == 0)
                return;
        buf_puts(b, "\"source\":{\"address\":");
        json_string(b, e->sender, e->sender_len);
        buf_putc(b, '}');
}

static void apply_syslog(struct origin *o, struct event_line *e)
{
        struct syslog s;

        if (!syslog_parse(e->text, e->len, e->wall_ns, zone_minutes(o, e->wall_ns), &s))
                return;
        if (s.has_time)
                e->wall_ns = s.wall_ns;
        o->parts.precise = s.has_time;
        e->text = s.message.p;
        e->len = s.message.len;
        syslog_put_members(&o->parts.more[EVENT_LOG], &s);
}

void origin_apply(struct origin *o, const struct input_config *in, struct event_line *e)
{
        struct entry entry;

        if (!entry_parse(e->text, e->len, &o->text, &entry))
                return;
        event_parts_reset(&o->parts);
        e->wall_ns = entry.received_ms * 1000000;
        e->text = entry.text;
        e->len = entry.len;
        e->flags |= entry.cut ? EVENT_TRUNCATED : 0;
        e->parts = &o->parts;
        if (in->parse.how == PARSE_SYSLOG)
                apply_syslog(o, e);
        struct buf *log = &o->parts.more[EVENT_LOG];
        if (log->len > 0 && entry.sender_len > 0)
                buf_putc(log, ',');
        put_sender(log, &entry);
}

void origin_fini(struct origin *o)
{
        buf_fini(&o->text);
        event_parts_fini(&o->parts);
}
