/* SPDX-License-Identifier: Apache-2.0 */
/* lines: log lines as services write them, made up from a seed.
 *
 *      2026-01-01 00:00:07,113 ERROR [worker-3] c.s.cart.CartService - payment 4711 refused n=a-17
 *      \tat com.shop.cart.CartService.pay(CartService.java:88) ~[cart-2.3.1.jar:n=a-18]
 *                                                                               ^^^^^^
 * Every line holds its tag `n=WRITER-SEQUENCE` once, at a place where such a
 * thing could stand; SEQUENCE grows by one a line, also inside a stack trace.
 * TAG in tests/e2e/harness.py finds it again.  Same configuration, same lines.
 * No line is copied from anywhere: lines.c holds the templates.
 * One thread.
 */
#ifndef SLUICE_TESTS_GEN_LINES_H
#define SLUICE_TESTS_GEN_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum lines_kind {
        LINES_ACCESS,           /* combined log format */
        LINES_JSON,             /* application logs, ids of a trace under their many names */
        LINES_JAVA,             /* logback's text layout, with stack traces over several lines */
        LINES_SYSLOG,           /* RFC 3164 */
        LINES_MIX,              /* all of them, a stack trace stays in one piece */
};
extern const char *const lines_kinds[]; /* their names in that order, ends with NULL */

struct lines_config {
        enum lines_kind kind;
        uint64_t seed;
        const char *writer;     /* letters and digits, borrowed */
        uint64_t first;         /* SEQUENCE of the first line */
        int64_t start_ms;       /* time stamp of the first line, since 1970 */
        size_t long_bytes;      /* about so many bytes a line; 0: as they come */
        bool compressible;      /* every line says the same, but for time and tag */
};

struct lines;

struct lines *lines_new(const struct lines_config *c);
void lines_free(struct lines *l);       /* NULL ok */

/* Appends the next line, with its newline. */
void lines_next(struct lines *l, struct buf *out);

#endif
