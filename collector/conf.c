/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/conf.h"

#include "base/mem.h"
#include "collector/decode.h"
#include "collector/headers.h"
#include "collector/topics.h"
#include "sinks/kafka_conf.h"

static const char *const assignments[] = { "cooperative-sticky", "range", NULL };
static const char *const on_invalids[] = { [INVALID_REPAIR] = "repair", [INVALID_DEAD_LETTER] = "dead_letter", NULL };

#define FIELD(member) offsetof(struct consumer_config, member)
static const struct opt consumer_rows[] = {
        { "brokers", OPT_STRING, FIELD(brokers), .required = true, .flag = "brokers", .flag_arg = "HOST:PORT,...",
          .help = "Kafka brokers to start from" },
        { "topics", OPT_LIST, FIELD(topics), .required = true, .flag = "topic", .flag_arg = "NAME",
          .help = "topics to consume; one that begins with ^ is a regular expression" },
        { "group", OPT_STRING, FIELD(group), .def = "sluice", .flag = "group", .flag_arg = "NAME",
          .help = "consumer group; all its collectors share the partitions" },
        { "group_instance_id", OPT_STRING, FIELD(group_instance_id),
          .help = "static membership: this collector's own name in the group, which keeps its partitions over a restart" },
        { "assignment", OPT_CHOICE, FIELD(assignment), .def = "cooperative-sticky", .choices = assignments,
          .help = "how partitions are shared out" },
        { "session_timeout", OPT_DURATION, FIELD(session_timeout_ms), .def = "10 s", .min = 6000, .max = 300000,
          .help = "a killed collector's partitions stand still for so long" },
        { "headers", OPT_LIST, FIELD(headers), .help = "record headers that become labels, by name" },
        { "security", OPT_TABLE, FIELD(security), .table = &kafka_security_opts, .help = "TLS, and the user" },
        { "librdkafka", OPT_LIST, FIELD(librdkafka),
          .help = "properties passed through, as \"name=value\"; those that break a promise are refused" },
};
#undef FIELD

static void check_consumer(const void *conf, struct opt_errors *errors)
{
        const struct consumer_config *c = conf;

        topics_check(&c->topics, errors);
        headers_check(&c->headers, errors);
        kafka_conf_check_all(c->brokers, &c->librdkafka, errors);
}

static const struct opt_table consumer_opts = { consumer_rows, ARRAY_LEN(consumer_rows),
                                                sizeof(struct consumer_config), check_consumer };

static const struct opt dlq_rows[] = {
        { "topic", OPT_STRING, offsetof(struct dlq_config, topic),
          .help = "Kafka topic for documents that can never be indexed; absent: files in dir" },
        { "dir", OPT_STRING, offsetof(struct dlq_config, dir), .flag = "state", .flag_arg = "DIR",
          .help = "directory of their files; absent: /var/lib/sluice-collector, or ~/.local/state/sluice-collector" },
        { "max_size", OPT_SIZE, offsetof(struct dlq_config, max_bytes), .def = "1 GiB", .min = 128 << 10, .max = 1ll << 50,
          .help = "of a collector's files together; there progress stops until some are taken away" },
        { "park_after", OPT_DURATION, offsetof(struct dlq_config, park_after_ms), .def = "0 s", .min = 0, .max = 31ll * 24 * 3600 * 1000,
          .help = "documents whose index has taken no writes for so long become dead letters; 0 s: they wait for it" },
        { "reason", OPT_STRING, offsetof(struct dlq_config, reason), .flag = "reason", .flag_arg = "REASON",
          .help = "dlq show and redrive: only letters of that reason or error type, as dlq ls shows them" },
        { "since", OPT_STRING, offsetof(struct dlq_config, since), .flag = "since", .flag_arg = "TIME",
          .help = "the verb dlq: only letters refused since then: 2026-11-23T10:00:00Z, or \"2 h\" ago" },
        { "until", OPT_STRING, offsetof(struct dlq_config, until), .flag = "until", .flag_arg = "TIME",
          .help = "the verb dlq: only letters refused before then" },
};
static const struct opt_table dlq_opts = { dlq_rows, ARRAY_LEN(dlq_rows), sizeof(struct dlq_config), NULL };

static const char *const compares[] = { "message", "id", NULL };

static const struct opt audit_rows[] = {
        { "host", OPT_STRING, offsetof(struct audit_config, host), .flag = "host", .flag_arg = "NAME",
          .help = "host that shipped the files, as its shipper calls itself; absent: this one" },
        { "compare", OPT_CHOICE, offsetof(struct audit_config, compare), .def = "message", .choices = compares,
          .flag = "compare", .flag_arg = "WHAT",
          .help = "message: a line's text too; id: its place alone, for lines that the shipper parses or redacts" },
        { "show", OPT_INT, offsetof(struct audit_config, show), .def = "10", .min = 0, .max = 1000000000, .flag = "show",
          .flag_arg = "N", .help = "lines that are named, of each file, when they are missing or different" },
};
static const struct opt_table audit_opts = { audit_rows, ARRAY_LEN(audit_rows), sizeof(struct audit_config), NULL };

