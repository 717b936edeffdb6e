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

#include "base/log.h"
#include "base/mem.h"
#include "shipper/watch.h"
#include "tests/fake/sink_held.h"
#include "tests/fake/tmpdir.h"

/* A shipper without main: built on a directory, torn down like a SIGKILL or like a stop. */
struct rig {
        char *dir, *state_dir, *pattern;
        struct shipper_config config;
        struct input_config input;
        struct shipper_stats stats;
        struct loop *loop;
        struct checkpoint *checkpoint;
        struct ship *ship;
        struct sink *sink;
        struct tail *tail;
        struct watch *watch;
        size_t max_bytes;
};

static void on_settled(void *arg, struct file *f)
{
        tail_settled(((struct rig *)arg)->tail, f);
}

static void on_room(void *arg)
{
        (void)arg;
}

static void restore(void *arg, const struct checkpoint_row *row)
{
        tail_restore(((struct rig *)arg)->tail, row);
}

static void start(struct rig *r)
{
        struct ship_hooks hooks = { on_settled, on_room, r };
        struct sink_limits limits = { .max_batches = 64, .max_bytes = r->max_bytes };
        struct err e = { 0 };
        unsigned bad;

        r->stats = (struct shipper_stats){ 0 };
        r->loop = loop_new(&clock_system, &e);
        r->ship = ship_new(r->loop, &r->stats, &hooks);
        r->tail = tail_new(&(struct tail_parts){ r->loop, &r->config, &r->stats, r->ship });
        assert_int_equal(checkpoint_open(r->state_dir, restore, r, &r->checkpoint, &bad, &e), 0);
        tail_set_checkpoint(r->tail, r->checkpoint);
        struct sink_owner owner = ship_owner(r->ship);
        r->sink = sink_held_new(r->loop, &owner, &limits);
        ship_set_sink(r->ship, r->sink);
        r->watch = watch_new(r->loop, &r->config, r->tail, &r->stats);
        watch_scan(r->watch);
}

static void tear_down(struct rig *r)
{
        watch_free(r->watch);
        sink_free(r->sink);
        ship_free(r->ship);
        tail_free(r->tail);
        checkpoint_free(r->checkpoint);
        loop_free(r->loop);
}

/* As after SIGKILL: what the checkpoint file holds is all that is left. */
static void kill_and_start(struct rig *r)
{
        tear_down(r);
        start(r);
}

/* New files are waited for until their rows are stored, and read. */
static void one_turn(struct rig *r)
{
        loop_turn(r->loop, 0);
        tail_read(r->tail);
        if (!tail_waits_for_disk(r->tail))
                return;
        while (tail_waits_for_disk(r->tail))
                loop_turn(r->loop, 20);
        tail_read(r->tail);
}

/* Events in, everything read that there is room for. Twice: the first turn may only tell of a rename. */
static void turns(struct rig *r)
{
        for (int i = 0; i < 8; i++)
                one_turn(r);
}

