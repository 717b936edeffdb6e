/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: which one fits, and what becomes of the record. */
#include "collector/routes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "collector/conf.h"
#include "collector/decode.h"
#include "collector/deliver.h"
#include "sinks/elasticsearch.h"
#include "tests/fake/sink_held.h"
#include "tests/fake/tmpdir.h"

#define BEGIN                                                                                                \
        "kafka = { brokers = \"k:9092\"; topics = [ \"logs\" ]; };\n"                                        \
        "elasticsearch = { index = \"logs-{service.name:generic}-default\"; };\n"

static struct collector_config load(const char *routes, struct opt_errors *errors)
{
        char *dir = tmpdir_new(), *path = tmpdir_path(dir, "c.cfg"), *text = xasprintf(BEGIN "%s\n", routes);
        struct opt_source source = { .file = path };
        struct collector_config c;

        *errors = (struct opt_errors){ 0 };
        file_write(path, text);
        int r = opt_load(&collector_opts, &source, &c, errors);
        assert_int_equal(r<0, errors->count> 0);
        free(text);
        free(path);
        tmpdir_free(dir);
        return c;
}

static struct collector_config load_fine(const char *routes)
{
        struct opt_errors errors;
        struct collector_config c = load(routes, &errors);

        if (errors.count)
                fail_msg("%s", buf_cstr(&errors.text));
        return c;
}

/* --- what they say ----------------------------------------------------------------------------------- */

static const char rules[] = "routes = (\n"
                            "  { when = \"log.level == trace && keep\"; },\n"
                            "  { when = \"log.level in (debug, trace)\"; to = \"drop\"; },\n"
                            "  { topics = [ \"audit*\", \"x\" ]; index = \"Audit-{user.id:none}\"; pipeline "
                            "= \"a\"; routing = \"user.id\"; },\n"
                            "  { when = \"message ~ 'secret'\"; to = \"dead_letter\"; },\n"
                            "  { when = \"service.name == shop\"; pipeline = \"shop\"; },\n"
                            "  { when = \"need\"; index = \"{missing}\"; }\n"
                            ");";

struct routed {
        enum decode_end how;
        char dest[64], headers[128];
};

static struct routed route(struct decoder *d, const char *topic, const char *payload)
{
        const struct incoming in = { .cluster = "c",
                                     .topic = topic,
                                     .timestamp_ms = 1700000000123,
                                     .payload = payload,
                                     .len = strlen(payload) };
        struct routed out = { 0 };
        struct batch *b = batch_new(0);

        out.how = decode(d, &in, b);
        assert_int_equal(b->n, out.how == DECODE_DROP ? 0 : 1);
        for (size_t i = 0; i < b->n; i++) {
                const struct record *r = &b->recs[i];
                snprintf(out.dest, sizeof(out.dest), "%.*s", (int)r->dest.len, batch_at(b, r->dest));
                for (unsigned k = 0; k < r->nheaders; k++) {
                        const struct header *h = &b->headers[r->first_header + k];
                        size_t at = strlen(out.headers);
                        snprintf(out.headers + at, sizeof(out.headers) - at, "%s=%.*s ", h->name,
                                 (int)h->value.len, batch_at(b, h->value));
                }
        }
        batch_free(b);
        return out;
}

