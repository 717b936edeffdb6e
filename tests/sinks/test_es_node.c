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

static int set_up(void **state)
{
        static struct es_nodes ns;
        struct strlist list = { urls, 3 };

        random_seed(7);
        es_nodes_init(&ns, &list, "/_bulk", 100, 1000);
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
        struct es_node *first = es_nodes_pick(ns, 0, NULL), *second = es_nodes_pick(ns, 0, NULL);
        struct es_node *third = es_nodes_pick(ns, 0, NULL);

        assert_ptr_not_equal(first, second);
        assert_ptr_not_equal(second, third);
        assert_ptr_not_equal(first, third);
        assert_ptr_equal(es_nodes_pick(ns, 0, NULL), first);
}

static void the_fewest_outstanding_go_first(void **state)
{
        struct es_nodes *ns = *state;

        es_node_sent(&ns->v[0]);
        es_node_sent(&ns->v[2]);
        for (int i = 0; i < 5; i++)
                assert_ptr_equal(es_nodes_pick(ns, 0, NULL), &ns->v[1]);
        es_node_back(&ns->v[0]);
        es_node_sent(&ns->v[1]);
        assert_ptr_equal(es_nodes_pick(ns, 0, NULL), &ns->v[0]);
}

static void a_failed_node_rests_and_comes_back(void **state)
{
        struct es_nodes *ns = *state;

        es_node_failed(&ns->v[1], 5000);
        assert_false(es_node_usable(&ns->v[1], 5000));
        for (int i = 0; i < 5; i++)
                assert_ptr_not_equal(es_nodes_pick(ns, 5000, NULL), &ns->v[1]);
        assert_true(es_node_usable(&ns->v[1], 5100));
}

static void failures_while_it_rests_do_not_prolong_it(void **state)
{
        struct es_nodes *ns = *state;

        es_node_failed(&ns->v[1], 5000);
        int64_t until_ms = ns->v[1].rests_until_ms;
        for (int i = 0; i < 10; i++)
                es_node_failed(&ns->v[1], 5000);
        assert_int_equal(ns->v[1].rests_until_ms, until_ms);
        assert_int_equal(ns->v[1].backoff.tries, 1);
}

static void when_all_rest_the_time_to_the_first_is_told(void **state)
{
        struct es_nodes *ns = *state;
        int64_t wait_ms = 0;

        es_node_asked_for_rest(&ns->v[0], 1000, 700);
        es_node_asked_for_rest(&ns->v[1], 1000, 300);
        es_node_asked_for_rest(&ns->v[1], 1000, 200); /* the longer one counts */
        es_node_asked_for_rest(&ns->v[2], 1000, 900);
        assert_null(es_nodes_pick(ns, 1000, &wait_ms));
        assert_int_equal(wait_ms, 300);
        assert_ptr_equal(es_nodes_pick(ns, 1300, &wait_ms), &ns->v[1]);
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
                T(a_failed_node_rests_and_comes_back),
                T(failures_while_it_rests_do_not_prolong_it),
                T(when_all_rest_the_time_to_the_first_is_told),
                T(addresses_that_cannot_be_are_told_why),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
