/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/opt.h"

static char *urls[] = { (char *)"http://a:9200/", (char *)"https://b", (char *)"http://c/es//" };

static const struct es_node_config config = {
        .rest_base_ms = 100, .rest_max_ms = 1000, .failures = 3, .max_requests = 4
};

static int set_up(void **state)
{
        static struct es_nodes ns;
        struct strlist list = { urls, 3 };

        random_seed(7);
        es_nodes_init(&ns, &list, 2, "/_bulk", &config);
        *state = &ns;
        return 0;
}

static int tear_down(void **state)
{
        es_nodes_fini(*state);
        return 0;
}

static void slashes_at_the_end_are_dropped(void **state)
{
        struct es_nodes *ns = *state;

        assert_string_equal(ns->v[0].bulk_url, "http://a:9200/_bulk");
        assert_string_equal(ns->v[1].bulk_url, "https://b/_bulk");
        assert_string_equal(ns->v[2].bulk_url, "http://c/es/_bulk");
}

static void equals_are_taken_in_turn(void **state)
{
        struct es_nodes *ns = *state;
        struct es_node *first = es_nodes_pick(ns, 0, NULL, NULL), *second = es_nodes_pick(ns, 0, NULL, NULL);
        struct es_node *third = es_nodes_pick(ns, 0, NULL, NULL);

        assert_ptr_not_equal(first, second);
        assert_ptr_not_equal(second, third);
        assert_ptr_not_equal(first, third);
        assert_ptr_equal(es_nodes_pick(ns, 0, NULL, NULL), first);
}

static void the_fewest_outstanding_go_first(void **state)
{
        struct es_nodes *ns = *state;

        es_node_sent(&ns->v[0]);
        es_node_sent(&ns->v[2]);
        for (int i = 0; i < 5; i++)
                assert_ptr_equal(es_nodes_pick(ns, 0, NULL, NULL), &ns->v[1]);
        es_node_back(&ns->v[0]);
        es_node_sent(&ns->v[1]);
        assert_ptr_equal(es_nodes_pick(ns, 0, NULL, NULL), &ns->v[0]);
}

static void fails(struct es_node *node, int64_t now_ms, unsigned times)
{
        for (unsigned i = 0; i < times; i++)
                es_node_failed(node, now_ms, "it is silent");
}

static void failures_in_a_row_open_the_breaker_and_single_ones_do_not(void **state)
{
        struct es_nodes *ns = *state;
        struct es_node *node = &ns->v[1];

        for (int i = 0; i < 10; i++) {
                fails(node, 5000, 2);
                es_node_well(node);
        }
        assert_int_equal(node->state, ES_NODE_CLOSED);
        fails(node, 5000, 2);
        assert_true(es_node_failed(node, 5000, "it is silent"));
        assert_int_equal(node->state, ES_NODE_OPEN);
        assert_string_equal(node->why, "it is silent");
        assert_int_equal(es_nodes_in(ns, ES_NODE_CLOSED), 2);
        for (int i = 0; i < 6; i++)
                assert_ptr_not_equal(es_nodes_pick(ns, 999999, NULL, NULL), node);
}

static void what_comes_back_late_of_an_open_node_changes_nothing(void **state)
{
        struct es_nodes *ns = *state;
        struct es_node *node = &ns->v[1];

        fails(node, 5000, 3);
        int64_t until_ms = node->rests_until_ms;
        fails(node, 5000, 10);
        es_node_well(node);
        assert_int_equal(node->rests_until_ms, until_ms);
        assert_int_equal(node->state, ES_NODE_OPEN);
        assert_int_equal(node->backoff.tries, 1);
}

