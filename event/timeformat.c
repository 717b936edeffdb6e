/* SPDX-License-Identifier: Apache-2.0 */
#include "event/timeformat.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "event/timestamp.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_DAY    (86400 * NS_PER_SECOND)

enum { ABSENT = -1, NO_ZONE = INT_MIN, NUMBER_MAX = 40 };

struct cursor {
        const char *p, *end;
};

/* What was found so far. */
struct found {
        struct timestamp_date d; /* ABSENT where nothing was said */
        int64_t ns;
        int zone; /* minutes, or NO_ZONE */
        int day_of_year;
        int half; /* 0: am, 1: pm, ABSENT */
        bool is_epoch;
        int64_t epoch_ns;
};

struct timeformat {
        const char **formats; /* owned array, borrowed from the configuration */
        size_t n;
        bool local;
        int zone;               /* minutes, when not local */
        int64_t cached_quarter; /* of an hour, by the local clock: ... */
        int cached_zone;        /* ... what it is away from UTC then */
};

/* --- pieces of text ------------------------------------------------------------------------- */

static bool is_digit(const struct cursor *c)
{
        return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

static bool take(struct cursor *c, const char *set)
{
        if (c->p == c->end || *c->p == '\0' || !strchr(set, *c->p))
                return false;
        c->p++;
        return true;
}

static bool take_number(struct cursor *c, int least, int most, int *ret)
{
        int n = 0, digits = 0;

        for (; digits < most && is_digit(c); digits++)
                n = n * 10 + (*c->p++ - '0');
        *ret = n;
        return digits >= least;
}

/* The digits behind the point, as a part of `unit`. */
static bool take_fraction(struct cursor *c, int64_t unit, int64_t *ret)
{
        const char *start = c->p;
        int64_t n = 0;

        for (; is_digit(c); c->p++) {
                unit /= 10;
                n += (*c->p - '0') * unit;
        }
        *ret = n;
        return c->p > start;
}

static bool take_name(struct cursor *c, const char *const *names, int n, int *ret)
{
        for (int i = 0; i < n; i++) {
                size_t len = strlen(names[i]), left = (size_t)(c->end - c->p);
                size_t take = left >= len && strncasecmp(c->p, names[i], len) == 0 ? len : 3;
                if (left < take || strncasecmp(c->p, names[i], take) != 0)
                        continue;
                c->p += take;
                *ret = i;
                return true;
        }
        return false;
}

static bool take_zone(struct cursor *c, int *ret)
{
        int hours, minutes = 0;

        if (take(c, "Zz")) {
                *ret = 0;
                return true;
        }
        if (c->end - c->p >= 3 && (strncasecmp(c->p, "UTC", 3) == 0 || strncasecmp(c->p, "GMT", 3) == 0)) {
                c->p += 3;
                *ret = 0;
                return true;
        }
        bool west = c->p < c->end && *c->p == '-';
        if (!take(c, "+-") || !take_number(c, 2, 2, &hours))
                return false;
        if ((take(c, ":") || is_digit(c)) && !take_number(c, 2, 2, &minutes))
                return false;
        *ret = west ? -(hours * 60 + minutes) : hours * 60 + minutes;
        return hours < 24 && minutes < 60;
}

static bool take_epoch(struct cursor *c, int64_t unit, int64_t *ret)
{
        char digits[NUMBER_MAX];
        size_t n = 0;
        int64_t ns, fraction = 0;
        char *end;

        if (take(c, "-"))
                digits[n++] = '-';
        while (n < sizeof(digits) - 1 && is_digit(c))
                digits[n++] = *c->p++;
        digits[n] = '\0';
        errno = 0;
        long long whole = strtoll(digits, &end, 10);
        if (end == digits || errno || is_digit(c) || __builtin_mul_overflow(whole, unit, &ns))
                return false;
        if (take(c, ".") && !take_fraction(c, unit, &fraction))
                return false;
        return !__builtin_add_overflow(ns, *digits == '-' ? -fraction : fraction, ret);
}

/* --- formats -------------------------------------------------------------------------------- */

static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                      "July",    "August",   "September", "October", "November", "December" };
static const char *const days[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday" };
static const char *const halves[] = { "am", "pm" };

static bool take_half(struct cursor *c, int *ret)
{
        for (int i = 0; i < 2; i++) {
                if (c->end - c->p >= 2 && strncasecmp(c->p, halves[i], 2) == 0) {
                        c->p += 2;
                        *ret = i;
                        return true;
                }
        }
        return false;
}

static bool take_year(struct cursor *c, int *ret)
{
        int two;

        if (!take_number(c, 2, 2, &two))
                return false;
        *ret = two < 69 ? 2000 + two : 1900 + two;
        return true;
}

static bool match(struct cursor *c, const char *format, struct found *f);

/* The character behind a %. */
static bool match_part(struct cursor *c, char what, struct found *f)
{
        int ignored;

        switch (what) {
        case 'Y':
                return take_number(c, 4, 4, &f->d.year);
        case 'y':
                return take_year(c, &f->d.year);
        case 'm':
                return take_number(c, 1, 2, &f->d.month);
        case 'b':
        case 'B':
        case 'h':
                return take_name(c, months, 12, &f->d.month) && ++f->d.month;
        case 'a':
        case 'A':
                return take_name(c, days, 7, &ignored);
        case 'e':
                take(c, " ");
                return take_number(c, 1, 2, &f->d.day);
        case 'd':
                return take_number(c, 1, 2, &f->d.day);
        case 'j':
                return take_number(c, 3, 3, &f->day_of_year);
        case 'H':
        case 'k':
                take(c, " ");
                return take_number(c, 1, 2, &f->d.hour);
        case 'I':
        case 'l':
                take(c, " ");
                if (f->half == ABSENT)
                        f->half = 0;
                return take_number(c, 1, 2, &f->d.hour) && f->d.hour >= 1 && f->d.hour <= 12;
        case 'p':
                return take_half(c, &f->half);
        case 'M':
                return take_number(c, 2, 2, &f->d.minute);
        case 'S':
                return take_number(c, 2, 2, &f->d.second);
        case 'f':
        case 'N':
        case 'L':
                return take_fraction(c, NS_PER_SECOND, &f->ns);
        case 'z':
        case 'Z':
                return take_zone(c, &f->zone);
        case 's':
                f->is_epoch = true;
                return take_epoch(c, NS_PER_SECOND, &f->epoch_ns);
        case 'T':
                return match(c, "%H:%M:%S", f);
        case 'R':
                return match(c, "%H:%M", f);
        case 'F':
                return match(c, "%Y-%m-%d", f);
        case 'D':
                return match(c, "%m/%d/%y", f);
        case '%':
                return take(c, "%");
        default:
                return false;
        }
}

static bool match(struct cursor *c, const char *format, struct found *f)
{
        for (; *format; format++) {
                if (*format == ' ') {
                        while (take(c, " \t"))
                                ;
                } else if (*format == '%') {
                        if (!match_part(c, *++format, f))
                                return false;
                } else if (c->p == c->end || *c->p++ != *format) {
                        return false;
                }
        }
        return true;
}

static bool match_iso8601(struct cursor *c, struct found *f)
{
        if (!match(c, "%F", f) || !take(c, "Tt "))
                return false;
        if (!match(c, "%R", f))
                return false;
        f->d.second = 0;
        if (take(c, ":") && !match(c, "%S", f))
                return false;
        if (take(c, ".,") && !take_fraction(c, NS_PER_SECOND, &f->ns))
                return false;
        while (take(c, " "))
                ;
        return c->p == c->end || take_zone(c, &f->zone);
}

static int64_t unit_of(const struct cursor *c)
{
        size_t digits = 0;

        for (struct cursor at = *c; is_digit(&at); at.p++)
                digits++;
        return digits <= 11 ? NS_PER_SECOND : digits <= 14 ? 1000000 : digits <= 17 ? 1000 : 1;
}

static bool match_epoch(struct cursor *c, int64_t unit, struct found *f)
{
        f->is_epoch = true;
        return take_epoch(c, unit ? unit : unit_of(c), &f->epoch_ns);
}

static bool match_auto(struct cursor *c, struct found *f)
{
        const struct cursor start = *c;
        const struct found nothing = *f;

        if (match_iso8601(c, f)) /* RFC 3339 is one of its forms */
                return true;
        *c = start;
        *f = nothing;
        return match_epoch(c, 0, f);
}

static bool match_rfc3339(struct cursor *c, struct found *f)
{
        f->is_epoch = true;
        if (timestamp_parse(c->p, (size_t)(c->end - c->p), &f->epoch_ns) < 0)
                return false;
        c->p = c->end;
        return true;
}

enum kind { AS_FORMAT, AS_AUTO, AS_RFC3339, AS_ISO8601, AS_EPOCH };

static const struct named {
        const char *name;
        enum kind kind;
        int64_t unit;
        const char *format;
} named[] = {
        { "auto", AS_AUTO, 0, NULL },
        { "rfc3339", AS_RFC3339, 0, NULL },
        { "iso8601", AS_ISO8601, 0, NULL },
        { "rfc3164", AS_FORMAT, 0, "%b %e %T" },
        { "clf", AS_FORMAT, 0, "%d/%b/%Y:%T %z" },
        { "rfc1123", AS_FORMAT, 0, "%a, %d %b %Y %T %Z" },
        { "unix", AS_EPOCH, NS_PER_SECOND, NULL },
        { "unix_ms", AS_EPOCH, 1000000, NULL },
        { "unix_us", AS_EPOCH, 1000, NULL },
        { "unix_ns", AS_EPOCH, 1, NULL },
};

static bool match_one(const char *format, struct cursor *c, struct found *f)
{
        for (size_t i = 0; i < ARRAY_LEN(named); i++) {
                const struct named *n = &named[i];
                if (strcmp(n->name, format) != 0)
                        continue;
                switch (n->kind) {
                case AS_AUTO:
                        return match_auto(c, f);
                case AS_RFC3339:
                        return match_rfc3339(c, f);
                case AS_ISO8601:
                        return match_iso8601(c, f);
                case AS_EPOCH:
                        return match_epoch(c, n->unit, f);
                case AS_FORMAT:
                        return match(c, n->format, f);
                }
        }
        return match(c, format, f);
}

/* --- what was left out ---------------------------------------------------------------------- */

/* Minutes east of UTC, of the system's zone at this date.  The C library is asked once a quarter of an hour:
 * nowhere does a zone change within one. */
static int local_zone(struct timeformat *t, const struct timestamp_date *d)
{
        int64_t as_utc;

        if (timestamp_join(d, 0, 0, &as_utc) < 0)
                return 0;
        int64_t quarter = as_utc / (900 * NS_PER_SECOND);
        if (quarter != t->cached_quarter) {
                struct tm tm = { .tm_year = d->year - 1900,
                                 .tm_mon = d->month - 1,
                                 .tm_mday = d->day,
                                 .tm_hour = d->hour,
                                 .tm_min = d->minute,
                                 .tm_sec = d->second,
                                 .tm_isdst = -1 };
                time_t seconds = mktime(&tm);
                t->cached_zone = (int)((as_utc / NS_PER_SECOND - seconds) / 60);
                t->cached_quarter = quarter;
        }
        return t->cached_zone;
}

static bool join(struct timeformat *t, const struct timestamp_date *d, const struct found *f, int64_t *ret_ns)
{
        int zone = f->zone != NO_ZONE ? f->zone : t->local ? local_zone(t, d) : t->zone;

        return timestamp_join(d, f->ns, zone, ret_ns) == 0;
}

/* The latest year that is not more than a day ahead; eight back reach a 29th of February. */
static bool join_without_year(struct timeformat *t, const struct found *f, int64_t now_ns, int64_t *ret_ns)
{
        struct timestamp_date now, d = f->d;
        int64_t ns;

        timestamp_split(now_ns, &now);
        for (d.year = now.year + 1; d.year >= now.year - 8; d.year--) {
                if (join(t, &d, f, &ns) && ns <= now_ns + NS_PER_DAY) {
                        *ret_ns = ns;
                        return true;
                }
        }
        return false;
}

static bool join_without_date(struct timeformat *t, const struct found *f, int64_t now_ns, int64_t *ret_ns)
{
        int64_t best = INT64_MAX;

        for (int day = -1; day <= 1; day++) {
                struct timestamp_date d;
                int64_t ns;
                timestamp_split(now_ns + day * NS_PER_DAY, &d);
                d.hour = f->d.hour;
                d.minute = f->d.minute;
                d.second = f->d.second;
                if (!join(t, &d, f, &ns))
                        return false;
                int64_t away = ns > now_ns ? ns - now_ns : now_ns - ns;
                if (away < best) {
                        best = away;
                        *ret_ns = ns;
                }
        }
        return true;
}

static bool day_of_year(struct timestamp_date *d, int n)
{
        struct timestamp_date first = { .year = d->year, .month = 1, .day = 1 }, there;
        int64_t ns;

        if (n < 1 || n > 366 || timestamp_join(&first, 0, 0, &ns) < 0)
                return false;
        if (__builtin_add_overflow(ns, (n - 1) * NS_PER_DAY, &ns))
                return false;
        timestamp_split(ns, &there);
        d->month = there.month;
        d->day = there.day;
        return there.year == d->year;
}

static bool complete(struct timeformat *t, struct found *f, int64_t now_ns, int64_t *ret_ns)
{
        struct timestamp_date *d = &f->d;

        if (f->is_epoch) {
                *ret_ns = f->epoch_ns;
                return true;
        }
        if (f->half != ABSENT)
                d->hour = d->hour % 12 + 12 * f->half;
        d->hour = d->hour == ABSENT ? 0 : d->hour;
        d->minute = d->minute == ABSENT ? 0 : d->minute;
        d->second = d->second == ABSENT ? 0 : d->second;
        if (f->day_of_year != ABSENT && (d->year == ABSENT || !day_of_year(d, f->day_of_year)))
                return false;
        if (d->month == ABSENT && d->day == ABSENT && d->year == ABSENT)
                return join_without_date(t, f, now_ns, ret_ns);
        if (d->month == ABSENT || d->day == ABSENT)
                return false;
        if (d->year == ABSENT)
                return join_without_year(t, f, now_ns, ret_ns);
        return join(t, d, f, ret_ns);
}

bool timeformat_parse(struct timeformat *t, const char *text, size_t len, int64_t now_ns, int64_t *ret_ns)
{
        for (; len > 0 && text[len - 1] == ' '; len--)
                ;
        for (; len > 0 && *text == ' '; len--)
                text++;
        for (size_t i = 0; i < t->n; i++) {
                struct cursor c = { .p = text, .end = text + len };
                struct found f = { .d = { .year = ABSENT,
                                          .month = ABSENT,
                                          .day = ABSENT,
                                          .hour = ABSENT,
                                          .minute = ABSENT,
                                          .second = ABSENT },
                                   .zone = NO_ZONE,
                                   .day_of_year = ABSENT,
                                   .half = ABSENT };
                if (match_one(t->formats[i], &c, &f) && c.p == c.end && complete(t, &f, now_ns, ret_ns))
                        return true;
        }
        return false;
}

/* --- settings ------------------------------------------------------------------------------- */

static int check_format(const char *format, struct err *e)
{
        static const char known[] = "YymbBhaAdejHkIlpMSfNLzZsTRFD%";

        for (size_t i = 0; i < ARRAY_LEN(named); i++)
                if (strcmp(named[i].name, format) == 0)
                        return 0;
        if (!strchr(format, '%'))
                return err_set(e, EINVAL,
                               "\"%s\": no known format and nothing with a %%: auto, rfc3339, iso8601, "
                               "rfc3164, rfc1123, clf, unix, unix_ms, unix_us, unix_ns, or as in "
                               "\"%%Y-%%m-%%d %%H:%%M:%%S\"",
                               format);
        for (const char *p = format; *p; p++) {
                if (*p != '%')
                        continue;
                p++;
                if (*p == '\0' || !strchr(known, *p))
                        return err_set(e, EINVAL, "\"%s\": %%%c is unknown", format, *p ? *p : ' ');
        }
        return 0;
}

static int set_zone(struct timeformat *t, const char *zone, struct err *e)
{
        struct cursor c = { .p = zone, .end = zone + strlen(zone) };

        t->local = strcasecmp(zone, "local") == 0;
        if (t->local || (take_zone(&c, &t->zone) && c.p == c.end))
                return 0;
        return err_set(e, EINVAL, "time_zone \"%s\": local, UTC or an offset as +01:00", zone);
}

struct timeformat *timeformat_new(const struct strlist *formats, const char *zone, struct err *e)
{
        struct timeformat *t = xcalloc(1, sizeof(*t));

        t->cached_quarter = INT64_MIN;
        t->formats = xcalloc(formats->n, sizeof(*t->formats));
        for (; t->n < formats->n; t->n++) {
                t->formats[t->n] = formats->v[t->n];
                if (check_format(formats->v[t->n], e) < 0) {
                        err_prefix(e, "time_formats");
                        goto fail;
                }
        }
        if (set_zone(t, zone, e) < 0)
                goto fail;
        return t;
fail:
        timeformat_free(t);
        return NULL;
}

void timeformat_free(struct timeformat *t)
{
        if (!t)
                return;
        free(t->formats);
        free(t);
}
