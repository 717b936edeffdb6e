/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that a cluster names, against fakes of two.  ctest-label: component */
#include "sinks/es_sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sinks/elasticsearch.h"
#include "sinks/es_stats.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/submitter.h"

static void addresses_are_read_from_the_answer(void **state)
{
        static const char body[] =
                "{\"nodes\":{\"a\":{\"roles\":[\"data\",\"master\"],\"http\":{\"publish_address\":\"es1/"
                "10.0.0.1:9200\"}},"
                "\"b\":{\"roles\":[\"master\"],\"http\":{\"publish_address\":\"10.0.0.2:9200\"}},"
                "\"c\":{\"roles\":[],\"http\":{\"publish_address\":\"10.0.0.3:9201\"}},"
                "\"d\":{\"roles\":[\"data\"]},\"e\":{\"http\":{\"publish_address\":\"[::1]:9200\"}},"
                "\"f\":{\"http\":{\"publish_address\":\"10.0.0.3:9201\"}}}}";
        char *known[] = { (char *)"https://es1:9200/" };
        const struct strlist urls = { known, 1 };
        struct strlist found = { 0 };
        (void)state;

        assert_int_equal(es_sniff_read(body, strlen(body), "https", &urls, &found), 0);
        assert_int_equal(found.n, 2);
        assert_string_equal(found.v[0], "https://10.0.0.3:9201");
        assert_string_equal(found.v[1], "https://[::1]:9200");
        for (size_t i = 0; i < found.n; i++)
                free(found.v[i]);
        free(found.v);
        found = (struct strlist){ 0 };
        assert_int_equal(es_sniff_read("<html>", 6, "http", &urls, &found), -1);
        assert_int_equal(es_sniff_read("{\"took\":1}", 10, "http", &urls, &found), -1);
        assert_int_equal(es_sniff_read("{\"nodes\":{}}", 12, "http", &urls, &found), 0);
        assert_int_equal(found.n, 0);
}

static struct submitter *start_with(struct fake_es *es, const char *interval)
{
        static const struct sink_limits limits = { 16, 1 << 20 };
        char *url = xasprintf("urls=[\"%s\"]", fake_es_url(es));
        const char *const sets[] = { url,
                                     "index=\"x\"",
                                     "sniff=true",
                                     "retry_base=\"1 ms\"",
                                     "retry_max=\"5 ms\"",
                                     "node_failures=1",
                                     interval };
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

static struct submitter *start(struct fake_es *es)
{
        return start_with(es, "sniff_interval=\"300 s\"");
}

/* From now on it says that these are the nodes.  The text, which the caller frees after the fake; other NULL: only one. */
static char *say_nodes(struct fake_es *es, const struct fake_es *one, const struct fake_es *other)
{
        static const char node[] = "\"%s\":{\"http\":{\"publish_address\":\"%s\"}}";
        char *a = xasprintf(node, "a", fake_es_url(one) + strlen("http://"));
        char *b = other ? xasprintf(node, "b", fake_es_url(other) + strlen("http://")) : NULL;
        char *body = xasprintf("{\"nodes\":{%s%s%s}}", a, b ? "," : "", b ? b : "");

        fake_es_clear_rules(es);
        fake_es_request_rule(
                es, &(struct fake_es_request_rule){ .path = "/_nodes", .status = 200, .body = body });
        free(a);
        free(b);
        return body;
}

static void wait_for_nodes(struct submitter *s, int64_t n)
{
        const struct es_stats *stats = s->sink->ops->stats(s->sink).base;
        int64_t deadline_ms = loop_now_ms(s->loop) + SUBMITTER_DEADLINE_MS;

        while (stat_get(&stats->nodes_closed) != n && loop_now_ms(s->loop) < deadline_ms)
                loop_turn(s->loop, 50);
        assert_int_equal(stat_get(&stats->nodes_closed), n);
}

/* 40 bulks; how many of their documents went there. */
static size_t share_of(struct submitter *s, struct fake_es *es)
{
        size_t before = fake_es_docs(es, NULL);

        for (int i = 0; i < 40; i++) {
                submitter_send(s, 1, 10);
                submitter_wait_all(s);
        }
        return fake_es_docs(es, NULL) - before;
}

static void bulks_go_to_the_nodes_that_were_found(void **state)
{
        struct fake_es *one = fake_es_new(), *two = fake_es_new();
        char *body = xasprintf("{\"nodes\":{\"a\":{\"http\":{\"publish_address\":\"%s\"}},\"b\":{\"http\":{"
                               "\"publish_address\":\"%s\"}}}}",
                               fake_es_url(one) + strlen("http://"), fake_es_url(two) + strlen("http://"));
        (void)state;

        fake_es_reply(one, "GET", "/_nodes/http", 200, body);
        struct submitter *s = start(one);
        for (int i = 0; i < 20; i++) {
                submitter_send(s, 10, 10);
                submitter_wait_all(s);
        }
        assert_int_equal(s->count[VERDICT_DONE], 200);
        assert_int_equal(fake_es_docs(one, NULL) + fake_es_docs(two, NULL), 200);
        assert_true(fake_es_docs(two, NULL) > 0 && fake_es_docs(one, NULL) > 0);
        submitter_free(s);
        fake_es_free(one);
        fake_es_free(two);
        free(body);
}

static void a_cluster_that_does_not_tell_has_the_nodes_of_urls(void **state)
{
        static const unsigned statuses[] = { 403, 404, 405, 200 };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                struct fake_es *es = fake_es_new();
                fake_es_request_rule(es, &(struct fake_es_request_rule){
                                                 .path = "/_nodes", .status = statuses[i], .body = "{}" });
                struct submitter *s = start(es);
                submitter_send(s, 10, 10);
                submitter_wait_all(s);
                assert_int_equal(s->count[VERDICT_DONE], 10);
                submitter_free(s);
                fake_es_free(es);
        }
}

