/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static const char mixed[] =
        "{\"took\":30,\"errors\":true,\"ignored\":[1,{\"errors\":false,\"items\":[{}]}],\"items\":["
        "{\"create\":{\"_id\":\"1\",\"_shards\":{\"status\":999,\"failed\":0},\"status\":201}},"
        "{\"create\":{\"status\":400,\"error\":{\"type\":\"document_parsing_exception\",\"reason\":"
        "\"caf\\u00e9 \\\"x\\\"\","
        "\"caused_by\":{\"type\":\"inner\",\"reason\":\"inner\"}}}},"
        "{\"create\":{\"error\":{\"reason\":\"conflict\",\"type\":\"version_conflict_engine_exception\"},"
        "\"status\":409}},"
        "{\"create\":{\"status\":201,\"failure_store\":\"used\"}}]}\n";

/* All items as lines "index status store type reason". */
static void write_item(void *arg, const struct es_item *item)
{
        buf_printf(arg, "%zu %u %d %s %s\n", item->index, item->status, item->failure_store,
                   item->error->type, item->error->reason);
}

static const char mixed_items[] = "0 201 0  \n"
                                  "1 400 0 document_parsing_exception caf\xc3\xa9 \"x\"\n"
                                  "2 409 0 version_conflict_engine_exception conflict\n"
                                  "3 201 1  \n";

/* Feeds text in pieces that end at the offsets given; true when it was whole. */
static bool feed(struct es_answer *a, struct buf *items, const char *text, size_t n, size_t cut1, size_t cut2)
{
        es_answer_init(a, 1000, write_item, items);
        es_answer_feed(a, text, cut1);
        es_answer_feed(a, text + cut1, cut2 - cut1);
        es_answer_feed(a, text + cut2, n - cut2);
        return es_answer_end(a);
}

static bool whole(const char *text, struct es_answer *a)
{
        struct buf items = { 0 };
        bool ok = feed(a, &items, text, strlen(text), 0, 0);

        buf_fini(&items);
        return ok;
}

static void items_come_in_order_with_status_type_and_reason(void **state)
{
        struct es_answer a;
        struct buf items = { 0 };
        (void)state;

        assert_true(feed(&a, &items, mixed, sizeof mixed - 1, 0, 0));
        assert_string_equal(buf_cstr(&items), mixed_items);
        assert_true(a.errors);
        assert_true(es_answer_complete(&a, 4));
        assert_false(es_answer_complete(&a, 3));
        assert_false(es_answer_complete(&a, 5));
        es_answer_fini(&a);
        buf_fini(&items);
}

/* What begins as the usual answer and goes on otherwise, wherever it is cut. */
static void the_usual_answer_may_end_in_any_other(void **state)
{
#define ITEM "{\"create\":{\"status\":201}}"
#define OK(n) #n " 201 0  \n"
        static const struct {
                const char *text, *items;
                bool whole, errors;
        } cases[] = {
                { "{\"errors\":false,\"items\":[" ITEM "," ITEM "," ITEM "]}", OK(0) OK(1) OK(2), true, false },
                { "{\"errors\":false,\"items\":[" ITEM "]}\n", OK(0), true, false },
                { "{\"errors\":false,\"items\":[" ITEM "]} x", OK(0), false, false },
                { "{\"errors\":false,\"items\":[" ITEM "]", OK(0), false, false },
                { "{\"errors\":false,\"items\":[]}", "", true, false },
                { "{\"errors\":false,\"items\":[" ITEM "," ITEM ",{\"create\":{\"status\":201,\"failure_store\":\"used\"}}," ITEM "]}",
                  OK(0) OK(1) "2 201 1  \n" OK(3), true, false },
                { "{\"errors\":false,\"items\":[" ITEM "],\"errors\":true}", OK(0), true, true },
                { "{\"errors\":false,\"items\":[" ITEM ",{\"index\":{\"status\":200}}]}", OK(0) "1 200 0  \n", true, false },
                { "{\"errors\":false,\"items\":[" ITEM ",{\"create\":{\"status\":2010}}]}", OK(0), false, false },
                { "{\"errors\":false,\"items\":[" ITEM " , " ITEM "]}", OK(0) OK(1), true, false },
                { "{\"errors\":false}", "", true, false },
        };
        (void)state;

        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
                size_t n = strlen(cases[c].text);
                for (size_t i = 0; i <= n; i++) {
                        struct es_answer a;
                        struct buf items = { 0 };
                        bool ok = feed(&a, &items, cases[c].text, n, i, i + (n - i) / 2);
                        if (ok != cases[c].whole || strcmp(buf_cstr(&items), cases[c].items) != 0 ||
                            (ok && a.errors != cases[c].errors))
                                fail_msg("%s cut at %zu: %s", cases[c].text, i, buf_cstr(&items));
                        es_answer_fini(&a);
                        buf_fini(&items);
                }
        }
