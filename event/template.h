/* SPDX-License-Identifier: Apache-2.0 */
/* template: an index name made from a document.
 *
 *      logs-{service.name:generic}-default     {topic}     {+yyyy.MM.dd}
 *
 * {path} is a field of the event (a string, a number or a bool), {path:default}
 * with a value for when it is absent or empty, {topic} the Kafka topic, {+...} the
 * event's date (UTC): yyyy MM dd HH, and xxxx ww for ISO 8601's year and week,
 * with . - _ between them.
 *
 * The result is made legal for Elasticsearch (reference, "Create index", "Path
 * parameters"): lower case; a byte that may not stand there (\ / * ? " < > | , # :
 * space, controls) becomes _, and so does each character above ASCII, since the
 * rule is Elasticsearch's own Unicode lower-casing; leading - _ + fall away, and
 * leading dots unless the template itself begins with one (no line names a
 * system index); the rest is cut at 255 bytes.  A template with the data stream
 * form, type-dataset-namespace, has two hyphens of its own: there a `-` out of a
 * field, a default or the topic becomes `_`, and the cut is at 233, because the
 * backing index is called .ds-NAME-yyyy.MM.dd-000001.
 * A template is never changed once made: any thread may expand it.
 */
#ifndef SLUICE_EVENT_TEMPLATE_H
#define SLUICE_EVENT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "event/scan.h"

enum { TEMPLATE_FIELDS = 16 };   /* leaves room among SCAN_PATHS for the caller's own */

struct template;

struct template *template_new(const char *text, struct err *e);         /* NULL with e set: empty, unknown form, unclosed brace */
void template_free(struct template *t);                                 /* NULL ok */

/* The field paths it needs, for scan_json; borrowed. */
size_t template_paths(const struct template *t, const char *const **ret_paths);

/* Whether its names have the form of a data stream's, type-dataset-namespace. */
bool template_is_stream(const struct template *t);

/* Appends what all its names look like: `any` stands for each part that differs from document to document, so with
 * "*" it is a pattern of Elasticsearch's. */
void template_outline(const struct template *t, const char *any, struct buf *ret);

/* Whether the name follows from the fields alone: neither time nor topic is in it. */
bool template_only_fields(const struct template *t);

/* Appends the name.  values: what scan_json found for template_paths, same order.
 * False, with nothing appended, when the name cannot be made: a field without
 * default is absent, or nothing legal is left. */
bool template_expand(const struct template *t, const struct scan_value *values,
                     const char *topic, int64_t wall_ns, struct buf *ret_name);

#endif
