/* SPDX-License-Identifier: Apache-2.0 */
/* Files of container runtimes and of other encodings, from the file to the event, over kills and rotations. */
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

#define POD "pods/shop_web-1_uid-7/app"
#define FILE_NAME POD "/0.log"
#define T "2026-11-23T10:00:00.123456789Z"

static const char *value(const struct rig *r, size_t i)
{
        const struct record *rec = sink_held_record(r->sink, i);
        return batch_at(rec->batch, rec->value);
}

static bool has(const struct rig *r, size_t i, const char *part)
{
        return sink_held_value_has(r->sink, i, part);
}

/* All ids that the sink holds, in the order of the events. */
static char *ids(const struct rig *r)
{
        struct buf b = { 0 };

        for (size_t i = 0; i < rig_held(r); i++)
                buf_put(&b, value(r, i) + event_id_at(value(r, i)), IDENT_LINE_TEXT);
        char *all = xstrdup(buf_cstr(&b));
        buf_fini(&b);
        return all;
}

static void append_bytes(const struct rig *r, const char *bytes, size_t n)
{
        char *path = rig_path(r, FILE_NAME);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

        assert_int_equal(write(fd, bytes, n), (ssize_t)n);
        close(fd);
        free(path);
}

static void append(const struct rig *r, const char *text)
{
        append_bytes(r, text, strlen(text));
}

static int set_up(void **state)
{
        struct rig *r = rig_new(POD "/*.log");
        static const char *const dirs[] = { "pods", "pods/shop_web-1_uid-7", POD };

        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                rig_make_dir(r, dirs[i]);
        r->input.service = NULL;        /* the path names it */
        r->input.container = CONTAINER_AUTO;
        r->input.partial_timeout_ms = 100;
        r->max_bytes = 4 << 20;
        rig_start(r);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        rig_free(*state);
        return 0;
}

