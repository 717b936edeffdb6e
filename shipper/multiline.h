/* SPDX-License-Identifier: Apache-2.0 */
/* multiline: which line begins an event, and which belongs to the one before it.  Pure but for the pattern's memory.
 *
 *      2026-11-23 10:00:00 ERROR basket is gone        begins
 *      java.lang.IllegalStateException: no basket      continues
 *              at shop.Basket.find(Basket.java:17)     continues
 *      2026-11-23 10:00:01 INFO next                   begins
 *
 * A preset knows what the traces of a language look like; an own pattern says how an event's first line looks (start),
 * or how its other lines do (continue).  A search that is given up at its limit begins an event.  One thread.
 */
#ifndef SLUICE_SHIPPER_MULTILINE_H
#define SLUICE_SHIPPER_MULTILINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"

extern const char *const multiline_presets[];   /* NULL-terminated; the first is "none" */

struct multiline_config {
        int64_t preset;                 /* index into multiline_presets */
        char *start, *continues;        /* patterns; at most one of them, and no preset then */
        bool negate;                    /* the lines in which it is not found */
        int64_t max_lines;              /* of one event */
        int64_t timeout_ms;
};

struct multiline;

/* *ret is NULL when every line is an event. -EINVAL: a pattern is wrong, or two ways are asked for at once. */
int multiline_new(const struct multiline_config *c, struct multiline **ret, struct err *e) MUST_CHECK;
void multiline_free(struct multiline *m);       /* NULL ok */

/* Whether the line begins an event, `before` being the line before it. */
bool multiline_begins(struct multiline *m, const char *before, size_t before_len, const char *text, size_t len);

#endif
