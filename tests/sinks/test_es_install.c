/* SPDX-License-Identifier: Apache-2.0 */
/* Index templates against a cluster that has them, has none, has another's, or forbids.  ctest-label: component */
#include "sinks/es_install.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sinks/elasticsearch.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/submitter.h"

#define STREAM   "logs-{service.name:x}-default"
#define TEMPLATE "/_index_template/sluice-logs-any-default"
#define SIMULATE "/_index_template/_simulate_index/logs-any-default"
#define THERE(version, by)                                                                                   \
        "{\"index_templates\":[{\"name\":\"x\",\"index_template\":{\"version\":" version                     \
        ",\"_meta\":{\"managed_by\":\"" by "\"}}}]}"

enum { DEADLINE_MS = 30000 };

struct world {
        struct fake_es *es;
        struct loop *loop;
        struct http_client *http;
        struct strlist urls;
        char *url;
        struct es_install in;
        bool settled;
};

static void on_settled(void *arg)
{
        struct world *w = arg;

        w->settled = true;
        loop_stop(w->loop);
}

static void too_late(struct timer *t)
{
        (void)t;
        fail_msg("not settled in time");
}

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));
        struct http_config http = { .max_connections = 2 };
        struct err e = { 0 };

        w->es = fake_es_new();
        w->loop = loop_new(&clock_system, &e);
        w->http = http_client_new(w->loop, &http, &e);
        w->url = xstrdup(fake_es_url(w->es));
        w->urls = (struct strlist){ &w->url, 1 };
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        es_install_fini(&w->in);
        http_client_free(w->http);
        loop_free(w->loop);
        fake_es_free(w->es);
        free(w->url);
        free(w);
        return 0;
}

static void begin(struct world *w, enum es_template_manage manage, const char *const *indexes, size_t n)
{
        w->in = (struct es_install){ .loop = w->loop,
                                     .http = w->http,
                                     .urls = &w->urls,
                                     .manage = manage,
                                     .connect_timeout_ms = 1000,
                                     .request_timeout_ms = 5000,
                                     .retry_base_ms = 1,
                                     .retry_max_ms = 10,
                                     .settled = on_settled,
                                     .arg = w };
        w->settled = false;
        es_install_init(&w->in, indexes, n);
}

static void run(struct world *w, enum es_template_manage manage, const char *const *indexes, size_t n)
{
        struct timer limit = { .name = "limit", .fn = too_late };

        begin(w, manage, indexes, n);
        timer_arm(w->loop, &limit, DEADLINE_MS);
        es_install_start(&w->in);
        if (!w->settled)
                loop_run(w->loop);
        timer_disarm(w->loop, &limit);
}

static void run_one(struct world *w, enum es_template_manage manage, enum es_install_end expected)
{
        static const char *const index = STREAM;

        es_install_fini(&w->in);
        run(w, manage, &index, 1);
        assert_int_equal(w->in.n, 1);
        assert_string_equal(es_install_text[w->in.v[0].end], es_install_text[expected]);
}

static unsigned requests(struct world *w)
{
        return fake_es_counts(w->es).requests;
}

static void one_is_made_where_none_covers(void **state)
{
        struct world *w = *state;

        fake_es_reply(w->es, "POST", SIMULATE, 200, "{}");
        fake_es_reply(w->es, "PUT", TEMPLATE "?create=true", 200, "{\"acknowledged\":true}");
        run_one(w, ES_MANAGE_AUTO, ES_INSTALL_MADE);
        assert_int_equal(requests(w), 3);
}

static void what_another_template_covers_is_left_to_it_but_on_puts_ours_before(void **state)
{
        struct world *w = *state;

        fake_es_reply(w->es, "POST", SIMULATE, 200, "{\"template\":{\"settings\":{}}}");
        run_one(w, ES_MANAGE_AUTO, ES_INSTALL_COVERED);
        assert_int_equal(requests(w), 2);
        fake_es_reply(w->es, "PUT", TEMPLATE "?create=true", 200, "{\"acknowledged\":true}");
        run_one(w, ES_MANAGE_ON, ES_INSTALL_MADE);
}

