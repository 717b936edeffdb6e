/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who: links, reused inodes, and where files of the first start begin. */
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

#include "base/mem.h"
#include "tests/fake/rig.h"

static struct rig *new_linked(void)
{
        struct rig *r = rig_new("*.log");

        rig_make_dir(r, "pods");
        rig_append(r, "pods/0.txt", "one\n");
        rig_link(r, "pods/0.txt", "a.log");
        return r;
}

static void a_file_behind_a_link_is_read_as_it_grows(void **state)
{
        struct rig *r = new_linked();

        (void)state;
        rig_start(r);
        rig_wait_for(r, 1);
        rig_append(r, "pods/0.txt", "two\n");   /* the scan is an hour away */
        rig_wait_for(r, 2);
        rig_free(r);
}

static void a_link_that_is_moved_on_is_a_rotation(void **state)
{
        struct rig *r = new_linked();

        (void)state;
        rig_start(r);
        rig_wait_for(r, 1);
        rig_append(r, "pods/0.txt", "two\n");
        rig_append(r, "pods/1.txt", "new\n");
        rig_link(r, "pods/1.txt", "a.log");
        rig_wait_for(r, 3);
        assert_true(rig_shipped(r, "two") && rig_shipped(r, "new"));
        rig_append(r, "pods/1.txt", "newer\n");
        rig_wait_for(r, 4);
        rig_append(r, "pods/0.txt", "late\n");
        watch_scan(r->watch);
        rig_turns(r);
        assert_true(rig_shipped(r, "late"));
        assert_int_equal(rig_held(r), 5);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_append(r, "pods/0.txt", "after a restart\n");
        watch_scan(r->watch);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_free(r);
}

static void a_link_that_was_moved_on_while_down_is_a_rotation(void **state)
{
        struct rig *r = new_linked();

        (void)state;
        rig_start(r);
        rig_answer(r);
        rig_tear_down(r);
        rig_append(r, "pods/0.txt", "two\n");
        rig_append(r, "pods/1.txt", "new\n");
        rig_link(r, "pods/1.txt", "a.log");
        for (int i = 0; i < 2; i++) {           /* and again when killed before any of it was acknowledged */
                rig_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 2);
                assert_true(rig_shipped(r, "two") && rig_shipped(r, "new"));
                assert_int_equal(stat_get(&r->stats.lost_vanished), 0);
                rig_tear_down(r);
        }
        rig_free(r);
}

/* The link stays; what it leads to is rotated, twice. */
static void targets_that_were_rotated_while_down_are_read_whole(void **state)
{
        struct rig *r = new_linked();

        (void)state;
        rig_start(r);
        rig_answer(r);
        rig_tear_down(r);
        rig_append(r, "pods/0.txt", "two\n");
        rig_move(r, "pods/0.txt", "pods/0.txt.20261123-100000");
        rig_append(r, "pods/0.txt", "three\n");
        rig_move(r, "pods/0.txt", "pods/0.txt.20261123-110000");
        rig_append(r, "pods/0.txt", "four\n");
        for (int i = 0; i < 2; i++) {
                rig_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 3);
                assert_true(rig_shipped(r, "two") && rig_shipped(r, "three") && rig_shipped(r, "four"));
                if (i == 0)
                        rig_tear_down(r);
        }
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_free(r);
}

static void several_names_are_one_file(void **state)
{
        (void)state;
        for (int hard = 0; hard < 2; hard++) {
                struct rig *r = rig_new("*.log");
                char *a = rig_path(r, "a.log"), *b = rig_path(r, "b.log");

                rig_append(r, "a.log", "one\n");
                assert_int_equal(hard ? link(a, b) : symlink(a, b), 0);
                rig_start(r);
                for (int i = 0; i < 3; i++) {
                        rig_append(r, "b.log", "more\n");
                        watch_scan(r->watch);
                        rig_turns(r);
                }
                assert_int_equal(rig_held(r), 4);
                assert_int_equal(stat_get(&r->stats.files), 1);
                assert_int_equal(stat_get(&r->stats.rotations), 0);
                /* One name, and it stays the same. */
                bool of_a = sink_held_value_has(r->sink, 0, "a.log\"");
                for (size_t i = 1; i < 4; i++)
                        assert_int_equal(sink_held_value_has(r->sink, i, "a.log\""), of_a);
                rig_answer(r);
                if (hard) {             /* the other name goes on */
                        rig_remove(r, of_a ? "a.log" : "b.log");
                        rig_append(r, of_a ? "b.log" : "a.log", "last\n");
                        rig_turns(r);
                        assert_int_equal(rig_held(r), 1);
                }
                free(a);
                free(b);
                rig_free(r);
        }
}

/* Empty, or with half a line: it has no name yet, and must be known all the same.  On the disk are the rows of another one that
 * was stored later. */
