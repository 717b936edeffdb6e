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

static struct submitter *start(struct fake_es *es)
{
        static const struct sink_limits limits = { 16, 1 << 20 };
        char *url = xasprintf("urls=[\"%s\"]", fake_es_url(es));
        const char *const sets[] = { url, "index=\"x\"", "sniff=true", "retry_base=\"1 ms\"",
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
                cmocka_unit_test(no_bulk_goes_out_before_the_answer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