static void ours_is_replaced_only_when_it_is_older(void **state)
{
        struct world *w = *state;

        fake_es_reply(w->es, "GET", TEMPLATE, 200, THERE("1", "sluice"));
        run_one(w, ES_MANAGE_AUTO, ES_INSTALL_CURRENT);
        assert_int_equal(requests(w), 1);
        fake_es_clear_rules(w->es);
        fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = TEMPLATE "?filter",
                                                                    .status = 200,
                                                                    .body = THERE("0", "sluice") });
        fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = TEMPLATE,
                                                                    .contains = "\"data_stream\":{}",
                                                                    .status = 200,
                                                                    .body = "{\"acknowledged\":true}" });
        run_one(w, ES_MANAGE_AUTO, ES_INSTALL_MADE);
}

static void a_foreign_one_of_the_same_name_is_never_written(void **state)
{
        struct world *w = *state;

        fake_es_reply(w->es, "GET", TEMPLATE, 200, THERE("0", "somebody"));
        run_one(w, ES_MANAGE_ON, ES_INSTALL_FOREIGN);
        assert_int_equal(requests(w), 1);
}

static void a_missing_privilege_and_a_refusal_are_no_reason_to_wait(void **state)
{
        struct world *w = *state;

        fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = "/_index_template",
                                                                    .status = 403,
                                                                    .type = "security_exception",
                                                                    .reason = "no" });
        run_one(w, ES_MANAGE_AUTO, ES_INSTALL_FORBIDDEN);
        fake_es_clear_rules(w->es);
        fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = TEMPLATE "?create",
                                                                    .status = 400,
                                                                    .type = "illegal_argument_exception",
                                                                    .reason = "overlaps x" });
        run_one(w, ES_MANAGE_ON, ES_INSTALL_REFUSED);
        assert_string_equal(w->in.v[0].why, "400 illegal_argument_exception: overlaps x");
        fake_es_clear_rules(w->es);
        fake_es_request_rule(
                w->es, &(struct fake_es_request_rule){
                               .path = "/", .status = 200, .body = "<html>", .content_type = "text/html" });
        run_one(w, ES_MANAGE_ON, ES_INSTALL_REFUSED);
}

static void a_node_that_does_not_answer_is_asked_again(void **state)
{
        struct world *w = *state;

        fake_es_request_rule(w->es,
                             &(struct fake_es_request_rule){ .path = "/", .times = 2, .hang_up = true });
        fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = "/", .times = 2, .status = 503 });
        fake_es_reply(w->es, "GET", TEMPLATE, 200, THERE("1", "sluice"));
        run_one(w, ES_MANAGE_AUTO, ES_INSTALL_CURRENT);
        assert_in_range(requests(w), 5, 6); /* a broken kept connection is tried once more by the client */
}

static void who_loses_the_race_to_create_it_looks_again(void **state)
{
        struct world *w = *state;

        fake_es_request_rule(w->es, &(struct fake_es_request_rule){
                                            .path = TEMPLATE "?filter", .times = 1, .status = 404 });
        fake_es_request_rule(w->es,
                             &(struct fake_es_request_rule){ .path = TEMPLATE "?create",
                                                             .status = 400,
                                                             .type = "illegal_argument_exception",
                                                             .reason = "index template [x] already exists" });
        fake_es_reply(w->es, "GET", TEMPLATE, 200, THERE("1", "sluice"));
        run_one(w, ES_MANAGE_ON, ES_INSTALL_CURRENT);
}

static void the_more_general_of_several_comes_first_and_each_once(void **state)
{
        static const char *const indexes[] = { "logs-audit-default", NULL, STREAM, "logs-audit-default",
                                               "{topic}" };
        struct world *w = *state;

        begin(w, ES_MANAGE_AUTO, indexes, ARRAY_LEN(indexes));
        assert_int_equal(w->in.n, 2);
        assert_string_equal(w->in.v[0].template.pattern, "logs-*-default");
        assert_string_equal(w->in.v[1].template.pattern, "logs-audit-default");
}