static void a_file_without_a_whole_line_is_known_after_it_was_rotated_while_down(void **state)
{
        static const char *const begun[] = { "", "on" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
                struct rig *r = rig_new("*.log");
                rig_start(r);
                rig_append(r, "a.log", begun[i]);
                int64_t begun_ns = clock_system.mono_ns(&clock_system);
                rig_turns(r);
                rig_answer(r);
                watch_scan(r->watch);
                watch_scan(r->watch);
                while (clock_system.mono_ns(&clock_system) - begun_ns < 50 * INT64_C(1000000))
                        rig_later(r);           /* the checkpoint is some milliseconds older than it is written */
                rig_append(r, "b.log", "of b\n");
                rig_answer(r);
                rig_tear_down(r);
                rig_append(r, "a.log", i == 0 ? "one\n" : "e\n");
                rig_move(r, "a.log", "a.log.1");
                rig_append(r, "a.log", "two\n");
                for (int again = 0; again < 2; again++) {
                        rig_start(r);
                        rig_turns(r);
                        assert_int_equal(rig_held(r), 2);
                        assert_true(rig_shipped(r, "one") && rig_shipped(r, "two"));
                        if (again == 0)
                                rig_tear_down(r);
                }
                rig_answer(r);
                rig_kill_and_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 0);
                rig_free(r);
        }
}

static void a_reused_inode_is_a_new_file(void **state)
{
        struct rig *r = rig_new("*.log");
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "same head\nold\n");
        rig_turns(r);
        rig_id_of(r, "same head", before);
        rig_answer(r);
        rig_tear_down(r);
        rig_remove(r, "a.log");
        rig_append(r, "a.log", "same head\nnew\nnewer\n");      /* on ext4 it has the inode just freed */
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        rig_id_of(r, "same head", after);
        assert_string_not_equal(before, after);
        rig_free(r);
}

/* The file system need not reuse the inode: the row says that it has. */
static void a_row_with_the_inode_and_another_birth_time_is_of_another_file(void **state)
{
        struct rig *r = rig_new("*.log");
        struct checkpoint *c;
        struct err e = { 0 };
        struct file_stat st;
        char *path = rig_path(r, "a.log");
        unsigned bad;

        (void)state;
        rig_append(r, "a.log", "one\ntwo\n");
        assert_int_equal(file_stat(AT_FDCWD, path, &st), 0);
        assert_int_equal(checkpoint_open(r->state_dir, NULL, NULL, &c, &bad, &e), 0);
        struct checkpoint_row row = { .inode = st.inode, .birth_ns = st.birth_ns - 1, .offset = 4, .size = 4, .path = path };
        row.head_hash = 1;
        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_flush(c, &e), 0);
        checkpoint_free(c);
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_int_equal(stat_get(&r->stats.files), 1);
        free(path);
        rig_free(r);
}

/* --- start_at -------------------------------------------------------------------------------- */

static void end_leaves_out_what_was_there_at_the_first_start(void **state)
{
        struct rig *r = rig_new("*.log");
        char line[6000];

        (void)state;
        memset(line, 'x', sizeof(line));
        line[sizeof(line) - 1] = '\0';
        r->input.start_at = START_AT_END;
        rig_append(r, "a.log", "old\nolder\n");
        rig_append(r, "b.log", "old\nbegun");
        rig_append(r, "long.log", "old\n");
        rig_append(r, "long.log", line);        /* of a line longer than max_line_bytes the middle */
        rig_append(r, "empty.log", "");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_append(r, "a.log", "new\n");
        rig_append(r, "b.log", " and ended\n");
        rig_append(r, "long.log", "its rest\n");
        rig_append(r, "empty.log", "first\n");
        rig_append(r, "later.log", "from the beginning\nnext\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 6);
        assert_true(rig_shipped(r, "new") && rig_shipped(r, "begun and ended") && rig_shipped(r, "its rest"));
        assert_true(rig_shipped(r, "first") && rig_shipped(r, "from the beginning") && rig_shipped(r, "next"));
        rig_free(r);
}

static void end_is_remembered_and_is_for_the_first_start_only(void **state)
{
        struct rig *r = rig_new("*.log");

        (void)state;
        r->input.start_at = START_AT_END;
        rig_append(r, "a.log", "old\n");
        rig_start(r);
        rig_turns(r);
        tail_save(r->tail, true);
        rig_tear_down(r);
        rig_append(r, "a.log", "new\n");
        rig_append(r, "b.log", "came while down\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(rig_shipped(r, "new") && rig_shipped(r, "came while down"));
        rig_free(r);
}

static void beginning_is_the_default(void **state)
{
        struct rig *r = rig_new("*.log");

        (void)state;
        rig_append(r, "a.log", "old\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_behind_a_link_is_read_as_it_grows),
                cmocka_unit_test(a_link_that_is_moved_on_is_a_rotation),
                cmocka_unit_test(a_link_that_was_moved_on_while_down_is_a_rotation),
                cmocka_unit_test(targets_that_were_rotated_while_down_are_read_whole),
                cmocka_unit_test(several_names_are_one_file),
                cmocka_unit_test(a_reused_inode_is_a_new_file),
                cmocka_unit_test(a_row_with_the_inode_and_another_birth_time_is_of_another_file),
                cmocka_unit_test(a_file_without_a_whole_line_is_known_after_it_was_rotated_while_down),
                cmocka_unit_test(end_leaves_out_what_was_there_at_the_first_start),
                cmocka_unit_test(end_is_remembered_and_is_for_the_first_start_only),
                cmocka_unit_test(beginning_is_the_default),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
