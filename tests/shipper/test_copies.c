/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a file that was cut or has vanished is that file: what was unread is read there, and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fake/rig.h"

/* What happens to a file of three lines, of which one or all are shipped; "four" is written to the path at the end. */
static void copytruncate(struct rig *r)
{
        rig_copy(r, "a.log", "a.log.1");
        rig_write(r, "a.log", "four\n");
}

static void copytruncate_dated(struct rig *r)
{
        rig_copy(r, "a.log", "a-20261123.log");
        rig_write(r, "a.log", "four\n");
}

static void copy_and_delete(struct rig *r)
{
        rig_copy(r, "a.log", "a.log.1");
        rig_remove(r, "a.log");
        rig_append(r, "a.log", "four\n");
}

static void copied_then_renamed(struct rig *r)
{
        rig_copy(r, "a.log", "a.log.1");
        rig_write(r, "a.log", "four\n");
        rig_move(r, "a.log.1", "a.log.2");
}

static void grown_past_the_old_end(struct rig *r)
{
        rig_copy(r, "a.log", "a.log.1");
        rig_write(r, "a.log", "four\na line that is longer than all that stood here before it was cut\n");
}

static const struct rotation { const char *name; void (*rotate)(struct rig *r); size_t new_lines; } rotations[] = {
        { "copytruncate", copytruncate, 1 },
        { "copytruncate with a date", copytruncate_dated, 1 },
        { "copy and delete", copy_and_delete, 1 },
        { "copied, then renamed", copied_then_renamed, 1 },
        { "grown past the old end", grown_past_the_old_end, 2 },
};

static const char *const patterns[] = { "a.log", "*.log", "*.log*", "a*" };

static int64_t lost(const struct rig *r)
{
        return stat_get(&r->stats.lost_truncated) + stat_get(&r->stats.lost_vanished);
}

/* With one line shipped and the budget full, the rest is in the copy alone. */
static void what_was_unread_is_read_in_the_copy(const struct rotation *how, const char *pattern, bool running)
{
        struct rig *r = rig_new(pattern);

        print_message("%s, %s, %s\n", how->name, pattern, running ? "running" : "down");
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        if (!running)
                rig_tear_down(r);
        rig_append(r, "a.log", "two\nthree\n");
        how->rotate(r);
        if (!running)
                rig_start(r);
        rig_turns(r);
        watch_scan(r->watch);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2 + how->new_lines);
        assert_true(rig_shipped(r, "two") && rig_shipped(r, "three") && rig_shipped(r, "four"));
        assert_int_equal(lost(r), 0);
        assert_int_equal(stat_get(&r->stats.copies_followed), 1);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_append(r, "a.log", "five\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_free(r);
}

static void the_unread_rest_is_shipped_from_the_copy(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rotations); i++)
                for (size_t p = 0; p < ARRAY_LEN(patterns); p++)
                        for (int running = 0; running < 2; running++)
                                what_was_unread_is_read_in_the_copy(&rotations[i], patterns[p], running);
}

/* Read to its end before: the copy holds nothing new, whatever the pattern. */
static void a_copy_is_never_shipped_twice(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rotations); i++)
                for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
                        struct rig *r = rig_new(patterns[p]);
                        print_message("%s, %s\n", rotations[i].name, patterns[p]);
                        rig_start(r);
                        rig_append(r, "a.log", "one\ntwo\nthree\n");
                        rig_answer(r);
                        for (int again = 0; again < 2; again++) {
                                rotations[i].rotate(r);
                                rig_turns(r);
                                watch_scan(r->watch);
                                rig_turns(r);
                                assert_int_equal(rig_held(r), rotations[i].new_lines);
                                rig_answer(r);
                                rig_kill_and_start(r);
                                rig_turns(r);
                                assert_int_equal(rig_held(r), 0);
                                if (i != 0)
                                        break;
                                rig_append(r, "a.log", "five\n");
                                rig_answer(r);
                                rig_move(r, "a.log.1", "a.log.2");
                                rig_turns(r);
                        }
                        rig_free(r);
                }
}

static void lines_of_the_copy_have_the_ids_of_the_file(void **state)
{
        struct rig *r = rig_new("*.log*");
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\ntwo\n");
        rig_turns(r);
        rig_id_of(r, "two", before);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        rig_tear_down(r);
        copytruncate(r);
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        rig_id_of(r, "two", after);
        assert_string_equal(before, after);
        /* Killed once more: the row leads to the copy now. */
        rig_kill_and_start(r);
        rig_turns(r);
        rig_id_of(r, "two", after);
        assert_string_equal(before, after);
        rig_free(r);
}