static void answer_all(struct rig *r)
{
        turns(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        tail_save(r->tail, true);
}

static char *path_in(const struct rig *r, const char *name)
{
        return tmpdir_path(r->dir, name);
}

static void append(const struct rig *r, const char *name, const char *text)
{
        char *path = path_in(r, name);
        file_append(path, text);
        free(path);
}

static void move(const struct rig *r, const char *from, const char *to)
{
        char *a = path_in(r, from), *b = path_in(r, to);
        assert_int_equal(rename(a, b), 0);
        free(a);
        free(b);
}

static bool shipped(const struct rig *r, const char *message)
{
        char *part = xasprintf("\"message\":\"%s\"", message);
        bool found = false;

        for (size_t i = 0; i < sink_held_count(r->sink); i++)
                found = found || sink_held_value_has(r->sink, i, part);
        free(part);
        return found;
}

static size_t find_message(const struct rig *r, const char *message)
{
        char *part = xasprintf("\"message\":\"%s\"", message);
        size_t i = 0;

        while (i < sink_held_count(r->sink) && !sink_held_value_has(r->sink, i, part))
                i++;
        free(part);
        assert_true(i < sink_held_count(r->sink));
        return i;
}

static void id_of(const struct rig *r, const char *message, char out[IDENT_LINE_TEXT + 1])
{
        const struct record *rec = sink_held_record(r->sink, find_message(r, message));
        const char *value = batch_at(rec->batch, rec->value);
        const char *id = strstr(value, "\"id\":\"") + 6;

        memcpy(out, id, IDENT_LINE_TEXT);
        out[IDENT_LINE_TEXT] = '\0';
}

static void check_ledger(const struct rig *r)
{
        const struct shipper_stats *s = &r->stats;

        assert_int_equal(stat_get(&s->lines_read), stat_get(&s->lines_acked) + stat_get(&s->dropped_rejected) +
                                                           stat_get(&s->lines_in_flight));
        assert_int_equal(stat_get(&s->lines_in_flight), sink_held_count(r->sink));
}

static int set_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));

        r->dir = tmpdir_new();
        r->state_dir = path_in(r, "state");
        assert_int_equal(mkdir(r->state_dir, 0755), 0);
        r->pattern = path_in(r, "*.log");
        r->input = (struct input_config){ .paths = { &r->pattern, 1 }, .service = (char *)"shop" };
        r->config = (struct shipper_config){ .inputs = { &r->input, 1 },
                                             .host = (char *)"web-1",
                                             .max_line_bytes = 1000,
                                             .scan_interval_ms = 3600 * 1000 };
        r->max_bytes = 1 << 20;
        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        start(r);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        check_ledger(r);
        tear_down(r);
        tmpdir_free(r->dir);
        free(r->state_dir);
        free(r->pattern);
        free(r);
        return 0;
}

