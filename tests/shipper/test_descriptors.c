/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are held open, and that closing one loses nothing: idle, too many, deleted, moved out of sight. */
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

enum { MINUTE_MS = 60 * 1000 };

static struct clock_fake fake;

static struct rig *new_rig(void)
{
        struct rig *r = rig_new("*.log");

        clock_fake_init(&fake);
        r->clock = &fake.clock;
        r->input.close_idle_ms = 5 * MINUTE_MS;
        return r;
}

static void pass(struct rig *r, int64_t ms)
{
        clock_fake_advance(&fake, ms);
        rig_turns(r);
        watch_scan(r->watch);
        rig_turns(r);
}

static int64_t open_files(const struct rig *r)
{
        return stat_get(&r->stats.files_open);
}

/* A file that was closed, and what becomes of it before it is written to again; the text goes to the file at `now`. */
static const struct { const char *to; bool tell; } moves[] = {
        { "a.log", true }, { "a.log.1", true }, { "a.log.1", false }, { "b.log", true },
};

static void an_idle_file_is_closed_and_found_again_when_it_grows(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
                struct rig *r = new_rig();
                r->config.watch = moves[i].tell ? WATCH_AUTO : WATCH_STAT;
                rig_start(r);
                rig_append(r, "a.log", "one\n");
                pass(r, 0);
                rig_answer(r);
                pass(r, 4 * MINUTE_MS);
                assert_int_equal(open_files(r), 1);
                pass(r, 2 * MINUTE_MS);
                assert_int_equal(open_files(r), 0);
                assert_int_equal(stat_get(&r->stats.closed_idle), 1);
                if (strcmp(moves[i].to, "a.log") != 0)
                        rig_move(r, "a.log", moves[i].to);
                rig_append(r, moves[i].to, "two\n");
                pass(r, 0);
                assert_int_equal(rig_held(r), 1);
                assert_true(rig_shipped(r, "two"));
                assert_int_equal(stat_get(&r->stats.files_reopened), 1);
                rig_free(r);
        }
}

static void a_quiet_file_is_not_opened_by_a_scan(void **state)
{
        struct rig *r = new_rig();

        (void)state;
        rig_append(r, "a.log", "one\n");
        rig_start(r);
        rig_answer(r);
        pass(r, 6 * MINUTE_MS);
        for (int i = 0; i < 5; i++)
                pass(r, MINUTE_MS);
        assert_int_equal(open_files(r), 0);
        assert_int_equal(stat_get(&r->stats.files_reopened), 0);
        rig_free(r);
}

static void another_file_at_the_path_of_a_closed_one_is_another_file(void **state)
{
        struct rig *r = new_rig();

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        pass(r, 6 * MINUTE_MS);
        rig_move(r, "a.log", "a.log.1");
        rig_append(r, "a.log.1", "two\n");
        rig_append(r, "a.log", "new\n");
        pass(r, 0);
        assert_int_equal(rig_held(r), 2);
        assert_true(rig_shipped(r, "two") && rig_shipped(r, "new"));
        rig_free(r);
}

static void a_closed_file_that_is_truncated_starts_anew(void **state)
{
        struct rig *r = new_rig();

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        pass(r, 6 * MINUTE_MS);
        rig_write(r, "a.log", "new one\nnew two\n");
        pass(r, 0);
        assert_int_equal(rig_held(r), 2);
        rig_free(r);
}

static void a_closed_file_that_is_deleted_ends(void **state)
{
        struct rig *r = new_rig();

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        pass(r, 6 * MINUTE_MS);
        rig_remove(r, "a.log");
        pass(r, 0);
        assert_int_equal(stat_get(&r->stats.files), 0);
        assert_int_equal(stat_get(&r->stats.lost_vanished), 0);
        rig_free(r);
}