/* The same line at the same offset of the same inode, three times over. */
static void what_is_written_after_a_copy_has_ids_of_its_own(void **state)
{
        struct rig *r = rig_new("a.log");
        static const char *const names[] = { "a.log.3", "a.log.2", "a.log.1" };
        char ids[3][IDENT_LINE_TEXT + 1];

        (void)state;
        rig_start(r);
        for (int i = 0; i < 3; i++) {
                rig_append(r, "a.log", "same\nlonger\n");
                rig_turns(r);
                rig_id_of(r, "same", ids[i]);
                rig_answer(r);
                rig_copy(r, "a.log", names[i]);
                rig_write(r, "a.log", "");
                rig_turns(r);
                tail_save(r->tail, true);
                rig_kill_and_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 0);
        }
        assert_string_not_equal(ids[0], ids[1]);
        assert_string_not_equal(ids[1], ids[2]);
        assert_string_not_equal(ids[0], ids[2]);
        rig_free(r);
}

static void a_copy_that_is_being_made_is_left_alone(void **state)
{
        struct rig *r = rig_new("*.log*");

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\ntwo\nthree\n");
        rig_answer(r);
        static const char *const parts[] = { "", "on", "e\ntw", "o\nthree", "\n" };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                rig_append(r, "a.log.1", parts[i]);
                rig_turns(r);
                assert_int_equal(rig_held(r), 0);
        }
        watch_scan(r->watch);
        rig_turns(r);
        assert_int_equal(stat_get(&r->stats.files_copies), 1);
        assert_int_equal(stat_get(&r->stats.files), 1);
        rig_write(r, "a.log", "");
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        assert_int_equal(stat_get(&r->stats.files), 2);
        rig_free(r);
}

/* Its descriptor was closed, and it has grown past its old end before anyone looked. */
static void a_copy_of_a_closed_file_is_known_too(void **state)
{
        struct rig *r = rig_new("*.log*");
        struct clock_fake fake;

        (void)state;
        clock_fake_init(&fake);
        r->clock = &fake.clock;
        r->input.close_idle_ms = 1000;
        rig_start(r);
        rig_append(r, "a.log", "one\ntwo\n");
        rig_answer(r);
        clock_fake_advance(&fake, 10 * 1000);
        rig_turns(r);
        watch_scan(r->watch);
        assert_int_equal(stat_get(&r->stats.files_open), 0);
        rig_append(r, "a.log", "three\n");
        grown_past_the_old_end(r);
        rig_turns(r);
        watch_scan(r->watch);
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(rig_shipped(r, "three") && rig_shipped(r, "four"));
        assert_int_equal(lost(r), 0);
        rig_free(r);
}

