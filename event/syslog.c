/* SPDX-License-Identifier: Apache-2.0 */
#include "event/syslog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "event/timestamp.h"

enum {
        PRI_MAX = 191,
        HOST_MAX = 255, APP_MAX = 48, PROCID_MAX = 128, MSGID_MAX = 32, TIME_MAX = 40,
        SD_NAME_MAX = 32,
        SD_ELEMENTS_MAX = 16,           /* with more, the structured data stays in the message */
        SD_PARAMS_MAX = 64,             /* of one element */
};

#define HALF_A_YEAR_NS (183 * 86400 * INT64_C(1000000000))

static const char *const facility_names[] = {
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        "ntp", "security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
};
static const struct { const char *name, *level; } severities[] = {
        { "emergency", "emerg" }, { "alert", "alert" }, { "critical", "crit" }, { "error", "error" },
        { "warning", "warn" }, { "notice", "notice" }, { "informational", "info" }, { "debug", "debug" },
};

struct cursor { const char *p, *end; };

static size_t left(const struct cursor *c)
{
        return (size_t)(c->end - c->p);
}

static bool take(struct cursor *c, char what)
{
        if (c->p == c->end || *c->p != what)
                return false;
        c->p++;
        return true;
}

/* 1 to max_digits digits, or -1 with the cursor where it was. */
static int take_number(struct cursor *c, int max_digits)
{
        const char *start = c->p;
        int n = 0;

        for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
                if (c->p - start == max_digits) {
                        c->p = start;
                        return -1;
                }
                n = n * 10 + (*c->p - '0');
        }
        return c->p > start ? n : -1;
}

/* What stands before the next blank or the end; the cursor stays before the blank. */
static bool take_word(struct cursor *c, size_t max, struct syslog_part *ret)
{
        const char *blank = memchr(c->p, ' ', left(c));
        size_t n = (size_t)((blank ? blank : c->end) - c->p);

        if (n == 0 || n > max || memchr(c->p, '\n', n))
                return false;
        *ret = (struct syslog_part){ c->p, n };
        c->p += n;
        return true;
}

static void drop_nil(struct syslog_part *part)
{
        if (part->len == 1 && *part->p == '-')
                part->len = 0;
}

/* --- structured data: [id name="value" ...][...] --------------------------------------------------- */

static bool take_sd_name(struct cursor *c, struct syslog_part *ret)
{
        const char *start = c->p;

        while (left(c) > 0 && *c->p > ' ' && *c->p < 0x7f && !strchr("=]\"", *c->p))
                c->p++;
        *ret = (struct syslog_part){ start, (size_t)(c->p - start) };
        return ret->len > 0 && ret->len <= SD_NAME_MAX;
}

/* ret: as it stands there, with its escapes. */
static bool take_sd_value(struct cursor *c, struct syslog_part *ret)
{
        if (!take(c, '"'))
                return false;
        const char *start = c->p;
        for (; c->p < c->end && *c->p != '"'; c->p++)
                if (*c->p == '\\' && c->p + 1 < c->end && strchr("\"\\]", c->p[1]))
                        c->p++;
        *ret = (struct syslog_part){ start, (size_t)(c->p - start) };
        return take(c, '"');
}

static bool take_sd_param(struct cursor *c, struct syslog_part *ret_name, struct syslog_part *ret_value)
{
        return take_sd_name(c, ret_name) && take(c, '=') && take_sd_value(c, ret_value);
}

/* False: it is there already, or there are too many. */
static bool add_name(struct syslog_part *seen, size_t *n, size_t max, const struct syslog_part *name)
{
        for (size_t i = 0; i < *n; i++)
                if (seen[i].len == name->len && memcmp(seen[i].p, name->p, name->len) == 0)
                        return false;
        if (*n == max)
                return false;
        seen[(*n)++] = *name;
        return true;
}

static bool check_element(struct cursor *c, struct syslog_part *ret_id)
{
        struct syslog_part seen[SD_PARAMS_MAX], name, value;
        size_t n = 0;

        if (!take_sd_name(c, ret_id))
                return false;
        while (take(c, ' '))
                if (!take_sd_param(c, &name, &value) || !add_name(seen, &n, SD_PARAMS_MAX, &name))
                        return false;
        return take(c, ']');
}

static bool take_structured(struct cursor *c, struct syslog_part *ret)
{
        struct syslog_part seen[SD_ELEMENTS_MAX], id;
        const char *start = c->p;
        size_t n = 0;

        if (take(c, '-'))
                return c->p == c->end || *c->p == ' ';
        while (take(c, '['))
                if (!check_element(c, &id) || !add_name(seen, &n, SD_ELEMENTS_MAX, &id))
                        return false;
        *ret = (struct syslog_part){ start, (size_t)(c->p - start) };
        return n > 0 && (c->p == c->end || *c->p == ' ');
}

