/* SPDX-License-Identifier: Apache-2.0 */
/* template: an index name made from a document.
 *
 *      logs-{service.name:generic}-default     {topic}     {+yyyy.MM.dd}
 *
 * {path} is a field of the event, {path:default} with a value for when it is
 * absent, {topic} the Kafka topic, {+...} the event's date (UTC; yyyy MM dd HH xxxx
 * is ISO week-year, ww).  The result is made legal for Elasticsearch: lower
 * case, at most 255 bytes, none of \ / * ? " < > | , # : or space, not starting
 * with - _ +; in a data stream's part ("type-dataset-namespace") a `-` that comes
 * from a field becomes `_`.  (Elasticsearch reference, "Create index", "Path parameters".)
 */
#ifndef SLUICE_EVENT_TEMPLATE_H
#define SLUICE_EVENT_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "event/scan.h"

struct template;

struct template *template_new(const char *text, struct err *e);         /* NULL with e set: unknown form, unclosed brace */
void template_free(struct template *t);                                 /* NULL ok */

/* The field paths it needs, for scan_json; borrowed. */
size_t template_paths(const struct template *t, const char *const **ret_paths);

/* Appends the name.  values: what scan_json found for template_paths, same order.
 * False when a field without default is absent: the name cannot be made. */
bool template_expand(const struct template *t, const struct scan_value *values,
                     const char *topic, int64_t wall_ns, struct buf *ret_name);

#endif
