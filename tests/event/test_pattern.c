/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/check.h"
#include "event/pattern.h"

static struct pattern *make(const char *text)
{
        struct err e = { 0 };
        struct pattern *p = pattern_new(text, &e);

        if (!p)
                fail_msg("%s", e.msg);
        return p;
}

static void assert_group(const struct pattern *p, unsigned group, const char *text, const char *want)
{
        size_t start, end;

        if (!want) {
                assert_false(pattern_group(p, group, &start, &end));
                return;
        }
        assert_true(pattern_group(p, group, &start, &end));
        assert_int_equal(end - start, strlen(want));
        assert_memory_equal(text + start, want, end - start);
}

static void matches_as_pcre_does(void **state)
{
        static const struct {
                const char *pattern, *text;
                bool matches;
        } cases[] = {
                { "ERROR", "an ERROR here", true },
                { "ERROR", "an error here", false },
                { "(?i)error", "an ERROR here", true },
                { "^a", "ba", false },
                { "a$", "ba", true },
                { "a$", "a\n", false },
                { "^b", "a\nb", false },
                { "(?m)^b", "a\nb", true },
                { "a.b", "a\nb", false },
                { "(?s)a.b", "a\nb", true },
                { "", "", true },
                { "x*", "", true },
                { "x", "", false },
                { "\\d{3}(?!\\d)", "1234", true },
                { "^.*z$", "\xff\xfez", true },              /* an invalid byte is a byte */
                { "[\xc3\xa4\xc3\xb6]", "\xc3\xa5", false }, /* but a set of characters is no set of bytes */
                { "[\xc3\xa4\xc3\xb6]", "x\xc3\xb6", true },
                { "(?i)\xc3\xa4", "\xc3\x84", true },
                { "\xc3\xa4", "\xff\xff\xc3\xa4", true },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct pattern *p = make(cases[i].pattern);
                if (pattern_matches(p, cases[i].text, strlen(cases[i].text)) != cases[i].matches)
                        fail_msg("%s on %s", cases[i].pattern, cases[i].text);
                assert_int_equal(pattern_gave_up(p), 0);
                pattern_free(p);
        }
}

static void text_may_be_nothing_at_all(void **state)
{
        struct pattern *p = make("^$");

        (void)state;
        assert_true(pattern_matches(p, NULL, 0));
        pattern_free(p);
        pattern_free(NULL);
}

static void a_mistake_is_told_with_its_place(void **state)
{
        static const struct {
                const char *pattern, *want;
        } cases[] = {
                { "ab(c", "pattern \"ab(c\": missing closing parenthesis, at character 5, after \"ab(c\"" },
                { "a[z", "missing terminating ] for character class" },
                { "(?<a>x)(?<a>y)", NULL }, /* the same name twice is meant */
                { "*a", "quantifier does not follow a repeatable item" },
                { "(?<1a>x)", "name must start with a non-digit, at character 4, after \"(?<\"" },
                { "a\\Cb", "using \\C is disabled" },
                { "\xff", "UTF-8 error" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct err e = { 0 };
                struct pattern *p = pattern_new(cases[i].pattern, &e);
                if (!p && (!cases[i].want || !strstr(e.msg, cases[i].want)))
                        fail_msg("%s: %s", cases[i].pattern, e.msg);
                assert_int_equal(p != NULL, cases[i].want == NULL);
                assert_int_equal(e.code != 0, p == NULL);
                pattern_free(p);
        }
}

static void groups_have_names_in_their_order(void **state)
{
        static const char text[] = "10:00 WARN disk";
        struct pattern *p = make("^(?<time>\\S+) (\\w+) (?<a>x)?(?<msg>.*)");
        const struct pattern_name *names;

        (void)state;
        assert_int_equal(pattern_groups(p), 4);
        assert_int_equal(pattern_names(p, &names), 3);
        assert_string_equal(names[0].name, "time");
        assert_string_equal(names[1].name, "a");
        assert_string_equal(names[2].name, "msg");
        assert_int_equal(names[2].group, 4);
        assert_true(pattern_matches(p, text, strlen(text)));
        assert_group(p, 0, text, text);
        assert_group(p, 1, text, "10:00");
        assert_group(p, 2, text, "WARN");
        assert_group(p, 3, text, NULL);
        assert_group(p, 4, text, "disk");
        assert_group(p, 5, text, NULL);
        pattern_free(p);
        p = make("(x)");
        assert_int_equal(pattern_names(p, &names), 0);
        pattern_free(p);
}

static void search_goes_on_from_a_place(void **state)
{
        static const char text[] = "a1 b22 c333";
        static const char *const want[] = { "1", "22", "333" };
        struct pattern *p = make("\\d+");
        size_t at = 0, start, end;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
                assert_true(pattern_find(p, text, strlen(text), at));
                assert_group(p, 0, text, want[i]);
                assert_true(pattern_group(p, 0, &start, &end));
                at = end;
        }
        assert_false(pattern_find(p, text, strlen(text), at));
        assert_false(pattern_find(p, text, strlen(text), strlen(text) + 1));
        pattern_free(p);
}