/* --- RFC 5424 -------------------------------------------------------------------------------------- */

static void take_message(struct cursor *c, struct syslog *s)
{
        (void)take(c, ' ');
        if (left(c) >= 3 && memcmp(c->p, "\xef\xbb\xbf", 3) == 0)
                c->p += 3;
        s->message = (struct syslog_part){ c->p, left(c) };
}

static bool parse_5424(struct cursor c, struct syslog *s)
{
        struct syslog_part time;
        int version = take_number(&c, 3);

        if (version < 1 || !take(&c, ' ') || !take_word(&c, TIME_MAX, &time) || !take(&c, ' '))
                return false;
        if (time.len > 1 || *time.p != '-') {
                if (timestamp_parse(time.p, time.len, &s->wall_ns) < 0)
                        return false;
                s->has_time = true;
        }
        if (!take_word(&c, HOST_MAX, &s->host) || !take(&c, ' ') || !take_word(&c, APP_MAX, &s->app) ||
            !take(&c, ' ') || !take_word(&c, PROCID_MAX, &s->procid) || !take(&c, ' ') ||
            !take_word(&c, MSGID_MAX, &s->msgid))
                return false;
        drop_nil(&s->host);
        drop_nil(&s->app);
        drop_nil(&s->procid);
        drop_nil(&s->msgid);
        s->version = (unsigned)version;
        struct cursor before = c;
        if (!take(&c, ' ') || !take_structured(&c, &s->structured)) {
                s->structured = (struct syslog_part){ 0 };
                c = before;
        }
        take_message(&c, s);
        return true;
}

/* --- RFC 3164 -------------------------------------------------------------------------------------- */

static int take_month(struct cursor *c)
{
        static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

        for (int m = 0; left(c) >= 3 && m < 12; m++) {
                if (memcmp(c->p, names + 3 * (size_t)m, 3) == 0) {
                        c->p += 3;
                        return m + 1;
                }
        }
        return -1;
}

struct bsd_time {
        int year;                       /* -1: not said */
        int month, day;
        struct syslog_part clock;       /* hh:mm:ss and a fraction */
        int zone_minutes;
};

static bool take_bsd_time(struct cursor *c, struct bsd_time *ret)
{
        if ((ret->month = take_month(c)) < 0 || !take(c, ' '))
                return false;
        (void)take(c, ' ');             /* "Nov  4" */
        if ((ret->day = take_number(c, 2)) < 0 || !take(c, ' '))
                return false;
        struct cursor year = *c;
        ret->year = take_number(&year, 4);
        if (ret->year >= 1000 && take(&year, ' '))
                *c = year;
        else
                ret->year = -1;
        if (!take_word(c, TIME_MAX, &ret->clock))
                return false;
        if (ret->clock.p[ret->clock.len - 1] == ':')
                ret->clock.len--;       /* Cisco puts a colon behind it */
        return ret->clock.len >= 8;
}

static bool time_in_year(const struct bsd_time *t, int year, int64_t *ret_ns)
{
        char text[TIME_MAX + 32];
        int zone = abs(t->zone_minutes);
        int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%.*s%c%02d:%02d", year, t->month, t->day, (int)t->clock.len,
                         t->clock.p, t->zone_minutes < 0 ? '-' : '+', zone / 60, zone % 60);

        return timestamp_parse(text, (size_t)n, ret_ns) == 0;
}

/* In the year that brings it nearest to when it was received: a December's line may come in January. */
static bool resolve_time(const struct bsd_time *t, int64_t received_ns, int64_t *ret_ns)
{
        struct timestamp_date now;

        if (t->year > 0)
                return time_in_year(t, t->year, ret_ns);
        timestamp_split(received_ns, &now);
        static const int shifts[] = { 0, -1, 1 };
        for (size_t i = 0; i < 3; i++) {
                int64_t ns;
                if (time_in_year(t, now.year + shifts[i], &ns) && llabs(ns - received_ns) < HALF_A_YEAR_NS) {
                        *ret_ns = ns;
                        return true;
                }
        }
        return false;
}

static bool take_time(struct cursor *c, int64_t received_ns, int zone_minutes, struct syslog *s)
{
        struct bsd_time t = { .zone_minutes = zone_minutes };
        struct cursor try = *c;
        struct syslog_part word;

        if (take_word(&try, TIME_MAX, &word) && timestamp_parse(word.p, word.len, &s->wall_ns) == 0) {
                *c = try;
                return s->has_time = true;
        }
        try = *c;
        if (!take(&try, '*'))           /* Cisco: the clock is not set by NTP */
                (void)take(&try, '.');
        if (!take_bsd_time(&try, &t) || !resolve_time(&t, received_ns, &s->wall_ns))
                return false;
        *c = try;
        return s->has_time = true;
}

