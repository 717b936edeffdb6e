/* SPDX-License-Identifier: Apache-2.0 */
/* What would spoil a document, or a bulk with it, is found before it is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "collector/decode.h"

#define TIME "\"@timestamp\":\"2026-11-23T10:00:00.000Z\""

static const struct {
        const char *payload;
        const char *repaired; /* the document; NULL: a text document of the payload */
        const char *why;      /* of a dead letter; NULL: it is fine as it is */
} cases[] = {
        { "{" TIME ",\"a\":1}", "{" TIME ",\"a\":1}", NULL },
        { "{" TIME ",\"a\":1,\"a\":2}", "{" TIME ",\"a\":1}", "has two members of one name" },
        { "{" TIME ",\"a\":{\"b\":1,\"c\":[{\"d\":1,\"\\u0064\":2}]}}",
          "{" TIME ",\"a\":{\"b\":1,\"c\":[{\"d\":1}]}}", "has two members of one name" },
        { "{" TIME ",\"a\":{\"x\":1},\"b\":{\"x\":1}}", "{" TIME ",\"a\":{\"x\":1},\"b\":{\"x\":1}}", NULL },
        { "{" TIME ",\"a\":\"\xff\"}", "{" TIME ",\"a\":\"\xef\xbf\xbd\"}",
          "holds bytes that are not UTF-8" },
        { "{" TIME ",\"a\":\"x}", NULL, "begins like a JSON object and is none" },
        { " {not json", NULL, "begins like a JSON object and is none" },
        { "plain text", NULL, NULL },
        { "[1,2]", NULL, NULL },
        { "", NULL, NULL },
};

static struct decoder *decoder(struct collector_stats *stats, enum on_invalid how)
{
        struct err e = { 0 };
        struct decoder *d = decode_new("logs-a-b", NULL, stats, &e);

        decode_set_invalid(d, how);
        return d;
}

static enum decode_end run(struct decoder *d, const char *payload, char **ret_value)
{
        const struct incoming in = { .cluster = "c",
                                     .topic = "logs",
                                     .timestamp_ms = 1700000000123,
                                     .payload = payload,
                                     .len = strlen(payload) };
        struct batch *b = batch_new(0);
        enum decode_end how = decode(d, &in, b);

        assert_int_equal(b->n, 1);
        assert_true(b->recs[0].id.len > 0);
        *ret_value = xstrndup(batch_at(b, b->recs[0].value), b->recs[0].value.len);
        batch_free(b);
        return how;
}

static void by_default_it_is_repaired_and_counted(void **state)
{
        struct collector_stats stats = { 0 };
        struct decoder *d = decoder(&stats, INVALID_REPAIR);
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char *value;
                assert_int_equal(run(d, cases[i].payload, &value), DECODE_OK);
                if (cases[i].repaired)
                        assert_string_equal(value, cases[i].repaired);
                else
                        assert_non_null(strstr(value, "\"message\":"));
                free(value);
        }
        assert_int_equal(stat_get(&stats.double_keys), 2);
        assert_int_equal(stat_get(&stats.utf8_repaired), 1);
        decode_free(d);
}

static void or_left_to_the_dead_letters_as_it_came(void **state)
{
        struct collector_stats stats = { 0 };
        struct decoder *d = decoder(&stats, INVALID_DEAD_LETTER);
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char *value;
                enum decode_end how = run(d, cases[i].payload, &value);
                assert_int_equal(how, cases[i].why ? DECODE_INVALID : DECODE_OK);
                if (cases[i].why) {
                        assert_string_equal(value, cases[i].payload);
                        assert_string_equal(decode_why(d), cases[i].why);
                }
                free(value);
        }
        decode_free(d);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_default_it_is_repaired_and_counted),
                cmocka_unit_test(or_left_to_the_dead_letters_as_it_came),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