static void what_the_runtime_and_the_path_say_stands_in_the_event(void **state)
{
        struct rig *r = *state;

        append(r, T " stdout P hel\n" T " stderr F oops\n" T " stdout F lo\n"
               "{\"log\":\"from \\\"docker\\\"\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T10:00:01.000000001Z\"}\nplain\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 4);
        assert_true(has(r, 0, "\"message\":\"oops\"") && has(r, 0, "\"stream\":\"stderr\""));
        assert_true(has(r, 0, "{\"@timestamp\":\"" T "\""));
        assert_true(has(r, 1, "\"message\":\"hello\"") && has(r, 1, "\"stream\":\"stdout\"") && has(r, 1, "\"offset\":0,") == false);
        assert_true(has(r, 1, "\"offset\":0}"));
        assert_true(has(r, 1, "\"service\":{\"name\":\"app\"}"));
        assert_true(has(r, 1, "\"container\":{\"name\":\"app\"},\"kubernetes\":{\"namespace\":\"shop\",\"pod\":{\"name\":\"web-1\","
                              "\"uid\":\"uid-7\"}}"));
        assert_false(has(r, 1, "\"flags\""));
        assert_true(has(r, 2, "\"message\":\"from \\\"docker\\\"\"") && has(r, 2, "10:00:01.000000001Z"));
        assert_true(has(r, 3, "\"message\":\"plain\"") && !has(r, 3, "\"stream\""));
        assert_int_equal(stat_get(&r->stats.unparsed_container), 1);
        assert_int_equal(stat_get(&r->stats.lines_read), 5);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void a_service_of_the_configuration_and_a_time_of_the_line_win(void **state)
{
        static char *formats[] = { (char *)"auto" };
        struct rig *r = *state;

        r->input.parse.time_formats = (struct strlist){ formats, 1 };
        r->input.service = (char *)"named";
        r->input.parse.how = PARSE_JSON;
        rig_kill_and_start(r);
        append(r, T " stdout F {\"time\":\"2026-11-23T09:59:59.5Z\",\"msg\":\"x\"}\n" T " stdout F {\"msg\":\"y\"}\n");
        rig_turns(r);
        assert_true(has(r, 0, "\"service\":{\"name\":\"named\"}") && has(r, 0, "{\"@timestamp\":\"2026-11-23T09:59:59.500Z\""));
        assert_true(has(r, 1, "{\"@timestamp\":\"" T "\"") && has(r, 1, "\"message\":\"y\""));
}

static void an_object_with_too_many_members_for_the_top_is_text(void **state)
{
        struct rig *r = *state;
        struct buf b = { 0 };

        r->input.parse = (struct parse_config){ .how = PARSE_JSON, .json_at = (char *)"top" };
        r->config.max_line_bytes = 64 * 1024;
        rig_kill_and_start(r);
        buf_puts(&b, T " stdout F ");
        for (int i = 0; i < 1100; i++)
                buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', i, i);
        buf_puts(&b, "}\n" T " stdout F {\"msg\":\"few\",\"stream\":\"theirs\",\"container\":\"theirs\"}\n");
        append_bytes(r, b.data, b.len);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(has(r, 0, "\"message\":\"{\\\"k0\\\":0,"));
        assert_true(has(r, 1, "\"message\":\"few\"") && has(r, 1, "\"labels\":{\"stream\":\"theirs\",\"container\":\"theirs\"}"));
        assert_int_equal(stat_get(&r->stats.unparsed_too_many), 1);
        buf_fini(&b);
}

/* Killed after any number of the file's bytes, with whatever was acknowledged then: the events that follow have the ids they have
 * when nothing happens. */
static void a_kill_anywhere_leaves_the_ids(void **state)
{
        static const char text[] = T " stdout F one\n" T " stdout P tw\n" T " stderr F err 1\n" T " stderr P err\n" T
                                     " stdout F o\n" T " stderr F  2\n" T " stdout F three\n";
        struct rig *r = *state;
        size_t n = sizeof(text) - 1;

        r->input.partial_timeout_ms = 60 * 1000;
        append(r, text);
        rig_turns(r);
        assert_int_equal(rig_held(r), 5);
        char *all = ids(r);
        size_t len = strlen(all);

        for (size_t cut = 0; cut <= n; cut += 5) {
                /* the checkpoint is that of a file with the first bytes only; inode and birth stay */
                rig_write(r, FILE_NAME, "");
                char *state_file = tmpdir_path(r->state_dir, "checkpoint");
                rig_tear_down(r);
                (void)unlink(state_file);
                free(state_file);
                append_bytes(r, text, cut);
                rig_start(r);
                rig_answer(r);
                rig_kill_and_start(r);
                append_bytes(r, text + cut, n - cut);
                rig_turns(r);
                char *rest = ids(r);
                assert_true(strlen(rest) <= len);
                assert_string_equal(all + len - strlen(rest), rest);
                free(rest);
        }
        free(all);
}

static void a_piece_without_its_end_waits_and_is_not_joined_over_a_file_switch(void **state)
{
        struct rig *r = *state;

        append(r, T " stdout P half\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_move(r, FILE_NAME, POD "/0.log.20261123-100000");
        append(r, T " stdout F  and half\n");
        rig_wait_for(r, 2);
        assert_true((has(r, 0, "\"message\":\"half\"") && has(r, 1, "\"message\":\" and half\"")) ||
                    (has(r, 1, "\"message\":\"half\"") && has(r, 0, "\"message\":\" and half\"")));
        assert_true(has(r, 0, "\"uid\":\"uid-7\"") && has(r, 1, "\"uid\":\"uid-7\""));
}

/* Ten times the longest line, in pieces; the other stream in between loses nothing. */
static void a_line_of_many_pieces_is_cut_and_the_position_waits_for_its_end(void **state)
{
        struct rig *r = *state;
        struct buf b = { 0 };

        r->input.partial_timeout_ms = 60 * 1000;
        for (int i = 0; i < 200; i++) {
                buf_puts(&b, T " stdout P 0123456789\n");
                if (i == 150)
                        buf_puts(&b, T " stderr F between\n");
        }
        append_bytes(r, b.data, b.len);
        rig_answer(r);
        assert_int_equal(stat_get(&r->stats.lines_truncated), 1);
        assert_true(stat_get(&r->stats.bytes_cut) > 9000);

        /* the end has not come: a kill reads from the line's beginning again, and gives the same two events */
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(has(r, 0, "\"flags\":[\"truncated\"]") && has(r, 1, "\"message\":\"between\""));
        char *before = ids(r);
        rig_kill_and_start(r);
        rig_turns(r);
        char *after = ids(r);
        assert_string_equal(before, after);
        free(before);
        free(after);

        append(r, T " stdout F end\n" T " stdout F next\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(has(r, 2, "\"message\":\"next\""));
        rig_answer(r);
        assert_int_equal(tail_lag_bytes(r->tail), 0);
        buf_fini(&b);
}

/* Two lines of 10 MB, as the runtimes write them, 16 KiB at a time. */
static void a_line_of_ten_megabytes_is_one_event(void **state)
{
        struct rig *r = *state;
        char piece[16 * 1024 + 1];
        struct buf b = { 0 };

        memset(piece, 'x', sizeof(piece) - 1);
        piece[sizeof(piece) - 1] = '\0';
        r->config.max_line_bytes = 512 * 1024;
        rig_kill_and_start(r);
        for (int i = 0; i < 640; i++)
                buf_printf(&b, T " stdout %s %s\n", i < 639 ? "P" : "F", piece);
        for (int i = 0; i < 640; i++)
                buf_printf(&b, "{\"log\":\"%s%s\",\"stream\":\"stdout\",\"time\":\"" T "\"}\n", piece, i < 639 ? "" : "\\n");
        append_bytes(r, b.data, b.len);
        append(r, T " stdout F next\n");
        for (int i = 0; i < 40; i++)
                rig_turns(r);
        rig_wait_for(r, 3);
        assert_true(has(r, 0, "\"flags\":[\"truncated\"]") && has(r, 1, "\"flags\":[\"truncated\"]"));
        assert_true(has(r, 2, "\"message\":\"next\""));
        assert_true(sink_held_record(r->sink, 0)->value.len > 480 * 1024);
        rig_answer(r);
        assert_int_equal(tail_lag_bytes(r->tail), 0);
        buf_fini(&b);
}

static void a_cut_line_that_never_ends_does_not_hold_the_position_for_ever(void **state)
{
        struct rig *r = *state;

        for (int i = 0; i < 100; i++)
                append(r, T " stdout P 0123456789\n");
        rig_wait_for(r, 1);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        int64_t deadline_ms = loop_now_ms(r->loop) + 20 * 1000;
        while (tail_lag_bytes(r->tail) > 0 && loop_now_ms(r->loop) < deadline_ms) {
                loop_turn(r->loop, 20);
                tail_read(r->tail);
                if (rig_held(r) > 0)
                        sink_held_answer_all(r->sink, VERDICT_DONE);
        }
        assert_int_equal(tail_lag_bytes(r->tail), 0);
}

static void stack_traces_are_put_together_by_stream(void **state)
{
        struct rig *r = *state;

        r->input.multiline = (struct multiline_config){ .continues = (char *)"^ ", .max_lines = 100, .timeout_ms = 100 };
        rig_kill_and_start(r);
        append(r, T " stdout F boom\n" T " stderr F warning\n" T " stdout P  at\n" T " stdout F  a\n" T " stdout F next\n");
        rig_wait_for(r, 3);
        assert_true(has(r, 0, "\"message\":\"boom\\n at a\"") && has(r, 0, "\"flags\":[\"multiline\"]"));
        assert_true(has(r, 1, "\"message\":\"warning\"") && has(r, 2, "\"message\":\"next\""));
        assert_int_equal(stat_get(&r->stats.lines_read), 5);
        rig_answer(r);
}

static void utf16_is_read_by_its_mark_and_over_a_kill(void **state)
{
        struct rig *r = *state;

        r->input.container = CONTAINER_NONE;
        r->input.encoding = ENCODING_UTF16;
        rig_kill_and_start(r);
        append_bytes(r, "\xfe", 1);
        rig_turns(r);
        append_bytes(r, "\xff\0o\0n\0e\0\r\0\n\0\xe9\0", 14);
        rig_answer(r);
        assert_int_equal(stat_get(&r->stats.lines_acked), 1);
        rig_kill_and_start(r);
        append_bytes(r, "\n", 1);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(has(r, 0, "\"message\":\"\xc3\xa9\"") && has(r, 0, "\"offset\":12}"));
}

static void a_file_without_newlines_has_a_name_at_its_first_line(void **state)
{
        struct rig *r = *state;

        r->input.container = CONTAINER_NONE;
        r->input.terminator = (char *)"nul";
        rig_kill_and_start(r);
        append_bytes(r, "one\0two\0thr", 11);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        char *before = ids(r);
        rig_kill_and_start(r);
        append_bytes(r, "ee\0\n\0", 5);
        rig_turns(r);
        assert_int_equal(rig_held(r), 4);
        char *after = ids(r);
        assert_memory_equal(before, after, strlen(before));
        assert_true(has(r, 2, "\"message\":\"three\"") && has(r, 3, "\"message\":\"\\n\""));
        free(before);
        free(after);
}

/* Longer than a line may be, in an encoding whose terminator has four bytes: cut between characters. */
static void a_long_line_of_another_encoding_is_cut(void **state)
{
        struct rig *r = *state;
        struct buf b = { 0 };

        r->input.container = CONTAINER_NONE;
        r->input.encoding = ENCODING_UTF16LE;
        r->input.terminator = (char *)"crlf";
        rig_kill_and_start(r);
        for (int i = 0; i < 150000; i++)
                buf_put(&b, "\x3d\xd8\x00\xde", 4);
        buf_put(&b, "\r\0\n\0x\0\r\0\n\0", 10);
        append_bytes(r, b.data, b.len);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(has(r, 0, "\"flags\":[\"truncated\"]") && has(r, 0, "\xf0\x9f\x98\x80\",\"log\""));
        assert_true(has(r, 1, "\"message\":\"x\""));
        assert_int_equal(stat_get(&r->stats.utf8_repaired), 0);
        assert_int_equal(stat_get(&r->stats.bytes_cut), 150000 * 4 - 1000);
        buf_fini(&b);
}

static void a_mark_of_utf8_is_no_part_of_the_first_line(void **state)
{
        struct rig *r = *state;

        r->input.container = CONTAINER_NONE;
        rig_kill_and_start(r);
        append(r, "\xef\xbb\xbf" "first\n\xef\xbb\xbfsecond\n");
        rig_turns(r);
        assert_true(has(r, 0, "\"message\":\"first\"") && has(r, 0, "\"offset\":0}"));
        assert_true(has(r, 1, "\"message\":\"\xef\xbb\xbfsecond\"") && has(r, 1, "\"offset\":9}"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(what_the_runtime_and_the_path_say_stands_in_the_event),
                TEST(a_service_of_the_configuration_and_a_time_of_the_line_win),
                TEST(an_object_with_too_many_members_for_the_top_is_text),
                TEST(a_kill_anywhere_leaves_the_ids),
                TEST(a_piece_without_its_end_waits_and_is_not_joined_over_a_file_switch),
                TEST(a_line_of_many_pieces_is_cut_and_the_position_waits_for_its_end),
                TEST(a_line_of_ten_megabytes_is_one_event),
                TEST(a_cut_line_that_never_ends_does_not_hold_the_position_for_ever),
                TEST(stack_traces_are_put_together_by_stream),
                TEST(utf16_is_read_by_its_mark_and_over_a_kill),
                TEST(a_file_without_newlines_has_a_name_at_its_first_line),
                TEST(a_long_line_of_another_encoding_is_cut),
                TEST(a_mark_of_utf8_is_no_part_of_the_first_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
