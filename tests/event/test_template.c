/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/template.h"
#include "event/timestamp.h"

static int64_t at(const char *text)
{
        int64_t ns = 0;

        assert_int_equal(timestamp_parse(text, strlen(text), &ns), 0);
        return ns;
}

/* The name that the template makes of the document, or NULL; free() it. */
static char *expand_at(const char *template, const char *json, const char *topic, const char *when)
{
        struct err e;
        struct template *t = template_new(template, &e);
        struct scan_value values[TEMPLATE_FIELDS];
        struct buf name = { 0 };
        const char *const *paths;

        if (!t)
                fail_msg("%s: %s", template, e.msg);
        size_t n = template_paths(t, &paths);
        assert_int_equal(scan_json(json, strlen(json), paths, n, values, NULL), SCAN_IS_OBJECT);
        bool ok = template_expand(t, values, topic, at(when), &name);
        if (!ok) {
                assert_int_equal(name.len, 0);
                buf_fini(&name);
        }
        template_free(t);
        if (!ok)
                return NULL;
        assert_true(name.len <= 255);
        buf_putc(&name, '\0');
        return name.data;
}

static void assert_name(const char *template, const char *json, const char *want)
{
        char *name = expand_at(template, json, "shop-topic", "2026-11-23T10:00:00Z");

        if (!name != !want || (want && strcmp(name, want) != 0))
                fail_msg("%s of %s is %s, not %s", template, json, name ? name : "nothing",
                         want ? want : "nothing");
        free(name);
}

struct name_case {
        const char *template, *json, *want;
};

static void assert_names(const struct name_case *cases, size_t n)
{
        for (size_t i = 0; i < n; i++)
                assert_name(cases[i].template, cases[i].json, cases[i].want);
}

#define SHOP "{\"service\":{\"name\":\"shop\"},\"n\":42,\"b\":true,\"z\":null,\"o\":{},\"a\":[1],\"e\":\"\"}"

static void parts_are_put_together(void **state)
{
        static const struct name_case cases[] = {
                { "plain", SHOP, "plain" },
                { "logs-{service.name}-default", SHOP, "logs-shop-default" },
                { "logs-{service.name:generic}-default", SHOP, "logs-shop-default" },
                { "logs-{service.name:generic}-default", "{}", "logs-generic-default" },
                { "{topic}", SHOP, "shop-topic" },
                { "x{topic}y{service.name}{service.name}", SHOP, "xshop-topicyshopshop" },
                { "{service.name}-{+yyyy.MM.dd}", SHOP, "shop-2026.11.23" },
                { "a{+yyyy-MM-dd_HH}", SHOP, "a2026-11-23_10" },
                { "a{+yyyyMMddHH}", SHOP, "a2026112310" },
                { "a-{+xxxx.ww}", SHOP, "a-2026.48" },
                { "{n}", SHOP, "42" },
                { "{b}", SHOP, "true" },
                { "{missing:}x", SHOP, "x" },
                { "{missing:a:b}", SHOP, "a_b" }, /* the first colon ends the path */
                { "{service.name}", "{\"service.name\":\"flat\"}", "flat" },
        };

        (void)state;
        assert_names(cases, sizeof(cases) / sizeof(*cases));
}

static void field_without_text_takes_the_default_or_makes_no_name(void **state)
{
        static const char *const none[] = { "missing", "z", "o", "a", "e", "service", "service.name.x" };

        (void)state;
        for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
                struct buf template = { 0 };
                buf_printf(&template, "x-{%s}", none[i]);
                assert_name(buf_cstr(&template), SHOP, NULL);
                buf_reset(&template);
                buf_printf(&template, "x-{%s:d}", none[i]);
                assert_name(buf_cstr(&template), SHOP, "x-d");
                buf_fini(&template);
        }
}