static void no_more_files_are_open_than_the_limit_and_all_are_read(void **state)
{
        struct rig *r = new_rig();
        char name[32], line[32];
        enum { FILES = 50, LIMIT = 8, ROUNDS = 3 };

        (void)state;
        r->config.max_files = LIMIT;
        for (int i = 0; i < FILES; i++) {
                snprintf(name, sizeof(name), "%d.log", i);
                rig_append(r, name, "first\n");
        }
        rig_start(r);
        for (int round = 0; round < ROUNDS; round++) {
                rig_turns(r);
                assert_int_equal(rig_held(r), FILES);
                assert_in_range(open_files(r), 1, LIMIT);
                rig_answer(r);
                for (int i = 0; i < FILES; i++) {
                        snprintf(name, sizeof(name), "%d.log", i);
                        snprintf(line, sizeof(line), "round %d\n", round);
                        rig_append(r, name, line);
                }
        }
        rig_turns(r);
        assert_int_equal(rig_held(r), FILES);
        assert_int_equal(stat_get(&r->stats.files_open_limit), LIMIT);
        assert_true(stat_get(&r->stats.closed_limit) > 0);
        assert_int_equal(stat_get(&r->stats.file_errors), 0);
        rig_answer(r);
        rig_free(r);
}

/* The writer keeps its descriptor: nothing but the path or ours leads to the file. */
static void a_rotated_file_that_was_quiet_for_hours_is_read_when_it_is_written_to(void **state)
{
        (void)state;
        for (int hidden = 0; hidden < 2; hidden++) {
                struct rig *r = new_rig();
                char *dir = rig_path(r, "old"), *path = rig_path(r, "a.log");

                assert_int_equal(mkdir(dir, 0755), 0);
                rig_start(r);
                rig_append(r, "a.log", "one\n");
                FILE *writer = fopen(path, "a");
                rig_answer(r);
                rig_move(r, "a.log", hidden ? "old/a.log" : "a.log.1");
                rig_append(r, "a.log", "new\n");
                rig_answer(r);
                pass(r, 0);
                for (int minutes = 0; minutes < (hidden ? 4 : 180); minutes += 2)
                        pass(r, 2 * MINUTE_MS);
                assert_int_equal(stat_get(&r->stats.files), 2);
                fputs("two\n", writer);
                fclose(writer);
                pass(r, 0);
                assert_true(rig_shipped(r, "two"));
                rig_answer(r);
                pass(r, 25 * 60 * MINUTE_MS);   /* a day: nobody waits any more */
                pass(r, 0);
                assert_int_equal(stat_get(&r->stats.files), 1);
                free(dir);
                free(path);
                rig_free(r);
        }
}

/* Deleted, but its writer has another link to it somewhere, and goes on. */
static void a_file_that_only_its_descriptor_leads_to_stays_open(void **state)
{
        struct rig *r = new_rig();
        char *path = rig_path(r, "a.log"), *other = rig_path(r, "elsewhere");

        (void)state;
        r->input.close_idle_ms = MINUTE_MS;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        assert_int_equal(link(path, other), 0);
        rig_remove(r, "a.log");
        for (int minutes = 0; minutes < 4; minutes += 2)
                pass(r, 2 * MINUTE_MS);
        assert_int_equal(open_files(r), 1);
        rig_append(r, "elsewhere", "two\n");
        pass(r, 0);
        assert_true(rig_shipped(r, "two"));
        rig_answer(r);
        free(path);
        free(other);
        rig_free(r);
}

static void fill_the_budget(struct rig *r)
{
        char line[1000];

        memset(line, 'x', sizeof(line));
        memcpy(line + sizeof(line) - 2, "\n", 2);
        for (int i = 0; i < 200; i++)
                rig_append(r, "full.log", line);
        rig_turns(r);
        assert_false(ship_has_room(r->ship));
}

