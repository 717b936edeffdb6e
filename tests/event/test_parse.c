/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "base/check.h"
#include "event/parse.h"

#define READ_NS (INT64_C(1795428000) * 1000000000)
#define TRACE   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN    "00f067aa0ba902b7"
#define PARENT  "00-" TRACE "-" SPAN "-01"

static char *formats[] = { (char *)"auto" };

static struct parse_config config(enum parse_how how)
{
        return (struct parse_config){ .how = how,
                                      .time_formats = { formats, 1 },
                                      .time_zone = (char *)"UTC" };
}

static struct parser *make(const struct parse_config *c)
{
        struct parser *p = NULL;
        struct err e = { 0 };

        if (parser_new(c, &p, &e) < 0)
                fail_msg("%s", e.msg);
        return p;
}

/* The event of a line, and what was found in it; free() it.  It parses, or the test ends here. */
static char *event_of(struct parser *p, const struct parse_config *c, const char *text,
                      const struct parsed **ret)
{
        static const struct ident id;
        struct event_stream s;
        struct event_line line = { .wall_ns = READ_NS, .text = text, .len = strlen(text) };
        const struct parsed *parsed = parser_run(p, NULL, &line);
        struct buf b = { 0 };
        char why[512];

        line.parts = &parsed->parts;
        line.wall_ns = parsed->has_time ? parsed->time_ns : READ_NS;
        event_stream_init(&s, &id, "/a", "shop", "h");
        parse_add_fields(c, &s);
        event_write(&b, &s, &line);
        event_stream_fini(&s);
        yajl_val v = yajl_tree_parse(buf_cstr(&b), why, sizeof(why));
        if (!v)
                fail_msg("%s: %s", buf_cstr(&b), why);
        yajl_tree_free(v);
        *ret = parsed;
        return b.data;
}

struct expect {
        const char *text;
        const char *has[6]; /* parts of the event */
        const char *lacks;
        enum parse_fault fault;
};

static void check_all(const struct parse_config *c, const struct expect *cases, size_t n)
{
        struct parser *p = make(c);

        for (size_t i = 0; i < n; i++) {
                const struct parsed *parsed;
                char *json = event_of(p, c, cases[i].text, &parsed);
                for (size_t k = 0; k < ARRAY_LEN(cases[i].has) && cases[i].has[k]; k++)
                        if (!strstr(json, cases[i].has[k]))
                                fail_msg("%s\n%s\nlacks %s", cases[i].text, json, cases[i].has[k]);
                if (cases[i].lacks && strstr(json, cases[i].lacks))
                        fail_msg("%s\n%s\nhas %s", cases[i].text, json, cases[i].lacks);
                if (parsed->fault != cases[i].fault)
                        fail_msg("%s: fault %d", cases[i].text, (int)parsed->fault);
                free(json);
        }
        parser_free(p);
}

