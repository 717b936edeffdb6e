/* SPDX-License-Identifier: Apache-2.0 */
/* headers: what a record's Kafka headers add to its document, whoever produced it.
 *
 *      traceparent, trace_id, span_id   ->  trace.id, span.id     when they are well-formed (event/trace.h)
 *      user_id                          ->  user.id               printable ASCII
 *      those that kafka.headers names   ->  labels.NAME           any bytes, repaired; . in NAME becomes _
 *
 *      {"message":"x","trace":{"flags":1}}      trace_id: 4bf9...
 *      {"message":"x","trace":{"id":"4bf9...","flags":1}}
 *
 * Invariant: nothing that the event has is overwritten, be it null, and no name stands twice afterwards.  Of headers
 * of one name the last well-formed one counts, as producers append; traceparent wins over trace_id and span_id.
 * A record without headers costs one comparison.  One thread.
 */
#ifndef SLUICE_COLLECTOR_HEADERS_H
#define SLUICE_COLLECTOR_HEADERS_H

#include "base/buf.h"
#include "collector/incoming.h"
#include "config/opt.h"

enum { HEADERS_LABELS = 16 };   /* headers that kafka.headers may name */

/* kafka.headers: letters, digits, _ - . in a name, none twice as a label. */
void headers_check(const struct strlist *labels, struct opt_errors *errors);

/* Puts into doc, one JSON object, what the headers of `in` add; labels: kafka.headers, borrowed, at most
 * HEADERS_LABELS.  False: nothing, doc is as it was. */
bool headers_add(const struct incoming *in, const struct strlist *labels, struct buf *doc);

#endif
