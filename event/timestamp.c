/* SPDX-License-Identifier: Apache-2.0 */
/* Days are counted from 0001-01-01, a Monday in the Gregorian calendar run
 * backwards.  gmtime_r is not used: glibc takes a lock in it.
 */
#include "event/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
        NS_PER_SECOND = 1000000000,
        SECONDS_PER_DAY = 86400,
        DAY_1970 = 719162,
        YEAR_MIN = 1677, /* int64_t nanoseconds reach from 1677-09-21 to 2262-04-11 */
        YEAR_MAX = 2262,
        DATE_LEN = 20, /* "2026-11-23T10:00:00." */
};

static const int days_before_month[2][13] = {
        { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 },
        { 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366 },
};

static int is_leap(int year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_before_year(int year)
{
        int full = year - 1;

        return full * 365 + full / 4 - full / 100 + full / 400;
}

static int year_of(int day)
{
        int year = (int)((int64_t)day * 400 / 146097) + 1; /* right, or one off */

        while (days_before_year(year) > day)
                year--;
        while (days_before_year(year + 1) <= day)
                year++;
        return year;
}

/* Rounds down, also before 1970. */
static int64_t floor_div(int64_t n, int64_t by, int64_t *ret_rest)
{
        int64_t q = n / by, rest = n % by;

        if (rest < 0) {
                q--;
                rest += by;
        }
        *ret_rest = rest;
        return q;
}

static void split_seconds(int64_t seconds, struct timestamp_date *ret)
{
        int64_t rest;
        int day = (int)floor_div(seconds, SECONDS_PER_DAY, &rest) + DAY_1970;
        int year = year_of(day), left = day - days_before_year(year), month = 1;
        const int *before = days_before_month[is_leap(year)];

        while (before[month] <= left)
                month++;
        ret->year = year;
        ret->month = month;
        ret->day = left - before[month - 1] + 1;
        ret->hour = (int)rest / 3600;
        ret->minute = (int)rest / 60 % 60;
        ret->second = (int)rest % 60;

        int thursday = day - day % 7 + 3;
        ret->week_year = year_of(thursday);
        ret->week = (thursday - days_before_year(ret->week_year)) / 7 + 1;
}

void timestamp_split(int64_t wall_ns, struct timestamp_date *ret)
{
        int64_t rest;

        split_seconds(floor_div(wall_ns, NS_PER_SECOND, &rest), ret);
}

static void put_digits(char *out, int n, int width)
{
        while (width-- > 0) {
                out[width] = (char)('0' + n % 10);
                n /= 10;
        }
}

static void format_date(int64_t seconds, char out[DATE_LEN])
{
        struct timestamp_date d;

        split_seconds(seconds, &d);
        memcpy(out, "0000-00-00T00:00:00.", DATE_LEN);
        put_digits(out, d.year, 4);
        put_digits(out + 5, d.month, 2);
        put_digits(out + 8, d.day, 2);
        put_digits(out + 11, d.hour, 2);
        put_digits(out + 14, d.minute, 2);
        put_digits(out + 17, d.second, 2);
}

void timestamp_format_ns(int64_t wall_ns, char out[TIMESTAMP_NS_LEN])
{
        int64_t rest;

        timestamp_format(wall_ns, out);
        floor_div(wall_ns, NS_PER_SECOND, &rest);
        put_digits(out + DATE_LEN, (int)rest, 9);
        out[TIMESTAMP_NS_LEN - 1] = 'Z';
}

void timestamp_format(int64_t wall_ns, char out[TIMESTAMP_LEN])
{
        static _Thread_local int64_t cached_second = INT64_MIN;
        static _Thread_local char cached[DATE_LEN];
        int64_t rest, second = floor_div(wall_ns, NS_PER_SECOND, &rest);

        if (second != cached_second) {
                format_date(second, cached);
                cached_second = second;
        }
        memcpy(out, cached, DATE_LEN);
        put_digits(out + DATE_LEN, (int)(rest / 1000000), 3);
        out[TIMESTAMP_LEN - 1] = 'Z';
}

/* --- parsing -------------------------------------------------------------------------------- */

struct cursor {
        const char *p, *end;
};

/* Exactly `width` digits, or -1. */
static int take_digits(struct cursor *c, int width)
{
        int n = 0;

        if (c->end - c->p < width)
                return -1;
        for (; width > 0; width--, c->p++) {
                if (*c->p < '0' || *c->p > '9')
                        return -1;
                n = n * 10 + (*c->p - '0');
        }
        return n;
}

/* One of the characters of `set`: returned, or 0. */
static char take_any(struct cursor *c, const char *set)
{
        if (c->p < c->end && *c->p != '\0' && strchr(set, *c->p))
                return *c->p++;
        return 0;
}

static int take_date(struct cursor *c, int64_t *ret_day)
{
        int year = take_digits(c, 4);

        if (year < YEAR_MIN || year > YEAR_MAX || !take_any(c, "-"))
                return -EINVAL;
        int month = take_digits(c, 2);
        if (month < 1 || month > 12 || !take_any(c, "-"))
                return -EINVAL;
        int day = take_digits(c, 2);
        const int *before = days_before_month[is_leap(year)];
        if (day < 1 || day > before[month] - before[month - 1])
                return -EINVAL;
        *ret_day = days_before_year(year) + before[month - 1] + day - 1 - DAY_1970;
        return 0;
}

static int take_hour_minute(struct cursor *c, int *ret_minutes)
{
        int hour = take_digits(c, 2);

        if (hour < 0 || hour > 23 || !take_any(c, ":"))
                return -EINVAL;
        int minute = take_digits(c, 2);
        if (minute < 0 || minute > 59)
                return -EINVAL;
        *ret_minutes = hour * 60 + minute;
        return 0;
}

/* ".123", or nothing. */
static int take_fraction(struct cursor *c, int64_t *ret_ns)
{
        int64_t ns = 0, unit = NS_PER_SECOND / 10;

        if (take_any(c, ".")) {
                const char *start = c->p;
                for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
                        ns += (*c->p - '0') * unit;
                        unit /= 10;
                }
                if (c->p == start)
                        return -EINVAL;
        }
        *ret_ns = ns;
        return 0;
}

