/* SPDX-License-Identifier: Apache-2.0 */
/* pattern: a regular expression of the configuration (PCRE2's syntax), found in a line.
 *
 *      ^(?<time>\S+) (?<level>\w+)      2026-11-23T10:00:00Z WARN disk is full
 *                                       |------ group 1 ---| |g2|
 *
 * Bytes are matched, so that an invalid one is no wall to `.*`; a pattern that itself holds a
 * character beyond ASCII is matched as UTF-8.  `$` is the end of the text, `.` does not match a
 * newline, (?i) (?m) (?s) (?x) are as everywhere; a name may stand more than once.
 *
 * Bounded: backtracking ends at a limit, and one search ends after PATTERN_SEARCH_MS, whatever the
 * pattern and the text are.  Then there was no match, as far as the caller is concerned, and
 * pattern_gave_up tells of it.  Compiled to machine code where the system allows that.
 * Nothing is allocated by a search.  One thread per struct.
 */
#ifndef SLUICE_EVENT_PATTERN_H
#define SLUICE_EVENT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PATTERN_SEARCH_MS = 50 };

struct pattern;

struct pattern_name {
        const char *name;       /* NUL-terminated, borrowed from the pattern */
        unsigned group;
};

/* NULL with e set: what is wrong with it, and where. */
struct pattern *pattern_new(const char *text, struct err *e);
void pattern_free(struct pattern *p);                           /* NULL ok */

/* The first match that begins at `from` or behind it. */
bool pattern_find(struct pattern *p, const char *text, size_t len, size_t from);
static inline bool pattern_matches(struct pattern *p, const char *text, size_t len) { return pattern_find(p, text, len, 0); }

/* A group of the last match, 0 being all of it: text[*ret_start .. *ret_end).  False: it took no part. */
bool pattern_group(const struct pattern *p, unsigned group, size_t *ret_start, size_t *ret_end);

/* The named groups, by the order of their numbers. */
size_t pattern_names(const struct pattern *p, const struct pattern_name **ret);
unsigned pattern_groups(const struct pattern *p);               /* how many there are, without group 0 */
const char *pattern_text(const struct pattern *p);              /* as it was given */

/* Searches that were given up at a limit so far. */
uint64_t pattern_gave_up(const struct pattern *p);

const char *pattern_version(void);      /* of libpcre2, as loaded: "10.42" */

#endif