static void after_its_rest_one_probe_decides(void **state)
{
        struct es_nodes *ns = *state;
        struct es_node *node = &ns->v[1];
        int64_t wait_ms = 0;

        assert_null(es_nodes_due(ns, 5000, &wait_ms));
        assert_int_equal(wait_ms, INT64_MAX);
        fails(node, 5000, 3);
        if (!es_nodes_due(ns, 5000, &wait_ms))
                assert_in_range(wait_ms, 1, 100);
        assert_ptr_equal(es_nodes_due(ns, 5100, &wait_ms), node);
        es_node_probe_sent(node);
        assert_null(es_nodes_due(ns, 5100, &wait_ms)); /* exactly one */
        for (int i = 0; i < 6; i++)
                assert_ptr_not_equal(es_nodes_pick(ns, 999999, NULL, NULL), node);
        es_node_probe_ended(node, 5200, "still silent");
        assert_int_equal(node->state, ES_NODE_OPEN);
        assert_int_equal(node->backoff.tries, 2);
        assert_string_equal(node->why, "still silent");
        assert_ptr_equal(es_nodes_due(ns, 9999, &wait_ms), node);
        es_node_probe_sent(node);
        es_node_probe_ended(node, 9999, NULL);
        assert_int_equal(node->state, ES_NODE_CLOSED);
        assert_null(node->why);
}

static void one_that_came_back_is_on_probation_until_it_answers_a_bulk(void **state)
{
        struct es_nodes *ns = *state;
        struct es_node *node = &ns->v[1];

        fails(node, 0, 3);
        es_node_probe_sent(node);
        es_node_probe_ended(node, 1000, NULL);
        assert_true(es_node_failed(node, 1000, "again"));
        assert_int_equal(node->backoff.tries, 2); /* its rests grow on */
        es_node_probe_sent(node);
        es_node_probe_ended(node, 9000, NULL);
        es_node_well(node);
        assert_int_equal(node->backoff.tries, 0);
        assert_false(es_node_failed(node, 9000, "once"));
}

static void a_node_gets_no_more_than_its_share(void **state)
{
        struct es_nodes *ns = *state;
        int64_t wait_ms = 0;

        for (size_t i = 0; i < 3 * config.max_requests; i++)
                es_node_sent(es_nodes_pick(ns, 0, NULL, NULL));
        assert_null(es_nodes_pick(ns, 0, NULL, &wait_ms));
        assert_int_equal(wait_ms, INT64_MAX);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(ns->v[i].outstanding, config.max_requests);
}

static void where_a_bulk_failed_it_goes_only_when_it_must(void **state)
{
        struct es_nodes *ns = *state;

        es_node_sent(&ns->v[1]);
        es_node_sent(&ns->v[2]);
        for (int i = 0; i < 6; i++)
                assert_ptr_not_equal(es_nodes_pick(ns, 0, &ns->v[0], NULL), &ns->v[0]);
        fails(&ns->v[1], 0, 3);
        fails(&ns->v[2], 0, 3);
        assert_ptr_equal(es_nodes_pick(ns, 0, &ns->v[0], NULL), &ns->v[0]);
}

static void when_all_rest_the_time_to_the_first_is_told(void **state)
{
        struct es_nodes *ns = *state;
        int64_t wait_ms = 0;

        es_node_rest(&ns->v[0], 1000, 700);
        es_node_rest(&ns->v[1], 1000, 300);
        es_node_rest(&ns->v[1], 1000, 200); /* the longer one counts */
        es_node_rest(&ns->v[2], 1000, 900);
        assert_null(es_nodes_pick(ns, 1000, NULL, &wait_ms));
        assert_int_equal(wait_ms, 300);
        assert_ptr_equal(es_nodes_pick(ns, 1300, NULL, &wait_ms), &ns->v[1]);
}

static struct es_node *node_of(struct es_nodes *ns, const char *url)
{
        for (size_t i = 0; i < ns->n; i++)
                if (strcmp(ns->v[i].url, url) == 0)
                        return &ns->v[i];
        fail_msg("%s is no node", url);
        return NULL;
}

static bool name(struct es_nodes *ns, const char *a, const char *b)
{
        char *list[] = { (char *)a, (char *)b };
        const struct strlist named = { list, (a != NULL) + (size_t)(b != NULL) };
        return es_nodes_name(ns, &named, "/_bulk");
}