#undef ITEM
#undef OK
}

static void more_usual_items_than_actions_are_a_fault(void **state)
{
        static const char text[] = "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}";
        struct es_answer a;
        (void)state;

        es_answer_init(&a, 1, NULL, NULL);
        assert_false(es_answer_feed(&a, text, sizeof text - 1));
        assert_false(es_answer_end(&a));
        assert_string_equal(a.fault, "more items than actions");
        es_answer_fini(&a);
}

static void any_split_gives_the_same_items(void **state)
{
        size_t n = sizeof mixed - 1;
        (void)state;

        for (size_t i = 0; i <= n; i++) {
                for (size_t j = i; j <= n; j += 1 + (j - i) / 8) {
                        struct es_answer a;
                        struct buf items = { 0 };

                        assert_true(feed(&a, &items, mixed, n, i, j));
                        assert_string_equal(buf_cstr(&items), mixed_items);
                        es_answer_fini(&a);
                        buf_fini(&items);
                }
        }
}

static void an_answer_cut_at_any_byte_is_incomplete(void **state)
{
        (void)state;

        for (size_t n = 0; n < sizeof mixed - 2; n++) { /* the last byte is a newline */
                struct es_answer a;
                struct buf items = { 0 };

                assert_false(feed(&a, &items, mixed, n, n / 2, n));
                assert_false(es_answer_complete(&a, a.items));
                assert_non_null(a.fault);
                es_answer_fini(&a);
                buf_fini(&items);
        }
}

static void errors_false_is_complete_whatever_the_items_hold(void **state)
{
        static const char *const texts[] = {
                "{\"errors\":false}",
                "{\"errors\":false,\"items\":[]}",
                "{\"items\":[{\"create\":{\"status\":201}}],\"errors\":false}",
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct es_answer a;
                assert_true(whole(texts[i], &a));
                assert_true(es_answer_complete(&a, 7));
                assert_false(a.errors);
                es_answer_fini(&a);
        }
}

static void what_is_no_bulk_answer_is_not_complete(void **state)
{
        static const char *const texts[] = {
                "",
                "  \n",
                "null",
                "[]",
                "\"x\"",
                "7",
                "{}",
                "{\"ok\":true}",
                "<html>502</html>",
                "{\"errors\":\"false\"}",
                "{\"errors\":null}",
                "{\"nested\":{\"errors\":false}}",
                "{\"errors\":false}{\"errors\":false}",
                "{\"errors\":false} trailing",
                "{\"errors\":false,}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{}}]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{}]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},7]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},null]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},[]]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":null}]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":\"201\"}}]"
                "}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":2e2}}]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":"
                "99999999999999999999}}]}",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201},\"index\":{\"status\":201}},{"
                "\"create\":{\"status\":201}}]}",
                "{\"errors\":true,\"items\":{\"create\":{\"status\":201}}}",
                "{\"errors\":true}",
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct es_answer a;
                whole(texts[i], &a);
                if (es_answer_complete(&a, 2))
                        fail_msg("taken for complete: %s", texts[i]);
                es_answer_fini(&a);
        }
}