static void appended_lines_are_shipped_once(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "one\ntwo\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
        assert_true(shipped(r, "one") && shipped(r, "two"));
        append(r, "a.log", "three\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 3);
        answer_all(r);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
}

static void what_was_not_acknowledged_is_sent_again_under_the_same_id(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        append(r, "a.log", "one\ntwo\nthree\n");
        turns(r);
        id_of(r, "three", before);
        sink_held_answer(r->sink, find_message(r, "one"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
        assert_false(shipped(r, "one"));
        id_of(r, "three", after);
        assert_string_equal(before, after);
}

static void a_later_acknowledgement_does_not_jump_over_an_earlier_line(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "one\ntwo\nthree\n");
        turns(r);
        sink_held_answer(r->sink, find_message(r, "three"), VERDICT_DONE, 0, NULL);
        sink_held_answer(r->sink, find_message(r, "two"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 3);
}

static void a_position_is_not_stored_before_the_acknowledgement(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "one\n");
        turns(r);
        tail_save(r->tail, true);
        kill_and_start(r);
        turns(r);
        assert_true(shipped(r, "one"));
}

static void an_unfinished_line_waits_and_is_shipped_whole(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "begin");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
        append(r, "a.log", " middle");
        turns(r);
        append(r, "a.log", " end\nnext");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_true(shipped(r, "begin middle end"));
        append(r, "a.log", "\n");
        turns(r);
        assert_true(shipped(r, "next"));
}

/* Turns until the sink holds n events. */
static void wait_for_held(struct rig *r, size_t n)
{
        int64_t deadline_ms = loop_now_ms(r->loop) + 10 * 1000;

        while (sink_held_count(r->sink) < n && loop_now_ms(r->loop) < deadline_ms) {
                loop_turn(r->loop, 20);
                tail_read(r->tail);
        }
        assert_int_equal(sink_held_count(r->sink), n);
}

static void a_last_line_without_end_is_shipped_when_it_has_waited_and_its_rest_by_itself(void **state)
{
        struct rig *r = *state;
        char part[IDENT_LINE_TEXT + 1], again[IDENT_LINE_TEXT + 1], whole[IDENT_LINE_TEXT + 1];

        r->input.partial_timeout_ms = 100;
        append(r, "a.log", "one\nbegin");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        wait_for_held(r, 2);
        id_of(r, "begin", part);
        append(r, "a.log", " end\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 3);
        assert_true(shipped(r, " end"));
        sink_held_answer(r->sink, find_message(r, "one"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        /* Not acknowledged, it is read again, and is more than it was: no duplicate of the part. */
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        id_of(r, "begin end", whole);
        assert_string_not_equal(part, whole);
        answer_all(r);

        append(r, "a.log", "tail");
        wait_for_held(r, 1);
        id_of(r, "tail", part);
        kill_and_start(r);
        wait_for_held(r, 1);
        id_of(r, "tail", again);
        assert_string_equal(part, again);
}

static void several_lines_are_one_event_and_the_last_does_not_wait_for_ever(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        r->input.multiline = (struct multiline_config){ .continues = (char *)"^ ", .max_lines = 100, .timeout_ms = 100 };
        kill_and_start(r);
        append(r, "a.log", "first\n at a\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
        append(r, "a.log", " at b\nsecond\n at");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        id_of(r, "first\\n at a\\n at b", before);
        kill_and_start(r);              /* in the middle of the second */
        turns(r);
        id_of(r, "first\\n at a\\n at b", after);
        assert_string_equal(before, after);
        append(r, "a.log", " c\n");
        wait_for_held(r, 2);
        assert_true(shipped(r, "second\\n at c"));
        assert_true(sink_held_value_has(r->sink, 1, "\"flags\":[\"multiline\"]"));
        assert_int_equal(stat_get(&r->stats.lines_in_flight), 5);
        answer_all(r);
        assert_int_equal(stat_get(&r->stats.lines_acked), 5);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
}

static void an_event_does_not_reach_over_a_rotation(void **state)
{
        struct rig *r = *state;

        r->input.multiline = (struct multiline_config){ .continues = (char *)"^ ", .max_lines = 100, .timeout_ms = 100 };
        kill_and_start(r);
        append(r, "a.log", "old\n");
        turns(r);
        move(r, "a.log", "a.log.1");
        append(r, "a.log", " not of the old\nnew\n");
        wait_for_held(r, 3);
        assert_true(shipped(r, "old") && shipped(r, " not of the old") && shipped(r, "new"));
}

static void rotation_by_rename_loses_nothing(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "old 1\n");
        turns(r);
        append(r, "a.log", "old 2\n");
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "new 1\n");
        append(r, "a.log.1", "old 3\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 4);
        assert_true(shipped(r, "old 3") && shipped(r, "new 1"));
        assert_int_equal(stat_get(&r->stats.rotations), 1);
}

static void two_rotations_before_anyone_looked_lose_nothing(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "first\n");
        turns(r);
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "second\n");
        move(r, "a.log.1", "a.log.2");
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "third\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 3);
        assert_true(shipped(r, "second") && shipped(r, "third"));
}

static void rotation_while_down_loses_nothing(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "shipped\n");
        answer_all(r);
        append(r, "a.log", "rest\n");
        tear_down(r);
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "between\n");
        move(r, "a.log.1", "a.log.2");
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "new\n");
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 3);
        assert_true(shipped(r, "rest") && shipped(r, "between") && shipped(r, "new"));
}

static void rotation_while_down_without_a_new_file_loses_nothing(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "shipped\n");
        answer_all(r);
        append(r, "a.log", "rest\n");
        tear_down(r);
        move(r, "a.log", "a.log.1");
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_true(shipped(r, "rest"));
}

static void old_siblings_are_left_alone(void **state)
{
        struct rig *r = *state;

        append(r, "a.log.2", "history\n");
        append(r, "a.log", "shipped\n");
        answer_all(r);
        tear_down(r);
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "new\n");
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_true(shipped(r, "new"));
}

static void a_file_deleted_while_open_is_read_to_its_end_and_let_go(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        append(r, "a.log", "one\n");
        turns(r);
        append(r, "a.log", "two\nthree without an end");
        unlink(path);
        turns(r);
        assert_true(shipped(r, "two") && shipped(r, "three without an end"));
        assert_int_equal(stat_get(&r->stats.files_open), 1);    /* until it is acknowledged */
        answer_all(r);
        turns(r);
        tail_save(r->tail, true);
        assert_int_equal(stat_get(&r->stats.files_open), 0);
        kill_and_start(r);
        assert_int_equal(stat_get(&r->stats.files), 0);
        free(path);
}