static void a_deleted_file_is_held_open_while_the_output_takes_nothing(void **state)
{
        struct rig *r = new_rig();

        (void)state;
        r->max_bytes = 64 * 1024;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_turns(r);
        fill_the_budget(r);
        rig_append(r, "a.log", "two\nthree\n");
        rig_turns(r);
        rig_remove(r, "a.log");
        pass(r, 60 * MINUTE_MS);
        assert_int_equal(stat_get(&r->stats.files_removed), 1);
        assert_int_equal(stat_get(&r->stats.removed_bytes), strlen("one\ntwo\nthree\n"));
        bool shipped = false;
        for (int i = 0; i < 100 && !shipped; i++) {
                rig_turns(r);
                shipped = rig_shipped(r, "three");
                rig_answer(r);
        }
        assert_true(shipped);
        pass(r, 0);
        assert_int_equal(stat_get(&r->stats.files_removed), 0);
        assert_int_equal(stat_get(&r->stats.files), 1);
        rig_free(r);
}

static void close_removed_after_gives_a_deleted_file_up_and_counts_it(void **state)
{
        struct rig *r = new_rig();

        (void)state;
        r->max_bytes = 64 * 1024;
        r->input.close_removed_ms = 10 * MINUTE_MS;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        fill_the_budget(r);
        rig_append(r, "a.log", "two\nthree\n");
        rig_turns(r);
        rig_remove(r, "a.log");
        rig_turns(r);
        pass(r, 9 * MINUTE_MS);
        assert_int_equal(stat_get(&r->stats.files), 2);
        pass(r, 2 * MINUTE_MS);
        assert_int_equal(stat_get(&r->stats.files), 1);
        assert_int_equal(stat_get(&r->stats.lost_removed), strlen("two\nthree\n"));
        rig_answer(r);
        rig_free(r);
}

/* What main does when the configuration changes. */
static void reload(struct rig *r)
{
        struct kept_files kept = { 0 };

        tail_save(r->tail, true);
        tail_keep(r->tail, &kept);
        rig_tear_down(r);
        rig_build(r);
        tail_take_back(r->tail, &kept);
        watch_scan(r->watch);
        rig_turns(r);
}

static void a_file_that_is_deleted_and_not_acknowledged_survives_a_reload(void **state)
{
        struct rig *r = new_rig();
        char before[IDENT_LINE_TEXT + 1], after[IDENT_LINE_TEXT + 1];

        (void)state;
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        rig_append(r, "a.log", "two\n");
        rig_append(r, "b.log", "of which nothing was acknowledged\n");
        rig_turns(r);
        rig_id_of(r, "two", before);
        rig_remove(r, "a.log");
        rig_remove(r, "b.log");
        rig_turns(r);
        pass(r, 10 * MINUTE_MS);        /* longer than close_idle: nothing but the descriptor leads to them */
        assert_int_equal(open_files(r), 2);
        reload(r);
        assert_int_equal(rig_held(r), 2);
        assert_true(rig_shipped(r, "of which nothing was acknowledged"));
        rig_id_of(r, "two", after);
        assert_string_equal(before, after);
        assert_int_equal(stat_get(&r->stats.lost_vanished), 0);
        rig_answer(r);
        pass(r, 0);
        assert_int_equal(stat_get(&r->stats.files), 0);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_idle_file_is_closed_and_found_again_when_it_grows),
                cmocka_unit_test(a_quiet_file_is_not_opened_by_a_scan),
                cmocka_unit_test(another_file_at_the_path_of_a_closed_one_is_another_file),
                cmocka_unit_test(a_closed_file_that_is_truncated_starts_anew),
                cmocka_unit_test(a_closed_file_that_is_deleted_ends),
                cmocka_unit_test(no_more_files_are_open_than_the_limit_and_all_are_read),
                cmocka_unit_test(a_rotated_file_that_was_quiet_for_hours_is_read_when_it_is_written_to),
                cmocka_unit_test(a_file_that_only_its_descriptor_leads_to_stays_open),
                cmocka_unit_test(a_deleted_file_is_held_open_while_the_output_takes_nothing),
                cmocka_unit_test(close_removed_after_gives_a_deleted_file_up_and_counts_it),
                cmocka_unit_test(a_file_that_is_deleted_and_not_acknowledged_survives_a_reload),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