static void the_first_rule_that_fits_counts(void **state)
{
        static const struct {
                const char *topic, *payload;
                enum decode_end how;
                const char *dest, *headers;
        } cases[] = {
                { "logs", "{\"log\":{\"level\":\"info\"}}", DECODE_OK, "logs-generic-default", "" },
                { "logs", "{\"log\":{\"level\":\"debug\"}}", DECODE_DROP, "", "" },
                { "logs", "{\"log.level\":\"trace\",\"keep\":1}", DECODE_OK, "logs-generic-default", "" },
                { "audit.1", "{\"user\":{\"id\":\"U\\u0031\"}}", DECODE_OK, "audit-u1",
                  "pipeline=a routing=U1 " },
                { "x", "{\"user\":{\"id\":7}}", DECODE_OK, "audit-7", "pipeline=a routing=7 " },
                { "xy", "{\"user\":{\"id\":7}}", DECODE_OK, "logs-generic-default", "" },
                { "audit", "plain text", DECODE_OK, "audit-none", "pipeline=a " },
                { "logs", "a secret in plain text", DECODE_DEAD, "logs-generic-default", "" },
                { "logs", "{\"message\":\"a secret\",\"service\":{\"name\":\"shop\"}}", DECODE_DEAD,
                  "logs-shop-default", "" },
                { "logs", "{\"message\":\"m\",\"service\":{\"name\":\"shop\"}}", DECODE_OK,
                  "logs-shop-default", "pipeline=shop " },
                { "logs", "{\"message\":\"m\",\"need\":1}", DECODE_NO_INDEX, "", "" },
        };
        struct collector_config c = load_fine(rules);
        struct collector_stats stats = { 0 };
        struct err e = { 0 };
        struct decoder *d = decode_new(c.elasticsearch.index, NULL, &stats, &e);
        (void)state;

        assert_int_equal(decode_set_routes(d, &c.routes, &e), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct routed r = route(d, cases[i].topic, cases[i].payload);
                if (r.how != cases[i].how || strcmp(r.dest, cases[i].dest) != 0 ||
                    strcmp(r.headers, cases[i].headers) != 0)
                        fail_msg("%s: %d %s %s", cases[i].payload, (int)r.how, r.dest, r.headers);
        }
        assert_int_equal(route(d, "logs", "secret").how, DECODE_DEAD);
        assert_string_equal(decode_why(d), "routes.3 sends it here");
        decode_free(d);
        opt_free(&collector_opts, &c);
}

/* Of the whole output; a rule's own goes before it, and an index that is a data stream has none. */
static void a_field_chooses_the_shard_of_every_document(void **state)
{
        static const char *const event =
                "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\",\"event\":{\"id\":\"s1.abcdefghijklmnopqrstu%d\"},\"message\":\"n\","
                "\"log\":{\"file\":{\"path\":\"/a\",\"id\":\"abcdefghijklmnopqrstuv\"},\"offset\":%d},\"service\":{\"name\":\"shop\"}}";
        struct collector_config c = load_fine("routes = ( { topics = [ \"own\" ]; index = \"a\"; routing = \"n\"; },\n"
                                              "{ topics = [ \"stream\" ]; index = \"logs-a-b\"; pipeline = \"p\"; },\n"
                                              "{ topics = [ \"index\" ]; index = \"b\"; },\n"
                                              "{ topics = [ \"dead\" ]; to = \"dead_letter\"; } );");
        struct collector_stats stats = { 0 };
        struct err e = { 0 };
        struct decoder *plain = decode_new("shop", NULL, &stats, &e), *routed = decode_new("shop", NULL, &stats, &e);
        (void)state;

        /* Alike but for what chooses the shard. */
        assert_int_equal(decode_set_routing(plain, "log.offset", &e), 0);
        for (int i = 0; i < 6; i++) {
                char *text = xasprintf(event, i, i), *wanted = xasprintf("routing=%d ", i);
                assert_string_equal(route(plain, "logs", text).headers, wanted);
                free(text);
                free(wanted);
        }
        assert_string_equal(route(plain, "logs", "plain text").headers, "");

        assert_int_equal(decode_set_routing(routed, "user.id", &e), 0);
        assert_int_equal(decode_set_routes(routed, &c.routes, &e), 0);
        assert_string_equal(route(routed, "logs", "{\"user\":{\"id\":\"u\"}}").headers, "routing=u ");
        assert_string_equal(route(routed, "own", "{\"user\":{\"id\":\"u\"},\"n\":8}").headers, "routing=8 ");
        assert_string_equal(route(routed, "stream", "{\"user\":{\"id\":\"u\"}}").headers, "pipeline=p ");
        assert_string_equal(route(routed, "index", "{\"user\":{\"id\":\"u\"}}").headers, "routing=u ");
        assert_string_equal(route(routed, "dead", "{\"user\":{\"id\":\"u\"}}").headers, "routing=u ");
        decode_free(plain);
        decode_free(routed);

        struct decoder *stream = decode_new("logs-{service.name:x}-default", NULL, &stats, &e);
        assert_int_equal(decode_set_routing(stream, "user.id", &e), -EINVAL);
        assert_non_null(strstr(e.msg, "the form of a data stream"));
        decode_free(stream);
        opt_free(&collector_opts, &c);
}