static void a_truncated_file_starts_at_zero_under_new_ids(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];
        char *path = path_in(r, "a.log");

        append(r, "a.log", "same\nlonger than the next\n");
        turns(r);
        id_of(r, "same", before);
        answer_all(r);
        file_write(path, "same\n");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        id_of(r, "same", after);
        assert_string_not_equal(before, after);
        answer_all(r);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
        free(path);
}

static void a_file_that_grew_past_its_old_end_behind_our_back_starts_at_zero(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        append(r, "a.log", "head\nold line one\n");
        answer_all(r);
        file_write(path, "head\nnew line one\nnew line two\n");       /* nobody looks in between */
        answer_all(r);
        assert_int_equal(stat_get(&r->stats.lines_acked), 5);

        tear_down(r);
        file_write(path, "head\nnewer line one\nnewer line two\nnewer line three\n");
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 4);
        assert_true(shipped(r, "head") && shipped(r, "newer line one"));
        free(path);
}

static void what_vanished_unread_is_counted(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        append(r, "a.log", "one\ntwo\nthree\n");
        turns(r);
        sink_held_answer(r->sink, find_message(r, "one"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        tear_down(r);
        unlink(path);
        start(r);
        turns(r);
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
                append(r, name, "busy\n");
                turns(r);
                sink_held_answer(r->sink, find_message(r, "busy"), VERDICT_DONE, 0, "");
                tail_save(r->tail, true);
                now = checkpoint_size(r);
                assert_in_range(now, 1, 1 << 20);
        }
}

/* It has ended, because it is not held open any longer. */
static void a_rewrite_keeps_the_row_of_a_deleted_file_whose_lines_are_in_flight(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        r->input.close_removed_ms = 1;
        append(r, "a.log", "nobody has acknowledged it\n");
        turns(r);
        unlink(path);
        for (int i = 0; i < 10 * 1000 && stat_get(&r->stats.files) > 0; i++) {
                loop_turn(r->loop, 1);
                tail_read(r->tail);
                watch_scan(r->watch);
        }
        assert_int_equal(stat_get(&r->stats.files), 0);
        tail_save(r->tail, true);
        provoke_a_rewrite(r);
        kill_and_start(r);
        assert_int_equal(stat_get(&r->stats.lost_vanished), strlen("nobody has acknowledged it\n"));
        free(path);
}

static void a_file_deleted_right_after_a_truncation_is_forgotten(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        append(r, "a.log", "one\n");
        answer_all(r);
        file_write(path, "");
        turns(r);
        tail_save(r->tail, true);
        unlink(path);
        turns(r);
        tail_save(r->tail, true);
        kill_and_start(r);
        assert_int_equal(checkpoint_size(r), strlen("sluice-checkpoint 2\n"));
        free(path);
}

static void a_position_in_the_middle_of_the_acknowledged_is_resumed(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "one\n");
        turns(r);
        append(r, "a.log", "two\nthree\n");
        turns(r);
        sink_held_answer(r->sink, find_message(r, "one"), VERDICT_DONE, 0, NULL);
        sink_held_answer(r->sink, find_message(r, "two"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        append(r, "a.log", "four\n");
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
        assert_true(shipped(r, "three") && shipped(r, "four"));
        assert_int_equal(stat_get(&r->stats.lost_truncated), 0);
}

static void a_restart_right_after_a_truncation_gives_no_id_twice(void **state)
{
        struct rig *r = *state;
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];
        char *path = path_in(r, "a.log");

        append(r, "a.log", "head\nold line\n");
        turns(r);
        id_of(r, "old line", before);
        answer_all(r);
        file_write(path, "");
        turns(r);                       /* the truncation is seen, nothing of the new generation is there */
        tail_save(r->tail, true);
        kill_and_start(r);
        append(r, "a.log", "head\nnew line\n");
        turns(r);
        assert_true(shipped(r, "new line"));
        id_of(r, "new line", after);
        assert_string_not_equal(before, after);

        /* Sent, not acknowledged, killed: the same id again. */
        kill_and_start(r);
        turns(r);
        id_of(r, "new line", before);
        assert_string_equal(before, after);
        answer_all(r);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
        free(path);
}

static void a_truncation_while_reading_is_stopped_is_seen(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        r->max_bytes = 64 * 1024;
        kill_and_start(r);
        for (int i = 0; i < 2000; i++)
                append(r, "a.log", "an old line of some length, to fill the budget\n");
        turns(r);
        assert_false(ship_has_room(r->ship));
        file_write(path, "new 1\n");
        turns(r);
        append(r, "a.log", "new 2\n");
        turns(r);
        for (int i = 0; i < 400; i++)   /* longer than what was read of the old content */
                append(r, "a.log", "a new line, longer than the old lines that stood here before it was cut\n");
        for (int i = 0; i < 50 && !shipped(r, "new 1"); i++) {
                sink_held_answer_all(r->sink, VERDICT_DONE);
                turns(r);
        }
        assert_true(shipped(r, "new 1") && shipped(r, "new 2"));
        sink_held_answer_all(r->sink, VERDICT_DONE);
        free(path);
}

static void a_file_cut_back_inside_an_unfinished_line_goes_on_there(void **state)
{
        struct rig *r = *state;
        char *path = path_in(r, "a.log");

        append(r, "a.log", "abc\nan unfinished line");
        turns(r);
        assert_int_equal(truncate(path, 4), 0);
        turns(r);
        append(r, "a.log", "x1\ny2\n");
        turns(r);
        assert_true(shipped(r, "x1") && shipped(r, "y2"));
        free(path);
}

static void what_is_written_after_a_move_out_of_the_directory_is_read(void **state)
{
        struct rig *r = *state;
        char *elsewhere = path_in(r, "old"), *writer = path_in(r, "old/a.log");

        assert_int_equal(mkdir(elsewhere, 0755), 0);
        append(r, "a.log", "one\n");
        turns(r);
        move(r, "a.log", "old/a.log");
        turns(r);
        file_append(writer, "two\n");
        watch_scan(r->watch);
        turns(r);
        assert_true(shipped(r, "two"));
        free(elsewhere);
        free(writer);
}

static void a_file_overwritten_by_a_rename_is_let_go(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "one\n");
        append(r, "b.log", "two\n");
        turns(r);
        assert_int_equal(stat_get(&r->stats.files_open), 2);
        move(r, "b.log", "a.log");
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 2);
        answer_all(r);
        turns(r);
        assert_int_equal(stat_get(&r->stats.files_open), 1);
}

