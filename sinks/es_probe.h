/* SPDX-License-Identifier: Apache-2.0 */
/* es_probe: asks Elasticsearch or OpenSearch what `check` wants to know; changes nothing there.
 *
 * A line for each node: does it answer, and as what (an old version or another product is a failure); one for the
 * credentials, when there are any and the server knows of users; one for the right to index; one for the pipeline and
 * each index template that the configuration asks for.  Failures are EX_UNAVAILABLE, EX_CONFIG or EX_NOPERM.  No redirect is followed, so credentials go to no address but those of the configuration.
 *
 * Blocks the caller for at most timeout_ms over all its questions; the nodes are asked side by side, so one that
 * never answers does not take the time of the others.  One thread; it runs a loop of its own.
 */
#ifndef SLUICE_SINKS_ES_PROBE_H
#define SLUICE_SINKS_ES_PROBE_H

#include "sinks/elasticsearch.h"
#include "status/report.h"

/* index: the name to ask rights for; NULL: none. */
void es_probe(const struct es_config *c, const char *index, int64_t timeout_ms, struct report *report);

#endif