/* Elasticsearch reference, "Create index", "Path parameters": one case or more for each rule. */
static void each_rule_of_elasticsearch_is_kept(void **state)
{
        static const struct name_case cases[] = {
                /* "Lowercase only" */
                { "Logs-{f}", "{\"f\":\"ShOP\"}", "logs-shop" },
                { "a{f}", "{\"f\":\"\\u00c4\\u00e4\"}", "a__" },
                { "a{f}", "{\"f\":\"\xc3\x84\xe2\x82\xac\xf0\x9f\x98\x80\"}", "a___" },
                { "a{f}", "{\"f\":\"\\ud83d\\ude00\\ud83d\"}", "a__" },
                { "a{f}b", "{\"f\":\"\xff\x80\"}", "a_b" },
                /* "Cannot include \, /, *, ?, \", <, >, |, space, comma, #", nor ":" since 7.0 */
                { "a{f}", "{\"f\":\"\\\\\"}", "a_" },
                { "a{f}", "{\"f\":\"/\"}", "a_" },
                { "a{f}", "{\"f\":\"*\"}", "a_" },
                { "a{f}", "{\"f\":\"?\"}", "a_" },
                { "a{f}", "{\"f\":\"\\\"\"}", "a_" },
                { "a{f}", "{\"f\":\"<\"}", "a_" },
                { "a{f}", "{\"f\":\">\"}", "a_" },
                { "a{f}", "{\"f\":\"|\"}", "a_" },
                { "a{f}", "{\"f\":\" \"}", "a_" },
                { "a{f}", "{\"f\":\",\"}", "a_" },
                { "a{f}", "{\"f\":\"#\"}", "a_" },
                { "a{f}", "{\"f\":\":\"}", "a_" },
                { "a{f}b", "{\"f\":\"\\n\\t\\u0000\\u007f\"}", "a____b" },
                { "a b/c", "{}", "a_b_c" },
                /* what is legal stays */
                { "a{f}", "{\"f\":\"-_+.09z(){}=@!$%&;'~^`[]\"}", "a-_+.09z(){}=@!$%&;'~^`[]" },
                /* "Cannot start with -, _, +" */
                { "{f}", "{\"f\":\"-a\"}", "a" },
                { "{f}", "{\"f\":\"_a\"}", "a" },
                { "{f}", "{\"f\":\"+a\"}", "a" },
                { "{f}", "{\"f\":\"-_+-a-\"}", "a-" },
                { "{f}", "{\"f\":\"/ #a\"}", "a" }, /* _ that was made here does not count either */
                { "-a", "{}", "a" },
                { "{f}x", "{\"f\":\"---\"}", "x" },
                { "{f}", "{\"f\":\"---\"}", NULL },
                /* "Cannot be . or .." */
                { "{f}", "{\"f\":\".\"}", NULL },
                { "{f}", "{\"f\":\"..\"}", NULL },
                { ".", "{}", NULL },
                { "..", "{}", NULL },
                { ".{f}", "{\"f\":\".\"}", NULL },
                { ".{f}", "{\"f\":\"..\"}", "..." },
                /* "Names starting with . are deprecated, except for hidden and internal indices": only by the operator */
                { "{f}", "{\"f\":\".security\"}", "security" },
                { "{f}", "{\"f\":\"-.-.security\"}", "security" },
                { ".{f}", "{\"f\":\"hidden\"}", ".hidden" },
        };

        (void)state;
        assert_names(cases, sizeof(cases) / sizeof(*cases));
}

static void hyphen_out_of_a_field_is_replaced_in_a_data_stream_only(void **state)
{
#define AB "{\"f\":\"a-b\",\"g\":\"c-d\"}"
        static const struct name_case cases[] = {
                { "logs-{f}-default", AB, "logs-a_b-default" },
                { "logs-{f}-{g}", AB, "logs-a_b-c_d" },
                { "{f}-app-{g}", AB, "a_b-app-c_d" },
                { "logs-{topic}-default", AB, "logs-shop_topic-default" },
                { "logs-{x:my-app}-default", AB, "logs-my_app-default" },
                { "logs-{f}.{g}-default", AB, "logs-a_b.c_d-default" },
                { "logs-{f}", AB, "logs-a-b" },
                { "{f}", AB, "a-b" },
                { "{topic}", AB, "shop-topic" },
                { "logs-{f}-x-y", AB, "logs-a-b-x-y" },  /* three hyphens: an index */
                { "logs-{f}-", AB, "logs-a-b-" },        /* no namespace */
                { "logs--{f}", AB, "logs--a-b" },        /* no dataset */
                { "-logs-{f}", AB, "logs-a-b" },         /* no type */
                { "{f}-{+yyyy-MM}", AB, "a_b-2026-11" }, /* a date's hyphens are the template's own */
        };

        (void)state;
        assert_names(cases, sizeof(cases) / sizeof(*cases));
}