static void more_items_than_actions_are_a_fault(void **state)
{
        static const char text[] =
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}";
        struct es_answer a;
        struct buf items = { 0 };
        (void)state;

        es_answer_init(&a, 1, write_item, &items);
        assert_false(es_answer_feed(&a, text, sizeof text - 1));
        assert_string_equal(buf_cstr(&items), "0 201 0  \n");
        assert_false(es_answer_end(&a));
        es_answer_fini(&a);
        buf_fini(&items);
}

static void the_error_of_a_whole_request_is_read(void **state)
{
        struct es_answer a;
        (void)state;

        assert_true(whole("{\"error\":{\"root_cause\":[{\"type\":\"t2\",\"reason\":\"r2\"}],\"type\":"
                          "\"security_exception\","
                          "\"reason\":\"no\",\"header\":{\"type\":\"t3\"}},\"status\":401}",
                          &a));
        assert_string_equal(a.error.type, "security_exception");
        assert_string_equal(a.error.reason, "no");
        assert_false(es_answer_complete(&a, 0));
        es_answer_fini(&a);
        assert_true(whole("{\"error\":\"no handler found\",\"status\":404}", &a));
        assert_string_equal(a.error.type, "");
        assert_string_equal(a.error.reason, "no handler found");
        es_answer_fini(&a);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
        struct es_answer a;
        struct buf text = { 0 }, items = { 0 };
        (void)state;

        buf_puts(&text, "{\"errors\":true,\"items\":[{\"create\":{\"status\":400,\"error\":{\"type\":\"t\","
                        "\"reason\":\"");
        for (int i = 0; i < 5000; i++)
                buf_puts(&text, "\xe2\x82\xac"); /* three bytes each: 1023 is a multiple, 1024 is not */
        buf_puts(&text, "\"}}}]}");
        assert_true(feed(&a, &items, text.data, text.len, 100, 200));
        size_t len = strlen(buf_cstr(&items)) - strlen("0 400 0 t \n");
        assert_in_range(len, ES_REASON_MAX - 4, ES_REASON_MAX - 1);
        assert_int_equal(len % 3, 0);
        es_answer_fini(&a);
        buf_fini(&text);
        buf_fini(&items);
}

static void an_endless_text_or_nesting_is_given_up(void **state)
{
        struct es_answer a;
        char piece[4096];
        size_t fed = 0;
        (void)state;

        memset(piece, 'x', sizeof piece);
        es_answer_init(&a, 1, NULL, NULL);
        es_answer_feed(&a, "{\"a\":\"", 6);
        while (es_answer_feed(&a, piece, sizeof piece))
                assert_true((fed += sizeof piece) < 4 << 20);
        assert_string_equal(a.fault, "a text in it is too long");
        es_answer_fini(&a);

        memset(piece, '[', sizeof piece);
        es_answer_init(&a, 1, NULL, NULL);
        es_answer_feed(&a, "{\"a\":", 5);
        assert_false(es_answer_feed(&a, piece, sizeof piece));
        es_answer_fini(&a);
}

static void bytes_that_are_no_utf8_are_no_fault(void **state)
{
        struct es_answer a;
        (void)state;

        assert_true(whole("{\"errors\":true,\"items\":[{\"create\":{\"status\":400,\"error\":{\"type\":\"t\","
                          "\"reason\":\"\xff\xfe\"}}}]}",
                          &a));
        assert_true(es_answer_complete(&a, 1));
        es_answer_fini(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(items_come_in_order_with_status_type_and_reason),
                cmocka_unit_test(any_split_gives_the_same_items),
                cmocka_unit_test(the_usual_answer_may_end_in_any_other),
                cmocka_unit_test(more_usual_items_than_actions_are_a_fault),
                cmocka_unit_test(an_answer_cut_at_any_byte_is_incomplete),
                cmocka_unit_test(errors_false_is_complete_whatever_the_items_hold),
                cmocka_unit_test(what_is_no_bulk_answer_is_not_complete),
                cmocka_unit_test(more_items_than_actions_are_a_fault),
                cmocka_unit_test(the_error_of_a_whole_request_is_read),
                cmocka_unit_test(a_long_reason_is_cut_between_characters),
                cmocka_unit_test(an_endless_text_or_nesting_is_given_up),
                cmocka_unit_test(bytes_that_are_no_utf8_are_no_fault),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