static int take_zone(struct cursor *c, int *ret_minutes)
{
        char sign;
        int minutes;

        if (take_any(c, "Zz")) {
                *ret_minutes = 0;
                return 0;
        }
        if (!(sign = take_any(c, "+-")) || take_hour_minute(c, &minutes) < 0)
                return -EINVAL;
        *ret_minutes = sign == '-' ? -minutes : minutes;
        return 0;
}

static int join(int64_t seconds, int64_t ns, int64_t *ret_wall_ns)
{
        /* Toward zero, so that the product fits whenever the sum does. */
        if (seconds < 0 && ns > 0) {
                seconds++;
                ns -= NS_PER_SECOND;
        }
        if (__builtin_mul_overflow(seconds, (int64_t)NS_PER_SECOND, &seconds) ||
            __builtin_add_overflow(seconds, ns, &seconds))
                return -EINVAL;
        *ret_wall_ns = seconds;
        return 0;
}

int timestamp_parse(const char *p, size_t n, int64_t *ret_wall_ns)
{
        struct cursor c = { .p = p, .end = p + n };
        int64_t day, ns;
        int minutes, zone;

        if (take_date(&c, &day) < 0 || !take_any(&c, "Tt "))
                return -EINVAL;
        if (take_hour_minute(&c, &minutes) < 0 || !take_any(&c, ":"))
                return -EINVAL;
        int second = take_digits(&c, 2);
        if (second < 0 || second > 59)
                return -EINVAL;
        if (take_fraction(&c, &ns) < 0 || take_zone(&c, &zone) < 0 || c.p != c.end)
                return -EINVAL;
        return join(day * SECONDS_PER_DAY + (minutes - zone) * 60 + second, ns, ret_wall_ns);
}

static bool is_date(const struct timestamp_date *d)
{
        if (d->year < YEAR_MIN || d->year > YEAR_MAX || d->month < 1 || d->month > 12 || d->day < 1)
                return false;
        const int *before = days_before_month[is_leap(d->year)];
        return d->day <= before[d->month] - before[d->month - 1];
}

static bool is_time(const struct timestamp_date *d)
{
        return d->hour >= 0 && d->hour < 24 && d->minute >= 0 && d->minute < 60 && d->second >= 0 &&
               d->second <= 60;
}

int timestamp_join(const struct timestamp_date *d, int64_t ns, int zone_minutes, int64_t *ret_wall_ns)
{
        if (!is_date(d) || !is_time(d) || ns < 0 || ns >= NS_PER_SECOND)
                return -EINVAL;
        int64_t day = days_before_year(d->year) + days_before_month[is_leap(d->year)][d->month - 1] + d->day -
                      1 - DAY_1970;
        int64_t minutes = d->hour * 60 + d->minute - zone_minutes;
        return join(day * SECONDS_PER_DAY + minutes * 60 + d->second, ns, ret_wall_ns);
}
