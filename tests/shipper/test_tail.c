/* SPDX-License-Identifier: Apache-2.0 */
/* The shipper from file to sink and back to the checkpoint, with a sink that answers when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fake/rig.h"

static int set_up(void **state)
{
        struct rig *r = rig_new("*.log");

        rig_start(r);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        rig_free(*state);
        return 0;
}

static void appended_lines_are_shipped_once(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "one\ntwo\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(rig_shipped(r, "one") && rig_shipped(r, "two"));
        rig_append(r, "a.log", "three\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void what_was_not_acknowledged_is_sent_again_under_the_same_id(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        rig_append(r, "a.log", "one\ntwo\nthree\n");
        rig_turns(r);
        rig_id_of(r, "three", before);
        sink_held_answer(r->sink, rig_find(r, "one"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_false(rig_shipped(r, "one"));
        rig_id_of(r, "three", after);
        assert_string_equal(before, after);
}

static void a_later_acknowledgement_does_not_jump_over_an_earlier_line(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "one\ntwo\nthree\n");
        rig_turns(r);
        sink_held_answer(r->sink, rig_find(r, "three"), VERDICT_DONE, 0, NULL);
        sink_held_answer(r->sink, rig_find(r, "two"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
}

static void a_position_is_not_stored_before_the_acknowledgement(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "one\n");
        rig_turns(r);
        tail_save(r->tail, true);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_true(rig_shipped(r, "one"));
}

static void an_unfinished_line_waits_and_is_shipped_whole(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "begin");
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_append(r, "a.log", " middle");
        rig_turns(r);
        rig_append(r, "a.log", " end\nnext");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "begin middle end"));
        rig_append(r, "a.log", "\n");
        rig_turns(r);
        assert_true(rig_shipped(r, "next"));
}

static void a_last_line_without_end_is_shipped_when_it_has_waited_and_its_rest_by_itself(void **state)
{
        struct rig *r = *state;
        char part[IDENT_LINE_TEXT + 1], again[IDENT_LINE_TEXT + 1], whole[IDENT_LINE_TEXT + 1];

        r->input.partial_timeout_ms = 100;
        rig_append(r, "a.log", "one\nbegin");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_wait_for(r, 2);
        rig_id_of(r, "begin", part);
        rig_append(r, "a.log", " end\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(rig_shipped(r, " end"));
        sink_held_answer(r->sink, rig_find(r, "one"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        /* Not acknowledged, it is read again, and is more than it was: no duplicate of the part. */
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_id_of(r, "begin end", whole);
        assert_string_not_equal(part, whole);
        rig_answer(r);

        rig_append(r, "a.log", "tail");
        rig_wait_for(r, 1);
        rig_id_of(r, "tail", part);
        rig_kill_and_start(r);
        rig_wait_for(r, 1);
        rig_id_of(r, "tail", again);
        assert_string_equal(part, again);
}

static void several_lines_are_one_event_and_the_last_does_not_wait_for_ever(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        r->input.multiline = (struct multiline_config){ .continues = (char *)"^ ", .max_lines = 100, .timeout_ms = 100 };
        rig_kill_and_start(r);
        rig_append(r, "a.log", "first\n at a\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_append(r, "a.log", " at b\nsecond\n at");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_id_of(r, "first\\n at a\\n at b", before);
        rig_kill_and_start(r);              /* in the middle of the second */
        rig_turns(r);
        rig_id_of(r, "first\\n at a\\n at b", after);
        assert_string_equal(before, after);
        rig_append(r, "a.log", " c\n");
        rig_wait_for(r, 2);
        assert_true(rig_shipped(r, "second\\n at c"));
        assert_true(sink_held_value_has(r->sink, 1, "\"flags\":[\"multiline\"]"));
        assert_int_equal(stat_get(&r->stats.lines_in_flight), 5);
        rig_answer(r);
        assert_int_equal(stat_get(&r->stats.lines_acked), 5);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void an_event_does_not_reach_over_a_rotation(void **state)
{
        struct rig *r = *state;

        r->input.multiline = (struct multiline_config){ .continues = (char *)"^ ", .max_lines = 100, .timeout_ms = 100 };
        rig_kill_and_start(r);
        rig_append(r, "a.log", "old\n");
        rig_turns(r);
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", " not of the old\nnew\n");
        rig_wait_for(r, 3);
        assert_true(rig_shipped(r, "old") && rig_shipped(r, " not of the old") && rig_shipped(r, "new"));
}

static void rotation_by_rename_loses_nothing(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "old 1\n");
        rig_turns(r);
        rig_append(r, "a.log", "old 2\n");
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "new 1\n");
        rig_append(r, "a.log.1", "old 3\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 4);
        assert_true(rig_shipped(r, "old 3") && rig_shipped(r, "new 1"));
        assert_int_equal(stat_get(&r->stats.rotations), 1);
}

static void two_rotations_before_anyone_looked_lose_nothing(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "first\n");
        rig_turns(r);
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "second\n");
        rig_move(r, "a.log.1", "a.log.2");
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "third\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(rig_shipped(r, "second") && rig_shipped(r, "third"));
}

