/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "collector/decode.h"
#include "collector/headers.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define PARENT "00-" TRACE "-" SPAN "-01"
#define TIME "\"@timestamp\":\"2026-11-23T10:00:00Z\""
enum { MAX = 4 };

static char *label_names[] = { (char *)"tenant", (char *)"x.region" };
static const struct strlist labels = { label_names, ARRAY_LEN(label_names) };

struct given { const char *name, *value; };

static size_t make(const struct given *given, struct incoming_header *ret)
{
        size_t n = 0;

        for (; n < MAX && given[n].name; n++)
                ret[n] = (struct incoming_header){ given[n].name, given[n].value, given[n].value ? strlen(given[n].value) : 0 };
        return n;
}

static const char *add(const char *event, const struct given *given)
{
        static char out[1024];
        struct incoming_header headers[MAX];
        const struct incoming in = { .headers = headers, .nheaders = make(given, headers) };
        struct buf doc = { 0 };

        buf_puts(&doc, event);
        bool changed = headers_add(&in, &labels, &doc);
        snprintf(out, sizeof(out), "%s", buf_cstr(&doc));
        assert_int_equal(changed, strcmp(out, event) != 0);
        buf_fini(&doc);
        return out;
}

static void ids_that_are_well_formed_are_added_and_nothing_is_overwritten(void **state)
{
        static const struct { const char *event; struct given headers[MAX]; const char *document; } t[] = {
                { "{\"a\":1}", { { "other", "x" } }, "{\"a\":1}" },
                { "{\"a\":1}", { { "traceparent", PARENT } },
                  "{\"a\":1,\"trace\":{\"id\":\"" TRACE "\"},\"span\":{\"id\":\"" SPAN "\"}}" },
                { " { } ", { { "traceparent", PARENT }, { "user_id", "u\"1" } },
                  " { \"trace\":{\"id\":\"" TRACE "\"},\"span\":{\"id\":\"" SPAN "\"},\"user\":{\"id\":\"u\\\"1\"}} " },
                { "{\"user\":{ },\"trace\":{\"x\":1}}", { { "trace_id", SPAN }, { "span_id", SPAN }, { "user_id", "u" } },
                  "{\"user\":{\"id\":\"u\" },\"trace\":{\"id\":\"" SPAN "\",\"x\":1},\"span\":{\"id\":\"" SPAN "\"}}" },
                /* malformed, or without a value */
                { "{}", { { "traceparent", "00-" TRACE "-" SPAN }, { "trace_id", "xyz" }, { "span_id", "0000000000000000" },
                          { "user_id", "a\nb" } }, "{}" },
                { "{}", { { "traceparent", NULL }, { "tenant", NULL }, { "user_id", "" } }, "{}" },
                /* the last one of a name, and traceparent before the ids on their own, in either order */
                { "{}", { { "user_id", "a" }, { "user_id", "b" } }, "{\"user\":{\"id\":\"b\"}}" },
                { "{}", { { "span_id", "1111111111111111" }, { "traceparent", PARENT }, { "span_id", "2222222222222222" } },
                  "{\"trace\":{\"id\":\"" TRACE "\"},\"span\":{\"id\":\"" SPAN "\"}}" },
                /* the event's own, however it is written */
                { "{\"trace\":{\"id\":\"t\"},\"span.id\":null,\"user\":\"u\"}", { { "traceparent", PARENT }, { "user_id", "v" } },
                  "{\"trace\":{\"id\":\"t\"},\"span.id\":null,\"user\":\"u\"}" },
                { "{\"\\u0075ser\":{\"id\":\"u\"}}", { { "user_id", "v" } }, "{\"\\u0075ser\":{\"id\":\"u\"}}" },
                /* labels */
                { "{}", { { "tenant", "a\"\xff" }, { "x.region", "eu" }, { "secret", "s" } },
                  "{\"labels\":{\"tenant\":\"a\\\"\xef\xbf\xbd\",\"x_region\":\"eu\"}}" },
                { "{\"labels\":{\"tenant\":1}}", { { "tenant", "a" }, { "x.region", "eu" } },
                  "{\"labels\":{\"x_region\":\"eu\",\"tenant\":1}}" },
                { "{\"labels.tenant\":\"t\"}", { { "tenant", "a" } }, "{\"labels.tenant\":\"t\"}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                assert_string_equal(add(t[i].event, t[i].headers), t[i].document);
}

static void expect_decoded(const char *payload, const struct given *given, const char *value, const char *index)
{
        struct collector_stats stats = { 0 };
        struct err e = { 0 };
        struct decoder *d = decode_new("logs-{labels.tenant:none}-default", NULL, &stats, &e);
        struct batch *b = batch_new(0);
        struct incoming_header headers[MAX];
        const struct incoming in = { .cluster = "c1", .topic = "logs", .timestamp_ms = 1700000000123, .payload = payload,
                                     .len = strlen(payload), .headers = headers, .nheaders = make(given, headers) };

        decode_set_labels(d, &labels);
        assert_true(decode(d, &in, b));
        const struct record *r = &b->recs[0];
        assert_int_equal(r->value.len, strlen(value));
        assert_memory_equal(batch_at(b, r->value), value, strlen(value));
        assert_int_equal(r->dest.len, strlen(index));
        assert_memory_equal(batch_at(b, r->dest), index, strlen(index));
        batch_free(b);
        decode_free(d);
}

static void a_document_has_them_and_so_has_the_name_of_its_index(void **state)
{
        const struct given given[MAX] = { { "tenant", "t1" }, { "user_id", "u1" } }, none[MAX] = { { "other", "x" } };
        const char *more = "\"user\":{\"id\":\"u1\"},\"labels\":{\"tenant\":\"t1\"}}";
        char value[256];

        (void)state;
        snprintf(value, sizeof(value), "{" TIME ",\"message\":\"x\",%s", more);
        expect_decoded("{" TIME ",\"message\":\"x\"}", given, value, "logs-t1-default");
        snprintf(value, sizeof(value), "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"message\":\"x\",%s", more);
        expect_decoded("{\"message\":\"x\"}", given, value, "logs-t1-default");
        expect_decoded("x", given, value, "logs-t1-default");
        expect_decoded("x", none, "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"message\":\"x\"}", "logs-none-default");
}

static void names_that_cannot_be_labels_are_refused(void **state)
{
        char *names[] = { (char *)"a.b", (char *)"a_b", (char *)"c d" };
        const struct strlist list = { names, ARRAY_LEN(names) };
        struct opt_errors errors = { 0 };

        (void)state;
        headers_check(&labels, &errors);
        assert_int_equal(errors.count, 0);
        headers_check(&list, &errors);
        assert_int_equal(errors.count, 2);
        assert_non_null(strstr(buf_cstr(&errors.text), "headers: \"a.b\" and \"a_b\" are one label"));
        assert_non_null(strstr(buf_cstr(&errors.text), "headers: \"c d\": a name has letters"));
        buf_fini(&errors.text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids_that_are_well_formed_are_added_and_nothing_is_overwritten),
                cmocka_unit_test(a_document_has_them_and_so_has_the_name_of_its_index),
                cmocka_unit_test(names_that_cannot_be_labels_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