static void json_lines_stay_whole_and_known_fields_are_lifted(void **state)
{
        static const struct expect cases[] = {
                { "{\"time\":\"2026-11-23T09:00:00.000000001Z\",\"level\":\"WARNING\",\"msg\":\"a "
                  "\\\"b\\\"\",\"n\":1.50}",
                  { "{\"@timestamp\":\"2026-11-23T09:00:00.000000001Z\",\"event\"",
                    "\"message\":\"a \\\"b\\\"\",\"log\"", "\"level\":\"warn\"}",
                    ",\"json\":{\"time\":\"2026-11-23T09:00:00.000000001Z\",\"level\":\"WARNING\","
                    "\"msg\":\"a \\\"b\\\"\",\"n\":1.50}}" },
                  NULL,
                  PARSE_FINE },
                { "{\"ts\":1795428000.25,\"lvl\":50,\"message\":{\"a\":1}}",
                  { "\"@timestamp\":\"2026-11-23T10:00:00.250Z\"", "\"level\":\"error\"",
                    "\"message\":\"{\\\"a\\\":1}\"" },
                  NULL,
                  PARSE_FINE },
                { "{\"level\":\"Verdict\"}", { "\"level\":\"Verdict\"" }, "\"message\"", PARSE_FINE },
                { "{\"severity\":\"x\\u0041\",\"level\":null}",
                  { "\"log\":{\"file\":{\"path\":\"/a\"", "\"level\":\"x\\u0041\"" },
                  NULL,
                  PARSE_FINE },
                { "{\"time\":\"never\",\"@timestamp\":null}",
                  { "\"@timestamp\":\"2026-11-23T10:00:00.000Z\"" },
                  NULL,
                  PARSE_FINE },
                { "{\"log\":{\"level\":\"info\"},\"trace\":{\"id\":\"" TRACE "\"},\"span.id\":\"" SPAN "\"}",
                  { "\"level\":\"info\"", "\"trace\":{\"id\":\"" TRACE "\"}",
                    "\"span\":{\"id\":\"" SPAN "\"}" },
                  NULL,
                  PARSE_FINE },
                { "{\"traceparent\":\"" PARENT "\",\"trace_id\":\"other\"}",
                  { "\"trace\":{\"id\":\"" TRACE "\"}", "\"span\":{\"id\":\"" SPAN "\"}" },
                  "\"trace\":{\"id\":\"other",
                  PARSE_FINE },
                { "{\"dd\":{\"trace_id\":\"123\"},\"enduser.id\":7}",
                  { "\"trace\":{\"id\":\"123\"}", "\"user\":{\"id\":\"7\"}" },
                  NULL,
                  PARSE_FINE },
                { "{\"event\":{\"id\":\"mine\"}}",
                  { "\"labels\":{\"event_id\":\"mine\"}", "\"event\":{\"id\":\"s1." },
                  NULL,
                  PARSE_FINE },
                { "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"\\u0061\":3}",
                  { "\"json\":{\"a\":1,\"b\":{\"c\":1}}}" },
                  NULL,
                  PARSE_FINE },
                { " {\"a\":\n1 }\t", { "\"json\":{\"a\":1}}" }, NULL, PARSE_FINE },
                { "{\"m\":\"\xff\"}", { "\"json\":{\"m\":\"\xef\xbf\xbd\"}}" }, NULL, PARSE_FINE },
                { "{}", { "\"json\":{}}" }, "\"message\"", PARSE_FINE },
                { "[1]", { "\"message\":\"[1]\"" }, "\"json\"", PARSE_NOT_JSON },
                { "{\"a\":1", { "\"message\":\"{\\\"a\\\":1\"" }, "\"json\"", PARSE_NOT_JSON },
                { "plain", { "\"message\":\"plain\"" }, "\"json\"", PARSE_NOT_JSON },
                { "", { "\"message\":\"\"" }, "\"json\"", PARSE_NOT_JSON },
        };
        struct parse_config c = config(PARSE_JSON);

        (void)state;
        check_all(&c, cases, ARRAY_LEN(cases));
}

