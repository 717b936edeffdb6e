/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/check.h"

#include <stdlib.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/dead.h"
#include "collector/topics.h"
#include "config/units.h"
#include "event/template.h"
#include "sinks/es_probe.h"
#include "sinks/kafka_probe.h"

static bool expand(const struct template *t, const char *topic, enum scan_type type, struct buf *ret)
{
        struct scan_value values[TEMPLATE_FIELDS];

        for (size_t i = 0; i < TEMPLATE_FIELDS; i++)
                values[i] = (struct scan_value){ .type = type,
                                                 .p = "example",
                                                 .len = type == SCAN_STRING ? 7 : 0 };
        return template_expand(t, values, topic, clock_system.wall_ns(&clock_system), ret);
}

static void tell_index(const struct template *t, const char *text, const char *topic, struct buf *name,
                       struct report *r)
{
        const char *const *paths;
        struct buf bare = { 0 };

        if (!expand(t, topic, SCAN_STRING, name))
                report_fail(r, EX_CONFIG, "index", "%s makes no legal name", text);
        else if (template_paths(t, &paths) == 0)
                report_ok(r, "index", "%s, now %s", text, buf_cstr(name));
        else if (expand(t, topic, SCAN_ABSENT, &bare))
                report_ok(r, "index", "%s, as in %s, without the fields %s", text, buf_cstr(name),
                          buf_cstr(&bare));
        else
                report_warn(r, "index",
                            "%s, as in %s; a document without the fields becomes a dead letter: "
                            "{field:default} gives them one",
                            text, buf_cstr(name));
        buf_fini(&bare);
}

static void check_index(const struct collector_config *c, struct buf *name, struct report *r)
{
        struct err e = { 0 };
        struct template *t = template_new(c->elasticsearch.index, &e);

        if (t)
                tell_index(t, c->elasticsearch.index, c->kafka.topics.v[0], name, r);
        else
                report_fail(r, EX_CONFIG, "index", "elasticsearch.index: %s", e.msg);
        template_free(t);
}

static void check_dead_files(const struct dlq_config *c, struct report *r)
{
        char *dir = dead_dir(c);
        struct buf size = { 0 };
        struct err e = { 0 };

        units_put_size(&size, c->max_bytes);
        if (dead_dir_check(dir, &e) == 0)
                report_ok(r, "dead letters", "files in %s, at most %s", dir, buf_cstr(&size));
        else
                report_fail(r, EX_CANTCREAT, "dead letters", "%s", e.msg);
        buf_fini(&size);
        free(dir);
}

static void check_dead_topic(struct kafka_probe *p, const char *topic, struct report *r)
{
        if (kafka_probe_has(p, topic)) {
                kafka_probe_topic(p, topic, 0);
                return;
        }
        char *subject = xasprintf("topic %s", topic);
        report_warn(r, subject,
                    "for dead letters, is not there: create it, or let the broker make it at the first one");
        free(subject);
}

/* The names that a topic of the configuration stands for go to `names`, borrowed from p and c. */
static void find_topics(struct kafka_probe *p, const char *topic, struct strlist *names, struct report *r)
{
        size_t before = names->n;

        if (!topics_is_pattern(topic)) {
                names->v = xrealloc(names->v, (names->n + 1) * sizeof(char *));
                names->v[names->n++] = (char *)topic;
                return;
        }
        const char *name;
        for (int i = 0; (name = kafka_probe_name(p, i)) != NULL; i++) {
                if (!topics_match(topic, name))
                        continue;
                names->v = xrealloc(names->v, (names->n + 1) * sizeof(char *));
                names->v[names->n++] = (char *)name;
        }
        if (names->n > before)
                return;
        char *subject = xasprintf("topics %s", topic);
        report_fail(r, EX_UNAVAILABLE, subject, "no topic that this user sees matches");
        free(subject);
}

static void check_kafka(const struct collector_config *c, struct report *r)
{
        const struct kafka_place place = { .brokers = c->kafka.brokers, .security = &c->kafka.security,
                                           .properties = &c->kafka.librdkafka, .group = c->kafka.group };
        struct kafka_probe *p = kafka_probe_new(&place, c->life.start_timeout_ms, r);

        if (!p)
                return;
        struct strlist names = { 0 };
        for (size_t i = 0; i < c->kafka.topics.n; i++)
                find_topics(p, c->kafka.topics.v[i], &names, r);
        for (size_t i = 0; i < names.n; i++)
                kafka_probe_topic(p, names.v[i], 0);
        kafka_probe_group(p, c->kafka.group, &names);
        free(names.v);
        if (dead_in_topic(&c->dlq))
                check_dead_topic(p, c->dlq.topic, r);
        kafka_probe_free(p);
}

static void probe_elasticsearch(const struct collector_config *c, const char *index, struct report *r)
{
        struct strlist more = collector_route_indexes(c);
        struct es_config es = c->elasticsearch;

        es.more_indexes = &more;
        es_probe(&es, index, c->life.start_timeout_ms, r);
        free(more.v);
}

static void check_output(const struct collector_config *c, struct report *r)
{
        struct buf index = { 0 };

        check_index(c, &index, r);
        check_kafka(c, r);
        if (!dead_in_topic(&c->dlq))
                check_dead_files(&c->dlq, r);
        if (collector_output(c) == OUTPUT_ELASTICSEARCH)
                probe_elasticsearch(c, index.len > 0 ? buf_cstr(&index) : NULL, r);
        else
                report_ok(r, "output", "%s, which is not looked at", output_names[collector_output(c)]);
        buf_fini(&index);
}

void collector_check(const struct collector_config *c, const char *file, struct report *r)
{
        report_ok(r, "config", "%s", file ? file : "command line");
        check_output(c, r);
}
