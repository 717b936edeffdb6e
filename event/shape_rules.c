/* SPDX-License-Identifier: Apache-2.0 */
/* Names to the right are ECS 8's (its field reference), and where it has none, what Filebeat calls the field. */
#include "event/shape_rules.h"

#include "base/check.h"

#define RULES(rows)                                                                                          \
        {                                                                                                    \
                rows, ARRAY_LEN(rows)                                                                        \
        }

/* Objects in ECS: where a scalar of that name goes. */
#define ECS_OBJECT(key, to)                                                                                  \
        {                                                                                                    \
                key, V_SCALAR, C_AS_IS, to, R_MUST                                                           \
        }

/* Metadata fields: Elasticsearch refuses a document that has one of its own. */
#define RESERVED(key)                                                                                        \
        {                                                                                                    \
                key, V_SCALAR | V_ANY_OBJECT, C_AS_IS, NULL, R_MUST                                          \
        }

static const struct shape_rule common[] = {
        { "@timestamp", V_NUMBER, C_TIME, "@timestamp", R_MUST },
        { "@timestamp", V_BOOL | V_LIST | V_NULL | V_ANY_OBJECT, C_AS_IS, NULL, R_MUST },
        { "message", V_ANY_OBJECT, C_TEXT, "message", R_MUST },
        { "tags", V_ANY_OBJECT, C_AS_IS, NULL, R_MUST },

        { "log", V_TEXT, C_LINE, "message", R_MUST },
        ECS_OBJECT("log", "event.original"),
        { "source", V_PATH, C_AS_IS, "log.file.path", R_MUST },
        ECS_OBJECT("source", "source.address"),
        { "trace", V_TOKEN | V_NUMBER, C_AS_IS, "trace.id", R_MUST },
        ECS_OBJECT("trace", "error.stack_trace"),
        { "process", V_NUMBER, C_AS_IS, "process.pid", R_MUST },
        ECS_OBJECT("process", "process.name"),
        ECS_OBJECT("agent", "agent.name"),
        ECS_OBJECT("client", "client.address"),
        ECS_OBJECT("cloud", "cloud.provider"),
        ECS_OBJECT("container", "container.name"),
        ECS_OBJECT("data_stream", NULL),
        ECS_OBJECT("destination", "destination.address"),
        ECS_OBJECT("device", "device.id"),
        ECS_OBJECT("dll", "dll.name"),
        ECS_OBJECT("dns", "dns.question.name"),
        ECS_OBJECT("ecs", "ecs.version"),
        ECS_OBJECT("email", "email.subject"),
        ECS_OBJECT("error", "error.message"),
        ECS_OBJECT("event", "event.action"),
        ECS_OBJECT("faas", "faas.name"),
        ECS_OBJECT("file", "file.path"),
        ECS_OBJECT("group", "group.name"),
        ECS_OBJECT("host", "host.name"),
        ECS_OBJECT("http", NULL),
        ECS_OBJECT("kubernetes", NULL),
        ECS_OBJECT("labels", NULL),
        ECS_OBJECT("network", "network.name"),
        ECS_OBJECT("observer", "observer.name"),
        ECS_OBJECT("orchestrator", "orchestrator.type"),
        ECS_OBJECT("organization", "organization.name"),
        ECS_OBJECT("package", "package.name"),
        ECS_OBJECT("registry", "registry.path"),
        ECS_OBJECT("related", NULL),
        ECS_OBJECT("rule", "rule.name"),
        ECS_OBJECT("server", "server.address"),
        ECS_OBJECT("service", "service.name"),
        ECS_OBJECT("span", "span.id"),
        ECS_OBJECT("systemd", "systemd.unit"),
        ECS_OBJECT("threat", NULL),
        ECS_OBJECT("tls", NULL),
        ECS_OBJECT("transaction", "transaction.id"),
        ECS_OBJECT("url", "url.original"),
        ECS_OBJECT("user", "user.id"),
        ECS_OBJECT("user_agent", "user_agent.original"),
        ECS_OBJECT("volume", "volume.mount_name"),
        ECS_OBJECT("vulnerability", "vulnerability.id"),

        RESERVED("_data_stream_timestamp"),
        RESERVED("_doc_count"),
        RESERVED("_feature"),
        RESERVED("_field_names"),
        RESERVED("_id"),
        RESERVED("_ignored"),
        RESERVED("_ignored_source"),
        RESERVED("_index"),
        RESERVED("_index_mode"),
        RESERVED("_inference_fields"),
        RESERVED("_nested_path"),
        RESERVED("_primary_term"),
        RESERVED("_routing"),
        RESERVED("_routing_hash"),
        RESERVED("_seq_no"),
        RESERVED("_size"),
        RESERVED("_source"),
        RESERVED("_tier"),
        RESERVED("_tsid"),
        RESERVED("_type"),
        RESERVED("_version"),

        /* What loggers call these; no clash, so they stay where the place is taken. */
        { "msg", V_TEXT, C_LINE, "message", R_MAY },
        { "time", V_TEXT | V_NUMBER, C_TIME, "@timestamp", R_MAY },
        { "timestamp", V_TEXT | V_NUMBER, C_TIME, "@timestamp", R_MAY },
        { "ts", V_TEXT | V_NUMBER, C_TIME, "@timestamp", R_MAY },
        { "level", V_TEXT | V_NUMBER, C_LEVEL, "log.level", R_MAY },
        { "log_level", V_TEXT | V_NUMBER, C_LEVEL, "log.level", R_MAY },
        { "loglevel", V_TEXT | V_NUMBER, C_LEVEL, "log.level", R_MAY },
        { "severity", V_TEXT | V_NUMBER, C_LEVEL, "log.level", R_MAY },
        { "logger", V_TEXT, C_AS_IS, "log.logger", R_MAY },
        { "logger_name", V_TEXT, C_AS_IS, "log.logger", R_MAY },
        { "thread_name", V_TEXT, C_AS_IS, "process.thread.name", R_MAY },
        { "stack_trace", V_TEXT, C_AS_IS, "error.stack_trace", R_MAY },
        { "hostname", V_TEXT, C_AS_IS, "host.name", R_MAY },
        { "pid", V_TEXT | V_NUMBER, C_NUMBER, "process.pid", R_MAY },
        { "trace_id", V_TOKEN | V_NUMBER, C_AS_IS, "trace.id", R_MAY },
        { "traceId", V_TOKEN | V_NUMBER, C_AS_IS, "trace.id", R_MAY },
        { "traceid", V_TOKEN | V_NUMBER, C_AS_IS, "trace.id", R_MAY },
        { "span_id", V_TOKEN | V_NUMBER, C_AS_IS, "span.id", R_MAY },
        { "spanId", V_TOKEN | V_NUMBER, C_AS_IS, "span.id", R_MAY },
        { "spanid", V_TOKEN | V_NUMBER, C_AS_IS, "span.id", R_MAY },
        { "user_id", V_TEXT | V_NUMBER, C_AS_IS, "user.id", R_MAY },
        { "userId", V_TEXT | V_NUMBER, C_AS_IS, "user.id", R_MAY },
        { "user_name", V_TEXT, C_AS_IS, "user.name", R_MAY },
        { "username", V_TEXT, C_AS_IS, "user.name", R_MAY },
        { "container_id", V_TEXT, C_AS_IS, "container.id", R_MAY },
        { "container_name", V_TEXT, C_AS_IS, "container.name", R_MAY },
};
const struct shape_rules shape_common = RULES(common);

