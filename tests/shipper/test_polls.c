/* SPDX-License-Identifier: Apache-2.0 */
/* What is left when the kernel tells nothing: looks at files, ever less often, and scans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "shipper/fstype.h"
#include "tests/fake/rig.h"

enum { SECOND_MS = 1000, NOT_ALLOWED = 77 };

static struct clock_fake fake;

static struct rig *new_rig(const char *pattern)
{
        struct rig *r = rig_new(pattern);

        clock_fake_init(&fake);
        r->clock = &fake.clock;
        r->config.scan_interval_ms = 10 * SECOND_MS;
        return r;
}

static void pass(struct rig *r, int64_t ms)
{
        clock_fake_advance(&fake, ms);
        rig_turn(r);
}

static int64_t polls(const struct rig *r)
{
        return stat_get(&r->stats.polls);
}

/* When the next look comes, in steps of 10 ms; 0: none within limit_ms. */
static int64_t until_next_look(struct rig *r, int64_t limit_ms)
{
        int64_t before = polls(r);

        for (int64_t ms = 10; ms <= limit_ms; ms += 10) {
                pass(r, 10);
                if (polls(r) > before)
                        return ms;
        }
        return 0;
}

static void a_quiet_file_is_looked_at_ever_less_often_until_the_scan_does(void **state)
{
        struct rig *r = new_rig("*.log");

        (void)state;
        r->config.watch = WATCH_STAT;
        r->config.scan_interval_ms = 1000 * SECOND_MS;
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        rig_turn(r);
        for (int64_t ms = 250; ms <= 16 * SECOND_MS; ms *= 2)
                assert_in_range(until_next_look(r, 2 * ms), ms, ms + 20);
        rig_append(r, "a.log", "two\n");
        assert_in_range(until_next_look(r, 64 * SECOND_MS), 32 * SECOND_MS, 33 * SECOND_MS);
        rig_turn(r);
        assert_int_equal(rig_held(r), 2);
        assert_in_range(until_next_look(r, 1 * SECOND_MS), 240, 270);  /* it grows: often again */
        rig_free(r);
}

static void what_waits_longer_than_the_scan_is_left_to_it(void **state)
{
        struct rig *r = new_rig("*.log");

        (void)state;
        r->config.watch = WATCH_STAT;
        r->config.scan_interval_ms = 2 * SECOND_MS;
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        for (int i = 0; i < 100; i++)
                pass(r, 100);
        int64_t before = polls(r);
        assert_int_equal(before, 3);            /* after 250, 500 and 1000 ms */
        for (int i = 0; i < 100; i++)
                pass(r, 100);
        assert_int_equal(polls(r), before);
        rig_append(r, "a.log", "two\n");
        for (int i = 0; i < 21; i++)
                pass(r, 100);
        assert_int_equal(rig_held(r), 2);
        rig_free(r);
}

static void files_with_events_are_not_looked_at(void **state)
{
        struct rig *r = new_rig("*.log");

        (void)state;
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        for (int i = 0; i < 100; i++)
                pass(r, 100);
        assert_int_equal(polls(r), 0);
        assert_int_equal(stat_get(&r->stats.dirs_polled), 0);
        rig_free(r);
}

static void a_file_that_ends_or_is_truncated_is_looked_at_no_less(void **state)
{
        struct rig *r = new_rig("*.log");

        (void)state;
        r->config.watch = WATCH_STAT;
        rig_append(r, "a.log", "one\n");
        rig_append(r, "b.log", "gone\n");
        rig_start(r);
        rig_turn(r);
        rig_answer(r);
        rig_write(r, "a.log", "x\n");
        rig_remove(r, "b.log");
        for (int i = 0; i < 30; i++)
                pass(r, 100);
        assert_true(rig_shipped(r, "x"));
        rig_append(r, "a.log", "y\n");
        for (int i = 0; i < 30; i++)
                pass(r, 100);
        assert_true(rig_shipped(r, "y"));
        tail_save(r->tail, true);
        assert_int_equal(stat_get(&r->stats.files), 1);
        rig_free(r);
}

