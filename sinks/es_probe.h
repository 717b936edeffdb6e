/* SPDX-License-Identifier: Apache-2.0 */
/* es_probe: asks Elasticsearch or OpenSearch what `check` wants to know; changes nothing there.
 *
 * A line for each node: does it answer, and as what; one for the credentials, when there are any and the server
 * knows of users; one for the right to index.  Failures are EX_UNAVAILABLE or EX_NOPERM.
 *
 * Blocks the caller, each question for at most timeout_ms.  One thread; it runs a loop of its own.
 */
#ifndef SLUICE_SINKS_ES_PROBE_H
#define SLUICE_SINKS_ES_PROBE_H

#include "sinks/elasticsearch.h"
#include "status/report.h"

/* index: the name to ask rights for; NULL: none. */
void es_probe(const struct es_config *c, const char *index, int64_t timeout_ms, struct report *report);

#endif
