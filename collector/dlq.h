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

#include "collector/conf.h"

/* args: what stands behind the verb.  Its exit code. */
int dlq_main(const struct collector_config *c, const char *const *args, size_t n);

#endif