static void a_node_that_comes_later_gets_bulks_and_one_that_leaves_none(void **state)
{
        struct fake_es *one = fake_es_new(), *two = fake_es_new();
        char *texts[] = { say_nodes(one, one, NULL), NULL, NULL };
        (void)state;

        struct submitter *s = start_with(one, "sniff_interval=\"100 ms\"");
        assert_int_equal(share_of(s, one), 40);
        texts[1] = say_nodes(one, one, two);
        wait_for_nodes(s, 2);
        size_t share = share_of(s, two);
        assert_true(share > 0 && share < 40);
        texts[2] = say_nodes(one, one, NULL);
        wait_for_nodes(s, 1);
        assert_int_equal(share_of(s, two), 0);
        assert_int_equal(s->count[VERDICT_DONE], 120);
        submitter_free(s);
        fake_es_free(one);
        fake_es_free(two);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                free(texts[i]);
}

static void a_node_that_fails_makes_the_cluster_be_asked_at_once(void **state)
{
        struct fake_es *one = fake_es_new(), *two = fake_es_new(), *three = fake_es_new();
        char *texts[] = { say_nodes(one, one, two), NULL };
        (void)state;

        struct submitter *s = start_with(one, "sniff_interval=\"1 h\"");
        wait_for_nodes(s, 2);
        texts[1] = say_nodes(one, one, three);
        fake_es_down(two);
        for (int i = 0; i < 400 && fake_es_docs(three, NULL) == 0; i++) {
                submitter_send(s, 1, 10);
                submitter_wait_all(s);
        }
        assert_true(share_of(s, three) > 0);
        assert_int_equal(s->count[VERDICT_DONE], s->submitted);
        submitter_free(s);
        fake_es_free(one);
        fake_es_free(two);
        fake_es_free(three);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                free(texts[i]);
}

/* Of urls nobody answers any more: the nodes that were found are asked, and go on. */
static void nodes_that_were_found_are_asked_when_those_of_urls_are_gone(void **state)
{
        struct fake_es *one = fake_es_new(), *two = fake_es_new(), *three = fake_es_new();
        char *texts[] = { say_nodes(one, one, two), say_nodes(two, three, two) };
        (void)state;

        struct submitter *s = start_with(one, "sniff_interval=\"100 ms\"");
        wait_for_nodes(s, 2);
        fake_es_down(one);
        for (int i = 0; i < 400 && fake_es_docs(three, NULL) == 0; i++) {
                submitter_send(s, 1, 10);
                submitter_wait_all(s);
                submitter_turns(s, 5);
        }
        assert_true(fake_es_docs(three, NULL) > 0);
        assert_int_equal(s->count[VERDICT_DONE], s->submitted);
        submitter_free(s);
        fake_es_free(one);
        fake_es_free(two);
        fake_es_free(three);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                free(texts[i]);
}

static void no_bulk_goes_out_before_the_answer(void **state)
{
        struct fake_es *es = fake_es_new();
        (void)state;

        fake_es_request_rule(es, &(struct fake_es_request_rule){ .path = "/_nodes", .status = 503 });
        struct submitter *s = start(es);
        submitter_send(s, 10, 10);
        submitter_wait_trouble(s, "answers 503 to a question about its nodes");
        assert_int_equal(fake_es_counts(es).bulks, 0);
        fake_es_clear_rules(es);
        fake_es_reply(es, "GET", "/_nodes/http", 200, "{\"nodes\":{}}");
        submitter_wait_all(s);
        assert_int_equal(s->count[VERDICT_DONE], 10);
        submitter_free(s);
        fake_es_free(es);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_are_read_from_the_answer),
                cmocka_unit_test(bulks_go_to_the_nodes_that_were_found),
                cmocka_unit_test(a_cluster_that_does_not_tell_has_the_nodes_of_urls),
                cmocka_unit_test(a_node_that_comes_later_gets_bulks_and_one_that_leaves_none),
                cmocka_unit_test(a_node_that_fails_makes_the_cluster_be_asked_at_once),
                cmocka_unit_test(nodes_that_were_found_are_asked_when_those_of_urls_are_gone),
                cmocka_unit_test(no_bulk_goes_out_before_the_answer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