/* --- in the sink ----------------------------------------------------------------------------------- */

static struct submitter *start_sink(struct world *w)
{
        static const struct sink_limits limits = { 16, 1 << 20 };
        char *url = xasprintf("urls=[\"%s\"]", fake_es_url(w->es));
        const char *const sets[] = { url, "index=\"logs-shop-default\"", "retry_base=\"1 ms\"",
                                     "retry_max=\"5 ms\"" };
        const struct opt_source source = { .sets = sets, .nsets = ARRAY_LEN(sets) };
        struct submitter *s = submitter_new();
        struct sink_owner owner = submitter_owner(s);
        struct opt_errors errors = { 0 };
        struct es_config c;
        struct err e = { 0 };

        assert_int_equal(opt_load(&es_opts, &source, &c, &errors), 0);
        s->sink = sink_elasticsearch_new(s->loop, &c, &owner, &limits, &e);
        assert_non_null(s->sink);
        opt_free(&es_opts, &c);
        free(url);
        return s;
}

static int64_t metric(struct sink *sink, const char *labels)
{
        struct stat_group g = sink->ops->stats(sink);

        for (size_t i = 0; i < g.nrows; i++)
                if (strcmp(g.rows[i].name, "elasticsearch_templates") == 0 &&
                    strcmp(g.rows[i].labels, labels) == 0)
                        return stat_get((const struct stat_value *)((const char *)g.base + g.rows[i].offset));
        fail_msg("no such row: %s", labels);
        return 0;
}

static void no_bulk_overtakes_the_template(void **state)
{
        struct world *w = *state;

        fake_es_request_rule(w->es,
                             &(struct fake_es_request_rule){ .path = "/_index_template", .status = 503 });
        struct submitter *s = start_sink(w);
        submitter_send(s, 5, 10);
        submitter_wait_trouble(s, "answers 503 to a question about index templates");
        assert_int_equal(fake_es_counts(w->es).bulks, 0);
        fake_es_clear_rules(w->es);
        fake_es_reply(w->es, "POST", "/_index_template/_simulate_index/logs-shop-default", 200,
                      "{\"template\":{\"settings\":{}}}");
        submitter_wait_all(s);
        assert_int_equal(s->count[VERDICT_DONE], 5);
        assert_int_equal(metric(s->sink, "state=\"well\""), 1);
        submitter_free(s);
}

static void who_may_not_make_templates_may_still_index(void **state)
{
        struct world *w = *state;

        fake_es_request_rule(w->es, &(struct fake_es_request_rule){ .path = "/_index_template",
                                                                    .status = 403,
                                                                    .type = "security_exception",
                                                                    .reason = "no" });
        struct submitter *s = start_sink(w);
        submitter_send(s, 5, 10);
        submitter_wait_all(s);
        assert_int_equal(s->count[VERDICT_DONE], 5);
        assert_int_equal(metric(s->sink, "state=\"refused\""), 1);
        submitter_free(s);
}

static void a_sink_that_closes_asks_no_more(void **state)
{
        struct world *w = *state;

        fake_es_request_rule(w->es,
                             &(struct fake_es_request_rule){ .path = "/_index_template", .never = true });
        struct submitter *s = start_sink(w);
        submitter_send(s, 5, 10);
        submitter_close(s);
        assert_int_equal(s->count[VERDICT_RETRY], 5);
        submitter_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(one_is_made_where_none_covers),
                TEST(what_another_template_covers_is_left_to_it_but_on_puts_ours_before),
                TEST(ours_is_replaced_only_when_it_is_older),
                TEST(a_foreign_one_of_the_same_name_is_never_written),
                TEST(a_missing_privilege_and_a_refusal_are_no_reason_to_wait),
                TEST(a_node_that_does_not_answer_is_asked_again),
                TEST(who_loses_the_race_to_create_it_looks_again),
                TEST(the_more_general_of_several_comes_first_and_each_once),
                TEST(no_bulk_overtakes_the_template),
                TEST(who_may_not_make_templates_may_still_index),
                TEST(a_sink_that_closes_asks_no_more),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