static void rotation_while_down_loses_nothing(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "shipped\n");
        rig_answer(r);
        rig_append(r, "a.log", "rest\n");
        rig_tear_down(r);
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "between\n");
        rig_move(r, "a.log.1", "a.log.2");
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "new\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(rig_shipped(r, "rest") && rig_shipped(r, "between") && rig_shipped(r, "new"));
}

static void rotation_while_down_without_a_new_file_loses_nothing(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "shipped\n");
        rig_answer(r);
        rig_append(r, "a.log", "rest\n");
        rig_tear_down(r);
        rig_move(r, "a.log", "a.log.1");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "rest"));
}

static void old_siblings_are_left_alone(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log.2", "history\n");
        rig_later(r);
        rig_append(r, "a.log", "shipped\n");
        rig_answer(r);
        rig_tear_down(r);
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "new\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "new"));
}

static void a_file_deleted_while_open_is_read_to_its_end_and_let_go(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "one\n");
        rig_turns(r);
        rig_append(r, "a.log", "two\nthree without an end");
        unlink(path);
        rig_turns(r);
        assert_true(rig_shipped(r, "two") && rig_shipped(r, "three without an end"));
        assert_int_equal(stat_get(&r->stats.files_open), 1);    /* until it is acknowledged */
        rig_answer(r);
        rig_turns(r);
        tail_save(r->tail, true);
        assert_int_equal(stat_get(&r->stats.files_open), 0);
        rig_kill_and_start(r);
        assert_int_equal(stat_get(&r->stats.files), 0);
        free(path);
}

static void a_truncated_file_starts_at_zero_under_new_ids(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "same\nlonger than the next\n");
        rig_turns(r);
        rig_id_of(r, "same", before);
        rig_answer(r);
        file_write(path, "same\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_id_of(r, "same", after);
        assert_string_not_equal(before, after);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        free(path);
}

static void a_file_that_grew_past_its_old_end_behind_our_back_starts_at_zero(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "head\nold line one\n");
        rig_answer(r);
        file_write(path, "head\nnew line one\nnew line two\n");       /* nobody looks in between */
        rig_answer(r);
        assert_int_equal(stat_get(&r->stats.lines_acked), 5);

        rig_tear_down(r);
        file_write(path, "head\nnewer line one\nnewer line two\nnewer line three\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 4);
        assert_true(rig_shipped(r, "head") && rig_shipped(r, "newer line one"));
        free(path);
}