/* Around the borders of the windows that a long text is searched in. */
static void match_is_found_wherever_it_stands(void **state)
{
        static const char *const patterns[] = { "needle", "(?<=x)needle", "\\bneedle(?= |$)",
                                                "n(e)\\1d|\xc3\xa4\xc3\xa4" };
        enum { LEN = 1100 };
        char text[LEN];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
                struct pattern *p = make(patterns[i]);
                for (size_t at = 1; at + 7 <= LEN; at++) {
                        size_t start, end;
                        memset(text, '.', LEN);
                        text[at - 1] = i == 1 ? 'x' : ' ';
                        memcpy(text + at, "needle ", 7);
                        if (!pattern_matches(p, text, LEN))
                                fail_msg("%s at %zu", patterns[i], at);
                        assert_true(pattern_group(p, 0, &start, &end));
                        assert_int_equal(start, at);
                }
                memset(text, '.', LEN);
                assert_false(pattern_matches(p, text, LEN));
                assert_int_equal(pattern_gave_up(p), 0);
                pattern_free(p);
        }
}

static void match_in_utf8_is_found_wherever_it_stands(void **state)
{
        enum { LEN = 1100 };
        char text[LEN];
        struct pattern *p = make("\xe2\x82\xac+");

        (void)state;
        for (size_t at = 0; at + 6 <= LEN; at++) {
                size_t start, end;
                memset(text, '.', LEN);
                memcpy(text + at, "\xe2\x82\xac\xe2\x82\xac", 6);
                assert_true(pattern_matches(p, text, LEN));
                assert_true(pattern_group(p, 0, &start, &end));
                assert_int_equal(start, at);
                assert_int_equal(end, at + 6);
        }
        pattern_free(p);
}

static double seconds(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Exponential, polynomial and merely quadratic ones: each ends, says no, and says that it gave up. */
static void no_pattern_takes_for_ever(void **state)
{
        static const char *const patterns[] = { "(a+)+$",     "(a|a)*$",    "^(a+)*b",
                                                "(?:a|aa)+$", "(.*a){12}c", "a*a*a*a*a*c" };
        static const size_t lengths[] = { 30, 1000, 512 * 1024 };
        char *text = malloc(512 * 1024 + 1);

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
                struct pattern *p = make(patterns[i]);
                for (size_t n = 0; n < ARRAY_LEN(lengths); n++) {
                        double begun = seconds();
                        memset(text, 'a', lengths[n]);
                        text[lengths[n]] = '!';
                        assert_false(pattern_matches(p, text, lengths[n] + 1));
                        if (seconds() - begun > 5)
                                fail_msg("%s: %zu bytes took %.1f s", patterns[i], lengths[n],
                                         seconds() - begun);
                }
                pattern_free(p);
        }
        free(text);
}

static void giving_up_is_counted(void **state)
{
        char text[64];
        struct pattern *p = make("^(a+)+$");

        (void)state;
        memset(text, 'a', sizeof(text));
        text[63] = '!';
        for (uint64_t i = 1; i <= 3; i++) {
                assert_false(pattern_matches(p, text, sizeof(text)));
                assert_int_equal(pattern_gave_up(p), i);
        }
        assert_true(pattern_matches(p, text, 63));
        assert_int_equal(pattern_gave_up(p), 3);
        pattern_free(p);
}

/* A plain pattern on the longest line is nowhere near a limit. */
static void long_lines_are_searched_to_their_end(void **state)
{
        static const char *const patterns[] = { "needle$", "^.*needle$", "(?s)^.*?needle", "\\w+=needle",
                                                "[^ ]+ needle|needle" };
        size_t len = 512 * 1024;
        char *text = malloc(len);

        (void)state;
        for (size_t i = 0; i < len; i++)
                text[i] = "abcdefghij klmn "[i % 16];
        text[len - 8] = 'k';
        text[len - 7] = '=';
        memcpy(text + len - 6, "needle", 6);
        for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
                struct pattern *p = make(patterns[i]);
                if (!pattern_matches(p, text, len))
                        fail_msg("%s gave_up=%d", patterns[i], (int)pattern_gave_up(p));
                pattern_free(p);
        }
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(matches_as_pcre_does),
                cmocka_unit_test(text_may_be_nothing_at_all),
                cmocka_unit_test(a_mistake_is_told_with_its_place),
                cmocka_unit_test(groups_have_names_in_their_order),
                cmocka_unit_test(search_goes_on_from_a_place),
                cmocka_unit_test(match_is_found_wherever_it_stands),
                cmocka_unit_test(match_in_utf8_is_found_wherever_it_stands),
                cmocka_unit_test(no_pattern_takes_for_ever),
                cmocka_unit_test(giving_up_is_counted),
                cmocka_unit_test(long_lines_are_searched_to_their_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
