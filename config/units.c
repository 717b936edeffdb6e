/* SPDX-License-Identifier: Apache-2.0 */
#include "config/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

struct unit {
        const char *name;
        int64_t factor;
};

/* Both ascending with NULL at the end; the units that units_put_size speaks in are the binary ones. */
static const struct unit size_units[] = {
        { "B", 1 },         { "kB", 1000 },       { "KiB", 1 << 10 }, { "MB", 1000 * 1000 },
        { "MiB", 1 << 20 }, { "GB", 1000000000 }, { "GiB", 1 << 30 }, { NULL, 0 },
};
static const struct unit binary_units[] = {
        { "B", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 },
};
static const struct unit duration_units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 60 * 60 * 1000 }, { NULL, 0 },
};

const char units_size_hint[] = "write a unit, as in \"64 MiB\" (B, kB, MB, GB, KiB, MiB, GiB)";
const char units_duration_hint[] = "write a unit, as in \"250 ms\" (ms, s, m, h)";

static const struct unit *unit_named(const struct unit *units, const char *name)
{
        for (; units->name; units++)
                if (strcmp(units->name, name) == 0)
                        return units;
        return NULL;
}

/* The digits at *p; false when they pass int64. */
static bool take_digits(const char **p, int64_t *ret)
{
        int64_t n = 0;

        for (; **p >= '0' && **p <= '9'; (*p)++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **p - '0', &n))
                        return false;
        *ret = n;
        return true;
}

static int parse(const char *text, const struct unit *units, const char *hint, int64_t *ret, struct err *e)
{
        const char *p = text;
        int64_t n;

        if (!take_digits(&p, &n))
                return err_set(e, EINVAL, "\"%s\" is too large", text);
        if (p == text)
                return err_set(e, EINVAL, "\"%s\" does not begin with a whole number; %s", text, hint);
        p += strspn(p, " \t");
        if (*p == '\0')
                return err_set(e, EINVAL, "\"%s\" has no unit; %s", text, hint);
        const struct unit *u = unit_named(units, p);
        if (!u)
                return err_set(e, EINVAL, "\"%s\" has the unknown unit \"%s\"; %s", text, p, hint);
        if (__builtin_mul_overflow(n, u->factor, &n))
                return err_set(e, EINVAL, "\"%s\" is too large", text);
        *ret = n;
        return 0;
}

int units_parse_size(const char *text, int64_t *ret_bytes, struct err *e)
{
        return parse(text, size_units, units_size_hint, ret_bytes, e);
}

int units_parse_duration(const char *text, int64_t *ret_ms, struct err *e)
{
        return parse(text, duration_units, units_duration_hint, ret_ms, e);
}

/* The largest unit that leaves no rest; zero is said in the smallest. */
static void put(struct buf *out, int64_t n, const struct unit *units)
{
        const struct unit *best = units;

        for (const struct unit *u = units; n != 0 && u->name; u++)
                if (n % u->factor == 0)
                        best = u;
        buf_printf(out, "%" PRId64 " %s", n / best->factor, best->name);
}

void units_put_size(struct buf *out, int64_t bytes)
{
        put(out, bytes, binary_units);
}

void units_put_duration(struct buf *out, int64_t ms)
{
        put(out, ms, duration_units);
}
