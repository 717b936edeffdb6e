/* SPDX-License-Identifier: Apache-2.0 */
#include "event/level.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"

static const struct {
        const char *text, *name;
} known[] = {
        { "trace", "trace" },
        { "trc", "trace" },
        { "finest", "trace" },
        { "finer", "trace" },
        { "verbose", "trace" },
        { "silly", "trace" },
        { "t", "trace" },
        { "v", "trace" },
        { "debug", "debug" },
        { "dbg", "debug" },
        { "debg", "debug" },
        { "fine", "debug" },
        { "d", "debug" },
        { "info", "info" },
        { "inf", "info" },
        { "information", "info" },
        { "informational", "info" },
        { "config", "info" },
        { "i", "info" },
        { "notice", "notice" },
        { "note", "notice" },
        { "n", "notice" },
        { "warn", "warn" },
        { "warning", "warn" },
        { "wrn", "warn" },
        { "w", "warn" },
        { "error", "error" },
        { "err", "error" },
        { "eror", "error" },
        { "severe", "error" },
        { "e", "error" },
        { "critical", "critical" },
        { "crit", "critical" },
        { "c", "critical" },
        { "alert", "alert" },
        { "a", "alert" },
        { "emergency", "emergency" },
        { "emerg", "emergency" },
        { "fatal", "fatal" },
        { "ftl", "fatal" },
        { "f", "fatal" },
        { "panic", "panic" },
        { "dpanic", "panic" },
        { "p", "panic" },
};

/* One digit is syslog's (RFC 5424 section 6.2.1), two are bunyan's and pino's. */
static const char *of_number(const char *p, size_t n)
{
        static const char *const syslog[] = { "emergency", "alert",  "critical", "error",
                                              "warn",      "notice", "info",     "debug" };
        static const char *const bunyan[] = { "trace", "debug", "info", "warn", "error", "fatal" };

        if (n == 1 && *p >= '0' && *p <= '7')
                return syslog[*p - '0'];
        if (n == 2 && p[1] == '0' && *p >= '1' && *p <= '6')
                return bunyan[*p - '1'];
        return NULL;
}

/* "[WARN]", "<3>", "warn:" */
static void strip(const char **p, size_t *n)
{
        static const char open[] = "[<(", close[] = "]>)";
        const char *at;

        while (*n > 1 && strchr(" :,", (*p)[*n - 1]))
                --*n;
        if (*n > 2 && (at = strchr(open, **p)) != NULL && (*p)[*n - 1] == close[at - open]) {
                ++*p;
                *n -= 2;
        }
        while (*n > 0 && **p == ' ') {
                ++*p;
                --*n;
        }
        while (*n > 0 && (*p)[*n - 1] == ' ')
                --*n;
}

const char *level_name(const char *text, size_t len)
{
        strip(&text, &len);
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
                if (strlen(known[i].text) == len && strncasecmp(known[i].text, text, len) == 0)
                        return known[i].name;
        return len > 0 ? of_number(text, len) : NULL;
}