/* Written for service "shop" and host "h". */
static void json_at_the_top_leaves_what_is_ours(void **state)
{
        static const struct expect cases[] = {
                /* what is lifted does not stand twice; the rest passes through byte for byte */
                { "{\"time\":\"2026-11-23T09:00:00.5Z\",\"level\":\"WARN\",\"msg\":\"slow\",\"n\":1.50, \"o\" : {\"a\":[1, 2]}}",
                  { "{\"@timestamp\":\"2026-11-23T09:00:00.500Z\"", "\"level\":\"warn\"}", "\"message\":\"slow\"",
                    "\"host\":{\"name\":\"h\"},\"n\":1.50,\"o\":{\"a\":[1, 2]}}", PARSE_FINE },
                  "\"time\"", PARSE_FINE },
                /* ECS objects are joined with ours, which win */
                { "{\"log\":{\"logger\":\"a\",\"level\":\"info\",\"offset\":1,\"file\":{\"path\":\"/x\"}},\"service\":{\"version\":\"7\",\"name\":"
                  "\"theirs\"}}",
                  { "\"offset\":0,\"level\":\"info\",\"logger\":\"a\"}", "\"service\":{\"name\":\"shop\",\"version\":\"7\"}",
                    "\"log_offset\":1", "\"service_name\":\"theirs\"", "\"log_file_\":{\"path\":\"/x\"}" }, NULL, PARSE_FINE },
                { "{\"service.name\":\"theirs\",\"log.logger\":\"a\",\"event.action\":\"login\",\"event\":{\"kind\":\"event\"}}",
                  { "\"labels\":{\"service_name\":\"theirs\"}", "\"logger\":\"a\"}", "\"action\":\"login\",\"kind\":\"event\"}" }, NULL, PARSE_FINE },
                /* a scalar where ECS has an object */
                { "{\"host\":\"db-1\",\"user\":\"ann\",\"process\":17,\"error\":\"bad\",\"agent\":null,\"labels\":\"x\"}",
                  { "\"labels\":{\"host\":\"db-1\",\"labels\":\"x\"}", "\"user\":{\"id\":\"ann\"}", "\"process.pid\":17",
                    "\"error.message\":\"bad\"", PARSE_FINE },
                  NULL, PARSE_FINE },
                { "{\"user\":\"ann\",\"user_id\":\"7\"}", { "\"user\":{\"id\":\"7\"}", "\"labels\":{\"user\":\"ann\"}" }, NULL, PARSE_FINE },
                { "{\"log\":\"text\\n\",\"n\":1}", { "\"message\":\"text\",", "\"n\":1}" }, NULL, PARSE_FINE },
                { "{\"log\":\"other\",\"message\":\"text\"}", { "\"message\":\"text\"", "\"labels\":{\"log\":\"other\"}" }, NULL, PARSE_FINE },
                { "{\"host\":[{\"a\":1}],\"event\":[\"x\"]}", { "\"host_\":[{\"a\":1}]", "\"action\":[\"x\"]" }, NULL, PARSE_FINE },
                /* names that Elasticsearch keeps for itself */
                { "{\"_id\":\"7\",\"_source\":{\"a\":1}}", { "\"labels\":{\"_id\":\"7\"}", "\"_source_\":{\"a\":1}" }, NULL, PARSE_FINE },
                /* a time that is none, ids beside a traceparent, an id of the event's own: none is lost */
                { "{\"@timestamp\":\"never\"}", { "\"labels\":{\"@timestamp\":\"never\"}" }, NULL, PARSE_FINE },
                { "{\"ts\":\"never\"}", { "\"ts\":\"never\"" }, NULL, PARSE_FINE },
                { "{\"traceparent\":\"" PARENT "\",\"trace_id\":\"other\",\"trace\":{\"id\":\"third\"}}",
                  { "\"trace\":{\"id\":\"" TRACE "\"}", "\"trace_id\":\"other\"", "\"labels\":{\"trace_id\":\"third\"}" },
                  "traceparent", PARSE_FINE },
                { "{\"event\":{\"id\":\"mine\"}}", { "\"labels\":{\"event_id\":\"mine\"}", "\"event\":{\"id\":\"s1." }, NULL, PARSE_FINE },
                /* of two with one name the first stays, however it is written */
                { "{\"a\":1,\"\\u0061\":2,\"\":3}", { "\"a\":1", "\"\":3" }, "\"a\":2", PARSE_FINE },
                { "{\"env\":\"prod\"}", { "\"env\":\"prod\"}" }, NULL, PARSE_FINE },
                { "{}", { "\"host\":{\"name\":\"h\"}}" }, "message", PARSE_FINE },
                { "[1]", { "\"message\":\"[1]\"" }, NULL, PARSE_NOT_JSON },
        };
        struct parse_config c = config(PARSE_JSON);

        (void)state;
        c.json_at = (char *)"top";
        check_all(&c, cases, ARRAY_LEN(cases));
}