#define FIELD(member) offsetof(struct collector_config, member)
static const struct opt rows[] = {
        { "kafka", OPT_TABLE, FIELD(kafka), .table = &consumer_opts, .help = "where records come from" },
        { "output", OPT_CHOICE, FIELD(output), .def = "elasticsearch", .choices = &output_names[OUTPUT_ELASTICSEARCH],
          .flag = "output", .flag_arg = "NAME", .help = "where documents go; elasticsearch and file have a table each" },
        { "elasticsearch", OPT_TABLE, FIELD(elasticsearch), .table = &es_opts, .help = "output elasticsearch" },
        { "file", OPT_TABLE, FIELD(file), .table = &file_opts, .help = "output file" },
        { "dlq", OPT_TABLE, FIELD(dlq), .table = &dlq_opts, .help = "dead letters" },
        { "on_invalid", OPT_CHOICE, FIELD(on_invalid), .def = "repair", .choices = on_invalids,
          .help = "records with double keys, invalid UTF-8 or broken JSON: repair, or leave them to the dead letters" },
        { "process", OPT_TABLES, FIELD(process), .table = &process_opts,
          .help = "what is done to records of others before they are stored; each rule that fits, in their order" },
        { "routes", OPT_TABLES, FIELD(routes), .table = &route_opts,
          .help = "rules that send some records elsewhere; the first that fits counts" },
        { "audit", OPT_TABLE, FIELD(audit), .table = &audit_opts, .help = "the verb audit" },
        { "memory", OPT_SIZE, FIELD(memory), .def = "40 MiB", .min = 24 << 20, .max = 1ll << 40,
          .help = "byte budget of the process; when it is full, partitions pause" },
        { "batch_bytes", OPT_SIZE, FIELD(batch_bytes), .def = "1 MiB", .min = 1024, .max = 64 << 20,
          .help = "a bulk is sent when it holds so many bytes ..." },
        { "batch_records", OPT_INT, FIELD(batch_records), .def = "5000", .min = 1, .max = 100000,
          .help = "... or so many documents ..." },
        { "batch_time", OPT_DURATION, FIELD(batch_time_ms), .def = "100 ms", .min = 1, .max = 60000,
          .help = "... or when its first document has waited so long" },
        { "commit_interval", OPT_DURATION, FIELD(commit_interval_ms), .def = "500 ms", .min = 10, .max = 60000,
          .help = "least time between two offset commits" },
        { "revoke_timeout", OPT_DURATION, FIELD(revoke_timeout_ms), .def = "5 s", .min = 0, .max = 60000,
          .help = "how long a partition that goes to another collector is drained" },
        LIFE_ROWS(struct collector_config, "127.0.0.1:9601",
                  "stop at the end of every partition; 0 only when all of it is settled"),
};
#undef FIELD

struct strlist collector_route_indexes(const struct collector_config *c)
{
        const struct route_config *routes = c->routes.v;
        struct strlist list = { 0 };

        if (c->routes.n > 0)
                list.v = xcalloc(c->routes.n, sizeof(char *));
        for (size_t i = 0; i < c->routes.n; i++)
                if (routes[i].index)
                        list.v[list.n++] = routes[i].index;
        return list;
}

enum output collector_output(const struct collector_config *c)
{
        return (enum output)(c->output + OUTPUT_ELASTICSEARCH);
}

struct output_config collector_output_parts(const struct collector_config *c)
{
        return (struct output_config){ .elasticsearch = &c->elasticsearch, .file = &c->file };
}

/* That all of it together can be looked at in one scan. */
static void check_fields(const struct collector_config *c, struct opt_errors *errors)
{
        struct collector_stats stats = { 0 };
        struct err e = { 0 };
        struct decoder *d = decode_new(c->elasticsearch.index, c->elasticsearch.id_field, &stats, &e);

        if (d && decode_set_routing(d, c->elasticsearch.routing, &e) < 0)
                opt_complain(errors, "elasticsearch.routing: %s", e.msg);
        else if (d && decode_set_process(d, &c->process, &e) < 0)
                opt_complain(errors, "process: %s", e.msg);
        else if (d && decode_set_routes(d, &c->routes, &e) < 0)
                opt_complain(errors, "routes: %s", e.msg);
        decode_free(d);
}

static void check(const void *conf, struct opt_errors *errors)
{
        const struct collector_config *c = conf;
        struct output_config parts = collector_output_parts(c);

        if (!c->life.dry_run)
                output_check(collector_output(c), &parts, errors);
        check_fields(c, errors);
}

const struct opt_table collector_opts = { rows, ARRAY_LEN(rows), sizeof(struct collector_config), check };