static void what_vanished_unread_is_counted(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "one\ntwo\nthree\n");
        rig_turns(r);
        sink_held_answer(r->sink, rig_find(r, "one"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        rig_tear_down(r);
        unlink(path);
        rig_start(r);
        rig_turns(r);
        assert_int_equal(stat_get(&r->stats.lost_vanished), strlen("two\nthree\n"));
        free(path);
}

static off_t checkpoint_size(const struct rig *r)
{
        char *path = tmpdir_path(r->state_dir, "checkpoint");
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        free(path);
        return st.st_size;
}

/* A name of blanks makes a long row: soon the checkpoint is mostly old rows. */
static void provoke_a_rewrite(struct rig *r)
{
        char name[160];

        memset(name, ' ', sizeof(name));
        memcpy(name + sizeof(name) - 5, ".log", 5);
        for (off_t before = 0, now = 1; now > before;) {
                before = checkpoint_size(r);
                rig_append(r, name, "busy\n");
                rig_turns(r);
                sink_held_answer(r->sink, rig_find(r, "busy"), VERDICT_DONE, 0, "");
                tail_save(r->tail, true);
                now = checkpoint_size(r);
                assert_in_range(now, 1, 1 << 20);
        }
}

/* It has ended, because it is not held open any longer. */
static void a_rewrite_keeps_the_row_of_a_deleted_file_whose_lines_are_in_flight(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        r->input.close_removed_ms = 1;
        rig_append(r, "a.log", "nobody has acknowledged it\n");
        rig_turns(r);
        unlink(path);
        for (int i = 0; i < 10 * 1000 && stat_get(&r->stats.files) > 0; i++) {
                loop_turn(r->loop, 1);
                tail_read(r->tail);
                watch_scan(r->watch);
        }
        assert_int_equal(stat_get(&r->stats.files), 0);
        tail_save(r->tail, true);
        provoke_a_rewrite(r);
        rig_kill_and_start(r);
        assert_int_equal(stat_get(&r->stats.lost_vanished), strlen("nobody has acknowledged it\n"));
        free(path);
}

static void a_file_deleted_right_after_a_truncation_is_forgotten(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        file_write(path, "");
        rig_turns(r);
        tail_save(r->tail, true);
        unlink(path);
        rig_turns(r);
        tail_save(r->tail, true);
        rig_kill_and_start(r);
        assert_int_equal(checkpoint_size(r), strlen("sluice-checkpoint 2\n"));
        free(path);
}

static void a_position_in_the_middle_of_the_acknowledged_is_resumed(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "one\n");
        rig_turns(r);
        rig_append(r, "a.log", "two\nthree\n");
        rig_turns(r);
        sink_held_answer(r->sink, rig_find(r, "one"), VERDICT_DONE, 0, NULL);
        sink_held_answer(r->sink, rig_find(r, "two"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        rig_append(r, "a.log", "four\n");
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(rig_shipped(r, "three") && rig_shipped(r, "four"));
        assert_int_equal(stat_get(&r->stats.lost_truncated), 0);
}

static void a_restart_right_after_a_truncation_gives_no_id_twice(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "head\nold line\n");
        rig_turns(r);
        rig_id_of(r, "old line", before);
        rig_answer(r);
        file_write(path, "");
        rig_turns(r);                       /* the truncation is seen, nothing of the new generation is there */
        tail_save(r->tail, true);
        rig_kill_and_start(r);
        rig_append(r, "a.log", "head\nnew line\n");
        rig_turns(r);
        assert_true(rig_shipped(r, "new line"));
        rig_id_of(r, "new line", after);
        assert_string_not_equal(before, after);

        /* Sent, not acknowledged, killed: the same id again. */
        rig_kill_and_start(r);
        rig_turns(r);
        rig_id_of(r, "new line", before);
        assert_string_equal(before, after);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        free(path);
}

static void a_truncation_while_reading_is_stopped_is_seen(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        r->max_bytes = 64 * 1024;
        rig_kill_and_start(r);
        for (int i = 0; i < 2000; i++)
                rig_append(r, "a.log", "an old line of some length, to fill the budget\n");
        rig_turns(r);
        assert_false(ship_has_room(r->ship));
        file_write(path, "new 1\n");
        rig_turns(r);
        rig_append(r, "a.log", "new 2\n");
        rig_turns(r);
        for (int i = 0; i < 400; i++)   /* longer than what was read of the old content */
                rig_append(r, "a.log", "a new line, longer than the old lines that stood here before it was cut\n");
        for (int i = 0; i < 50 && !rig_shipped(r, "new 1"); i++) {
                sink_held_answer_all(r->sink, VERDICT_DONE);
                rig_turns(r);
        }
        assert_true(rig_shipped(r, "new 1") && rig_shipped(r, "new 2"));
        sink_held_answer_all(r->sink, VERDICT_DONE);
        free(path);
}

static void a_file_cut_back_inside_an_unfinished_line_goes_on_there(void **state)
{
        struct rig *r = *state;
        char *path = rig_path(r, "a.log");

        rig_append(r, "a.log", "abc\nan unfinished line");
        rig_turns(r);
        assert_int_equal(truncate(path, 4), 0);
        rig_turns(r);
        rig_append(r, "a.log", "x1\ny2\n");
        rig_turns(r);
        assert_true(rig_shipped(r, "x1") && rig_shipped(r, "y2"));
        free(path);
}

static void what_is_written_after_a_move_out_of_the_directory_is_read(void **state)
{
        struct rig *r = *state;
        char *elsewhere = rig_path(r, "old"), *writer = rig_path(r, "old/a.log");

        assert_int_equal(mkdir(elsewhere, 0755), 0);
        rig_append(r, "a.log", "one\n");
        rig_turns(r);
        rig_move(r, "a.log", "old/a.log");
        rig_turns(r);
        file_append(writer, "two\n");
        watch_scan(r->watch);
        rig_turns(r);
        assert_true(rig_shipped(r, "two"));
        free(elsewhere);
        free(writer);
}

static void a_file_overwritten_by_a_rename_is_let_go(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "one\n");
        rig_append(r, "b.log", "two\n");
        rig_turns(r);
        assert_int_equal(stat_get(&r->stats.files_open), 2);
        rig_move(r, "b.log", "a.log");
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        rig_answer(r);
        rig_turns(r);
        assert_int_equal(stat_get(&r->stats.files_open), 1);
}