/* What would be a mapping explosion stays the text that it is. */
static void too_many_members_stay_text(void **state)
{
        struct parse_config c = config(PARSE_JSON);
        struct buf b = { 0 };
        const struct parsed *parsed;

        (void)state;
        c.json_at = (char *)"top";
        struct parser *p = make(&c);
        for (int i = 0; i < 1100; i++)
                buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', i, i);
        buf_putc(&b, '}');
        char *json = event_of(p, &c, buf_cstr(&b), &parsed);
        assert_int_equal(parsed->fault, PARSE_TOO_MANY);
        assert_non_null(strstr(json, "\"message\":\"{\\\"k0\\\":0"));
        free(json);
        parser_free(p);
        buf_fini(&b);
}

static void json_goes_where_json_at_says(void **state)
{
        static const struct expect app[] = { { "{\"n\":1}", { "\"app\":{\"n\":1}" }, "json", PARSE_FINE } };
        static const struct expect inside[] = { { "{\"n\":1}", { "\"event\":{\"id\":\"", ",\"json\":{\"n\":1}}" }, NULL, PARSE_FINE } };
        struct parse_config c = config(PARSE_JSON);

        (void)state;
        c.json_at = (char *)"app";
        check_all(&c, app, ARRAY_LEN(app));
        c.json_at = (char *)"event.json";
        check_all(&c, inside, ARRAY_LEN(inside));
}

/* Without a service of its own the event takes the line's; in a container's file the path's fields stay. */
static void what_is_ours_depends_on_what_is_written(void **state)
{
        static const struct ident id;
        struct parse_config c = config(PARSE_JSON);
        static const char text[] = "{\"service\":{\"name\":\"theirs\"},\"container\":{\"id\":\"x\"},\"stream\":\"s\"}";
        struct event_line line = { .wall_ns = READ_NS, .text = text, .len = sizeof(text) - 1 };
        struct buf members = { 0 }, b = { 0 };
        struct event_stream s;

        (void)state;
        c.json_at = (char *)"top";
        struct parser *p = make(&c);
        for (int container = 0; container < 2; container++) {
                event_stream_init(&s, &id, "/a", NULL, NULL);
                if (container) {
                        buf_puts(&members, "\"container\":{\"name\":\"ours\"}");
                        event_stream_put(&s, &members);
                        line.stream = "stdout";
                }
                line.parts = NULL;
                line.parts = &parser_run(p, &s, &line)->parts;
                buf_reset(&b);
                event_write(&b, &s, &line);
                assert_non_null(strstr(buf_cstr(&b), "\"service\":{\"name\":\"theirs\"}"));
                assert_non_null(strstr(buf_cstr(&b), container ? "\"container\":{\"name\":\"ours\"}" : "\"container\":{\"id\":\"x\"}"));
                assert_non_null(strstr(buf_cstr(&b), container ? "\"container_\":{\"id\":\"x\"}" : "\"stream\":\"s\""));
                assert_true(!container || strstr(buf_cstr(&b), "\"labels\":{\"stream\":\"s\"}"));
                event_stream_fini(&s);
        }
        buf_fini(&members);
        buf_fini(&b);
        parser_free(p);
}

