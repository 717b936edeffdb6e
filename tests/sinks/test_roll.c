/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <lz4frame.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sinks/roll.h"
#include "tests/fake/tmpdir.h"

struct world {
        char *dir, *path;
        struct roll_config config;
        struct roll *roll;
        struct err e;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        w->dir = tmpdir_new();
        w->path = tmpdir_path(w->dir, "out");
        w->config = (struct roll_config){ .path = w->path, .sync_each = true, .sync_last = true };
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        roll_close(w->roll);
        tmpdir_free(w->dir);
        free(w->path);
        free(w);
        return 0;
}

static void open_it(struct world *w)
{
        w->roll = roll_open(&w->config, &w->e);
        if (!w->roll)
                fail_msg("%s", w->e.msg);
}

static void open_again(struct world *w)
{
        roll_close(w->roll);
        open_it(w);
}

static void append(struct world *w, const char *text)
{
        if (roll_append(w->roll, text, strlen(text), &w->e) < 0)
                fail_msg("%s", w->e.msg);
}

static void assert_holds(struct world *w, const char *name, const char *text)
{
        char *path = tmpdir_path(w->dir, name), *found = file_read(path, NULL);

        assert_string_equal(found, text);
        free(found);
        free(path);
}

static bool exists(struct world *w, const char *name)
{
        char *path = tmpdir_path(w->dir, name);
        bool yes = access(path, F_OK) == 0;

        free(path);
        return yes;
}

/* ---- what is found at the start ------------------------------------------------------------------ */

static void lines_follow_those_that_are_there(void **state)
{
        struct world *w = *state;

        open_it(w);
        append(w, "a\nb\n");
        open_again(w);
        append(w, "c\n");
        assert_holds(w, "out", "a\nb\nc\n");
        assert_int_equal(roll_counts(w->roll).torn_bytes, 0);
}

static void half_a_line_of_a_killed_run_is_cut_off(void **state)
{
        struct world *w = *state;

        file_write(w->path, "whole\nhal");
        open_it(w);
        append(w, "next\n");
        assert_holds(w, "out", "whole\nnext\n");
        assert_int_equal(roll_counts(w->roll).torn_bytes, 3);
}

static void half_a_line_longer_than_what_is_read_at_once_is_cut_off(void **state)
{
        struct world *w = *state;
        struct buf text = { 0 };

        buf_puts(&text, "whole\n");
        for (int i = 0; i < 200000; i++)
                buf_putc(&text, 'x');
        file_write(w->path, buf_cstr(&text));
        buf_fini(&text);
        open_it(w);
        assert_holds(w, "out", "whole\n");
}

static void nothing_but_half_a_line_leaves_an_empty_file(void **state)
{
        struct world *w = *state;

        file_write(w->path, "hal");
        open_it(w);
        assert_holds(w, "out", "");
}

static char *unpack(struct world *w, const char *name)
{
        char *path = tmpdir_path(w->dir, name), *text = xcalloc(1, 65536), *packed;
        size_t n, at = 0, len = 0;
        LZ4F_dctx *d;

        packed = file_read(path, &n);
        LZ4F_createDecompressionContext(&d, LZ4F_VERSION);
        while (at < n) {
                size_t in = n - at, out = 65535 - len;
                assert_false(LZ4F_isError(LZ4F_decompress(d, text + len, &out, packed + at, &in, NULL)));
                at += in;
                len += out;
        }
        LZ4F_freeDecompressionContext(d);
        free(packed);
        free(path);
        return text;
}

static void assert_unpacks(struct world *w, const char *name, const char *text)
{
        char *found = unpack(w, name);

        assert_string_equal(found, text);
        free(found);
}

static void frames_follow_each_other_and_are_named_lz4(void **state)
{
        struct world *w = *state;

        w->config.lz4 = true;
        open_it(w);
        append(w, "a\nb\n");
        open_again(w);
        append(w, "c\n");
        assert_unpacks(w, "out.lz4", "a\nb\nc\n");
        assert_false(exists(w, "out"));
}

/* Every place where a kill could have ended the second frame. */
static void half_a_frame_of_a_killed_run_is_cut_off(void **state)
{
        struct world *w = *state;
        char *path = tmpdir_path(w->dir, "out.lz4");
        struct stat first, both;

        w->config.lz4 = true;
        open_it(w);
        append(w, "a\n");
        assert_int_equal(stat(path, &first), 0);
        append(w, "b\n");
        assert_int_equal(stat(path, &both), 0);
        for (off_t size = both.st_size - 1; size > first.st_size; size--) {
                roll_close(w->roll);
                assert_int_equal(truncate(path, size), 0);
                open_it(w);
                assert_int_equal(roll_counts(w->roll).torn_bytes, size - first.st_size);
                append(w, "b\n");
                assert_unpacks(w, "out.lz4", "a\nb\n");
        }
        free(path);
}

