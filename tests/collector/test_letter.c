/* SPDX-License-Identifier: Apache-2.0 */
/* A dead letter says the same in a topic and in a file, and is read back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/letter.h"

#define TEXT(s) { s, strlen(s) }

static struct letter example(const char *document)
{
        return (struct letter){ .reason = TEXT("rejected"),
                                .status = 400,
                                .error = TEXT("document_parsing_exception: [1:2] \"quoted\"\nnext"),
                                .index = TEXT("logs-shop-default"),
                                .id = TEXT("s1.abcdefghijklmnopqrstuv"),
                                .pipeline = TEXT("shop"),
                                .routing = TEXT("customer \"7\""),
                                .topic = TEXT("logs"),
                                .partition = 3,
                                .offset = 4711,
                                .timestamp_ms = 1700000000123,
                                .first_seen_ms = 1700000001123,
                                .refused_ms = 1700000002123,
                                .document = TEXT(document) };
}

static void same_text(const struct letter_text *a, const struct letter_text *b)
{
        assert_int_equal(a->len, b->len);
        assert_memory_equal(a->p, b->p, a->len);
}

static void same(const struct letter *a, const struct letter *b)
{
        same_text(&a->reason, &b->reason);
        same_text(&a->error, &b->error);
        same_text(&a->index, &b->index);
        same_text(&a->pipeline, &b->pipeline);
        same_text(&a->routing, &b->routing);
        same_text(&a->topic, &b->topic);
        same_text(&a->document, &b->document);
        assert_int_equal(a->status, b->status);
        assert_int_equal(a->partition, b->partition);
        assert_int_equal(a->offset, b->offset);
        assert_int_equal(a->timestamp_ms, b->timestamp_ms);
        assert_int_equal(a->first_seen_ms, b->first_seen_ms);
}

static const char *const documents[] = {
        "{\"message\":\"x\"}",
        "{\"reason\":\"its own\",\"document\":{\"id\":7},\"letter\":\"none\"}",
        "{\"message\":\"\\ud800 \\\"q\\\"\"}",
        "{}",
        "[1,2]",
        "no JSON: \"quotes\" and \\ and\ttab",
        "{\"cut\":",
        "no text: \xff\xfe",
        "\x04\x22\x4d\x18 of an LZ4 frame",
        "\xff",
        "{\"message\":\"\xff\"}",
        "",
};

static void a_line_gives_back_what_was_put_in(void **state)
{
        struct buf scratch = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
                struct letter in = example(documents[i]), out;
                struct batch *b = batch_new(0);
                const struct record *r = letter_put_line(b, &in);
                assert_true(letter_read_line(batch_at(b, r->value), r->value.len, &out, &scratch));
                same(&in, &out);
                same_text(&in.id, &out.id);
                assert_int_equal(out.refused_ms, in.refused_ms);
                assert_int_equal(out.name.len, LETTER_NAME);
                batch_free(b);
        }
        buf_fini(&scratch);
}

/* The line of a document that only just can be scanned is one level deeper than that. */
static void a_document_that_is_nested_to_the_limit_still_makes_a_line(void **state)
{
        struct buf text = { 0 }, scratch = { 0 };
        struct letter out;

        (void)state;
        for (int i = 0; i < 64; i++)
                buf_puts(&text, "{\"a\":");
        buf_puts(&text, "1");
        for (int i = 0; i < 64; i++)
                buf_puts(&text, "}");
        struct letter in = example(buf_cstr(&text));
        struct batch *b = batch_new(0);
        const struct record *r = letter_put_line(b, &in);
        assert_true(letter_read_line(batch_at(b, r->value), r->value.len, &out, &scratch));
        same(&in, &out);
        batch_free(b);
        buf_fini(&text);
        buf_fini(&scratch);
}

static void headers_give_back_what_was_put_in(void **state)
{
        struct letter in = example("{\"message\":\"x\"}"), out;
        struct batch *b = batch_new(0);
        const struct record *r = letter_put_record(b, &in);
        struct incoming_header headers[16];

        (void)state;
        for (unsigned i = 0; i < r->nheaders; i++) {
                const struct header *h = &b->headers[r->first_header + i];
                headers[i] = (struct incoming_header){ h->name, batch_at(b, h->value), h->value.len };
        }
        assert_true(letter_read_headers(headers, r->nheaders, &out));
        out.document = in.document;
        same(&in, &out);
        assert_memory_equal(batch_at(b, r->key), in.id.p, in.id.len);
        assert_memory_equal(batch_at(b, r->value), in.document.p, in.document.len);
        assert_false(letter_read_headers(headers, 0, &out));
        batch_free(b);
}

static void two_letters_of_one_record_have_two_names(void **state)
{
        struct letter in = example("{}"), one, other;
        struct buf a = { 0 }, c = { 0 };
        struct batch *b = batch_new(0);

        (void)state;
        letter_put_line(b, &in);
        letter_put_line(b, &in);
        assert_true(letter_read_line(batch_at(b, b->recs[0].value), b->recs[0].value.len, &one, &a));
        assert_true(letter_read_line(batch_at(b, b->recs[1].value), b->recs[1].value.len, &other, &c));
        assert_memory_not_equal(one.name.p, other.name.p, LETTER_NAME);
        assert_int_not_equal(one.key, other.key);

        buf_reset(&c);
        uint64_t key = 0;
        letter_put_marker(&c, &one.name, 1700000000000000000);
        assert_true(letter_read_marker(c.data, c.len, &key));
        assert_int_equal(key, one.key);
        batch_free(b);
        buf_fini(&a);
        buf_fini(&c);
}

static void what_is_no_letter_is_not_taken_for_one(void **state)
{
        static const char *const lines[] = {
                "",
                "{",
                "{}",
                "[]",
                "{\"letter\":\"short\",\"reason\":\"r\",\"document\":{},\"@timestamp\":\"2026-11-23T10:00:00Z\"}",
                "{\"letter\":\"1234567890123456789012\",\"reason\":\"r\",\"@timestamp\":\"2026-11-23T10:00:00Z\"}",
                "{\"letter\":\"1234567890123456789012\",\"reason\":\"r\",\"document\":{},\"@timestamp\":\"yesterday\"}",
        };
        struct buf scratch = { 0 };
        struct letter l;
        uint64_t key;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(lines); i++)
                assert_false(letter_read_line(lines[i], strlen(lines[i]), &l, &scratch));
        assert_false(letter_read_marker("{\"redriven\":7}", 14, &key));
        assert_false(letter_read_place("3", 1, &key));
        assert_true(letter_read_place("3:4711", 6, &key));
        assert_int_equal(key, letter_place_key(3, 4711));
        buf_fini(&scratch);
}

static void causes_are_counted_by_the_type_of_the_error(void **state)
{
        struct letter l = example("{}");

        (void)state;
        struct letter_text type = letter_error_type(&l);
        assert_int_equal(type.len, strlen("document_parsing_exception"));
        l.error = (struct letter_text)TEXT("without a colon");
        assert_int_equal(letter_error_type(&l).len, l.error.len);
        l.error = (struct letter_text){ 0 };
        assert_int_equal(letter_error_type(&l).len, 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_gives_back_what_was_put_in),
                cmocka_unit_test(a_document_that_is_nested_to_the_limit_still_makes_a_line),
                cmocka_unit_test(headers_give_back_what_was_put_in),
                cmocka_unit_test(two_letters_of_one_record_have_two_names),
                cmocka_unit_test(what_is_no_letter_is_not_taken_for_one),
                cmocka_unit_test(causes_are_counted_by_the_type_of_the_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
