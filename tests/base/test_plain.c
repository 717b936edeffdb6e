/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plain.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"

enum { LONGEST = 200, GUARD = 0x5a };

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(seed >> 33) % n;
}

static size_t by_bytes(const char *p, size_t n)
{
        size_t i = 0;

        while (i < n && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x80 && p[i] != '"' && p[i] != '\\')
                i++;
        return i;
}

/* The text ends where its allocation ends, so the sanitizer sees a byte read too many. */
static void compare(const struct plain_ops *ops, const char *text, size_t n)
{
        char *p = malloc(n + 1), to[LONGEST + BUF_SLACK + 1];
        size_t expected = by_bytes(text, n);

        memcpy(p, text, n);
        memset(to, GUARD, sizeof(to));
        if (ops->len(p, n) != expected || ops->copy(to, p, n) != expected)
                fail_msg("%s: %zu bytes: %zu, not %zu", ops->name, n, ops->len(p, n), expected);
        assert_memory_equal(to, p, expected);
        for (size_t i = (expected > n ? expected : n) + BUF_SLACK; i < sizeof(to); i++)
                assert_int_equal(to[i], GUARD);
        for (size_t i = expected + BUF_SLACK; i < n; i++)
                assert_int_equal(to[i], GUARD);
        free(p);
}

static void each_byte_is_judged_alike_at_each_place(void **state)
{
        const struct plain_ops *v;
        size_t n = plain_all(&v);
        char text[70];

        (void)state;
        for (size_t k = 0; k < n; k++)
                for (size_t at = 0; at < sizeof(text); at++)
                        for (int c = 0; c < 256; c++) {
                                memset(text, 'x', sizeof(text));
                                text[at] = (char)c;
                                compare(&v[k], text, sizeof(text));
                        }
}

static void random_text_of_each_length_is_judged_alike(void **state)
{
        const struct plain_ops *v;
        size_t n = plain_all(&v);
        char text[LONGEST];

        (void)state;
        for (int i = 0; i < 20000; i++) {
                size_t len = below(LONGEST + 1);
                unsigned rare = 1 + below(200);
                for (size_t k = 0; k < len; k++)
                        text[k] = (char)(below(rare) == 0 ? below(256) : ' ' + below(95));
                for (size_t k = 0; k < n; k++)
                        compare(&v[k], text, len);
        }
}

static void the_best_one_is_taken(void **state)
{
        const struct plain_ops *v;
        size_t n = plain_all(&v);

        (void)state;
        plain_setup();
        assert_string_equal(plain.name, v[n - 1].name);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_byte_is_judged_alike_at_each_place),
                cmocka_unit_test(random_text_of_each_length_is_judged_alike),
                cmocka_unit_test(the_best_one_is_taken),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