static void file_that_is_no_lz4_is_left_alone(void **state)
{
        struct world *w = *state;
        char *path = tmpdir_path(w->dir, "out.lz4");

        file_write(path, "somebody's text\nand more\n");
        w->config.lz4 = true;
        assert_null(roll_open(&w->config, &w->e));
        assert_non_null(strstr(w->e.msg, "out.lz4: is no lz4 file"));
        assert_holds(w, "out.lz4", "somebody's text\nand more\n");
        free(path);
}

static void second_writer_is_refused(void **state)
{
        struct world *w = *state;

        open_it(w);
        assert_null(roll_open(&w->config, &w->e));
        assert_int_equal(w->e.code, EBUSY);
        assert_non_null(strstr(w->e.msg, "another process"));
}

static void what_is_no_regular_file_is_refused(void **state)
{
        struct world *w = *state;

        assert_int_equal(mkfifo(w->path, 0600), 0);
        assert_null(roll_open(&w->config, &w->e));
        assert_non_null(strstr(w->e.msg, w->path));
}

/* ---- rotation ------------------------------------------------------------------------------------ */

static void full_file_gets_the_number_one_and_the_others_move_up(void **state)
{
        struct world *w = *state;

        w->config.rotate_bytes = 8;
        open_it(w);
        append(w, "aaa\nbbb\n");
        assert_false(exists(w, "out.1"));
        append(w, "ccc\n");
        append(w, "ddddddddd\n");
        append(w, "e\n");
        assert_holds(w, "out.3", "aaa\nbbb\n");
        assert_holds(w, "out.2", "ccc\n");
        assert_holds(w, "out.1", "ddddddddd\n");
        assert_holds(w, "out", "e\n");
        assert_int_equal(roll_counts(w->roll).rotations, 3);
        assert_int_equal(roll_total(w->roll), 24);
}

static void oldest_beyond_keep_is_deleted(void **state)
{
        struct world *w = *state;

        w->config.rotate_bytes = 2;
        w->config.keep = 2;
        open_it(w);
        for (const char *p = "a\nb\nc\nd\ne\n"; *p; p += 2) {
                char line[3] = { p[0], '\n', 0 };
                append(w, line);
        }
        assert_holds(w, "out", "e\n");
        assert_holds(w, "out.1", "d\n");
        assert_holds(w, "out.2", "c\n");
        assert_false(exists(w, "out.3"));
}

static void gap_among_the_rotated_is_filled(void **state)
{
        struct world *w = *state;
        char *first = tmpdir_path(w->dir, "out.1"), *third = tmpdir_path(w->dir, "out.3");

        file_write(first, "new\n");
        file_write(third, "old\n");
        w->config.rotate_bytes = 2;
        open_it(w);
        append(w, "a\n");
        append(w, "b\n");
        assert_holds(w, "out.3", "old\n");
        assert_holds(w, "out.2", "new\n");
        assert_holds(w, "out.1", "a\n");
        free(first);
        free(third);
}

static void lz4_stays_at_the_end_of_a_rotated_name(void **state)
{
        struct world *w = *state;

        w->config.lz4 = true;
        w->config.rotate_bytes = 10;
        open_it(w);
        append(w, "a\n");
        append(w, "b\n");
        assert_unpacks(w, "out.1.lz4", "a\n");
        assert_unpacks(w, "out.lz4", "b\n");
}

/* ---- what others do to the file ------------------------------------------------------------------ */

static void renamed_file_is_made_anew(void **state)
{
        struct world *w = *state;
        char *moved = tmpdir_path(w->dir, "moved");

        open_it(w);
        append(w, "a\n");
        assert_int_equal(rename(w->path, moved), 0);
        append(w, "b\n");
        assert_holds(w, "moved", "a\n");
        assert_holds(w, "out", "b\n");
        free(moved);
}

static void emptied_file_goes_on_at_its_beginning(void **state)
{
        struct world *w = *state;

        open_it(w);
        append(w, "aaaa\n");
        file_write(w->path, "");
        append(w, "b\n");
        assert_holds(w, "out", "b\n");
}

/* ---- bounds and errors --------------------------------------------------------------------------- */

