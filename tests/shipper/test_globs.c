/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shipper/globs.h"

static char *shop_paths[] = { (char *)"/var/log/shop/*.log" };
static char *syslog_paths[] = { (char *)"/var/log/syslog", (char *)"/var/log/*/auth" };
static struct input_config configs[] = {
        { .paths = { shop_paths, 1 } },
        { .paths = { syslog_paths, 2 } },
};
static const struct tablelist inputs = { configs, 2 };

static void a_path_belongs_to_the_input_whose_pattern_it_matches(void **state)
{
        (void)state;
        assert_ptr_equal(globs_match(&inputs, "/var/log/shop/a.log"), &configs[0]);
        assert_ptr_equal(globs_match(&inputs, "/var/log/x/auth"), &configs[1]);
        assert_null(globs_match(&inputs, "/var/log/shop/a.log.1"));
        assert_null(globs_match(&inputs, "/var/log/shop/sub/a.log"));
        assert_null(globs_match(&inputs, "/var/log/shop/.hidden.log"));
}

static void a_rotated_name_belongs_to_what_it_was_rotated_from(void **state)
{
        (void)state;
        assert_ptr_equal(globs_match_rotated(&inputs, "/var/log/shop/a.log"), &configs[0]);
        assert_ptr_equal(globs_match_rotated(&inputs, "/var/log/shop/a.log.1"), &configs[0]);
        assert_ptr_equal(globs_match_rotated(&inputs, "/var/log/shop/a.log-20261123.2"), &configs[0]);
        assert_ptr_equal(globs_match_rotated(&inputs, "/var/log/syslog.1"), &configs[1]);
        assert_null(globs_match_rotated(&inputs, "/var/log/kern.1"));
}

static void siblings_are_the_same_name_with_something_behind(void **state)
{
        (void)state;
        assert_true(globs_is_sibling("a.log.1", "a.log"));
        assert_true(globs_is_sibling("a.log-20261123", "a.log"));
        assert_false(globs_is_sibling("a.log", "a.log"));
        assert_false(globs_is_sibling("a.logger", "a.log"));
        assert_false(globs_is_sibling("b.log.1", "a.log"));
}

static void archives_are_told_by_their_ending(void **state)
{
        (void)state;
        assert_true(globs_is_archive("a.log.1.gz"));
        assert_true(globs_is_archive("a.zst"));
        assert_false(globs_is_archive("a.gz.log"));
        assert_false(globs_is_archive(".gz"));
}

static void two_stars_are_any_number_of_directories(void **state)
{
        static const struct { const char *pattern, *path; bool fits; } cases[] = {
                { "/srv/**/x.log", "/srv/x.log", true },
                { "/srv/**/x.log", "/srv/a/b/c/x.log", true },
                { "/srv/**/x.log", "/srv/a/yx.log", false },
                { "/srv/**/x.log", "/other/x.log", false },
                { "/srv/**/x.log", "/srv/.git/x.log", false },
                { "/srv/**/*.log", "/srv/a/.hidden.log", false },
                { "/srv/**/app/*.log", "/srv/a/app/b/app/1.log", true },
                { "/srv/**/app/*.log", "/srv/a/app/b/1.log", false },
                { "/srv/**", "/srv/a/b", true },
                { "/srv/**", "/srv/a", true },
                { "/srv/**", "/srv", false },
                { "/s*/**/x", "/srv/a/x", true },
                { "/srv/**/a/**/x", "/srv/1/a/2/3/x", true },
                { "/srv/**/a/**/x", "/srv/1/2/3/x", false },
                { "/srv/a**b", "/srv/a/b", false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (globs_fit(cases[i].pattern, cases[i].path) != cases[i].fits)
                        fail_msg("%s %s", cases[i].pattern, cases[i].path);
}

static void an_excluded_path_belongs_to_the_next_input_or_to_none(void **state)
{
        static char *all[] = { (char *)"/var/log/**/*.log" }, *audit[] = { (char *)"/var/log/audit/**" };
        static struct input_config both[] = { { .paths = { all, 1 }, .exclude_paths = { audit, 1 } },
                                              { .paths = { audit, 1 } } };
        const struct tablelist in = { both, 2 };

        (void)state;
        assert_ptr_equal(globs_match(&in, "/var/log/shop/a.log"), &both[0]);
        assert_ptr_equal(globs_match(&in, "/var/log/audit/1/a.log"), &both[1]);
        assert_null(globs_match(&(struct tablelist){ both, 1 }, "/var/log/audit/1/a.log"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_path_belongs_to_the_input_whose_pattern_it_matches),
                cmocka_unit_test(a_rotated_name_belongs_to_what_it_was_rotated_from),
                cmocka_unit_test(siblings_are_the_same_name_with_something_behind),
                cmocka_unit_test(two_stars_are_any_number_of_directories),
                cmocka_unit_test(an_excluded_path_belongs_to_the_next_input_or_to_none),
                cmocka_unit_test(archives_are_told_by_their_ending),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
