/* SPDX-License-Identifier: Apache-2.0 */
/* dlq: the verb `dlq`: what is in the dead letters, why, and sending it again.
 *
 *      dlq ls          how many, by reason, error and index, open and redriven, and when
 *      dlq show        each letter with its cause, where it came from, and the document
 *      dlq redrive     open letters to the index under their own _id; those that stand there then get a marker
 *
 * Once: a letter with a marker is not sent again, and one that was sent in vain, or by a redrive that was killed before
 * its marker, stands there under its _id and is counted as a duplicate.  What is refused again stays open.
 * Prints to stdout, errors to stderr; exit codes: 0, EX_USAGE, EX_CONFIG, EX_NOINPUT (no such topic or directory),
 * EX_UNAVAILABLE, EX_TEMPFAIL (try again), EX_DATAERR (something is damaged, or was refused again).
 */
#ifndef SLUICE_COLLECTOR_DLQ_H
#define SLUICE_COLLECTOR_DLQ_H

#include "collector/letters.h"

/* args: what stands behind the verb.  Its exit code. */
int dlq_main(const struct collector_config *c, const char *const *args, size_t n);

/* Which letters are meant: dlq.reason, dlq.since, dlq.until. */
struct dlq_filter {
        const char *reason;             /* borrowed; NULL: any */
        int64_t since_ms, until_ms;     /* wall time; 0: no bound */
};
int dlq_filter_init(struct dlq_filter *f, const struct dlq_config *c, int64_t now_ms, struct err *e) MUST_CHECK;
bool dlq_fits(const struct dlq_filter *f, const struct letter *l);

/* Prints text without what a terminal would obey. */
void dlq_print_text(const char *p, size_t n);
int dlq_exit_code(int error);           /* of a -errno that came with a sentence */

int dlq_redrive(const struct collector_config *c, struct letters *ls, const struct dlq_filter *f);      /* an exit code */

#endif
