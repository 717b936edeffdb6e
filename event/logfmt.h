/* SPDX-License-Identifier: Apache-2.0 */
/* logfmt: key=value pairs, as Heroku, Go's loggers and Grafana's write them.
 *
 *      level=info msg="stopping fetchers" id=ConsumerFetcherManager-1382721708341 retry
 *
 * A key ends at `=` or a blank; a value at a blank, or at the quote that its first one asks for, with \" \\ \n \r \t
 * inside.  A key alone is true.  What is neither (a lone `=`, a quote without its end) makes the line
 * no logfmt, and a line without one single `=` is none either.  Pure.
 */
#ifndef SLUICE_EVENT_LOGFMT_H
#define SLUICE_EVENT_LOGFMT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct logfmt { const char *p, *end; };

struct logfmt_pair {
        const char *key, *value;        /* borrowed from the text; value is NULL: the key stood alone */
        size_t key_len, value_len;      /* value: between its quotes */
        bool escaped;                   /* the value holds a backslash: logfmt_unescape */
};

/* 1: a pair; 0: the end; -1: no logfmt from here. */
int logfmt_next(struct logfmt *l, struct logfmt_pair *ret);
bool logfmt_is(const char *text, size_t len);                   /* all of it, and there is a pair */
void logfmt_unescape(struct buf *b, const char *p, size_t n);   /* appends */

#endif