/* The decoder remembers what events of one file have in common; a rule looks at what they have not. */
static void records_that_are_alike_are_parted(void **state)
{
        static const char *const form =
                "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\",\"event\":{\"id\":\"s1.abcdefghijklmnopqrstu%"
                "d\"},"
                "\"message\":\"n %d\",\"log\":{\"file\":{\"path\":\"/a\",\"id\":\"abcdefghijklmnopqrstuv\"},"
                "\"offset\":%d},\"service\":{\"name\":\"shop\"}}";
        struct collector_config c = load_fine("routes = ( { when = \"log.offset == 3\"; to = \"drop\"; } );");
        struct collector_stats stats = { 0 };
        struct err e = { 0 };
        struct decoder *d = decode_new(c.elasticsearch.index, NULL, &stats, &e);
        (void)state;

        assert_int_equal(decode_set_routes(d, &c.routes, &e), 0);
        for (int i = 0; i < 6; i++) {
                char *event = xasprintf(form, i, i, i);
                assert_int_equal(route(d, "logs", event).how, i == 3 ? DECODE_DROP : DECODE_OK);
                free(event);
        }
        decode_free(d);
        opt_free(&collector_opts, &c);
}

/* What the decoder remembers of events that are alike is what it would find in each of them. */
static void records_that_are_alike_go_where_each_would_go_alone(void **state)
{
        static const char *const rules_of[] = {
                "{ when = \"service.name == till\"; to = \"drop\"; }",
                "{ when = \"service.name == till\"; index = \"till-{host.name:x}-{+yyyy.MM.dd}\"; pipeline = \"p\"; }",
                "{ topics = [ \"audit*\" ]; index = \"audit-{service.name}\"; }, { when = \"log.level == error\"; pipeline = \"e\"; }",
                "{ when = \"log.level == info\"; to = \"dead_letter\"; }",
                "{ when = \"log.offset < 300\"; index = \"early\"; }",
                "{ when = \"message ~ '5'\"; to = \"drop\"; }",
                "{ when = \"@timestamp ~ '7Z'\"; to = \"drop\"; }",
                "{ when = \"event.id ~ '3'\"; to = \"drop\"; }",
                "{ when = \"!trace.id && log\"; index = \"no-trace-{log.offset}\"; }",
                "{ when = \"service.name == shop\"; index = \"shop\"; routing = \"log.level\"; }",
                "{ when = \"service.name == shop\"; index = \"{service.version}\"; }",
        };
        static const char *const form =
                "{\"@timestamp\":\"2026-11-2%dT10:00:00.12%dZ\",\"event\":{\"id\":\"s1.abcdefghijklmnopqrstu%d\"},\"message\":\"n %d\","
                "\"log\":{\"file\":{\"path\":\"/a\",\"id\":\"abcdefghijklmnopqrstuv\"},\"offset\":%d,\"level\":\"%s\"},"
                "\"service\":{\"name\":\"%s\"}}";
        static const char *const topics[] = { "logs", "logs", "audit.1" }, *const levels[] = { "info", "info", "error" };
        (void)state;

        for (size_t k = 0; k < ARRAY_LEN(rules_of); k++) {
                char *text = xasprintf("routes = ( %s );", rules_of[k]);
                struct collector_config c = load_fine(text);
                struct collector_stats stats = { 0 };
                struct err e = { 0 };
                struct decoder *d = decode_new(c.elasticsearch.index, NULL, &stats, &e);
                assert_int_equal(decode_set_routes(d, &c.routes, &e), 0);
                for (int i = 0; i < 90; i++) {
                        struct decoder *fresh = decode_new(c.elasticsearch.index, NULL, &stats, &e);
                        const char *topic = topics[i / 9 % 3];
                        char *event = xasprintf(form, i % 7, i % 10, i % 10, i, i * 10, levels[i % 3], i % 4 == 3 ? "till" : "shop");
                        assert_int_equal(decode_set_routes(fresh, &c.routes, &e), 0);
                        struct routed one = route(d, topic, event), other = route(fresh, topic, event);
                        if (one.how != other.how || strcmp(one.dest, other.dest) != 0 || strcmp(one.headers, other.headers) != 0)
                                fail_msg("%s: event %d of topic %s: %d %s %s, alone %d %s %s", text, i, topic, (int)one.how, one.dest,
                                         one.headers, (int)other.how, other.dest, other.headers);
                        free(event);
                        decode_free(fresh);
                }
                decode_free(d);
                opt_free(&collector_opts, &c);
                free(text);
        }
}

