/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing at the centre: rules that make of others' records what the shipper makes of lines. */
#include "collector/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "collector/conf.h"
#include "collector/decode.h"
#include "tests/fake/tmpdir.h"

#define BEGIN                                                                                                \
        "kafka = { brokers = \"k:9092\"; topics = [ \"logs\" ]; };\n"                                        \
        "elasticsearch = { index = \"logs-{service.name:generic}-default\"; };\n"

struct rig {
        struct collector_config config;
        struct collector_stats stats;
        struct decoder *decoder;
        struct batch *batch;
};

static int load(const char *rules, struct collector_config *c, struct opt_errors *errors)
{
        char *dir = tmpdir_new(), *path = tmpdir_path(dir, "c.cfg"), *text = xasprintf(BEGIN "%s\n", rules);
        struct opt_source source = { .file = path };

        *errors = (struct opt_errors){ 0 };
        file_write(path, text);
        int r = opt_load(&collector_opts, &source, c, errors);
        free(text);
        free(path);
        tmpdir_free(dir);
        return r;
}

static struct rig *rig_new(const char *rules)
{
        struct rig *r = xcalloc(1, sizeof(*r));
        struct opt_errors errors;
        struct err e = { 0 };

        if (load(rules, &r->config, &errors) < 0)
                fail_msg("%s", buf_cstr(&errors.text));
        r->decoder = decode_new(r->config.elasticsearch.index, NULL, &r->stats, &e);
        assert_int_equal(decode_set_process(r->decoder, &r->config.process, &e), 0);
        assert_int_equal(decode_set_routes(r->decoder, &r->config.routes, &e), 0);
        r->batch = batch_new(0);
        return r;
}

static void rig_free(struct rig *r)
{
        batch_free(r->batch);
        decode_free(r->decoder);
        opt_free(&collector_opts, &r->config);
        free(r);
}

/* The document and its index, xmalloc'ed. */
static char *decoded(struct rig *r, const char *topic, const char *payload)
{
        const struct incoming in = { .cluster = "c",
                                     .topic = topic,
                                     .timestamp_ms = 1700000000123,
                                     .payload = payload,
                                     .len = strlen(payload) };

        if (decode(r->decoder, &in, r->batch) == DECODE_DROP)
                return xstrdup("dropped");
        const struct record *rec = &r->batch->recs[r->batch->n - 1];
        return xasprintf("%.*s %.*s", (int)rec->value.len, batch_at(r->batch, rec->value), (int)rec->dest.len,
                         batch_at(r->batch, rec->dest));
}

static void assert_decoded(struct rig *r, const char *topic, const char *payload, const char *expected)
{
        char *text = decoded(r, topic, payload);
        assert_string_equal(text, expected);
        free(text);
}

#define TIME "\"@timestamp\":\"2026-11-23T10:00:00.000Z\""

static void each_way_of_parsing_fills_the_document(void **state)
{
        static const struct {
                const char *rules, *payload, *expected;
        } cases[] = {
                { "process = ( { parse = \"json\"; } );",
                  "{" TIME
                  ",\"message\":\"{\\\"ts\\\":\\\"2026-11-23T09:59:59.5Z\\\",\\\"lvl\\\":\\\"WARN\\\","
                  "\\\"msg\\\":\\\"it's slow\\\",\\\"n\\\":3}\",\"host\":{\"name\":\"h\"}}",
                  "{\"host\":{\"name\":\"h\"},\"@timestamp\":\"2026-11-23T09:59:59.500Z\",\"message\":\"it's "
                  "slow\",\"log\":{\"level\":\"warn\"},"
                  "\"json\":{\"ts\":\"2026-11-23T09:59:59.5Z\",\"lvl\":\"WARN\",\"msg\":\"it's "
                  "slow\",\"n\":3}} logs-generic-default" },
                { "process = ( { parse = \"logfmt\"; } );",
                  "{" TIME ",\"message\":\"level=info msg=\\\"a b\\\" user=7\",\"labels\":{\"x\":1}}",
                  "{" TIME ",\"labels\":{\"x\":1,\"user\":\"7\"},\"message\":\"a "
                           "b\",\"log\":{\"level\":\"info\"}} logs-generic-default" },
                { "process = ( { parse = \"logfmt\"; field = \"event.original\"; drop = [ \"event.original\" "
                  "]; } );",
                  "{" TIME ",\"message\":\"old\",\"event\":{\"original\":\"msg=new\"}}",
                  "{" TIME ",\"event\":{},\"message\":\"new\"} logs-generic-default" },
                { "process = ( { move = [ \"svc=service.name\", \"a.b=c\" ]; drop = [ \"secret\", "
                  "\"nowhere\" ]; fields = [ \"env=prod\", \"cloud.region=eu\" ]; } );",
                  "{" TIME ",\"svc\":\"shop\",\"secret\":{\"k\":1},\"a\":{\"b\":[1]}}",
                  "{" TIME ",\"a\":{},\"service\":{\"name\":\"shop\"},\"c\":[1],\"labels\":{\"env\":\"prod\"}"
                           ",\"cloud\":{\"region\":\"eu\"}} logs-shop-default" },
                { "process = ( { redact = [ \"card\", \"email\" ]; } );",
                  "{" TIME ",\"message\":\"pay 4111 1111 1111 1111\",\"to\":[\"bob@example.com\"]}",
                  "{" TIME ",\"message\":\"pay [redacted]\",\"to\":[\"[redacted]\"]} logs-generic-default" },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct rig *r = rig_new(cases[i].rules);
                assert_decoded(r, "logs", cases[i].payload, cases[i].expected);
                assert_int_equal(stat_get(&r->stats.processed), 1);
                assert_int_equal(stat_get(&r->stats.parse_left), 0);
                rig_free(r);
        }
}

