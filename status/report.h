/* SPDX-License-Identifier: Apache-2.0 */
/* report: what `check` found, a line each, aligned, and the exit code that sums it up.
 *
 *      ok    kafka 127.0.0.1:19092   1 broker, cluster 5L6g, 3 ms
 *      FAIL  topic logs              does not exist on the cluster: create it, ...
 *
 * Lines are kept until report_print, which knows by then how wide the subjects are.  Texts of servers
 * go through here: control characters become blanks.  One thread.
 */
#ifndef SLUICE_STATUS_REPORT_H
#define SLUICE_STATUS_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "base/check.h"

struct report_line;

struct report {                         /* zeroed: empty, exit code 0 */
        struct report_line *lines;      /* owned */
        size_t n;
        int exit_code;                  /* of the first failure (sysexits.h); 0: none */
};

void report_fini(struct report *r);

/* subject is copied. */
void report_ok(struct report *r, const char *subject, const char *fmt, ...) PRINTF_LIKE(3, 4);
void report_warn(struct report *r, const char *subject, const char *fmt, ...) PRINTF_LIKE(3, 4);
void report_fail(struct report *r, int exit_code, const char *subject, const char *fmt, ...) PRINTF_LIKE(4, 5);

void report_print(const struct report *r, FILE *out);

#endif