static void what_headers_tell_can_be_asked_for(void **state)
{
        struct collector_config c =
                load_fine("routes = ( { when = \"labels.tenant == a\"; to = \"drop\"; } );");
        const struct incoming_header tenant = { .name = "tenant", .value = "a", .len = 1 };
        struct incoming in = { .cluster = "c",
                               .topic = "logs",
                               .payload = "text",
                               .len = 4,
                               .headers = &tenant,
                               .nheaders = 1 };
        char *labels[] = { (char *)"tenant" };
        const struct strlist list = { labels, 1 };
        struct collector_stats stats = { 0 };
        struct err e = { 0 };
        struct decoder *d = decode_new(c.elasticsearch.index, NULL, &stats, &e);
        struct batch *b = batch_new(0);
        (void)state;

        decode_set_labels(d, &list);
        assert_int_equal(decode_set_routes(d, &c.routes, &e), 0);
        assert_int_equal(decode(d, &in, b), DECODE_DROP);
        in.nheaders = 0;
        assert_int_equal(decode(d, &in, b), DECODE_OK);
        batch_free(b);
        decode_free(d);
        opt_free(&collector_opts, &c);
}

/* --- mistakes ---------------------------------------------------------------------------------------- */

static void mistakes_name_file_and_line(void **state)
{
        static const struct {
                const char *routes, *said;
        } cases[] = {
                { "routes = (\n { when = \"a = 1\"; } );",
                  "c.cfg:4: routes.0.when: \"a = 1\": an operator is missing" },
                { "routes = ( { topics = [ \"a\" ]; },\n { index = \"x-{\"; } );",
                  "c.cfg:4: routes.1.index: \"x-{\"" },
                { "routes = ( { when = \"a\"; to = \"nowhere\"; } );", "routes.0.to" },
                { "routes = ( { to = \"drop\"; } );", "routes.0.to: \"drop\" for every record" },
                { "routes = ( { when = \"a\"; to = \"drop\"; index = \"x\"; } );",
                  "routes.0.index: means nothing with to = \"drop\"" },
                { "routes = ( { pipeline = \"a b\"; } );", "routes.0.pipeline: \"a b\" is no name" },
                { "routes = ( { index = \"logs-a-b\"; routing = \"user.id\"; } );",
                  "routes.0.routing: \"logs-a-b\" has the form of a data stream" },
                { "routes = ( { wenn = \"a\"; } );", "routes.0.wenn: unknown; did you mean when" },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct opt_errors errors;
                struct collector_config c = load(cases[i].routes, &errors);
                if (!strstr(buf_cstr(&errors.text), cases[i].said))
                        fail_msg("%s is not in: %s", cases[i].said, buf_cstr(&errors.text));
                buf_fini(&errors.text);
                opt_free(&collector_opts, &c);
        }
}

static void too_many_fields_are_told_at_the_start(void **state)
{
        struct buf b = { 0 };
        struct opt_errors errors;
        (void)state;

        buf_puts(&b, "routes = ( { when = \"a\"; to = \"drop\"; }");
        for (int i = 0; i < SCAN_PATHS; i++)
                buf_printf(&b, ", { when = \"a%d\"; to = \"drop\"; }", i);
        buf_puts(&b, ");");
        struct collector_config c = load(buf_cstr(&b), &errors);
        assert_non_null(strstr(buf_cstr(&errors.text), "fields are looked at"));
        buf_fini(&errors.text);
        buf_fini(&b);
        opt_free(&collector_opts, &c);
}

/* --- what becomes of them ---------------------------------------------------------------------------- */

static void settle(void *arg, struct partition *p, uint64_t seq)
{
        (void)arg;
        partition_settle(p, seq);
}

static void nothing(void *arg)
{
        (void)arg;
}

static struct sink *no_spare(void *arg)
{
        (void)arg;
        return NULL;
}

static size_t none(void *arg)
{
        (void)arg;
        return 0;
}

