/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "event/json_unique.h"
#include "event/scan.h"

static void names_and_patterns_follow_from_the_index(void **state)
{
        static const struct {
                const char *index;
                enum es_template_manage manage;
                const char *name, *pattern, *sample; /* NULL: none is made */
        } cases[] = {
                { "logs-{service.name:x}-default", ES_MANAGE_AUTO, "sluice-logs-any-default",
                  "logs-*-default", "logs-any-default" },
                { "logs-{service.name:x}-default", ES_MANAGE_ON, "sluice-logs-any-default", "logs-*-default",
                  "logs-any-default" },
                { "logs-{service.name:x}-default", ES_MANAGE_OFF, NULL, NULL, NULL },
                { "shop-{+yyyy.MM}", ES_MANAGE_ON, "sluice-shop-any", "shop-*", "shop-any" },
                { "shop-{+yyyy.MM}", ES_MANAGE_AUTO, NULL, NULL, NULL },
                { "{topic}-a-b", ES_MANAGE_AUTO, NULL, NULL, NULL },
                { "{topic}", ES_MANAGE_ON, NULL, NULL, NULL },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct es_template t;
                bool any = es_template_init(&t, cases[i].index, cases[i].manage);
                assert_int_equal(any, cases[i].name != NULL);
                if (any) {
                        assert_string_equal(t.name, cases[i].name);
                        assert_string_equal(t.pattern, cases[i].pattern);
                        assert_string_equal(t.sample, cases[i].sample);
                }
                es_template_fini(&t);
        }
}

static void assert_body(const char *index, bool stream)
{
        static const char *const paths[] = { "version",
                                             "_meta.managed_by",
                                             "data_stream",
                                             "priority",
                                             "template.mappings.properties.@timestamp.type",
                                             "template.mappings.properties.trace.properties.id.type" };
        struct scan_value v[ARRAY_LEN(paths)];
        struct es_template t;
        struct buf b = { 0 }, unique = { 0 };

        assert_true(es_template_init(&t, index, ES_MANAGE_ON));
        es_template_body(&t, &b);
        assert_int_equal(scan_json(b.data, b.len, paths, ARRAY_LEN(paths), v, NULL), SCAN_IS_OBJECT);
        assert_int_equal(json_unique(&unique, b.data, b.len), 0);
        assert_memory_equal(v[1].p, "sluice", 6);
        assert_int_equal(v[2].type, stream ? SCAN_OBJECT : SCAN_ABSENT);
        assert_memory_equal(v[4].p, "date", 4);
        assert_memory_equal(v[5].p, "keyword", 7);
        buf_fini(&b);
        buf_fini(&unique);
        es_template_fini(&t);
}

static void body_is_json_and_a_stream_only_where_the_name_is_one(void **state)
{
        (void)state;
        assert_body("logs-{service.name:x}-default", true);
        assert_body("shop-{topic}", false);
}

static void only_what_says_so_is_ours(void **state)
{
#define ONE(inner) "{\"index_templates\":[{\"name\":\"x\"" inner "}]}"
        static const struct {
                const char *body;
                enum es_template_there there;
        } cases[] = {
                { "{}", ES_THERE_NOTHING },
                { ONE(",\"index_template\":{\"version\":1,\"_meta\":{\"managed_by\":\"sluice\"}}"),
                  ES_THERE_CURRENT },
                { ONE(",\"index_template\":{\"version\":2,\"_meta\":{\"managed_by\":\"sluice\"}}"),
                  ES_THERE_CURRENT },
                { ONE(",\"index_template\":{\"version\":0,\"_meta\":{\"managed_by\":\"sluice\"}}"),
                  ES_THERE_OLDER },
                { ONE(",\"index_template\":{\"_meta\":{\"managed_by\":\"sluice\"}}"), ES_THERE_OLDER },
                { ONE(",\"index_template\":{\"version\":1,\"_meta\":{\"managed_by\":\"sluices\"}}"),
                  ES_THERE_FOREIGN },
                { ONE(",\"index_template\":{\"version\":0}"), ES_THERE_FOREIGN },
                { ONE(""), ES_THERE_FOREIGN },
                { "{\"index_templates\":[]}", ES_THERE_UNKNOWN },
                { "{\"took\":1,\"errors\":false,\"items\":[]}", ES_THERE_UNKNOWN },
                { "<html>", ES_THERE_UNKNOWN },
                { "", ES_THERE_UNKNOWN },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (es_template_there(cases[i].body, strlen(cases[i].body)) != cases[i].there)
                        fail_msg("%s", cases[i].body);
}

static void the_simulation_tells_whether_a_template_covers(void **state)
{
        static const struct {
                const char *body;
                int covered;
        } cases[] = {
                { "{}", 0 },
                { "{\"overlapping\":[{\"name\":\"old\"}]}", 0 },
                { "{\"template\":{\"settings\":{}}}", 1 },
                { "{\"took\":1,\"errors\":false,\"items\":[]}", -1 },
                { "it works", -1 },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_int_equal(es_template_covered(cases[i].body, strlen(cases[i].body)), cases[i].covered);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_and_patterns_follow_from_the_index),
                cmocka_unit_test(body_is_json_and_a_stream_only_where_the_name_is_one),
                cmocka_unit_test(only_what_says_so_is_ours),
                cmocka_unit_test(the_simulation_tells_whether_a_template_covers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
