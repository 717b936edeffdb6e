/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/reload.h"
#include "tests/fake/tmpdir.h"

static void a_change_is_due_once_when_the_file_is_still(void **state)
{
        char *dir = tmpdir_new(), *file = tmpdir_path(dir, "x.cfg");
        struct reload r;

        (void)state;
        file_write(file, "a");
        reload_init(&r, file);
        assert_false(reload_due(&r));
        file_write(file, "ab");
        assert_false(reload_due(&r));   /* seen for the first time: it may still be being written */
        assert_true(reload_due(&r));
        assert_false(reload_due(&r));
        free(file);
        tmpdir_free(dir);
}

static void a_swapped_symlink_is_a_change(void **state)
{
        char *dir = tmpdir_new(), *one = tmpdir_path(dir, "1"), *two = tmpdir_path(dir, "2"), *data = tmpdir_path(dir, "..data");
        char *next = tmpdir_path(dir, "..next");
        struct reload r;

        (void)state;
        file_write(one, "a");
        file_write(two, "b");
        assert_int_equal(symlink("1", data), 0);
        reload_init(&r, data);
        assert_int_equal(symlink("2", next), 0);
        assert_int_equal(rename(next, data), 0);
        assert_false(reload_due(&r));
        assert_true(reload_due(&r));
        free(one);
        free(two);
        free(data);
        free(next);
        tmpdir_free(dir);
}

static void a_file_that_vanished_is_no_change_and_its_return_is_one(void **state)
{
        char *dir = tmpdir_new(), *file = tmpdir_path(dir, "x.cfg");
        struct reload r;

        (void)state;
        file_write(file, "a");
        reload_init(&r, file);
        unlink(file);
        assert_false(reload_due(&r));
        assert_false(reload_due(&r));
        file_write(file, "abc");
        assert_false(reload_due(&r));
        assert_true(reload_due(&r));
        free(file);
        tmpdir_free(dir);
}

static void asked_it_is_due_without_a_change(void **state)
{
        struct reload r;

        (void)state;
        reload_init(&r, NULL);
        assert_false(reload_due(&r));
        reload_ask(&r);
        assert_true(reload_due(&r));
        assert_false(reload_due(&r));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_change_is_due_once_when_the_file_is_still),
                cmocka_unit_test(a_swapped_symlink_is_a_change),
                cmocka_unit_test(a_file_that_vanished_is_no_change_and_its_return_is_one),
                cmocka_unit_test(asked_it_is_due_without_a_change),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