static const struct shape_rule filebeat[] = {
        { "offset", V_NUMBER, C_AS_IS, "log.offset", R_MAY },
};

static const struct shape_rule fluent_bit[] = {
        { "date", V_TEXT | V_NUMBER, C_TIME, "@timestamp", R_MAY },
};

static const struct shape_rule vector[] = {
        { "file", V_TEXT, C_AS_IS, "log.file.path", R_MUST },
        { "offset", V_NUMBER, C_AS_IS, "log.offset", R_MAY },
        { "image", V_TEXT, C_AS_IS, "container.image.name", R_MAY },
        { "label", V_OBJECT, C_AS_IS, "container.labels", R_MAY },
        { "appname", V_TEXT, C_AS_IS, "log.syslog.appname", R_MAY },
        { "facility", V_TEXT, C_AS_IS, "log.syslog.facility.name", R_MAY },
        { "procid", V_TEXT | V_NUMBER, C_AS_IS, "log.syslog.procid", R_MAY },
        { "msgid", V_TEXT, C_AS_IS, "log.syslog.msgid", R_MAY },
        { "source_ip", V_TOKEN, C_AS_IS, "source.ip", R_MAY },
};

static const struct shape_rule logstash[] = {
        { "path", V_PATH, C_AS_IS, "log.file.path", R_MAY },
};

static const struct shape_rule docker[] = {
        { "attrs", V_OBJECT, C_AS_IS, "container.labels", R_MAY },
};