/* --- scans ----------------------------------------------------------------------------------- */

static int64_t scans_in_ten_minutes(const char *pattern, enum watch_how how)
{
        struct rig *r = new_rig(pattern);

        r->config.watch = how;
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        for (int i = 0; i < 600; i++)
                pass(r, SECOND_MS);
        int64_t n = stat_get(&r->stats.scans);
        rig_free(r);
        return n;
}

static void scans_come_less_often_only_where_the_kernel_tells_everything(void **state)
{
        (void)state;
        assert_in_range(scans_in_ten_minutes("*.log", WATCH_AUTO), 10, 14);
        assert_in_range(scans_in_ten_minutes("**/*.log", WATCH_AUTO), 10, 14);
        assert_in_range(scans_in_ten_minutes("*/x.log", WATCH_AUTO), 59, 61);
        assert_in_range(scans_in_ten_minutes("no/such/*.log", WATCH_AUTO), 59, 61);
        assert_in_range(scans_in_ten_minutes("*.log", WATCH_STAT), 59, 61);
}

/* The queue is full of the growth of two files; that a third has come is not told. */
static void an_overflow_of_the_event_queue_is_made_up_for_by_a_scan(void **state)
{
        struct rig *r = new_rig("*.log");
        char *paths[2] = { rig_path(r, "a.log"), rig_path(r, "b.log") };
        int limit = 0, fds[2];
        FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

        (void)state;
        if (!f || fscanf(f, "%d", &limit) != 1 || limit > 1000000)
                skip();
        fclose(f);
        rig_start(r);
        for (int i = 0; i < 2; i++)
                fds[i] = open(paths[i], O_WRONLY | O_CREAT | O_APPEND, 0644);
        for (int i = 0; i < limit + 100; i++)
                assert_int_equal(write(fds[i % 2], i % 200 < 2 ? "\n" : "x", 1), 1);
        for (int i = 0; i < 2; i++)
                assert_int_equal(write(fds[i], "\n", 1), 1);
        rig_append(r, "c.log", "it came unseen\n");
        int64_t scans = stat_get(&r->stats.scans);
        for (int i = 0; i < 200 && !rig_shipped(r, "it came unseen"); i++)
                pass(r, 1);
        assert_true(rig_shipped(r, "it came unseen"));
        assert_int_equal(stat_get(&r->stats.watch_overflows), 1);
        assert_int_equal(stat_get(&r->stats.scans), scans + 1);
        for (int i = 0; i < 2; i++) {
                close(fds[i]);
                free(paths[i]);
        }
        rig_free(r);
}

/* --- limits and mounts, in a user namespace of a child's own --------------------------------- */

static int write_to(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY);
        ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

        if (fd >= 0)
                close(fd);
        return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Runs fn in a child that may limit and mount for itself; skips where that is not allowed. */
static void in_namespace(void (*fn)(struct rig *r), struct rig *r)
{
        char map[64];
        uid_t uid = geteuid();
        gid_t gid = getegid();
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                snprintf(map, sizeof(map), "0 %d 1", (int)uid);
                if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || write_to("/proc/self/uid_map", map) < 0)
                        _exit(NOT_ALLOWED);
                snprintf(map, sizeof(map), "0 %d 1", (int)gid);
                if (write_to("/proc/self/setgroups", "deny") < 0 || write_to("/proc/self/gid_map", map) < 0)
                        _exit(NOT_ALLOWED);
                fn(r);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        rig_free(r);
        if (WEXITSTATUS(status) == NOT_ALLOWED)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

#define EXPECT(expr) do { if (!(expr)) { fprintf(stderr, "line %d: %s\n", __LINE__, #expr); _exit(1); } } while (0)

