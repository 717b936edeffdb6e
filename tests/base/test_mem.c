/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void nothing_asked_for_is_still_a_pointer(void **state)
{
        void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xrealloc(NULL, 0);

        (void)state;
        assert_non_null(a);
        assert_non_null(b);
        assert_non_null(c);
        free(a);
        free(b);
        free(c);
}

static void calloc_gives_zeros(void **state)
{
        static const char zeros[400];
        char *p = xcalloc(100, 4);

        (void)state;
        assert_memory_equal(p, zeros, 400);
        free(p);
}

static void realloc_keeps_the_content(void **state)
{
        char *p = xmalloc(3);

        (void)state;
        memcpy(p, "abc", 3);
        p = xrealloc(p, 100000);
        assert_memory_equal(p, "abc", 3);
        free(p);
}

static void strndup_stops_at_the_nul_or_at_n(void **state)
{
        static const struct {
                const char *from, *to;
                size_t n;
        } cases[] = {
                { "abc", "abc", 3 }, { "abc", "abc", 99 }, { "abc", "ab", 2 },
                { "abc", "", 0 },    { "", "", 5 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char *s = xstrndup(cases[i].from, cases[i].n);

                assert_string_equal(s, cases[i].to);
                free(s);
        }
}

static void strings_are_copied_and_formatted(void **state)
{
        char *a = xstrdup("one"), *b = xasprintf("%s-%d", a, 2);

        (void)state;
        assert_string_equal(a, "one");
        assert_string_equal(b, "one-2");
        free(a);
        free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_asked_for_is_still_a_pointer),
                cmocka_unit_test(calloc_gives_zeros),
                cmocka_unit_test(realloc_keeps_the_content),
                cmocka_unit_test(strndup_stops_at_the_nul_or_at_n),
                cmocka_unit_test(strings_are_copied_and_formatted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
