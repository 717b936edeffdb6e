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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_path_belongs_to_the_input_whose_pattern_it_matches),
                cmocka_unit_test(a_rotated_name_belongs_to_what_it_was_rotated_from),
                cmocka_unit_test(siblings_are_the_same_name_with_something_behind),
                cmocka_unit_test(archives_are_told_by_their_ending),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