static void with_few_watches(struct rig *r)
{
        if (write_to("/proc/sys/user/max_inotify_watches", "1") < 0)
                _exit(NOT_ALLOWED);
        rig_start(r);
        EXPECT(stat_get(&r->stats.dirs_unwatched) == 1);
        rig_append(r, "one/a.log", "told\n");
        rig_append(r, "two/b.log", "seen\n");
        for (int i = 0; i < 110; i++)
                pass(r, 100);
        EXPECT(rig_shipped(r, "told") && rig_shipped(r, "seen"));
}

static void directories_beyond_the_limit_of_watches_are_scanned(void **state)
{
        struct rig *r = new_rig("*/*.log");
        char *one = rig_path(r, "one"), *two = rig_path(r, "two");

        (void)state;
        rmdir(r->state_dir);
        free(r->state_dir);
        r->state_dir = xstrdup(r->dir);         /* so that these two are all directories */
        assert_int_equal(mkdir(one, 0755), 0);
        assert_int_equal(mkdir(two, 0755), 0);
        free(one);
        free(two);
        in_namespace(with_few_watches, r);
}

static void without_inotify(struct rig *r)
{
        if (write_to("/proc/sys/user/max_inotify_instances", "0") < 0)
                _exit(NOT_ALLOWED);
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        EXPECT(stat_get(&r->stats.dirs_unwatched) == 1);
        rig_append(r, "a.log", "two\n");
        for (int i = 0; i < 10; i++)
                pass(r, 100);
        EXPECT(rig_shipped(r, "one") && rig_shipped(r, "two"));
        EXPECT(polls(r) > 0);
}

static void without_inotify_files_are_looked_at(void **state)
{
        (void)state;
        in_namespace(without_inotify, new_rig("*.log"));
}

static void on_an_overlay(struct rig *r)
{
        char options[4096];

        snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", r->dir, r->dir, r->dir);
        rig_append(r, "lower/a.log", "below\n");
        char *at = rig_path(r, "at");
        if (mount("overlay", at, "overlay", 0, options) < 0)
                _exit(NOT_ALLOWED);
        rig_start(r);
        EXPECT(stat_get(&r->stats.dirs_polled) == 1);
        rig_append(r, "at/a.log", "above\n");   /* another file now, below the same name */
        for (int i = 0; i < 110; i++)
                pass(r, 100);
        EXPECT(rig_shipped(r, "below") && rig_shipped(r, "above"));
        EXPECT(polls(r) > 0);
}

static void files_on_an_overlay_are_looked_at(void **state)
{
        static const char *const dirs[] = { "lower", "upper", "work", "at" };
        struct rig *r = new_rig("at/*.log");

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                char *path = rig_path(r, dirs[i]);
                assert_int_equal(mkdir(path, 0755), 0);
                free(path);
        }
        in_namespace(on_an_overlay, r);
}

static void the_types_of_network_file_systems_are_known(void **state)
{
        (void)state;
        assert_string_equal(fstype_silent(0x6969), "nfs");
        assert_string_equal(fstype_silent((unsigned long)(int)0xff534d42), "cifs");    /* f_type is signed on some machines */
        assert_string_equal(fstype_silent(0x794c7630), "overlay");
        assert_null(fstype_silent(0xef53));     /* ext4 */
        assert_null(fstype_silent(0x01021994)); /* tmpfs */
        assert_null(fstype_silent_at("/no/such/directory"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_quiet_file_is_looked_at_ever_less_often_until_the_scan_does),
                cmocka_unit_test(what_waits_longer_than_the_scan_is_left_to_it),
                cmocka_unit_test(files_with_events_are_not_looked_at),
                cmocka_unit_test(a_file_that_ends_or_is_truncated_is_looked_at_no_less),
                cmocka_unit_test(scans_come_less_often_only_where_the_kernel_tells_everything),
                cmocka_unit_test(an_overflow_of_the_event_queue_is_made_up_for_by_a_scan),
                cmocka_unit_test(directories_beyond_the_limit_of_watches_are_scanned),
                cmocka_unit_test(without_inotify_files_are_looked_at),
                cmocka_unit_test(files_on_an_overlay_are_looked_at),
                cmocka_unit_test(the_types_of_network_file_systems_are_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
