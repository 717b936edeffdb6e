/* SPDX-License-Identifier: Apache-2.0 */
/* output: which sink a program writes to, by the name that stands in its configuration.
 *
 *      output = "file";  file = { path = "/var/spool/events.ndjson"; };
 */
#ifndef SLUICE_SINKS_OUTPUT_H
#define SLUICE_SINKS_OUTPUT_H

#include "sinks/elasticsearch.h"
#include "sinks/file.h"
#include "sinks/kafka.h"

enum output { OUTPUT_KAFKA, OUTPUT_ELASTICSEARCH, OUTPUT_FILE, OUTPUT_STDOUT };

/* NULL-terminated, in the order of the enum: choices of a program's setting `output`.  A program without the first
 * ones takes &output_names[n] and adds n. */
extern const char *const output_names[];

/* All borrowed.  Only the chosen one is looked at; the others may be NULL. */
struct output_config {
        const struct kafka_config *kafka;
        const struct es_config *elasticsearch;
        const struct file_config *file;
};

/* Complains of what the chosen sink cannot do without. */
void output_check(enum output which, const struct output_config *c, struct opt_errors *errors);

/* Lines for stdout go to descriptor 1.  NULL with e set. */
struct sink *output_new(struct loop *l, enum output which, const struct output_config *c,
                        const struct sink_owner *owner, const struct sink_limits *limits, struct err *e);

#endif