static void groups_of_a_pattern_become_fields(void **state)
{
        struct rig *r = rig_new("process = ( { parse = \"pattern\"; pattern = \"^(?<level>[A-Z]+) "
                                "(?<svc>[a-z]+): (?<message>.*)\";"
                                " rename = [ \"svc=labels.part\" ]; } );");
        (void)state;

        assert_decoded(
                r, "logs", "{" TIME ",\"message\":\"ERROR pay: no card\"}",
                "{" TIME
                ",\"message\":\"no card\",\"log\":{\"level\":\"error\"},\"labels\":{\"part\":\"pay\"}} "
                "logs-generic-default");
        rig_free(r);
}

static void rules_apply_in_their_order_and_see_what_was_made_before(void **state)
{
        struct rig *r = rig_new(
                "process = ( { topics = [ \"legacy*\" ]; parse = \"logfmt\"; },\n"
                "            { when = \"log.level == debug\"; fields = [ \"noise=yes\" ]; } );\n"
                "routes = ( { when = \"labels.noise == yes && labels.user == 7\"; to = \"drop\"; } );");
        (void)state;

        assert_decoded(r, "legacy-1", "level=debug msg=x user=7", "dropped");
        assert_decoded(r, "legacy-1", "level=debug msg=x user=8",
                       "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"message\":\"x\",\"log\":{\"level\":"
                       "\"debug\"},"
                       "\"labels\":{\"user\":\"8\",\"noise\":\"yes\"}} logs-generic-default");
        assert_decoded(r, "logs", "level=debug msg=x user=7",
                       "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"message\":\"level=debug msg=x "
                       "user=7\"} logs-generic-default");
        rig_free(r);
}

static void a_text_that_is_not_so_stays_and_is_counted(void **state)
{
        struct rig *r = rig_new("process = ( { parse = \"json\"; } );");
        (void)state;

        assert_decoded(r, "logs", "{" TIME ",\"message\":\"no json\"}",
                       "{" TIME ",\"message\":\"no json\"} logs-generic-default");
        assert_decoded(r, "logs", "{" TIME ",\"message\":5}",
                       "{" TIME ",\"message\":5} logs-generic-default");
        assert_decoded(r, "logs", "{" TIME ",\"x\":1}", "{" TIME ",\"x\":1} logs-generic-default");
        assert_int_equal(stat_get(&r->stats.parse_left), 2);
        assert_int_equal(stat_get(&r->stats.processed), 0);
        rig_free(r);
}

/* Whatever is done to a document, its _id is what it was: a re-send stays a duplicate. */
static void the_id_survives(void **state)
{
        struct rig *r = rig_new("process = ( { parse = \"json\"; redact = [ \".+\" ]; } );");
        static const char id[] = "s1.abcdefghijklmnopqrstuv";
        (void)state;

        free(decoded(r, "logs",
                     "{" TIME ",\"event\":{\"id\":\"s1.abcdefghijklmnopqrstuv\"},\"message\":\"{"
                              "\\\"event\\\":{\\\"id\\\":\\\"x\\\"}}\"}"));
        const struct record *rec = &r->batch->recs[0];
        assert_int_equal(rec->id.len, strlen(id));
        assert_memory_equal(batch_at(r->batch, rec->id), id, strlen(id));
        rig_free(r);
}

static void mistakes_are_told_with_their_place(void **state)
{
        static const struct {
                const char *rules, *said;
        } cases[] = {
                { "process = ( { } );", "process.0.parse: nothing is to be done" },
                { "process = (\n { parse = \"pattern\"; } );", "c.cfg:4: process.0.pattern: must be set" },
                { "process = ( { parse = \"syslog\"; } );",
                  "process.0.parse: \"syslog\" is for the shipper" },
                { "process = ( { move = [ \"a\" ]; } );", "process.0.move: \"a\": write FROM=TO" },
                { "process = ( { move = [ \"event.id=a\" ]; } );", "event.id and @timestamp stay" },
                { "process = ( { drop = [ \"event\" ]; } );", "process.0.drop: event stays" },
                { "process = ( { redact = [ \"(\" ]; } );", "process.0.redact" },
                { "process = ( { when = \"a =\"; redact = [ \"card\" ]; } );", "process.0.when: \"a =\"" },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct collector_config c;
                struct opt_errors errors;
                assert_true(load(cases[i].rules, &c, &errors) < 0);
                if (!strstr(buf_cstr(&errors.text), cases[i].said))
                        fail_msg("%s is not in: %s", cases[i].said, buf_cstr(&errors.text));
                buf_fini(&errors.text);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_way_of_parsing_fills_the_document),
                cmocka_unit_test(groups_of_a_pattern_become_fields),
                cmocka_unit_test(rules_apply_in_their_order_and_see_what_was_made_before),
                cmocka_unit_test(a_text_that_is_not_so_stays_and_is_counted),
                cmocka_unit_test(the_id_survives),
                cmocka_unit_test(mistakes_are_told_with_their_place),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
