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

#include "base/log.h"
#include "base/mem.h"
#include "shipper/watch.h"
#include "tests/fake/sink_held.h"
#include "tests/fake/tmpdir.h"

/* A shipper without main and without a checkpoint; one input. */
struct rig {
        char *dir;
        char *pattern, *excluded;
        struct shipper_config config;
        struct input_config input;
        struct shipper_stats stats;
        struct loop *loop;
        struct ship *ship;
        struct sink *sink;
        struct tail *tail;
        struct watch *watch;
};

static void on_settled(void *arg, struct file *f)
{
        tail_settled(((struct rig *)arg)->tail, f);
}

static void on_room(void *arg)
{
        (void)arg;
}

static void start(struct rig *r)
{
        struct ship_hooks hooks = { on_settled, on_room, r };
        struct sink_limits limits = { .max_batches = 64, .max_bytes = 1 << 20 };
        struct err e = { 0 };

        r->loop = loop_new(&clock_system, &e);
        r->ship = ship_new(r->loop, &r->stats, &hooks);
        r->tail = tail_new(&(struct tail_parts){ r->loop, &r->config, &r->stats, r->ship });
        struct sink_owner owner = ship_owner(r->ship);
        r->sink = sink_held_new(r->loop, &owner, &limits);
        ship_set_sink(r->ship, r->sink);
        r->watch = watch_new(r->loop, &r->config, r->tail, &r->stats);
        watch_scan(r->watch);
}

static void turns(struct rig *r)
{
        for (int i = 0; i < 8; i++) {
                loop_turn(r->loop, 0);
                tail_read(r->tail);
        }
}

/* Waits until so many lines are held; the tests' scan is an hour away, so the kernel's events bring them. */
static void wait_lines(struct rig *r, size_t n)
{
        int64_t deadline_ms = loop_now_ms(r->loop) + 30 * 1000;

        while (sink_held_count(r->sink) < n && loop_now_ms(r->loop) < deadline_ms) {
                loop_turn(r->loop, 100);
                tail_read(r->tail);
        }
        assert_int_equal(sink_held_count(r->sink), n);
}

static void append(const struct rig *r, const char *name, const char *text)
{
        char *path = tmpdir_path(r->dir, name);
        file_append(path, text);
        free(path);
}

static void make_dir(const struct rig *r, const char *name)
{
        char *path = tmpdir_path(r->dir, name);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
}

static int set_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));

        r->dir = tmpdir_new();
        r->pattern = tmpdir_path(r->dir, "**/*.log");
        r->excluded = tmpdir_path(r->dir, "**/debug*.log");
        r->input = (struct input_config){ .paths = { &r->pattern, 1 }, .exclude_paths = { &r->excluded, 1 } };
        r->config = (struct shipper_config){ .inputs = { &r->input, 1 },
                                             .host = (char *)"web-1",
                                             .max_line_bytes = 1000,
                                             .scan_interval_ms = 3600 * 1000 };
        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        watch_free(r->watch);
        sink_free(r->sink);
        ship_free(r->ship);
        tail_free(r->tail);
        loop_free(r->loop);
        tmpdir_free(r->dir);
        free(r->pattern);
        free(r->excluded);
        free(r);
        return 0;
}

static void files_at_any_depth_are_found(void **state)
{
        struct rig *r = *state;

        make_dir(r, "a");
        make_dir(r, "a/b");
        append(r, "top.log", "1\n");
        append(r, "a/b/deep.log", "2\n");
        append(r, "a/b/deep.txt", "no\n");
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
}

static void a_directory_made_later_is_watched_with_all_below_it(void **state)
{
        struct rig *r = *state;

        start(r);
        make_dir(r, "a");
        make_dir(r, "a/b");
        append(r, "a/b/x.log", "1\n");
        wait_lines(r, 1);
        append(r, "a/b/x.log", "2\n");
        wait_lines(r, 2);
        make_dir(r, "a/b/c");
        append(r, "a/b/c/y.log", "3\n");
        wait_lines(r, 3);
}

static void excluded_files_are_left_alone_by_scan_and_event(void **state)
{
        struct rig *r = *state;

        append(r, "debug1.log", "no\n");
        append(r, "a.log", "1\n");
        start(r);
        append(r, "debug2.log", "no\n");
        append(r, "b.log", "2\n");
        wait_lines(r, 2);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
        assert_int_equal(stat_get(&r->stats.files), 2);
}

static void without_events_the_scan_sees_what_grew_and_the_directories_are_counted(void **state)
{
        struct rig *r = *state;

        r->config.watch = WATCH_STAT;
        make_dir(r, "a");
        append(r, "a/x.log", "1\n");
        start(r);
        assert_int_equal(stat_get(&r->stats.dirs_unwatched), 2);
        turns(r);
        append(r, "a/x.log", "2\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        watch_scan(r->watch);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
}

static void with_events_no_directory_is_left_to_the_scan(void **state)
{
        struct rig *r = *state;

        start(r);
        assert_int_equal(stat_get(&r->stats.dirs_unwatched), 0);
}

static void an_old_file_waits_until_it_is_written_to_and_is_then_read_whole(void **state)
{
        struct rig *r = *state;
        char *path = tmpdir_path(r->dir, "old.log");
        const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

        r->input.ignore_older_ms = 3600 * 1000;
        append(r, "new.log", "1\n");
        append(r, "old.log", "2\n");
        assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(stat_get(&r->stats.files_ignored), 1);
        append(r, "old.log", "3\n");
        wait_lines(r, 3);
        watch_scan(r->watch);
        assert_int_equal(stat_get(&r->stats.files_ignored), 0);
        free(path);
}

static void an_old_file_that_is_renamed_is_left_alone_still(void **state)
{
        struct rig *r = *state;
        char *path = tmpdir_path(r->dir, "old.log"), *rotated = tmpdir_path(r->dir, "old.log.1");
        const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

        r->input.ignore_older_ms = 3600 * 1000;
        append(r, "old.log", "no\n");
        assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
        start(r);
        assert_int_equal(rename(path, rotated), 0);
        append(r, "old.log", "1\n");            /* the next event of the directory: the rename's came before it */
        wait_lines(r, 1);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(stat_get(&r->stats.files), 1);
        free(path);
        free(rotated);
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