static void full_total_refuses_until_a_file_is_taken_away(void **state)
{
        struct world *w = *state;
        char *oldest = tmpdir_path(w->dir, "out.2");

        w->config.rotate_bytes = 4;
        w->config.total_bytes = 12;
        open_it(w);
        append(w, "aaa\n");
        append(w, "bbb\n");
        append(w, "ccc\n");
        for (int i = 0; i < 3; i++) {
                assert_int_equal(roll_append(w->roll, "ddd\n", 4, &w->e), -EDQUOT);
                assert_non_null(strstr(w->e.msg, w->path));
        }
        assert_holds(w, "out.3", "aaa\n"); /* the file was rotated, nothing was deleted */
        assert_int_equal(remove(oldest), 0);
        append(w, "ddd\n");
        assert_holds(w, "out", "ddd\n");
        assert_int_equal(roll_total(w->roll), 12);
        free(oldest);
}

static void rotated_files_of_an_earlier_run_count(void **state)
{
        struct world *w = *state;
        char *old = tmpdir_path(w->dir, "out.7"), *other = tmpdir_path(w->dir, "out.old");

        file_write(old, "12345678\n");
        file_write(other, "not one of ours\n");
        w->config.total_bytes = 12;
        open_it(w);
        assert_int_equal(roll_total(w->roll), 9);
        assert_int_equal(roll_append(w->roll, "abcd\n", 5, &w->e), -EDQUOT);
        append(w, "a\n");
        free(old);
        free(other);
}

static void append_above_the_total_passes_when_there_is_nothing(void **state)
{
        struct world *w = *state;

        w->config.total_bytes = 4;
        open_it(w);
        append(w, "aaaaaaaa\n");
        assert_int_equal(roll_append(w->roll, "b\n", 2, &w->e), -EDQUOT);
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void write_that_stops_in_the_middle_leaves_no_trace(void **state)
{
        struct world *w = *state;

        signal(SIGXFSZ, SIG_IGN);
        open_it(w);
        append(w, "aaaa\n");
        limit_file_size(8);
        int r = roll_append(w->roll, "bbbbbbbb\n", 9, &w->e);
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(r, -EFBIG);
        assert_non_null(strstr(w->e.msg, w->path));
        assert_holds(w, "out", "aaaa\n");
        append(w, "bbbbbbbb\n");
        assert_holds(w, "out", "aaaa\nbbbbbbbb\n");
}

static void directory_that_has_gone_is_waited_for(void **state)
{
        struct world *w = *state;
        char *away = xasprintf("%s-away", w->dir);

        open_it(w);
        append(w, "a\n");
        assert_int_equal(rename(w->dir, away), 0);
        assert_int_equal(roll_append(w->roll, "b\n", 2, &w->e), -ENOENT);
        assert_int_equal(rename(away, w->dir), 0);
        append(w, "b\n");
        assert_holds(w, "out", "a\nb\n");
        free(away);
}

static void each_append_is_synced_when_asked_for(void **state)
{
        struct world *w = *state;

        open_it(w);
        append(w, "a\n");
        append(w, "b\n");
        assert_int_equal(roll_counts(w->roll).syncs, 2);
        w->config.sync_each = false;
        w->config.rotate_bytes = 6;
        open_again(w);
        append(w, "c\n");
        assert_int_equal(roll_counts(w->roll).syncs, 0);
        append(w, "d\n");
        assert_int_equal(roll_counts(w->roll).syncs, 1); /* the one that is rotated */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(lines_follow_those_that_are_there),
                TEST(half_a_line_of_a_killed_run_is_cut_off),
                TEST(half_a_line_longer_than_what_is_read_at_once_is_cut_off),
                TEST(nothing_but_half_a_line_leaves_an_empty_file),
                TEST(frames_follow_each_other_and_are_named_lz4),
                TEST(half_a_frame_of_a_killed_run_is_cut_off),
                TEST(file_that_is_no_lz4_is_left_alone),
                TEST(second_writer_is_refused),
                TEST(what_is_no_regular_file_is_refused),
                TEST(full_file_gets_the_number_one_and_the_others_move_up),
                TEST(oldest_beyond_keep_is_deleted),
                TEST(gap_among_the_rotated_is_filled),
                TEST(lz4_stays_at_the_end_of_a_rotated_name),
                TEST(renamed_file_is_made_anew),
                TEST(emptied_file_goes_on_at_its_beginning),
                TEST(full_total_refuses_until_a_file_is_taken_away),
                TEST(rotated_files_of_an_earlier_run_count),
                TEST(append_above_the_total_passes_when_there_is_nothing),
                TEST(write_that_stops_in_the_middle_leaves_no_trace),
                TEST(directory_that_has_gone_is_waited_for),
                TEST(each_append_is_synced_when_asked_for),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