static void a_copy_that_goes_its_own_way_is_a_file(void **state)
{
        struct rig *r = rig_new("*.log*");

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        rig_copy(r, "a.log", "a.log.1");
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_append(r, "a.log.1", "of its own\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(rig_shipped(r, "one") && rig_shipped(r, "of its own"));
        rig_free(r);
}

/* Rotated by rename, each begins with a banner; and files that are not named after each other. */
static void equal_heads_are_not_copies(void **state)
{
        struct rig *r = rig_new("*.log*");

        (void)state;
        rig_append(r, "a.log.2", "banner\nthe oldest\n");
        rig_append(r, "a.log.1", "banner\nthe older\n");
        rig_append(r, "a.log", "banner\n");
        rig_append(r, "b.log", "banner\n");
        rig_append(r, "b-c.log", "banner\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 7);
        assert_int_equal(stat_get(&r->stats.files), 5);
        rig_answer(r);
        rig_write(r, "a.log", "");
        rig_turns(r);
        rig_append(r, "a.log", "banner\nnew\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        rig_free(r);
}

/* The writer was faster than the copy: what is only in our memory is not read again. */
static void a_copy_that_lacks_the_last_lines_is_known_all_the_same(void **state)
{
        struct rig *r = rig_new("*.log*");

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        rig_copy(r, "a.log", "a.log.1");
        rig_append(r, "a.log", "two\n");
        rig_answer(r);
        rig_write(r, "a.log", "x\n");
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        rig_answer(r);
        for (int i = 0; i < 2; i++) {
                rig_kill_and_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 0);
                assert_int_equal(stat_get(&r->stats.files), 2);
        }
        rig_free(r);
}

/* Nothing of it was read yet: its name was taken from its head when it was opened. */
static void a_file_that_waited_for_room_is_found_in_its_copy(void **state)
{
        struct rig *r = rig_new("*.log");
        char line[1000];

        (void)state;
        memset(line, 'x', sizeof(line));
        memcpy(line + sizeof(line) - 2, "\n", 2);
        r->max_bytes = 64 * 1024;
        for (int i = 0; i < 400; i++)
                rig_append(r, "big.log", line);
        rig_append(r, "small.log", "one\ntwo\n");
        rig_start(r);
        rig_turns(r);
        while (rig_shipped(r, "one")) { /* it was read first: again, with the budget full */
                rig_answer(r);
                rig_append(r, "small.log", "three\n");
        }
        rig_copy(r, "small.log", "small.log.1");
        rig_write(r, "small.log", "new\n");
        size_t rest = 0, fresh = 0;
        for (int i = 0; i < 200 && !(rest && fresh); i++) {
                rig_turns(r);
                rest += rig_shipped(r, "one") || rig_shipped(r, "three");
                fresh += rig_shipped(r, "new");
                rig_answer(r);
        }
        assert_true(rest && fresh);
        assert_int_equal(lost(r), 0);
        rig_free(r);
}

/* --- cut more than once ---------------------------------------------------------------------- */

/* As logrotate does it, before anybody looks. */
static void copy_and_cut(const struct rig *r, const char *then)
{
        char *second = rig_path(r, "a.log.1");

        if (access(second, F_OK) == 0)
                rig_move(r, "a.log.1", "a.log.2");
        free(second);
        rig_copy(r, "a.log", "a.log.1");
        rig_write(r, "a.log", then);
}

static void what_stood_there_between_two_cuts_is_read_in_its_copy(void **state)
{
        (void)state;
        for (size_t p = 0; p < ARRAY_LEN(patterns); p++)
                for (int seen_empty = 0; seen_empty < 2; seen_empty++) {
                        struct rig *r = rig_new(patterns[p]);
                        print_message("%s, %s\n", patterns[p], seen_empty ? "cut, then once more" : "at once");
                        rig_start(r);
                        rig_append(r, "a.log", "one\n");
                        rig_answer(r);
                        rig_append(r, "a.log", "two\n");
                        copy_and_cut(r, seen_empty ? "" : "three\n");
                        if (seen_empty) {
                                rig_turns(r);
                                rig_append(r, "a.log", "three\n");
                        }
                        copy_and_cut(r, "four\n");
                        rig_turns(r);
                        watch_scan(r->watch);
                        rig_turns(r);
                        assert_int_equal(rig_held(r), 3);
                        assert_true(rig_shipped(r, "two") && rig_shipped(r, "three") && rig_shipped(r, "four"));
                        assert_int_equal(lost(r), 0);
                        rig_answer(r);
                        rig_kill_and_start(r);
                        rig_turns(r);
                        assert_int_equal(rig_held(r), 0);
                        rig_free(r);
                }
}

/* Nothing is written to it for long, or the shipper dies before that is read: its copies are not forgotten. */
static void what_stood_there_between_two_cuts_survives_a_crash(void **state)
{
        (void)state;
        for (size_t p = 0; p < ARRAY_LEN(patterns); p++)
                for (int empty = 0; empty < 2; empty++) {
                        struct rig *r = rig_new(patterns[p]);
                        print_message("%s, %s\n", patterns[p], empty ? "empty" : "written to");
                        rig_start(r);
                        watch_scan(r->watch);
                        rig_append(r, "a.log", "one\n");
                        rig_answer(r);
                        copy_and_cut(r, "two\n");
                        copy_and_cut(r, empty ? "" : "three\n");
                        rig_turns(r);
                        tail_save(r->tail, true);
                        rig_later(r);
                        rig_append(r, "a.b.log", "x\n");        /* its row is younger than the copies */
                        rig_turns(r);
                        tail_save(r->tail, true);
                        rig_kill_and_start(r);
                        rig_turns(r);
                        assert_true(rig_shipped(r, "two"));
                        assert_int_equal(rig_held(r), (patterns[p][1] == '*' || patterns[p][0] == '*') + 2 - empty);
                        assert_int_equal(lost(r), 0);
                        rig_free(r);
                }
}

static const struct rig *renames;       /* while somebody lists its directory */

struct dirent *readdir(DIR *d)
{
        struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
        struct dirent *de = real(d);

        if (renames && de && strcmp(de->d_name, "a.log.1") == 0) {
                rig_move(renames, "a.log.1", "a.log.2");
                renames = NULL;
        }
        return de;
}

static void a_copy_that_is_renamed_while_it_is_looked_for_is_found(void **state)
{
        struct rig *r = rig_new("a.log");

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        copy_and_cut(r, "two\n");
        renames = r;
        rig_turns(r);
        assert_null(renames);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "two"));
        assert_int_equal(stat_get(&r->stats.copies_followed), 1);
        rig_free(r);
}