static void logfmt_becomes_labels(void **state)
{
        static const struct expect cases[] = {
                { "ts=2026-11-23T09:00:00Z level=info msg=\"a \\\"b\\\"\\n\" took=12ms retry http.code=200",
                  { "\"@timestamp\":\"2026-11-23T09:00:00.000Z\"", "\"level\":\"info\"",
                    "\"message\":\"a \\\"b\\\"\\n\"", "\"labels\":{\"retry\":\"true\",\"http_code\":\"200\"}",
                    "\"event.duration\":\"12ms\"" },
                  NULL,
                  PARSE_FINE },
                { "a=1 a=2 b=",
                  { "\"labels\":{\"a\":\"1\",\"b\":\"\"}", "\"message\":\"a=1 a=2 b=\"" },
                  NULL,
                  PARSE_FINE },
                { "user=\"x\\\\y\" trace_id=" TRACE,
                  { "\"labels\":{\"user\":\"x\\\\y\"}", "\"trace\":{\"id\":\"" TRACE "\"}" },
                  NULL,
                  PARSE_FINE },
                { "env=prod a=b", { "\"labels\":{\"env\":\"test\",\"a\":\"b\"}" }, "prod\",\"", PARSE_FINE },
                { "msg=\xff k=\x01",
                  { "\"message\":\"\xef\xbf\xbd\"", "\"k\":\"\\u0001\"" },
                  NULL,
                  PARSE_FINE },
                { "level=error time=\"2026-11-23 08:00:00\" msg=x y=z",
                  { "08:00:00.000Z", "\"level\":\"error\"", "\"y\":\"z\"" },
                  NULL,
                  PARSE_FINE },
                { "just words", { "\"message\":\"just words\"" }, "\"words\"", PARSE_NOT_LOGFMT },
                { "a=\"open", { "\"message\":\"a=\\\"open\"" }, "\"a\":", PARSE_NOT_LOGFMT },
                { "k\xff=1 k\xfe=2", { "\"k\xef\xbf\xbd\":\"1\"}" }, "\"2\"", PARSE_FINE },
                { "=x", { "\"message\":\"=x\"" }, NULL, PARSE_NOT_LOGFMT },
        };
        char *rename[] = { (char *)"took=event.duration" }, *fields[] = { (char *)"env=test" };
        struct parse_config c = config(PARSE_LOGFMT);

        (void)state;
        c.rename = (struct strlist){ rename, 1 };
        c.fields = (struct strlist){ fields, 1 };
        struct expect changed[ARRAY_LEN(cases)];
        memcpy(changed, cases, sizeof(cases));
        changed[0].has[3] = "\"labels\":{\"env\":\"test\",\"retry\":\"true\",\"http_code\":\"200\"}";
        changed[0].has[4] = "\"duration\":\"12ms\"";
        changed[1].has[0] = "\"labels\":{\"env\":\"test\",\"a\":\"1\",\"b\":\"\"}";
        changed[2].has[0] = "\"user\":\"x\\\\y\"";
        check_all(&c, changed, ARRAY_LEN(cases));
}

static void named_groups_become_fields(void **state)
{
        static const struct expect cases[] = {
                { "10.0.0.1 - bob [23/Nov/2026:11:00:00 +0100] \"GET /x\" 200",
                  { "\"@timestamp\":\"2026-11-23T10:00:00.000Z\"", "\"client.address\":\"10.0.0.1\"",
                    "\"labels\":{\"status\":\"200\"}", "\"user\":{\"id\":\"bob\"}",
                    "\"message\":\"GET /x\"" },
                  NULL,
                  PARSE_FINE },
                { "nothing", { "\"message\":\"nothing\"" }, "labels", PARSE_NO_MATCH },
        };
        char *rename[] = { (char *)"ip=client.address" }, *clf[] = { (char *)"clf" };
        struct parse_config c = config(PARSE_PATTERN);

        (void)state;
        c.pattern = (char *)"^(?<ip>\\S+) \\S+ (?<user_id>\\S+) \\[(?<time>[^]]+)\\] \"(?<message>[^\"]*)\" "
                            "(?<status>\\d+)(?<x>y)?$";
        c.rename = (struct strlist){ rename, 1 };
        c.time_formats = (struct strlist){ clf, 1 };
        check_all(&c, cases, ARRAY_LEN(cases));
}

static void a_search_without_end_leaves_text(void **state)
{
        static const struct expect cases[] = {
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
                  { "\"message\":\"aaaa" },
                  "labels",
                  PARSE_GAVE_UP },
        };
        struct parse_config c = config(PARSE_PATTERN);

        (void)state;
        c.pattern = (char *)"^(?<x>(a+)+)$";
        check_all(&c, cases, 1);
}