static const struct shape_rule gelf[] = {
        { "short_message", V_TEXT, C_LINE, "message", R_MAY },
        { "level", V_TEXT | V_NUMBER, C_NUMBER, "log.syslog.severity.code", R_ALSO },
        { "level", V_TEXT | V_NUMBER, C_LEVEL, "log.level", R_MAY },
        { "facility", V_TEXT, C_AS_IS, "log.syslog.facility.name", R_MAY },
        { "file", V_TEXT, C_AS_IS, "log.origin.file.name", R_MUST },
        { "line", V_TEXT | V_NUMBER, C_NUMBER, "log.origin.file.line", R_MAY },
};

static const struct shape_rule journald[] = {
        { "MESSAGE", V_TEXT | V_LIST, C_LINE, "message", R_MAY },
        { "__REALTIME_TIMESTAMP", V_TEXT | V_NUMBER, C_TIME, "@timestamp", R_MAY },
        { "PRIORITY", V_TEXT | V_NUMBER, C_NUMBER, "log.syslog.severity.code", R_ALSO },
        { "PRIORITY", V_TEXT | V_NUMBER, C_LEVEL, "log.level", R_MAY },
        { "SYSLOG_FACILITY", V_TEXT | V_NUMBER, C_NUMBER, "log.syslog.facility.code", R_MAY },
        { "SYSLOG_IDENTIFIER", V_TEXT, C_AS_IS, "log.syslog.appname", R_MAY },
        { "MESSAGE_ID", V_TEXT, C_AS_IS, "event.code", R_MAY },
        { "CODE_FILE", V_TEXT, C_AS_IS, "log.origin.file.name", R_MAY },
        { "CODE_LINE", V_TEXT | V_NUMBER, C_NUMBER, "log.origin.file.line", R_MAY },
        { "CODE_FUNC", V_TEXT, C_AS_IS, "log.origin.function", R_MAY },
        { "CONTAINER_ID_FULL", V_TEXT, C_AS_IS, "container.id", R_MAY },
        { "CONTAINER_NAME", V_TEXT, C_AS_IS, "container.name", R_MAY },
        { "_HOSTNAME", V_TEXT, C_AS_IS, "host.name", R_MAY },
        { "_MACHINE_ID", V_TEXT, C_AS_IS, "host.id", R_MAY },
        { "_BOOT_ID", V_TEXT, C_AS_IS, "host.boot.id", R_MAY },
        { "_PID", V_TEXT | V_NUMBER, C_NUMBER, "process.pid", R_MAY },
        { "_COMM", V_TEXT, C_AS_IS, "process.name", R_MAY },
        { "_EXE", V_TEXT, C_AS_IS, "process.executable", R_MAY },
        { "_CMDLINE", V_TEXT, C_AS_IS, "process.command_line", R_MAY },
        { "_UID", V_TEXT, C_AS_IS, "user.id", R_MAY },
        { "_GID", V_TEXT, C_AS_IS, "group.id", R_MAY },
        { "_SYSTEMD_UNIT", V_TEXT, C_AS_IS, "systemd.unit", R_MAY },
        { "_TRANSPORT", V_TEXT, C_AS_IS, "systemd.transport", R_MAY },
};

const struct shape_known shape_known[] = {
        { SHAPE_FILEBEAT, { { "@metadata", V_OBJECT }, { "@timestamp", V_TEXT } }, RULES(filebeat), false },
        { SHAPE_FILEBEAT, { { "beat", V_OBJECT }, { "@timestamp", V_TEXT } }, RULES(filebeat), false },
        { SHAPE_JOURNALD, { { "__REALTIME_TIMESTAMP", V_TEXT } }, RULES(journald), false },
        { SHAPE_JOURNALD,
          { { "MESSAGE", V_TEXT | V_LIST }, { "_HOSTNAME", V_TEXT } },
          RULES(journald),
          false },
        { SHAPE_GELF,
          { { "short_message", V_TEXT }, { "host", V_TEXT }, { "version", V_TEXT } },
          RULES(gelf),
          true },
        { SHAPE_VECTOR, { { "source_type", V_TEXT } }, RULES(vector), false },
        { SHAPE_FLUENT_BIT, { { "date", V_NUMBER } }, RULES(fluent_bit), false },
        { SHAPE_FLUENT_BIT, { { "@timestamp", V_NUMBER } }, RULES(fluent_bit), false },
        { SHAPE_FLUENT_BIT, { { "log", V_TEXT }, { "kubernetes", V_OBJECT } }, RULES(fluent_bit), false },
        { SHAPE_DOCKER,
          { { "log", V_TEXT }, { "stream", V_TEXT }, { "time", V_TEXT } },
          RULES(docker),
          false },
        { SHAPE_LOGSTASH,
          { { "@version", V_TEXT | V_NUMBER }, { "@timestamp", V_TEXT } },
          RULES(logstash),
          false },
};
const size_t shape_nknown = ARRAY_LEN(shape_known);
