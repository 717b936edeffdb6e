/* SPDX-License-Identifier: Apache-2.0 */
/* plain: how far text can go into a JSON string, or be found in one, without a look at its bytes.
 *
 *      GET /caf\303\251 "x"
 *      |-------|            plain: ASCII that is neither a control, a quote nor a backslash
 *
 * One function for each kind of machine, all with the same answers (tests/base/test_plain.c).  The one in use is the
 * compiler's baseline until plain_setup has looked at the processor.  Thread-safe behind plain_setup.
 */
#ifndef SLUICE_BASE_PLAIN_H
#define SLUICE_BASE_PLAIN_H

#include <stddef.h>

struct plain_ops {
        const char *name;
        /* How many of the n bytes at p are plain before the first that is not. */
        size_t (*len)(const char *p, size_t n);
        /* The same, and copies them to `to`.  May write BUF_SLACK bytes behind them, never more than n bytes and the slack. */
        size_t (*copy)(char *to, const char *p, size_t n);
};

extern struct plain_ops plain;          /* in use */
void plain_setup(void);                 /* once, before the first thread */

/* All that this machine can run, the slowest first; how many. */
size_t plain_all(const struct plain_ops **ret);

#endif
