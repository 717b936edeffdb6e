/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/output.h"

#include <unistd.h>

#include "sinks/stdout.h"

const char *const output_names[] = { [OUTPUT_KAFKA] = "kafka",
                                     [OUTPUT_ELASTICSEARCH] = "elasticsearch",
                                     [OUTPUT_FILE] = "file",
                                     [OUTPUT_STDOUT] = "stdout",
                                     NULL };

static struct sink *make_kafka(struct loop *l, const struct output_config *c, const struct sink_owner *owner,
                               const struct sink_limits *limits, struct err *e)
{
        return sink_kafka_new(l, c->kafka, owner, limits, e);
}

static struct sink *make_elasticsearch(struct loop *l, const struct output_config *c,
                                       const struct sink_owner *owner, const struct sink_limits *limits,
                                       struct err *e)
{
        return sink_elasticsearch_new(l, c->elasticsearch, owner, limits, e);
}

static struct sink *make_file(struct loop *l, const struct output_config *c, const struct sink_owner *owner,
                              const struct sink_limits *limits, struct err *e)
{
        return sink_file_new(l, c->file, owner, limits, e);
}

static struct sink *make_stdout(struct loop *l, const struct output_config *c, const struct sink_owner *owner,
                                const struct sink_limits *limits, struct err *e)
{
        (void)c;
        return sink_stdout_new(l, STDOUT_FILENO, owner, limits, e);
}

struct sink *output_new(struct loop *l, enum output which, const struct output_config *c,
                        const struct sink_owner *owner, const struct sink_limits *limits, struct err *e)
{
        static struct sink *(*const make[])(struct loop *, const struct output_config *,
                                            const struct sink_owner *, const struct sink_limits *,
                                            struct err *) = { [OUTPUT_KAFKA] = make_kafka,
                                                              [OUTPUT_ELASTICSEARCH] = make_elasticsearch,
                                                              [OUTPUT_FILE] = make_file,
                                                              [OUTPUT_STDOUT] = make_stdout };

        CHECK(which < ARRAY_LEN(make));
        return make[which](l, c, owner, limits, e);
}

static bool is_set(const char *value)
{
        return value && *value;
}

static void need(const char *value, const char *name, const char *flag, struct opt_errors *errors)
{
        if (!is_set(value))
                opt_complain(errors, "%s: must be set, in the file or by --%s", name, flag);
}

void output_check(enum output which, const struct output_config *c, struct opt_errors *errors)
{
        if (which == OUTPUT_KAFKA && !is_set(c->kafka->brokers) && !is_set(c->kafka->topic)) {
                opt_complain(errors, "kafka.brokers and kafka.topic: must be set, in the file or by --brokers "
                                     "HOST:PORT,... and --topic NAME; or choose another --output");
        } else if (which == OUTPUT_KAFKA) {
                need(c->kafka->brokers, "kafka.brokers", "brokers HOST:PORT,...", errors);
                need(c->kafka->topic, "kafka.topic", "topic NAME", errors);
        } else if (which == OUTPUT_FILE) {
                need(c->file->path, "file.path", "output-file PATH", errors);
        }
}