/* "su[231]: " or "su: " */
static bool take_tag(struct cursor *c, struct syslog *s)
{
        struct cursor try = *c;
        struct syslog_part app = { try.p, 0 }, procid = { 0 };

        while (left(&try) > 0 && *try.p > ' ' && *try.p < 0x7f && *try.p != ':' && *try.p != '[')
                try.p++;
        app.len = (size_t)(try.p - app.p);
        if (app.len == 0 || app.len > APP_MAX)
                return false;
        if (take(&try, '[')) {
                const char *bracket = memchr(try.p, ']', left(&try) < PROCID_MAX ? left(&try) : PROCID_MAX);
                if (!bracket)
                        return false;
                procid = (struct syslog_part){ try.p, (size_t)(bracket - try.p) };
                try.p = bracket + 1;
        }
        if (!take(&try, ':') || (try.p < try.end && *try.p != ' '))
                return false;
        s->app = app;
        s->procid = procid;
        *c = try;
        return true;
}

static void parse_3164(struct cursor c, int64_t received_ns, int zone_minutes, struct syslog *s)
{
        if (take_time(&c, received_ns, zone_minutes, s) && take(&c, ' ') && !take_tag(&c, s)) {
                struct cursor try = c;
                if (take_word(&try, HOST_MAX, &s->host) && take(&try, ' ')) {
                        c = try;
                        (void)take_tag(&c, s);
                } else {
                        s->host.len = 0;
                }
        } else if (!s->has_time) {
                (void)take_tag(&c, s);
        }
        take_message(&c, s);
}

bool syslog_parse(const char *p, size_t n, int64_t received_ns, int zone_minutes, struct syslog *ret)
{
        struct cursor c = { p, p + n };
        struct syslog s = { 0 };
        int pri;

        if (!take(&c, '<') || (pri = take_number(&c, 3)) < 0 || pri > PRI_MAX || !take(&c, '>'))
                return false;
        s.facility = (unsigned)pri / 8;
        s.severity = (unsigned)pri % 8;
        *ret = s;
        if (parse_5424(c, ret))
                return true;
        *ret = s;
        parse_3164(c, received_ns, zone_minutes, ret);
        return true;
}

/* --- ECS ------------------------------------------------------------------------------------------- */

static void put_part(struct buf *b, const char *name, const struct syslog_part *part)
{
        if (part->len == 0)
                return;
        buf_printf(b, ",\"%s\":", name);
        json_string(b, part->p, part->len);
}

static void put_unescaped(struct buf *b, const struct syslog_part *v)
{
        const char *start = v->p, *end = v->p + v->len;

        buf_putc(b, '"');
        for (const char *p = start; p < end; p++) {
                if (*p == '\\' && p + 1 < end && strchr("\"\\]", p[1])) {
                        json_escape(b, start, (size_t)(p - start));
                        start = ++p;    /* the escaped one begins the next piece */
                }
        }
        json_escape(b, start, (size_t)(end - start));
        buf_putc(b, '"');
}

static void put_element(struct buf *b, struct cursor *c)
{
        struct syslog_part name, value;

        (void)take_sd_name(c, &name);
        json_string(b, name.p, name.len);
        buf_puts(b, ":{");
        for (const char *comma = ""; take(c, ' ') && take_sd_param(c, &name, &value); comma = ",") {
                buf_puts(b, comma);
                json_string(b, name.p, name.len);
                buf_putc(b, ':');
                put_unescaped(b, &value);
        }
        (void)take(c, ']');
        buf_putc(b, '}');
}

static void put_structured(struct buf *b, const struct syslog_part *sd)
{
        struct cursor c = { sd->p, sd->p + sd->len };

        buf_puts(b, ",\"structured_data\":{");
        for (const char *comma = ""; take(&c, '['); comma = ",") {
                buf_puts(b, comma);
                put_element(b, &c);
        }
        buf_putc(b, '}');
}

void syslog_put_members(struct buf *b, const struct syslog *s)
{
        buf_printf(b, "\"level\":\"%s\",\"syslog\":{\"priority\":%u,\"facility\":{\"code\":%u,\"name\":\"%s\"},"
                      "\"severity\":{\"code\":%u,\"name\":\"%s\"}",
                   severities[s->severity].level, s->facility * 8 + s->severity, s->facility,
                   facility_names[s->facility], s->severity, severities[s->severity].name);
        if (s->version > 0)
                buf_printf(b, ",\"version\":\"%u\"", s->version);
        put_part(b, "hostname", &s->host);
        put_part(b, "appname", &s->app);
        put_part(b, "procid", &s->procid);
        put_part(b, "msgid", &s->msgid);
        if (s->structured.len > 0)
                put_structured(b, &s->structured);
        buf_putc(b, '}');
}
