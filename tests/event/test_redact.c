/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "event/redact.h"
#include "event/scan.h"

#define R "[redacted]"

static struct redact *make(struct redact_config *c, char **what)
{
        struct redact *r = NULL;
        struct err e = { 0 };

        c->what = (struct strlist){ what, 1 };
        if (redact_new(c, &r, &e) < 0)
                fail_msg("%s", e.msg);
        return r;
}

static void check(const char *what, const char *text, const char *want)
{
        char *list[] = { (char *)what };
        struct redact_config c = { .how = REDACT_MASK };
        struct redact *r = make(&c, list);
        const char *got = text;
        size_t len = strlen(text), n = redact_run(r, &got, &len);

        if (len != strlen(want) || memcmp(got, want, len) != 0)
                fail_msg("%s on %s: %.*s", what, text, (int)len, got);
        assert_int_equal(n > 0, strcmp(text, want) != 0);
        redact_free(r);
}

static void what_a_rule_finds_is_gone(void **state)
{
        static const struct {
                const char *what, *text, *want;
        } cases[] = {
                { "card", "pay 4111111111111111 now", "pay " R " now" },
                { "card", "pay 4111 1111 1111 1111 now", "pay " R " now" },
                { "card", "4111-1111-1111-1111", R },
                { "card", "4111111111111112", "4111111111111112" },
                { "card", "17 4111 1111 1111 1111 2026", "17 " R " 2026" },
                { "card", "1795428000123456789012345", "1795428000123456789012345" },
                { "card", "378282246310005 5555555555554444", R " " R },
                { "card", "{\"pan\":4111111111111111,\"n\":12}", "{\"pan\":null,\"n\":12}" },
                { "card", "{\"pan\":\"4111\\u00201111\\u002011111111\"}", "{\"pan\":\"" R "\"}" },
                { "card", "\r{\"pan\":4111111111111111}", "\r{\"pan\":null}" },
                { "bearer", "Authorization: Bearer abcdef123456 x", "Authorization: Bearer " R " x" },
                { "bearer", "authorization=basic dXNlcjpwdw==", "authorization=basic " R },
                { "bearer", "t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_ x", "t=" R " x" },
                { "bearer", "the bearer of news", "the bearer of news" },
                { "email", "from a.b+c@mail.example.co.uk to x@y", "from " R " to x@y" },
                { "email", "{\"to\":\"bob\\u0040example.com\",\"k\":\"a\\n\"}",
                  "{\"to\":\"" R "\",\"k\":\"a\\n\"}" },
                /* a match that begins or ends inside an escape */
                { "email", "{\"to\":\"\\b@example.com\"}", "{\"to\":\"" R "\"}" },
                { "x\\d+", "{\"a\":\"x\\u0041y\",\"b\":\"x\\\\12\"}", "{\"a\":\"x\\u0041y\",\"b\":\"x\\\\12\"}" },
                { "\\d\\d", "{\"a\":\"x\\u0041y\"}", "{\"a\":\"x" R "y\"}" },
                { "ab.", "{\"a\":\"ab\\n\\\\c\"}", "{\"a\":\"" R "\\\\c\"}" },
                { "email", "{\"bob@example.com\":{\"x\":[\"al@example.org\"]}}",
                  "{\"" R "\":{\"x\":[\"" R "\"]}}" },
                { "password=(\\S+)", "password=secret user=x password=y",
                  "password=" R " user=x password=" R },
                { "\"password\":\"([^\"]*)\"", "{\"password\":\"x y\",\"a\":1}",
                  "{\"password\":\"" R "\",\"a\":1}" },
                { "secret", "no such thing", "no such thing" },
                { "x*", "axxb", "a" R "b" },
                { "(a)|b", "ab", R R },
                { "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", R },
                { "email", "", "" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                check(cases[i].what, cases[i].text, cases[i].want);
}

static void rules_are_applied_one_after_the_other(void **state)
{
        char *list[] = { (char *)"email", (char *)"card", (char *)"user=(\\w+)" };
        struct redact_config c = { .what = { list, 3 } };
        struct redact *r = NULL;
        const char *text = "user=bob a@example.com 4111111111111111";
        size_t len = strlen(text);

        (void)state;
        assert_int_equal(redact_new(&c, &r, NULL), 0);
        assert_int_equal(redact_run(r, &text, &len), 3);
        assert_int_equal(len, strlen("user=" R " " R " " R));
        assert_memory_equal(text, "user=" R " " R " " R, len);
        redact_free(r);
}

static void a_hash_is_the_same_for_the_same_and_needs_the_key(void **state)
{
        static const char *const keys[] = { "0123456789abcdef", "another key of some length" };
        char *list[] = { (char *)"\\w+@x" }, seen[2][64];

        (void)state;
        for (int i = 0; i < 2; i++) {
                struct redact_config c = { .how = REDACT_HASH, .key = (char *)keys[i] };
                struct redact *r = make(&c, list);
                const char *text = "a@x a@x b@x";
                size_t len = strlen(text);
                assert_int_equal(redact_run(r, &text, &len), 3);
                assert_int_equal(len, (size_t)3 * 23 + 2);
                assert_memory_equal(text, "[hmac:", 6);
                assert_memory_equal(text, text + 24, 23);
                assert_memory_not_equal(text, text + 48, 23);
                memcpy(seen[i], text, 23);
                redact_free(r);
        }
        assert_memory_not_equal(seen[0], seen[1], 23);
}

/* What came over a socket is redacted twice. */
static void what_was_redacted_is_left_alone(void **state)
{
        static const char *const texts[] = { "password=secret, card 4111 1111 1111 1111", "to a@example.com: x",
                                             "{\"to\":\"a\\u0040example.com\",\"n\":4111111111111111}" };
        char *list[] = { (char *)"card", (char *)"email", (char *)"password=(\\S+)", (char *)"^to (.{4})", (char *)"[a-f]+" };

        (void)state;
        for (int how = REDACT_MASK; how <= REDACT_HASH; how++) {
                struct redact_config c = { .what = { list, 5 }, .how = how, .key = (char *)"0123456789abcdef" };
                struct redact *r = NULL;
                assert_int_equal(redact_new(&c, &r, NULL), 0);
                for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                        const char *text = texts[i];
                        size_t len = strlen(text);
                        assert_true(redact_run(r, &text, &len) > 0);
                        char *once = strndup(text, len);
                        text = once;
                        len = strlen(once);
                        assert_int_equal(redact_run(r, &text, &len), 0);
                        assert_int_equal(len, strlen(once));
                        free(once);
                }
                redact_free(r);
        }
}

static void a_mistake_is_told(void **state)
{
        char *bad[] = { (char *)"(x" }, *good[] = { (char *)"email" };
        struct redact_config cases[] = {
                { .what = { bad, 1 } },
                { .what = { good, 1 }, .how = REDACT_HASH },
                { .what = { good, 1 }, .how = REDACT_HASH, .key = (char *)"short" }
        };
        static const char *const want[] = { "redact: pattern \"(x\": missing", "redact_key: must be set",
                                            "redact_key: must be set" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct redact *r;
                struct err e = { 0 };
                assert_int_equal(redact_new(&cases[i], &r, &e), -22);
                assert_non_null(strstr(e.msg, want[i]));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_rule_finds_is_gone),
                cmocka_unit_test(rules_are_applied_one_after_the_other),
                cmocka_unit_test(a_hash_is_the_same_for_the_same_and_needs_the_key),
                cmocka_unit_test(what_was_redacted_is_left_alone),
                cmocka_unit_test(a_mistake_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