static void rotation_while_down_goes_on_from_a_rotated_name(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "shipped\n");
        rig_answer(r);
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log.1", "rest\n");
        rig_append(r, "a.log", "b 1\n");
        rig_turns(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        rig_append(r, "a.log.1", "last of the old\n");
        rig_append(r, "a.log", "b 2\n");
        tail_save(r->tail, true);
        rig_tear_down(r);
        rig_move(r, "a.log.1", "a.log.2");
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "c 1\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(rig_shipped(r, "last of the old") && rig_shipped(r, "b 2") && rig_shipped(r, "c 1"));
}

static void archives_are_not_read_as_text(void **state)
{
        struct rig *r = *state;

        rig_set_pattern(r, "*.log*");
        rig_append(r, "a.log.1.gz", "\x1f\x8b binary\n");
        rig_append(r, "a.log", "text\n");
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
}

static void equal_files_are_two_files(void **state)
{
        struct rig *r = *state;
        char a[IDENT_LINE_TEXT + 1], b[IDENT_LINE_TEXT + 1];

        rig_append(r, "a.log", "same\n");
        rig_turns(r);
        rig_id_of(r, "same", a);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        rig_append(r, "b.log", "same\n");
        rig_turns(r);
        rig_id_of(r, "same", b);
        assert_string_not_equal(a, b);
}

static void a_full_budget_stops_reading_and_room_resumes_it(void **state)
{
        struct rig *r = *state;
        const int lines = 4000;

        r->max_bytes = 256 * 1024;
        rig_kill_and_start(r);
        for (int i = 0; i < lines; i++) {
                char text[64];
                snprintf(text, sizeof(text), "line %d of many\n", i);
                rig_append(r, "a.log", text);
        }
        rig_turns(r);
        assert_true(rig_held(r) < (size_t)lines);
        assert_true(r->sink->bytes < 1024 * 1024);
        assert_true(stat_get(&r->stats.reading_stopped) > 0);
        int64_t total = 0;
        while (rig_held(r) > 0) {
                total += (int64_t)rig_held(r);
                sink_held_answer_all(r->sink, VERDICT_DONE);
                rig_turns(r);
        }
        assert_int_equal(total, lines);
        assert_int_equal(stat_get(&r->stats.lines_acked), lines);
}

static void many_files_share_the_reading(void **state)
{
        struct rig *r = *state;
        char name[32], *big = xmalloc(600 * 1024 + 1);

        memset(big, 'x', 600 * 1024);
        for (size_t i = 99; i < 600 * 1024; i += 100)
                big[i] = '\n';
        big[600 * 1024 - 1] = '\n';
        big[600 * 1024] = '\0';
        rig_append(r, "big.log", big);
        for (int i = 0; i < 20; i++) {
                snprintf(name, sizeof(name), "small-%d.log", i);
                rig_append(r, name, "small\n");
        }
        /* One turn with room for little: every small file is served although the big one is not through. */
        rig_turn(r);
        size_t small = 0;
        for (size_t i = 0; i < rig_held(r); i++)
                small += sink_held_value_has(r->sink, i, "\"message\":\"small\"");
        assert_int_equal(small, 20);
        free(big);
        rig_answer(r);
}

