/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice-collector check` against servers that are not what the configuration means: one clear sentence for each, an
 * exit code that says so, and no secret in any of it.  ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/fake/child.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/raw_server.h"
#include "tests/fake/tmpdir.h"

#define SECRET "s3cr3t-of-the-test"

enum { MAX_ARGS = 24 };

#define GOOD_ROOT                                                                                            \
        "{\"name\":\"n\",\"cluster_name\":\"c\",\"version\":{\"number\":\"8.18.4\"},"                        \
        "\"tagline\":\"You Know, for Search\"}"
#define SECURITY_ERROR "{\"error\":{\"type\":\"security_exception\"},\"status\":401}"

struct world {
        char *dir, *out, *err;
        struct mock_kafka *kafka;
        struct fake_es *es;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        w->dir = tmpdir_new();
        w->out = tmpdir_path(w->dir, "stdout");
        w->err = tmpdir_path(w->dir, "stderr");
        w->kafka = mock_kafka_new(1);
        mock_kafka_topic(w->kafka, "logs", 1);
        w->es = fake_es_new();
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        mock_kafka_free(w->kafka);
        fake_es_free(w->es);
        tmpdir_free(w->dir);
        free(w->out);
        free(w->err);
        free(w);
        return 0;
}

/* Everything that the last run has said.  Never a secret. */
static char *said(struct world *w)
{
        char *out = file_read(w->out, NULL), *err = file_read(w->err, NULL);
        char *both = xasprintf("%s%s", out, err);

        free(out);
        free(err);
        if (strstr(both, SECRET))
                fail_msg("a secret is shown: %s", both);
        return both;
}

static void assert_said(struct world *w, const char *part)
{
        char *all = said(w);

        if (!strstr(all, part))
                fail_msg("not said: %s\n%s", part, all);
        free(all);
}

/* more: NULL at the end. */
static int check_with(struct world *w, const char *brokers, const char *topic, const char *const *more)
{
        const char *args[MAX_ARGS] = { "check", "--brokers", brokers, "--topic", topic };

        for (size_t n = 5; *more; more++) {
                assert_true(n < MAX_ARGS - 1);
                args[n++] = *more;
        }
        return child_run("sluice-collector", args, w->out, w->err);
}

static int check_es(struct world *w, const char *url)
{
        return check_with(w, w->kafka->bootstrap, "logs", (const char *const[]){ "--url", url, NULL });
}

static void expect(struct world *w, int code, int expected, const char *sentence)
{
        assert_said(w, sentence);
        if (code != expected)
                fail_msg("exit code %d instead of %d, with: %s", code, expected, sentence);
}

/* --- Elasticsearch ------------------------------------------------------------------------------ */

static void each_wrong_answer_has_its_sentence(void **state)
{
        static const struct {
                unsigned status;
                const char *body, *type, *location;
                int code;
                const char *sentence;
        } cases[] = {
                { 401, SECURITY_ERROR, NULL, NULL, EX_NOPERM,
                  "answers 401: set elasticsearch.api_key or username and password" },
                { 401, "Unauthorized", "text/plain", NULL, EX_NOPERM,
                  "answers 401: set elasticsearch.api_key" },
                { 403, SECURITY_ERROR, NULL, NULL, EX_NOPERM,
                  "answers 403: set elasticsearch.api_key or username and password" },
                { 403, "<html>Forbidden</html>", "text/html", NULL, EX_UNAVAILABLE,
                  "answers 403 with HTML, not as Elasticsearch does: a proxy or another server stands "
                  "there" },
                { 407, "<html>Proxy</html>", "text/html", NULL, EX_NOPERM,
                  "the proxy in between wants credentials (407); look at http_proxy and no_proxy" },
                { 200, "<html>Sign in to the network</html>", "text/html", NULL, EX_UNAVAILABLE,
                  "answers 200 with HTML, not as Elasticsearch does: a proxy or another server" },
                { 200, "it works", "text/plain", NULL, EX_UNAVAILABLE,
                  "answers 200 with something that is no JSON" },
                { 301, "", "text/html", "http://127.0.0.1:1/", EX_UNAVAILABLE,
                  "answers 301 and sends elsewhere, where credentials are not carried: give the address that "
                  "it" },
                { 400, "<html>The plain HTTP request was sent to HTTPS port</html>", "text/html", NULL,
                  EX_UNAVAILABLE, "answers 400: it wants TLS; https:// instead of http://" },
                { 502, "<html>Bad Gateway</html>", "text/html", NULL, EX_UNAVAILABLE,
                  "answers 502 with HTML: a proxy stands there, and what is behind it is not ready" },
                { 503, "{\"error\":\"not yet\"}", NULL, NULL, EX_UNAVAILABLE,
                  "answers 503: it is not ready" },
                { 200, "{\"couchdb\":\"Welcome\",\"version\":\"3.3.1\"}", NULL, NULL, EX_UNAVAILABLE,
                  "answers 404 with JSON of another kind, not as Elasticsearch does" },
                { 200, "{\"version\":{\"number\":\"6.0.0\"}}", NULL, NULL, EX_UNAVAILABLE,
                  "another product (version 6.0.0), neither Elasticsearch nor OpenSearch" },
                { 200, "{\"version\":{\"distribution\":\"quickwit\",\"number\":\"7.17.0\"}}", NULL, NULL,
                  EX_UNAVAILABLE, "another product (quickwit 7.17.0), neither Elasticsearch nor OpenSearch" },
                { 200, "{\"version\":{\"number\":\"7.16.3\"},\"tagline\":\"You Know, for Search\"}", NULL,
                  NULL, EX_UNAVAILABLE,
                  "elasticsearch 7.16.3 is too old: Elasticsearch from 7.17 on or OpenSearch from 2.0" },
                { 200, "{\"version\":{\"distribution\":\"opensearch\",\"number\":\"1.3.20\"}}", NULL, NULL,
                  EX_UNAVAILABLE,
                  "opensearch 1.3.20 is too old: Elasticsearch from 7.17 on or OpenSearch from 2.0" },
        };
        struct world *w = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                fake_es_clear_rules(w->es);
                fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = "/",
                                                                            .times = 1,
                                                                            .status = cases[i].status,
                                                                            .body = cases[i].body,
                                                                            .content_type = cases[i].type,
                                                                            .location = cases[i].location });
                expect(w, check_es(w, fake_es_url(w->es)), cases[i].code, cases[i].sentence);
        }
}

static void versions_that_are_supported_pass(void **state)
{
        static const char *const roots[] = {
                "{\"version\":{\"number\":\"7.17.0\"},\"tagline\":\"You Know, for Search\"}",
                "{\"version\":{\"number\":\"9.1.0\"},\"tagline\":\"You Know, for Search\"}",
                "{\"version\":{\"distribution\":\"opensearch\",\"number\":\"2.19.1\"}}",
                "{\"version\":{\"distribution\":\"opensearch\",\"number\":\"7.10.2\"}}",
        };
        struct world *w = *state;

        for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
                fake_es_clear_rules(w->es);
                fake_es_request_rule(w->es, &(struct fake_es_request_rule){
                                                    .path = "/", .status = 200, .body = roots[i] });
                expect(w, check_es(w, fake_es_url(w->es)), EX_OK, "ok    elasticsearch http://127.0.0.1:");
        }
}

static const char *const with_password[] = { "--set", "elasticsearch.username=\"shop\"", "--set",
                                             "elasticsearch.password=\"" SECRET "\"", NULL };

static int check_as_user(struct world *w, const char *url)
{
        const char *args[MAX_ARGS] = { "--url", url, "--index", "logs-shop-default" };

        for (size_t i = 0; with_password[i]; i++)
                args[4 + i] = with_password[i];
        return check_with(w, w->kafka->bootstrap, "logs", args);
}

static void a_redirect_is_never_followed_with_credentials(void **state)
{
        struct world *w = *state;
        struct fake_es *elsewhere = fake_es_new();
        char *location = xasprintf("%s/", fake_es_url(elsewhere));

        fake_es_request_rule(
                w->es, &(struct fake_es_request_rule){ .path = "/", .status = 302, .location = location });
        expect(w, check_as_user(w, fake_es_url(w->es)), EX_UNAVAILABLE, "answers 302 and sends elsewhere");
        assert_int_equal(fake_es_counts(w->es).requests, 1);
        assert_int_equal(fake_es_counts(elsewhere).connections, 0);
        free(location);
        fake_es_free(elsewhere);
}

static void es_reply(struct world *w, const char *path, unsigned status, const char *body)
{
        fake_es_request_rule(w->es,
                             &(struct fake_es_request_rule){ .path = path, .status = status, .body = body });
}

static void wrong_credentials_are_told_by_their_setting(void **state)
{
        struct world *w = *state;

        es_reply(w, "/", 401, SECURITY_ERROR);
        expect(w, check_as_user(w, fake_es_url(w->es)), EX_NOPERM,
               "answers 401: it does not take elasticsearch.username and password");
        expect(w,
               check_with(w, w->kafka->bootstrap, "logs",
                          (const char *const[]){ "--url", fake_es_url(w->es), "--set",
                                                 "elasticsearch.api_key=\"" SECRET "\"", NULL }),
               EX_NOPERM, "answers 401: it does not take elasticsearch.api_key");
}

/* A user who may only write is answered 403 at the front door: that is no reason to send anybody away. */
static void a_user_with_few_rights_is_known_all_the_same(void **state)
{
        struct world *w = *state;

        es_reply(w, "/_security/_authenticate", 200, "{\"username\":\"shop\"}");
        es_reply(w, "/_security/user", 200,
                 "{\"has_all_requested\":false,\"index\":{\"logs-shop-default\":{\"create_doc\":true,"
                 "\"auto_configure\":false}}}");
        es_reply(w, "/", 403, SECURITY_ERROR);
        expect(w, check_as_user(w, fake_es_url(w->es)), EX_OK, "ok    credentials");
        assert_said(w, "no auto_configure on logs-shop-default: it must be there already");
}

static void missing_privileges_are_named(void **state)
{
        struct world *w = *state;

        es_reply(w, "/_security/_authenticate", 200, "{\"username\":\"shop\"}");
        es_reply(w, "/_security/user", 200,
                 "{\"has_all_requested\":false,\"index\":{\"logs-shop-default\":{\"create_doc\":false,"
                 "\"auto_configure\":false}}}");
        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_as_user(w, fake_es_url(w->es)), EX_NOPERM,
               "no create_doc on logs-shop-default: give this user's role the right");
}

static void whoever_is_answered_403_and_not_known_is_told(void **state)
{
        struct world *w = *state;

        es_reply(w, "/_security/_authenticate", 404, "{}");
        es_reply(w, "/", 403, SECURITY_ERROR);
        expect(w, check_as_user(w, fake_es_url(w->es)), EX_NOPERM,
               "answers 403: it does not take elasticsearch.username");
}

static int check_pipeline(struct world *w)
{
        return check_with(w, w->kafka->bootstrap, "logs",
                          (const char *const[]){ "--url", fake_es_url(w->es), "--set",
                                                 "elasticsearch.pipeline=\"shop-v1\"", NULL });
}

static void a_pipeline_that_nobody_made_is_named(void **state)
{
        struct world *w = *state;

        es_reply(w, "/_ingest/pipeline/shop-v1", 404, "{}");
        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_pipeline(w), EX_CONFIG,
               "shop-v1 is not there: create it, or take it out of elasticsearch.pipeline");
        fake_es_clear_rules(w->es);
        es_reply(w, "/_ingest/pipeline/shop-v1", 403, SECURITY_ERROR);
        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_pipeline(w), EX_OK, "shop-v1: this user may not see it (403)");
        fake_es_clear_rules(w->es);
        es_reply(w, "/_ingest/pipeline/shop-v1", 200, "{}");
        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_pipeline(w), EX_OK, "ok    pipeline");
}

static int64_t now_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

static int check_stream(struct world *w, const char *more)
{
        return check_with(w, w->kafka->bootstrap, "logs",
                          (const char *const[]){ "--url", fake_es_url(w->es), "--index",
                                                 "logs-{service.name:x}-default", "--set", more, NULL });
}

/* It only looks: what would be made at the start is told, and nothing of it is ever fatal. */
static void the_template_is_looked_at_and_not_made(void **state)
{
        static const char *const simulate = "/_index_template/_simulate_index";
        struct world *w = *state;

        es_reply(w, "/_index_template/sluice-", 404, "{}");
        es_reply(w, simulate, 200, "{}");
        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_stream(w, "elasticsearch.manage_template=\"auto\""), EX_OK,
               "sluice-logs-any-default will be made at the start");
        assert_said(w, "ok    template logs-*-default");
        fake_es_clear_rules(w->es);
        es_reply(w, "/_index_template/", 403, SECURITY_ERROR);
        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_stream(w, "elasticsearch.manage_template=\"auto\""), EX_OK,
               "the privilege manage_index_templates is missing");
        unsigned before = fake_es_counts(w->es).requests;
        expect(w, check_stream(w, "elasticsearch.manage_template=\"off\""), EX_OK, "ok    elasticsearch");
        assert_int_equal(fake_es_counts(w->es).requests, before + 1);
}

/* Every question is answered late but one that never is: the time is that of all together, and of all nodes. */
static void one_deadline_holds_for_all_questions_and_nodes(void **state)
{
        struct world *w = *state;
        struct raw_server *silent = raw_server_new(NULL, 0), *too = raw_server_new(NULL, 0);
        char *urls = xasprintf("elasticsearch.urls=[\"http://%s\",\"http://%s\",\"%s\"]",
                               raw_server_address(silent), raw_server_address(too), fake_es_url(w->es));
        const char *const args[] = { "--set", urls, "--set", "start_timeout=\"1500 ms\"", NULL };

        es_reply(w, "/", 200, GOOD_ROOT);
        int64_t begun = now_ms();
        int code = check_with(w, w->kafka->bootstrap, "logs", args);
        int64_t took = now_ms() - begun;
        expect(w, code, EX_UNAVAILABLE, "no answer within 15");
        assert_said(w, raw_server_address(silent));
        assert_said(w, "ok    elasticsearch http://127.0.0.1:");
        assert_in_range(took, 1400, 4000); /* Kafka's questions are before it */

        /* Questions one after the other: the last one has only what the others have left. */
        fake_es_clear_rules(w->es);
        fake_es_request_rule(
                w->es, &(struct fake_es_request_rule){ .path = "/_security/_authenticate", .never = true });
        fake_es_request_rule(w->es,
                             &(struct fake_es_request_rule){
                                     .path = "/", .delay_ms = 1000, .status = 200, .body = GOOD_ROOT });
        const char *const late[] = { "--url", fake_es_url(w->es),
                                     "--set", "elasticsearch.api_key=\"" SECRET "\"",
                                     "--set", "start_timeout=\"1500 ms\"",
                                     NULL };
        begun = now_ms();
        code = check_with(w, w->kafka->bootstrap, "logs", late);
        took = now_ms() - begun;
        expect(w, code, EX_UNAVAILABLE, "FAIL  credentials");
        assert_said(w, "no answer within");
        assert_in_range(took, 1400, 2400);
        free(urls);
        raw_server_free(silent);
        raw_server_free(too);
}

static void an_address_of_another_kind_is_told(void **state)
{
        struct world *w = *state;
        struct raw_server *tls = raw_server_new(RAW_TLS_ALERT, sizeof(RAW_TLS_ALERT) - 1);
        char *plain = xasprintf("http://%s", raw_server_address(tls));
        char *https = xasprintf("https://%s", fake_es_url(w->es) + strlen("http://"));

        expect(w, check_es(w, plain), EX_UNAVAILABLE, "it may want TLS: https:// instead of http://");
        expect(w, check_es(w, https), EX_UNAVAILABLE, "it speaks no TLS there: http:// instead of https://");
        expect(w, check_es(w, "http://nowhere.invalid:9200"), EX_UNAVAILABLE,
               "look at elasticsearch.urls and at the name service");
        expect(w, check_es(w, "http://127.0.0.1:1"), EX_UNAVAILABLE, "nothing listens there: is it up");
        expect(w, check_es(w, "http://shop:" SECRET "@127.0.0.1:1"), EX_CONFIG, "must not hold credentials");
        free(plain);
        free(https);
        raw_server_free(tls);
}

/* --- Kafka -------------------------------------------------------------------------------------- */

static void kafka_that_is_none_is_told(void **state)
{
        struct world *w = *state;
        struct raw_server *tls = raw_server_new(RAW_TLS_ALERT, sizeof(RAW_TLS_ALERT) - 1),
                          *silent = raw_server_new(NULL, 0),
                          *http = raw_server_new("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        const char *const quick[] = { "--set", "start_timeout=\"2 s\"", NULL };
        const char *const ssl[] = { "--set", "start_timeout=\"2 s\"", "--set",
                                    "kafka.librdkafka=[\"security.protocol=ssl\"]", NULL };

        expect(w, check_with(w, raw_server_address(tls), "logs", quick), EX_UNAVAILABLE, "wants TLS");
        expect(w, check_with(w, raw_server_address(http), "logs", quick), EX_UNAVAILABLE,
               "FAIL  kafka 127.0.0.1:");
        expect(w, check_with(w, raw_server_address(silent), "logs", quick), EX_UNAVAILABLE,
               "FAIL  kafka 127.0.0.1:");
        expect(w, check_with(w, w->kafka->bootstrap, "logs", ssl), EX_UNAVAILABLE, "(kafka.security)");
        expect(w, check_with(w, "nowhere.invalid:9092", "logs", quick), EX_UNAVAILABLE,
               "look at kafka.brokers and at the name service");
        expect(w, check_with(w, "127.0.0.1:1", "logs", quick), EX_UNAVAILABLE,
               "nothing listens there: is the broker up");
        expect(w, check_with(w, "shop:" SECRET "@127.0.0.1:1", "logs", quick), EX_CONFIG,
               "kafka.brokers: must not hold credentials");
        raw_server_free(tls);
        raw_server_free(silent);
        raw_server_free(http);
}

static void a_topic_that_is_missing_is_named(void **state)
{
        struct world *w = *state;
        const char *const args[] = { "--url", fake_es_url(w->es), NULL };

        es_reply(w, "/", 200, GOOD_ROOT);
        expect(w, check_with(w, w->kafka->bootstrap, "nowhere", args), EX_UNAVAILABLE, "FAIL  topic nowhere");
        assert_said(w, "does not exist on the cluster");
        expect(w, check_with(w, w->kafka->bootstrap, "^no-", args), EX_UNAVAILABLE, "no topic that this user sees matches");
        expect(w, check_with(w, w->kafka->bootstrap, "^lo.s$", args), EX_OK, "ok    topic logs");
}

static void a_property_that_cannot_be_is_a_matter_of_the_configuration(void **state)
{
        struct world *w = *state;
        const char *const args[] = {
                "--set", "kafka.librdkafka=[\"security.protocol=ssl\",\"ssl.ca.location=/nowhere.pem\"]", NULL
        };

        expect(w, check_with(w, w->kafka->bootstrap, "logs", args), EX_CONFIG,
               "librdkafka: ssl.ca.location failed");
}

/* --- secrets ------------------------------------------------------------------------------------ */

/* Whatever is wrong with a command line that holds a secret, what is said about it does not repeat it. */
static void no_flag_ever_shows_a_secret(void **state)
{
        static const char *const lines[][6] = {
                { "check", "--set", "elasticsearch.password=" SECRET },
                { "check", "--set", "elasticsearch.password=[\"" SECRET "\"]" },
                { "check", "--set", "elasticsearch.passwort=\"" SECRET "\"" },
                { "check", "--set", "elasticsearch.password=\"" SECRET },
                { "check", "--set",
                  "kafka.librdkafka=[\"sasl.password=" SECRET "\",\"sasl.passwort=" SECRET "\"]" },
                { "check", "--set", "kafka.librdkafka=[\"security.protocol=" SECRET "\"]" },
                { "check", "--set", "kafka.librdkafka=[\"sasl.password " SECRET "\"]" },
                { "check", "--set", SECRET },
                { "check", "--password=" SECRET },
                { "check", "--url", "http://shop:" SECRET "@127.0.0.1:1" },
                { "check", "--url", "ftp://shop:" SECRET "@127.0.0.1:1" },
                { "check", "--url", "https://shop:" SECRET "@" },
                { "run", "--brokers", "127.0.0.1:1", "--topic", "t", "--url=http://" SECRET "@h/?x" },
                { "--help-config", "--set", "elasticsearch.api_key=\"" SECRET "\"" },
                { "--help", "--set", "elasticsearch.api_key=\"" SECRET "\"" },
                { "--version", "--set", "elasticsearch.api_key=\"" SECRET "\"" },
        };
        static const char *const programs[] = { "sluice-shipper", "sluice-collector" };
        struct world *w = *state;

        for (size_t p = 0; p < ARRAY_LEN(programs); p++)
                for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                        const char *args[MAX_ARGS] = { NULL };
                        for (size_t k = 0; k < 6 && lines[i][k]; k++)
                                args[k] = lines[i][k];
                        int code = child_run(programs[p], args, w->out, w->err);
                        char *all = said(w);
                        assert_true(all[0]);
                        assert_int_equal(code == 0, strncmp(args[0], "--", 2) == 0);
                        free(all);
                }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(each_wrong_answer_has_its_sentence),
                TEST(versions_that_are_supported_pass),
                TEST(a_redirect_is_never_followed_with_credentials),
                TEST(wrong_credentials_are_told_by_their_setting),
                TEST(a_user_with_few_rights_is_known_all_the_same),
                TEST(missing_privileges_are_named),
                TEST(a_pipeline_that_nobody_made_is_named),
                TEST(the_template_is_looked_at_and_not_made),
                TEST(whoever_is_answered_403_and_not_known_is_told),
                TEST(one_deadline_holds_for_all_questions_and_nodes),
                TEST(an_address_of_another_kind_is_told),
                TEST(kafka_that_is_none_is_told),
                TEST(a_topic_that_is_missing_is_named),
                TEST(a_property_that_cannot_be_is_a_matter_of_the_configuration),
                TEST(no_flag_ever_shows_a_secret),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