static void trace_pattern_finds_ids_in_any_text(void **state)
{
        static const struct expect cases[] = {
                { "x [" TRACE "/" SPAN "] u=42 done",
                  { "\"message\":\"x [", "\"trace\":{\"id\":\"" TRACE "\"}", "\"span\":{\"id\":\"" SPAN "\"}",
                    "\"user\":{\"id\":\"42\"}" },
                  NULL,
                  PARSE_FINE },
                { "nothing here", { "\"message\":\"nothing here\"" }, "trace", PARSE_FINE },
        };
        struct parse_config c = config(PARSE_TEXT);

        (void)state;
        c.trace_pattern = (char *)"\\[(?<trace_id>\\w+)/(?<span_id>\\w+)\\] u=(?<user_id>\\d+)";
        check_all(&c, cases, ARRAY_LEN(cases));
}

static void headers_are_made_of_ids_that_are_well_formed(void **state)
{
        static const struct {
                const char *text, *parent, *trace, *span, *user;
        } cases[] = {
                { "{\"traceparent\":\"" PARENT "\",\"user_id\":\"u1\"}", PARENT, TRACE, SPAN, "u1" },
                { "{\"trace_id\":\"" TRACE "\",\"span_id\":\"" SPAN "\"}", "00-" TRACE "-" SPAN "-00", TRACE,
                  SPAN, "" },
                { "{\"trace_id\":\"4BF92F3577B34DA6A3CE929D0E0E4736\"}", "", TRACE, "", "" },
                { "{\"trace_id\":\"" SPAN "\",\"span_id\":\"" SPAN "\"}", "", SPAN, SPAN, "" },
                { "{\"trace_id\":\"xyz\",\"span_id\":12,\"user_id\":\"a\\nb\"}", "", "", "", "" },
                { "{\"trace_id\":\"00000000000000000000000000000000\"}", "", "", "", "" },
                { "{\"traceparent\":\"00-" TRACE "-" SPAN "\"}", "", "", "", "" },
                { "{\"traceparent\":\"ff-" TRACE "-" SPAN "-01\"}", "", "", "", "" },
                { "{\"traceparent\":\"00-" TRACE "-" SPAN "-01-x\"}", "", "", "", "" },
                { "{\"traceparent\":\"01-" TRACE "-" SPAN "-01-x\"}", PARENT, TRACE, SPAN, "" },
                { "{\"traceparent\":\"00-" TRACE "-0000000000000000-01\"}", "", "", "", "" },
                { "{\"user_id\":\"\xc3\xa4\"}", "", "", "", "" },
                { "text", "", "", "", "" },
        };
        struct parse_config c = config(PARSE_JSON);
        struct parser *p = make(&c);

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct parsed *parsed;
                char got[512], want[512], *json = event_of(p, &c, cases[i].text, &parsed);
                const struct trace_headers *h = &parsed->headers;
                snprintf(got, sizeof(got), "%.*s|%.*s|%.*s|%.*s", (int)h->traceparent_len, h->traceparent,
                         (int)h->trace_id_len, h->trace_id, (int)h->span_id_len, h->span_id,
                         (int)h->user_id_len, h->user_id ? h->user_id : "");
                snprintf(want, sizeof(want), "%s|%s|%s|%s", cases[i].parent, cases[i].trace, cases[i].span,
                         cases[i].user);
                assert_string_equal(got, want);
                free(json);
        }
        parser_free(p);
}

static void doubles_and_bad_times_are_told(void **state)
{
        struct parse_config c = config(PARSE_JSON);
        struct parser *p = make(&c);
        const struct parsed *parsed;

        (void)state;
        free(event_of(p, &c, "{\"a\":1,\"a\":2,\"b\":[{\"c\":1,\"c\":1}],\"time\":\"x\"}", &parsed));
        assert_int_equal(parsed->doubles, 2);
        assert_true(parsed->bad_time && !parsed->has_time);
        free(event_of(p, &c, "{\"a\":1,\"b\":{\"a\":2},\"time\":\"1795428000\"}", &parsed));
        assert_int_equal(parsed->doubles, 0);
        assert_true(parsed->has_time && !parsed->bad_time);
        parser_free(p);
}

