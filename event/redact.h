/* SPDX-License-Identifier: Apache-2.0 */
/* redact: takes out of a line what must not leave the host.
 *
 *      pay 4111 1111 1111 1111 for bob@example.com    -->  pay [redacted] for [redacted]
 *      how = hash:                                         pay [hmac:5f0c2b1a9e3d7c48] for [hmac:...]
 *
 *      "card"          13 to 19 digits with a right check digit (Luhn), in one run or set off by blanks or dashes
 *      "bearer"        what follows Bearer or Basic, and JSON Web Tokens
 *      "email"         addresses
 *      anything else   a PCRE2 pattern: its first group, or all of the match when it has none
 *
 * In a line that is a JSON object, text is looked at with its escapes undone as well, and a number that has to go becomes
 * null.  A search that is given up at its limit takes the rest of the line with it: too much rather than too
 * little.  The hash is HMAC-SHA-256 under a key of the configuration, cut to 64 bits: equal values stay equal, and without the
 * key nobody can try values out.  One thread per struct.
 */
#ifndef SLUICE_EVENT_REDACT_H
#define SLUICE_EVENT_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/opt.h"

enum redact_how { REDACT_MASK, REDACT_HASH };
extern const char *const redact_how_names[];

struct redact_config {
        struct strlist what;            /* presets and patterns */
        int64_t how;                    /* enum redact_how */
        char *key;                      /* of the hash */
};

#define REDACT_OPTS(at)                                                                                         \
        { "redact", OPT_LIST, (at) + offsetof(struct redact_config, what),                                      \
          .help = "taken out before anything is sent: card, bearer, email or PCRE2 patterns (their first group)" }, \
        { "redact_how", OPT_CHOICE, (at) + offsetof(struct redact_config, how), .def = "mask",                  \
          .choices = redact_how_names, .help = "mask: [redacted]; hash: the same for the same text, by redact_key" }, \
        { "redact_key", OPT_SECRET, (at) + offsetof(struct redact_config, key),                                 \
          .help = "secret of the hash: at least 16 characters, better file:PATH or env:NAME" }

struct redact;

/* *ret is NULL when there is nothing to redact. */
int redact_new(const struct redact_config *c, struct redact **ret, struct err *e) MUST_CHECK;
void redact_free(struct redact *r);     /* NULL ok */

/* Returns how many places were redacted; *text and *len are then the new text, borrowed until the next call. */
size_t redact_run(struct redact *r, const char **text, size_t *len);

#endif