static void name_is_cut_at_the_limit(void **state)
{
        static const struct {
                const char *template;
                size_t want;
        } cases[] = { { "{f}", 255 }, { "x-{f}", 255 }, { "logs-{f}-default", 233 }, { "---{f}", 255 } };
        char json[3000];

        (void)state;
        memset(json, 'v', sizeof(json));
        memcpy(json, "{\"f\":\"", 6);
        memcpy(json + sizeof(json) - 3, "\"}", 3);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char *name = expand_at(cases[i].template, json, "t", "2026-11-23T10:00:00Z");
                assert_non_null(name);
                assert_int_equal(strlen(name), cases[i].want);
                free(name);
        }
}

static void very_long_value_is_not_unescaped_whole(void **state)
{
        enum { N = 100000 };
        char *json = malloc(6 * N + 16), *p = json;
        struct template *t = template_new("{f}", NULL);
        struct scan_value v;
        struct buf name;
        const char *const *paths;

        (void)state;
        p += 6;
        memcpy(json, "{\"f\":\"", 6);
        for (int i = 0; i < N; i++, p += 6)
                memcpy(p, "\\u00e4", 6);
        memcpy(p, "\"}", 2);
        template_paths(t, &paths);
        assert_int_equal(scan_json(json, (size_t)(p + 2 - json), paths, 1, &v, NULL), SCAN_IS_OBJECT);
        buf_init(&name, 8192);
        assert_false(template_expand(t, &v, "t", 0, &name)); /* nothing but _ */
        assert_true(buf_ok(&name));
        buf_fini(&name);
        template_free(t);
        free(json);
}