static void dropped_and_dead_lettered_records_settle_and_are_counted(void **state)
{
        static const char *const payloads[] = { "{\"log\":{\"level\":\"debug\"}}", "a secret",
                                                "{\"log\":{\"level\":\"trace\"}}", "text" };
        struct collector_config c = load_fine(rules);
        struct collector_stats stats = { 0 };
        const struct deliver_hooks hooks = { settle, nothing, nothing, none, no_spare, NULL };
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        struct partition *p = partition_new("logs", 0, 0);
        struct err e = { 0 };
        struct loop *l = loop_new(&clock_system, &e);
        (void)state;

        c.dlq.topic = xstrdup("dead");
        struct deliver *d = deliver_new(l, &c, &stats, &hooks, &e);
        struct sink_owner index = deliver_index_owner(d), dead = deliver_dead_owner(d);
        struct sink *to_index = sink_held_new(l, &index, &limits),
                    *to_dead = sink_held_new(l, &dead, &limits);
        deliver_set_sinks(d, to_index, to_dead, 1 << 20);
        for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
                const struct incoming in = { .cluster = "c",
                                             .topic = "logs",
                                             .offset = p->next,
                                             .payload = payloads[i],
                                             .len = strlen(payloads[i]) };
                deliver_take(d, p, partition_take(p, in.offset), &in);
        }
        deliver_flush(d);
        deliver_turn(d);
        assert_int_equal(stat_get(&stats.dropped_route), 2);
        assert_int_equal(partition_committable(p),
                         1); /* the first was dropped and settled, the second is not yet */
        assert_int_equal(sink_held_count(to_dead), 1);
        sink_held_answer(to_dead, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(stat_get(&stats.dead_route), 1);
        assert_int_equal(partition_committable(p), 3);
        sink_held_answer_all(to_index, VERDICT_DONE);
        assert_int_equal(stat_get(&stats.indexed), 1);
        assert_int_equal(stat_get(&stats.in_flight), 0);
        assert_int_equal(stat_get(&stats.consumed), 4);
        sink_free(to_index);
        sink_free(to_dead);
        deliver_free(d);
        loop_free(l);
        partition_free(p);
        opt_free(&collector_opts, &c);
}

/* The last record of a batch being dropped must not leave an empty batch to send. */
static void a_batch_of_dropped_records_is_none(void **state)
{
        struct collector_config c = load_fine("routes = ( { topics = [ \"*\" ]; to = \"drop\"; } );");
        struct collector_stats stats = { 0 };
        const struct deliver_hooks hooks = { settle, nothing, nothing, none, no_spare, NULL };
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        struct partition *p = partition_new("logs", 0, 0);
        struct err e = { 0 };
        struct loop *l = loop_new(&clock_system, &e);
        struct deliver *d = deliver_new(l, &c, &stats, &hooks, &e);
        struct sink_owner index = deliver_index_owner(d), dead = deliver_dead_owner(d);
        struct sink *to_index = sink_held_new(l, &index, &limits),
                    *to_dead = sink_held_new(l, &dead, &limits);
        const struct incoming in = { .cluster = "c", .topic = "logs", .payload = "x", .len = 1 };
        (void)state;

        deliver_set_sinks(d, to_index, to_dead, 1 << 20);
        deliver_take(d, p, partition_take(p, 0), &in);
        deliver_flush(d);
        deliver_turn(d);
        assert_int_equal(sink_held_count(to_index), 0);
        assert_true(deliver_idle(d));
        sink_free(to_index);
        sink_free(to_dead);
        deliver_free(d);
        loop_free(l);
        partition_free(p);
        opt_free(&collector_opts, &c);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_rule_that_fits_counts),
                cmocka_unit_test(a_field_chooses_the_shard_of_every_document),
                cmocka_unit_test(records_that_are_alike_are_parted),
                cmocka_unit_test(records_that_are_alike_go_where_each_would_go_alone),
                cmocka_unit_test(what_headers_tell_can_be_asked_for),
                cmocka_unit_test(mistakes_name_file_and_line),
                cmocka_unit_test(too_many_fields_are_told_at_the_start),
                cmocka_unit_test(dropped_and_dead_lettered_records_settle_and_are_counted),
                cmocka_unit_test(a_batch_of_dropped_records_is_none),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