/* More names than the table of names holds at first, and one of them twice. */
static void many_names_are_kept_apart(void **state)
{
        struct parse_config c = config(PARSE_LOGFMT);
        struct parser *p = make(&c);
        const struct parsed *parsed;
        struct buf line = { 0 };

        (void)state;
        for (int i = 0; i < 1000; i++)
                buf_printf(&line, "k%d=v ", i % 999);
        free(event_of(p, &c, buf_cstr(&line), &parsed));
        assert_int_equal(parsed->doubles, 1);
        buf_fini(&line);
        parser_free(p);
}

static void nothing_to_look_for_costs_nothing(void **state)
{
        struct parse_config c = config(PARSE_TEXT);
        struct parser *p = NULL;

        (void)state;
        assert_int_equal(parser_new(&c, &p, NULL), 0);
        assert_null(p);
        parser_free(NULL);
}

static void a_mistake_is_told(void **state)
{
        char *renames[] = { (char *)"x" }, *ours[] = { (char *)"x=event.id" },
             *twice[] = { (char *)"a=1", (char *)"labels.a=2" }, *bad[] = { (char *)"fast" };
        struct parse_config cases[] = { config(PARSE_PATTERN), config(PARSE_TEXT),   config(PARSE_PATTERN),
                                        config(PARSE_LOGFMT),  config(PARSE_LOGFMT), config(PARSE_TEXT),
                                        config(PARSE_TEXT),    config(PARSE_TEXT),   config(PARSE_JSON) };
        static const char *const want[] = {
                "pattern: must be set",
                "pattern: only for lines",
                "pattern: \"(x)\" names no group",
                "rename: \"x\": write NAME=FIELD",
                "rename: event.id is written by Sluice itself",
                "fields: labels.a stands there twice",
                "time_formats: \"fast\"",
                "trace_pattern: pattern \"(?<trace_id>\": missing closing parenthesis",
                "json_at: log is written by Sluice itself",
        };

        (void)state;
        cases[1].pattern = (char *)"(?<a>x)";
        cases[2].pattern = (char *)"(x)";
        cases[3].rename = (struct strlist){ renames, 1 };
        cases[4].rename = (struct strlist){ ours, 1 };
        cases[5].fields = (struct strlist){ twice, 2 };
        cases[6].time_formats = (struct strlist){ bad, 1 };
        cases[8].json_at = (char *)"log";
        cases[7].trace_pattern = (char *)"(?<trace_id>";
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct parser *p = NULL;
                struct err e = { 0 };
                assert_true(parser_new(&cases[i], &p, &e) < 0);
                if (!strstr(e.msg, want[i]))
                        fail_msg("%s", e.msg);
                assert_null(p);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_lines_stay_whole_and_known_fields_are_lifted),
                cmocka_unit_test(json_at_the_top_leaves_what_is_ours),
                cmocka_unit_test(too_many_members_stay_text),
                cmocka_unit_test(json_goes_where_json_at_says),
                cmocka_unit_test(what_is_ours_depends_on_what_is_written),
                cmocka_unit_test(logfmt_becomes_labels),
                cmocka_unit_test(named_groups_become_fields),
                cmocka_unit_test(a_search_without_end_leaves_text),
                cmocka_unit_test(trace_pattern_finds_ids_in_any_text),
                cmocka_unit_test(headers_are_made_of_ids_that_are_well_formed),
                cmocka_unit_test(doubles_and_bad_times_are_told),
                cmocka_unit_test(many_names_are_kept_apart),
                cmocka_unit_test(nothing_to_look_for_costs_nothing),
                cmocka_unit_test(a_mistake_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
