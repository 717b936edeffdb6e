/* SPDX-License-Identifier: Apache-2.0 */
/* Odd things in the glob and on the disk: none stops the others, none blocks, none is silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fake/rig.h"

static void make_socket(const char *path)
{
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        close(fd);
}

static void make_dir(const char *path)
{
        assert_int_equal(mkdir(path, 0755), 0);
}

static void make_fifo(const char *path)
{
        assert_int_equal(mkfifo(path, 0644), 0);
}

static void make_dangling(const char *path)
{
        assert_int_equal(symlink("/no/such/file", path), 0);
}

static void make_loop(const char *path)
{
        assert_int_equal(symlink(path, path), 0);
}

static void make_link_to_dir(const char *path)
{
        assert_int_equal(symlink("/tmp", path), 0);
}

static void make_link_to_device(const char *path)
{
        assert_int_equal(symlink("/dev/zero", path), 0);
}

static void (*const odd[])(const char *path) = { make_dir,  make_fifo,        make_socket,        make_dangling,
                                                 make_loop, make_link_to_dir, make_link_to_device };

static void what_is_no_file_is_passed_over(void **state)
{
        (void)state;
        for (int running = 0; running < 2; running++) {
                struct rig *r = rig_new("*.log");
                if (running)
                        rig_start(r);
                for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
                        char name[32], *path;
                        snprintf(name, sizeof(name), "odd-%zu.log", i);
                        path = rig_path(r, name);
                        odd[i](path);
                        free(path);
                }
                rig_append(r, "a.log", "one\n");
                if (!running)
                        rig_start(r);
                rig_turns(r);
                watch_scan(r->watch);
                rig_turns(r);
                assert_int_equal(rig_held(r), 1);
                assert_int_equal(stat_get(&r->stats.files), 1);
                rig_free(r);
        }
}

/* Of a file that is open, closed, or known from the checkpoint only. */
static void what_is_no_file_at_the_path_of_one_does_no_harm(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(odd); i++)
                for (int how = 0; how < 3; how++) {
                        struct rig *r = rig_new("*.log");
                        char *path = rig_path(r, "a.log");
                        struct clock_fake fake;

                        clock_fake_init(&fake);
                        r->clock = &fake.clock;
                        r->input.close_idle_ms = 1000;
                        rig_start(r);
                        rig_append(r, "a.log", "one\n");
                        rig_answer(r);
                        if (how == 1) {
                                clock_fake_advance(&fake, 5000);
                                rig_turns(r);
                                watch_scan(r->watch);
                                assert_int_equal(stat_get(&r->stats.files_open), 0);
                        }
                        if (how == 2)
                                rig_tear_down(r);
                        rig_append(r, "a.log", "two\n");
                        rig_move(r, "a.log", "a.log.1");
                        odd[i](path);
                        if (how == 2)
                                rig_start(r);
                        rig_turns(r);
                        watch_scan(r->watch);
                        rig_turns(r);
                        assert_int_equal(rig_held(r), 1);
                        assert_true(rig_shipped(r, "two"));
                        free(path);
                        rig_free(r);
                }
}

/* A writer without O_APPEND goes on at its old place after a truncation: a hole, and its next line. */
static void a_file_full_of_nuls_is_read_like_any_other(void **state)
{
        static const off_t holes[] = { 1, 100, 1000, 300 * 1000, 10 * 1000 * 1000 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(holes); i++) {
                struct rig *r = rig_new("*.log");
                char *path = rig_path(r, "a.log");

                rig_write(r, "a.log", "");
                assert_int_equal(truncate(path, holes[i]), 0);
                rig_append(r, "a.log", "\nnext\n");
                rig_start(r);
                for (int k = 0; k < 20 && !rig_shipped(r, "next"); k++)
                        rig_turns(r);
                assert_int_equal(rig_held(r), 2);
                assert_true(rig_shipped(r, "next"));
                for (size_t k = 0; k < 2; k++)
                        assert_true(sink_held_record(r->sink, k)->value.len < 1000 + 600);
                rig_answer(r);
                rig_kill_and_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 0);
                free(path);
                rig_free(r);
        }
}

static void a_line_of_ten_megabytes_is_cut_and_the_next_is_whole(void **state)
{
        enum { LONG = 10 * 1000 * 1000, MOST = 512 * 1024 };
        struct rig *r = rig_new("*.log");
        char *text = xmalloc(LONG + 7);

        (void)state;
        r->config.max_line_bytes = MOST;
        r->max_bytes = 4 << 20;
        memset(text, 'y', LONG);
        memcpy(text + LONG, "\nnext\n", 7);
        rig_append(r, "a.log", text);
        rig_start(r);
        for (int i = 0; i < 100 && !rig_shipped(r, "next"); i++)
                rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_in_range(sink_held_record(r->sink, 0)->value.len, MOST, MOST + 600);
        assert_int_equal(stat_get(&r->stats.lines_truncated), 1);
        assert_int_equal(stat_get(&r->stats.bytes_cut), LONG - MOST);
        free(text);
        rig_free(r);
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit of a file's size stands for the end of the disk. */
static void a_full_disk_under_the_checkpoint_is_said_and_costs_doubles_only(void **state)
{
        struct rig *r = rig_new("*.log");

        (void)state;
        signal(SIGXFSZ, SIG_IGN);
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        limit_file_size(16);
        rig_append(r, "a.log", "two\n");
        rig_answer(r);
        assert_non_null(tail_trouble(r->tail));
        assert_non_null(strstr(tail_trouble(r->tail), "positions cannot be stored"));
        assert_int_equal(stat_get(&r->stats.checkpoint_errors), 1);
        rig_append(r, "a.log", "three\n");      /* lines go on */
        rig_turns(r);
        assert_true(rig_shipped(r, "three"));
        limit_file_size(RLIM_INFINITY);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);       /* "two" again, "one" was stored */
        assert_false(rig_shipped(r, "one"));
        limit_file_size(16);
        rig_answer(r);
        assert_non_null(tail_trouble(r->tail));
        limit_file_size(RLIM_INFINITY);
        tail_save(r->tail, true);               /* there is room again */
        assert_null(tail_trouble(r->tail));
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_no_file_is_passed_over),
                cmocka_unit_test(what_is_no_file_at_the_path_of_one_does_no_harm),
                cmocka_unit_test(a_file_full_of_nuls_is_read_like_any_other),
                cmocka_unit_test(a_line_of_ten_megabytes_is_cut_and_the_next_is_whole),
                cmocka_unit_test(a_full_disk_under_the_checkpoint_is_said_and_costs_doubles_only),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
