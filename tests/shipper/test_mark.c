/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shipper/mark.h"
#include "tests/fake/tmpdir.h"

static char text[2001];

static void mark_sees_the_bytes_before_it_and_no_others(void **state)
{
        static const int64_t positions[] = { 1, 255, 256, 257, 1000 };

        (void)state;
        for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
                int64_t at = positions[i];
                for (int64_t k = 0; k < 2000; k++) {
                        memset(text, 'x', 2000);
                        struct mark m = mark_of(text + at, at);
                        text[k] = 'y';
                        bool covered = k < at && k >= at - MARK_BYTES;
                        assert_int_equal(mark_fits(&m, text + at), !covered);
                }
        }
}

static void a_file_too_short_for_its_mark_does_not_fit(void **state)
{
        char *dir = tmpdir_new(), *path = tmpdir_path(dir, "f");

        (void)state;
        memset(text, 'x', 2000);
        file_write(path, text);
        struct mark m = mark_of(text + 600, 600);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(mark_check(&m, fd));
        assert_int_equal(ftruncate(fd, 599), 0);
        assert_false(mark_check(&m, fd));
        assert_true(mark_check(&(struct mark){ 0 }, fd));
        close(fd);
        free(path);
        tmpdir_free(dir);
}

/* Whatever was acknowledged: the stored mark is one that was read, and never beyond the position. */
static void stored_mark_follows_the_acknowledged_position(void **state)
{
        struct marks m = { 0 };
        int64_t committed = 0;

        (void)state;
        for (int64_t at = 10; at <= 1000; at += 10) {
                marks_read(&m, (struct mark){ at, (uint64_t)at });
                if (at % 70 == 0)
                        committed = at - 35;
                struct mark s = marks_safe(&m, committed);
                assert_true(s.at <= committed && s.hash == (uint64_t)s.at);
                assert_true(committed < 100 || s.at > 0);
        }
        assert_int_equal(marks_safe(&m, 1000).at, 1000);
        assert_int_equal(marks_safe(&m, 1000).at, 1000);
}

static void a_mark_for_a_shorter_copy_is_kept(void **state)
{
        struct marks m = { 0 };

        (void)state;
        for (int64_t at = 10; at <= 5000; at += 10) {
                marks_read(&m, (struct mark){ at, (uint64_t)at });
                marks_safe(&m, at);
                assert_int_equal(marks_within(&m, at).at, at);
                struct mark older = marks_within(&m, at - 1);
                assert_true(at < 20 || older.at >= at / 4);
                assert_true(older.at < at);
        }
        assert_int_equal(marks_within(&m, 5).at, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mark_sees_the_bytes_before_it_and_no_others),
                cmocka_unit_test(a_file_too_short_for_its_mark_does_not_fit),
                cmocka_unit_test(stored_mark_follows_the_acknowledged_position),
                cmocka_unit_test(a_mark_for_a_shorter_copy_is_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