/* With the output behind, a file may be cut many times before it is its turn, and its copies go on. */
static void a_file_that_waits_is_followed_from_copy_to_copy(void **state)
{
        struct rig *r = rig_new("a*.log");
        char line[1000];

        (void)state;
        memset(line, 'x', sizeof(line));
        memcpy(line + sizeof(line) - 2, "\n", 2);
        r->max_bytes = 64 * 1024;
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        rig_answer(r);
        for (int i = 0; i < 400; i++)
                rig_append(r, "another.log", line);
        rig_turns(r);                   /* the sink is full */
        rig_append(r, "a.log", "two\n");
        rig_turns(r);
        copy_and_cut(r, "three\n");
        rig_turns(r);
        copy_and_cut(r, "four\n");
        rig_turns(r);
        rig_remove(r, "a.log.2");       /* it is open by now */
        rig_remove(r, "a.log.1");
        rig_turns(r);
        bool two = false, three = false, four = false;
        for (int i = 0; i < 50; i++) {
                rig_turns(r);
                two |= rig_shipped(r, "two");
                three |= rig_shipped(r, "three");
                four |= rig_shipped(r, "four");
                rig_answer(r);
        }
        assert_true(two && three && four);
        assert_int_equal(lost(r), 0);
        rig_free(r);
}

/* A copy beside a file that is cut later, and one that was there before. */
static void other_copies_are_not_taken_for_what_stood_between(void **state)
{
        struct rig *r = rig_new("a.log");

        (void)state;
        rig_append(r, "a.log.old", "of another time\n");
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        rig_copy(r, "a.log", "a.log.bak");
        rig_append(r, "a.log", "two\n");
        rig_answer(r);
        copy_and_cut(r, "three\n");
        rig_copy(r, "a.log", "a.log.new");
        rig_append(r, "a.log", "four\n");
        rig_answer(r);
        assert_int_equal(stat_get(&r->stats.lines_read), 4);
        assert_int_equal(lost(r), 0);
        rig_free(r);
}

/* No copy: as much is counted as the file was known to hold, to the byte. */
static void what_no_copy_holds_is_counted_exactly(void **state)
{
        struct rig *r = rig_new("*.log");
        char line[1000];

        (void)state;
        memset(line, 'x', sizeof(line));
        memcpy(line + sizeof(line) - 2, "\n", 2);
        r->max_bytes = 64 * 1024;
        rig_start(r);
        for (int i = 0; i < 400; i++)
                rig_append(r, "a.log", line);
        rig_turns(r);
        rig_append(r, "a.log", line);   /* seen, not read */
        rig_turns(r);
        int64_t read = stat_get(&r->stats.bytes_read);
        assert_in_range(read, 1, 400 * 999);
        rig_write(r, "a.log", "new\n");
        bool fresh = false;
        for (int i = 0; i < 50 && !fresh; i++) {
                rig_answer(r);
                rig_turns(r);
                fresh = rig_shipped(r, "new");
        }
        assert_true(fresh);
        assert_int_equal(stat_get(&r->stats.bytes_read), read + 4);
        assert_int_equal(stat_get(&r->stats.lost_truncated), 401 * 999 - read);
        rig_free(r);
}

static void without_a_copy_the_loss_is_counted(void **state)
{
        struct rig *r = rig_new("*.log");

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\ntwo\n");
        rig_turns(r);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
        rig_tear_down(r);
        rig_append(r, "a.log.1", "was another\n");      /* which was rotated away unseen */
        rig_write(r, "a.log", "n\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_int_equal(stat_get(&r->stats.copies_followed), 0);
        assert_int_equal(lost(r), 4);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_unread_rest_is_shipped_from_the_copy),
                cmocka_unit_test(a_copy_is_never_shipped_twice),
                cmocka_unit_test(lines_of_the_copy_have_the_ids_of_the_file),
                cmocka_unit_test(what_is_written_after_a_copy_has_ids_of_its_own),
                cmocka_unit_test(a_copy_that_is_being_made_is_left_alone),
                cmocka_unit_test(a_copy_of_a_closed_file_is_known_too),
                cmocka_unit_test(a_copy_that_goes_its_own_way_is_a_file),
                cmocka_unit_test(equal_heads_are_not_copies),
                cmocka_unit_test(a_copy_that_lacks_the_last_lines_is_known_all_the_same),
                cmocka_unit_test(a_file_that_waited_for_room_is_found_in_its_copy),
                cmocka_unit_test(what_stood_there_between_two_cuts_is_read_in_its_copy),
                cmocka_unit_test(what_stood_there_between_two_cuts_survives_a_crash),
                cmocka_unit_test(a_copy_that_is_renamed_while_it_is_looked_for_is_found),
                cmocka_unit_test(a_file_that_waits_is_followed_from_copy_to_copy),
                cmocka_unit_test(other_copies_are_not_taken_for_what_stood_between),
                cmocka_unit_test(what_no_copy_holds_is_counted_exactly),
                cmocka_unit_test(without_a_copy_the_loss_is_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