static void dates_are_those_of_utc_and_of_the_iso_week(void **state)
{
        static const struct {
                const char *when, *date, *week;
        } cases[] = {
                { "2026-11-23T23:59:59Z", "2026.11.23", "2026.48" },
                { "2026-11-24T01:00:00+05:30", "2026.11.23", "2026.48" },
                { "2024-12-29T00:00:00Z", "2024.12.29", "2024.52" }, /* Sunday */
                { "2024-12-30T00:00:00Z", "2024.12.30",
                  "2025.01" }, /* Monday of the next year's first week */
                { "2025-01-01T00:00:00Z", "2025.01.01", "2025.01" },
                { "2021-01-03T23:59:59Z", "2021.01.03", "2020.53" },
                { "2021-01-04T00:00:00Z", "2021.01.04", "2021.01" },
                { "2016-01-01T00:00:00Z", "2016.01.01", "2015.53" },
                { "2022-01-01T00:00:00Z", "2022.01.01", "2021.52" },
                { "2026-12-31T00:00:00Z", "2026.12.31", "2026.53" },
                { "2027-01-03T00:00:00Z", "2027.01.03", "2026.53" },
                { "2028-02-29T00:00:00Z", "2028.02.29", "2028.09" },
                { "1969-12-31T23:59:59.999Z", "1969.12.31", "1970.01" },
                { "1969-12-28T23:00:00Z", "1969.12.28", "1969.52" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char *date = expand_at("{+yyyy.MM.dd}", "{}", "t", cases[i].when);
                char *week = expand_at("{+xxxx.ww}", "{}", "t", cases[i].when);
                assert_string_equal(date, cases[i].date);
                assert_string_equal(week, cases[i].week);
                free(date);
                free(week);
        }
}

static void name_is_appended_after_what_stands_there(void **state)
{
        struct template *t = template_new("-A{f}", NULL);
        struct buf name = { 0 };
        struct scan_value v = { .type = SCAN_STRING, .p = "B", .len = 1 };

        (void)state;
        buf_puts(&name, "KEEP-");
        assert_true(template_expand(t, &v, "t", 0, &name));
        assert_string_equal(buf_cstr(&name), "KEEP-ab");
        v.type = SCAN_ABSENT;
        assert_false(template_expand(t, &v, "t", 0, &name));
        assert_string_equal(buf_cstr(&name), "KEEP-ab");
        template_free(t);
        buf_fini(&name);
}

static void full_buffer_makes_no_name(void **state)
{
        struct template *t = template_new("logs-{f}", NULL);
        struct buf name;
        struct scan_value v = { .type = SCAN_STRING, .p = "abc", .len = 3 };

        (void)state;
        buf_init(&name, 7);
        assert_false(template_expand(t, &v, "t", 0, &name));
        assert_int_equal(name.len, 0);
        buf_fini(&name);
        template_free(t);
}

static void mistakes_are_refused_with_the_reason(void **state)
{
        static const struct {
                const char *template, *reason;
        } cases[] = {
                { "", "nothing in it" },
                { "logs-{service.name", "the } is missing" },
                { "logs-{", "the } is missing" },
                { "{a{b}}", "the } is missing" },
                { "logs-}x", "without its {" },
                { "{a}}", "without its {" },
                { "{}", "is missing" },
                { "{:default}", "is missing" },
                { "{a b}", "no part of a field's name" },
                { "{now/d*}", "no part of a field's name" },
                { "{+}", "a date is made of" },
                { "{+YYYY.MM.dd}", "a date is made of" },
                { "{+yyyy.mm.dd}", "a date is made of" },
                { "{+yyy}", "a date is made of" },
                { "{+yyyy/MM}", "a date is made of" },
                { "{+yyyy MM}", "a date is made of" },
                { "{topic:x}", "{topic}" },
                { "{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}", "more than 16 fields" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct err e = { 0 };
                struct template *t = template_new(cases[i].template, &e);
                if (t || !strstr(e.msg, cases[i].reason) || !strstr(e.msg, cases[i].template))
                        fail_msg("%s: %s", cases[i].template, e.msg);
                assert_null(template_new(cases[i].template, NULL));
        }
        template_free(NULL);
}

static void paths_are_given_in_the_order_of_the_values(void **state)
{
        struct template *t = template_new("{b.c:x}-{topic}{+yyyy}-{a}", NULL);
        const char *const *paths;

        (void)state;
        assert_int_equal(template_paths(t, &paths), 2);
        assert_string_equal(paths[0], "b.c");
        assert_string_equal(paths[1], "a");
        template_free(t);
}

static void outline_names_what_is_the_same_for_all_documents(void **state)
{
        static const struct {
                const char *text, *outline;
                bool stream;
        } cases[] = {
                { "logs-{service.name:generic}-default", "logs-*-default", true },
                { "logs-shop-default", "logs-shop-default", true },
                { "logs-{a}{b:x}-{topic}", "logs-*-*", true },
                { "shop-{+yyyy.MM}", "shop-*", false },
                { "Shop*{a}", "shop_*", false },
                { "{topic}-logs", "*-logs", false },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct err e = { 0 };
                struct template *t = template_new(cases[i].text, &e);
                struct buf b = { 0 };
                template_outline(t, "*", &b);
                assert_string_equal(buf_cstr(&b), cases[i].outline);
                assert_int_equal(template_is_stream(t), cases[i].stream);
                buf_fini(&b);
                template_free(t);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_are_put_together),
                cmocka_unit_test(field_without_text_takes_the_default_or_makes_no_name),
                cmocka_unit_test(each_rule_of_elasticsearch_is_kept),
                cmocka_unit_test(hyphen_out_of_a_field_is_replaced_in_a_data_stream_only),
                cmocka_unit_test(name_is_cut_at_the_limit),
                cmocka_unit_test(very_long_value_is_not_unescaped_whole),
                cmocka_unit_test(dates_are_those_of_utc_and_of_the_iso_week),
                cmocka_unit_test(name_is_appended_after_what_stands_there),
                cmocka_unit_test(full_buffer_makes_no_name),
                cmocka_unit_test(outline_names_what_is_the_same_for_all_documents),
                cmocka_unit_test(mistakes_are_refused_with_the_reason),
                cmocka_unit_test(paths_are_given_in_the_order_of_the_values),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