static void rotation_while_down_goes_on_from_a_rotated_name(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "shipped\n");
        answer_all(r);
        move(r, "a.log", "a.log.1");
        append(r, "a.log.1", "rest\n");
        append(r, "a.log", "b 1\n");
        turns(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        append(r, "a.log.1", "last of the old\n");
        append(r, "a.log", "b 2\n");
        tail_save(r->tail, true);
        tear_down(r);
        move(r, "a.log.1", "a.log.2");
        move(r, "a.log", "a.log.1");
        append(r, "a.log", "c 1\n");
        start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 3);
        assert_true(shipped(r, "last of the old") && shipped(r, "b 2") && shipped(r, "c 1"));
}

static void archives_are_not_read_as_text(void **state)
{
        struct rig *r = *state;

        free(r->pattern);
        r->pattern = path_in(r, "*.log*");
        append(r, "a.log.1.gz", "\x1f\x8b binary\n");
        append(r, "a.log", "text\n");
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
}

static void equal_files_are_two_files(void **state)
{
        struct rig *r = *state;
        char a[IDENT_LINE_TEXT + 1], b[IDENT_LINE_TEXT + 1];

        append(r, "a.log", "same\n");
        turns(r);
        id_of(r, "same", a);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        append(r, "b.log", "same\n");
        turns(r);
        id_of(r, "same", b);
        assert_string_not_equal(a, b);
}