static void a_long_line_is_cut_and_the_next_is_whole(void **state)
{
        struct rig *r = *state;
        static const size_t sizes[] = { 999, 1000, 1001, 150 * 1000, 3 * 1000 * 1000 };

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                char *text = xmalloc(sizes[i] + 8);
                memset(text, 'y', sizes[i]);
                memcpy(text + sizes[i], "\nnext\n", 7);
                rig_append(r, "a.log", text);
                free(text);
                rig_turns(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 2);
                assert_true(rig_shipped(r, "next"));
                const struct record *rec = sink_held_record(r->sink, 0);
                bool cut = sizes[i] > 1000;
                assert_int_equal(sink_held_value_has(r->sink, 0, "\"truncated\""), cut);
                assert_true(rec->value.len < 1000 + 600);
                rig_answer(r);
        }
        assert_int_equal(stat_get(&r->stats.lines_truncated), 3);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void a_line_that_grows_as_json_is_cut_to_fit(void **state)
{
        struct rig *r = *state;
        char text[512];

        memset(text, 1, 500);
        memcpy(text + 500, "\n", 2);
        rig_append(r, "a.log", text);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(sink_held_value_has(r->sink, 0, "\"truncated\""));
        assert_true(sink_held_record(r->sink, 0)->value.len < 1000 + 600);
        assert_int_equal(stat_get(&r->stats.bytes_cut), 500 - 1000 / 6);
        rig_answer(r);
}

static void a_line_the_output_refuses_is_counted_and_passed(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "good\nbad\n");
        rig_turns(r);
        sink_held_answer(r->sink, rig_find(r, "bad"), VERDICT_REJECT, 10, "too large");
        sink_held_answer(r->sink, rig_find(r, "good"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        assert_int_equal(stat_get(&r->stats.dropped_rejected), 1);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void once_ships_the_unfinished_last_line(void **state)
{
        struct rig *r = *state;

        r->config.life.once = true;
        rig_append(r, "a.log", "one\nlast without an end");
        rig_kill_and_start(r);
        rig_turns(r);
        assert_true(rig_shipped(r, "last without an end"));
        assert_true(tail_at_end(r->tail));
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void what_is_no_file_is_passed_over(void **state)
{
        struct rig *r = *state;
        char *dir = rig_path(r, "dir.log"), *fifo = rig_path(r, "fifo.log");

        assert_int_equal(mkdir(dir, 0755), 0);
        assert_int_equal(mkfifo(fifo, 0644), 0);
        rig_append(r, "a.log", "one\n");
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        free(dir);
        free(fifo);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(appended_lines_are_shipped_once),
                TEST(what_was_not_acknowledged_is_sent_again_under_the_same_id),
                TEST(a_later_acknowledgement_does_not_jump_over_an_earlier_line),
                TEST(a_position_is_not_stored_before_the_acknowledgement),
                TEST(an_unfinished_line_waits_and_is_shipped_whole),
                TEST(a_last_line_without_end_is_shipped_when_it_has_waited_and_its_rest_by_itself),
                TEST(several_lines_are_one_event_and_the_last_does_not_wait_for_ever),
                TEST(an_event_does_not_reach_over_a_rotation),
                TEST(rotation_by_rename_loses_nothing),
                TEST(two_rotations_before_anyone_looked_lose_nothing),
                TEST(rotation_while_down_loses_nothing),
                TEST(rotation_while_down_without_a_new_file_loses_nothing),
                TEST(old_siblings_are_left_alone),
                TEST(a_file_deleted_while_open_is_read_to_its_end_and_let_go),
                TEST(a_truncated_file_starts_at_zero_under_new_ids),
                TEST(a_file_that_grew_past_its_old_end_behind_our_back_starts_at_zero),
                TEST(what_vanished_unread_is_counted),
                TEST(a_rewrite_keeps_the_row_of_a_deleted_file_whose_lines_are_in_flight),
                TEST(a_file_deleted_right_after_a_truncation_is_forgotten),
                TEST(a_position_in_the_middle_of_the_acknowledged_is_resumed),
                TEST(a_restart_right_after_a_truncation_gives_no_id_twice),
                TEST(a_truncation_while_reading_is_stopped_is_seen),
                TEST(a_file_cut_back_inside_an_unfinished_line_goes_on_there),
                TEST(what_is_written_after_a_move_out_of_the_directory_is_read),
                TEST(a_file_overwritten_by_a_rename_is_let_go),
                TEST(rotation_while_down_goes_on_from_a_rotated_name),
                TEST(archives_are_not_read_as_text),
                TEST(equal_files_are_two_files),
                TEST(a_full_budget_stops_reading_and_room_resumes_it),
                TEST(many_files_share_the_reading),
                TEST(a_long_line_is_cut_and_the_next_is_whole),
                TEST(a_line_that_grows_as_json_is_cut_to_fit),
                TEST(a_line_the_output_refuses_is_counted_and_passed),
                TEST(once_ships_the_unfinished_last_line),
                TEST(what_is_no_file_is_passed_over),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