static void what_the_cluster_names_comes_and_goes_and_what_was_configured_stays(void **state)
{
        struct es_nodes *ns = *state;
        int64_t wait_ms;

        assert_true(name(ns, "http://d", "http://e"));
        assert_int_equal(es_nodes_here(ns), 5);
        struct es_node *d = node_of(ns, "http://d");
        fails(d, 0, 3);
        assert_int_equal(es_nodes_in(ns, ES_NODE_OPEN), 1);

        assert_true(name(ns, "http://e", NULL));
        assert_int_equal(es_nodes_here(ns), 4);
        assert_int_equal(es_nodes_in(ns, ES_NODE_OPEN), 0);
        assert_null(es_nodes_due(ns, 100000, &wait_ms));
        for (int i = 0; i < 10; i++)
                assert_ptr_not_equal(es_nodes_pick(ns, 0, NULL, NULL), d);

        /* Back again it is what it was. */
        assert_true(name(ns, "http://d", NULL));
        struct es_node *e = node_of(ns, "http://e");
        assert_int_equal(e->state, ES_NODE_CLOSED);
        for (int i = 0; i < 10; i++)
                assert_ptr_not_equal(es_nodes_pick(ns, 0, NULL, NULL), e);
        assert_true(name(ns, "http://d", "http://e"));
        assert_ptr_equal(node_of(ns, "http://d"), d);
        assert_int_equal(d->state, ES_NODE_OPEN);
        assert_false(name(ns, "http://e", "http://d"));
        assert_true(name(ns, NULL, NULL));
        assert_int_equal(es_nodes_here(ns), 3);
}

static void the_place_of_a_node_that_left_is_taken_when_nothing_of_it_is_under_way(void **state)
{
        struct es_nodes *ns = *state;

        name(ns, "http://d", "http://e");
        struct es_node *d = node_of(ns, "http://d"), *e = node_of(ns, "http://e");
        es_node_sent(d);
        fails(e, 0, 3);
        es_node_probe_sent(e);

        assert_true(name(ns, "http://f", "http://g"));
        assert_int_equal(es_nodes_here(ns), 3); /* no place for them */
        assert_string_equal(d->url, "http://d");
        es_node_back(d);
        assert_true(name(ns, "http://f", "http://g"));
        assert_string_equal(d->url, "http://f");
        assert_int_equal(es_nodes_here(ns), 4);
        es_node_probe_ended(e, 0, "it is away");
        assert_true(name(ns, "http://f", "http://g"));
        assert_string_equal(e->url, "http://g");
        assert_int_equal(e->state, ES_NODE_CLOSED);
}

static void addresses_that_cannot_be_are_told_why(void **state)
{
        static const char *const good[] = { "http://a", "https://a:9200/", "http://[::1]:9200",
                                            "http://a.b-c:1/x/y" };
        static const char *const bad[] = { "a:9200",
                                           "ftp://a",
                                           "http://",
                                           "http:///x",
                                           "http://:9200",
                                           "http://u:p@a",
                                           "http://a?x=1",
                                           "http://a/#f",
                                           "http://a b",
                                           "http://a\n",
                                           "" };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                assert_null(es_url_fault(good[i]));
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_non_null(es_url_fault(bad[i]));
        assert_string_equal(es_url_shown("http://u:p@a"), "a");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(slashes_at_the_end_are_dropped),
                T(equals_are_taken_in_turn),
                T(the_fewest_outstanding_go_first),
                T(failures_in_a_row_open_the_breaker_and_single_ones_do_not),
                T(what_comes_back_late_of_an_open_node_changes_nothing),
                T(after_its_rest_one_probe_decides),
                T(one_that_came_back_is_on_probation_until_it_answers_a_bulk),
                T(a_node_gets_no_more_than_its_share),
                T(where_a_bulk_failed_it_goes_only_when_it_must),
                T(when_all_rest_the_time_to_the_first_is_told),
                T(what_the_cluster_names_comes_and_goes_and_what_was_configured_stays),
                T(the_place_of_a_node_that_left_is_taken_when_nothing_of_it_is_under_way),
                T(addresses_that_cannot_be_are_told_why),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
