/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are found, and when: patterns, directories that come later, events that nobody sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/rig.h"

static char *excluded;                  /* owned */

static int set_up(void **state)
{
        struct rig *r = rig_new("**/*.log");

        excluded = rig_path(r, "**/debug*.log");
        r->input.exclude_paths = (struct strlist){ &excluded, 1 };
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        rig_free(*state);
        free(excluded);
        return 0;
}

static void files_at_any_depth_are_found(void **state)
{
        struct rig *r = *state;

        rig_make_dir(r, "a");
        rig_make_dir(r, "a/b");
        rig_append(r, "top.log", "1\n");
        rig_append(r, "a/b/deep.log", "2\n");
        rig_append(r, "a/b/deep.txt", "no\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
}

static void a_directory_made_later_is_watched_with_all_below_it(void **state)
{
        struct rig *r = *state;

        rig_start(r);
        rig_make_dir(r, "a");
        rig_make_dir(r, "a/b");
        rig_append(r, "a/b/x.log", "1\n");
        rig_wait_for(r, 1);
        rig_append(r, "a/b/x.log", "2\n");
        rig_wait_for(r, 2);
        rig_make_dir(r, "a/b/c");
        rig_append(r, "a/b/c/y.log", "3\n");
        rig_wait_for(r, 3);
}

static void excluded_files_are_left_alone_by_scan_and_event(void **state)
{
        struct rig *r = *state;

        rig_append(r, "debug1.log", "no\n");
        rig_append(r, "a.log", "1\n");
        rig_start(r);
        rig_append(r, "debug2.log", "no\n");
        rig_append(r, "b.log", "2\n");
        rig_wait_for(r, 2);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_int_equal(stat_get(&r->stats.files), 2);
}

static void without_events_the_scan_sees_what_grew_and_the_directories_are_counted(void **state)
{
        struct rig *r = *state;

        r->config.watch = WATCH_STAT;
        rig_make_dir(r, "a");
        rig_append(r, "a/x.log", "1\n");
        rig_start(r);
        assert_int_equal(stat_get(&r->stats.dirs_unwatched), 3);       /* the top, a, and that of the state */
        rig_turns(r);
        rig_append(r, "a/x.log", "2\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        watch_scan(r->watch);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
}

static void with_events_no_directory_is_left_to_the_scan(void **state)
{
        struct rig *r = *state;

        rig_start(r);
        assert_int_equal(stat_get(&r->stats.dirs_unwatched), 0);
}

static void an_old_file_waits_until_it_is_written_to_and_is_then_read_whole(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "old.log");
        const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

        r->input.ignore_older_ms = 3600 * 1000;
        rig_append(r, "new.log", "1\n");
        rig_append(r, "old.log", "2\n");
        assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_int_equal(stat_get(&r->stats.files_ignored), 1);
        rig_append(r, "old.log", "3\n");
        rig_wait_for(r, 3);
        watch_scan(r->watch);
        assert_int_equal(stat_get(&r->stats.files_ignored), 0);
        free(path);
}

static void an_old_file_that_is_renamed_is_left_alone_still(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "old.log");
        const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

        r->input.ignore_older_ms = 3600 * 1000;
        rig_append(r, "old.log", "no\n");
        assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
        rig_start(r);
        rig_move(r, "old.log", "old.log.1");
        rig_append(r, "old.log", "1\n");            /* the next event of the directory: the rename's came before it */
        rig_wait_for(r, 1);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_int_equal(stat_get(&r->stats.files), 1);
        free(path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(files_at_any_depth_are_found),
                TEST(a_directory_made_later_is_watched_with_all_below_it),
                TEST(without_events_the_scan_sees_what_grew_and_the_directories_are_counted),
                TEST(with_events_no_directory_is_left_to_the_scan),
                TEST(an_old_file_waits_until_it_is_written_to_and_is_then_read_whole),
                TEST(an_old_file_that_is_renamed_is_left_alone_still),
                TEST(excluded_files_are_left_alone_by_scan_and_event),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