static void a_full_budget_stops_reading_and_room_resumes_it(void **state)
{
        struct rig *r = *state;
        const int lines = 4000;

        r->max_bytes = 256 * 1024;
        kill_and_start(r);
        for (int i = 0; i < lines; i++) {
                char text[64];
                snprintf(text, sizeof(text), "line %d of many\n", i);
                append(r, "a.log", text);
        }
        turns(r);
        assert_true(sink_held_count(r->sink) < (size_t)lines);
        assert_true(r->sink->bytes < 1024 * 1024);
        assert_true(stat_get(&r->stats.reading_stopped) > 0);
        int64_t total = 0;
        while (sink_held_count(r->sink) > 0) {
                total += (int64_t)sink_held_count(r->sink);
                sink_held_answer_all(r->sink, VERDICT_DONE);
                turns(r);
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
        append(r, "big.log", big);
        for (int i = 0; i < 20; i++) {
                snprintf(name, sizeof(name), "small-%d.log", i);
                append(r, name, "small\n");
        }
        /* One turn with room for little: every small file is served although the big one is not through. */
        one_turn(r);
        size_t small = 0;
        for (size_t i = 0; i < sink_held_count(r->sink); i++)
                small += sink_held_value_has(r->sink, i, "\"message\":\"small\"");
        assert_int_equal(small, 20);
        free(big);
        answer_all(r);
}

static void a_long_line_is_cut_and_the_next_is_whole(void **state)
{
        struct rig *r = *state;
        static const size_t sizes[] = { 999, 1000, 1001, 150 * 1000, 3 * 1000 * 1000 };

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                char *text = xmalloc(sizes[i] + 8);
                memset(text, 'y', sizes[i]);
                memcpy(text + sizes[i], "\nnext\n", 7);
                append(r, "a.log", text);
                free(text);
                turns(r);
                turns(r);
                assert_int_equal(sink_held_count(r->sink), 2);
                assert_true(shipped(r, "next"));
                const struct record *rec = sink_held_record(r->sink, 0);
                bool cut = sizes[i] > 1000;
                assert_int_equal(sink_held_value_has(r->sink, 0, "\"truncated\""), cut);
                assert_true(rec->value.len < 1000 + 600);
                answer_all(r);
        }
        assert_int_equal(stat_get(&r->stats.lines_truncated), 3);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
}

static void a_line_that_grows_as_json_is_cut_to_fit(void **state)
{
        struct rig *r = *state;
        char text[512];

        memset(text, 1, 500);
        memcpy(text + 500, "\n", 2);
        append(r, "a.log", text);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_true(sink_held_value_has(r->sink, 0, "\"truncated\""));
        assert_true(sink_held_record(r->sink, 0)->value.len < 1000 + 600);
        assert_int_equal(stat_get(&r->stats.bytes_cut), 500 - 1000 / 6);
        answer_all(r);
}

static void a_line_the_output_refuses_is_counted_and_passed(void **state)
{
        struct rig *r = *state;

        append(r, "a.log", "good\nbad\n");
        turns(r);
        sink_held_answer(r->sink, find_message(r, "bad"), VERDICT_REJECT, 10, "too large");
        sink_held_answer(r->sink, find_message(r, "good"), VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        assert_int_equal(stat_get(&r->stats.dropped_rejected), 1);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
}

static void once_ships_the_unfinished_last_line(void **state)
{
        struct rig *r = *state;

        r->config.life.once = true;
        append(r, "a.log", "one\nlast without an end");
        kill_and_start(r);
        turns(r);
        assert_true(shipped(r, "last without an end"));
        assert_true(tail_at_end(r->tail));
        answer_all(r);
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 0);
}

static void what_is_no_file_is_passed_over(void **state)
{
        struct rig *r = *state;
        char *dir = path_in(r, "dir.log"), *fifo = path_in(r, "fifo.log");

        assert_int_equal(mkdir(dir, 0755), 0);
        assert_int_equal(mkfifo(fifo, 0644), 0);
        append(r, "a.log", "one\n");
        kill_and_start(r);
        turns(r);
        assert_int_equal(sink_held_count(r->sink), 1);
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
