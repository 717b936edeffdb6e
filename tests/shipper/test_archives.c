/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of a file that was compressed is read in its archive, under the same ids, and no archive is shipped twice. */
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
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "tests/fake/rig.h"

static int set_up(void **state)
{
        struct rig *r = rig_new("*.log");

        r->config.memory = 16 << 20;
        rig_start(r);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        rig_free(*state);
        return 0;
}

/* As gzip does it: the archive is there before the file is gone; bytes: how much of the archive, -1 for all. */
static void compress_part(const struct rig *r, const char *from, const char *to, ssize_t bytes)
{
        char *a = rig_path(r, from), *b = rig_path(r, to);
        size_t n;
        char *text = file_read(a, &n);
        gzFile gz = gzopen(b, "wb");

        assert_int_equal(gzwrite(gz, text, (unsigned)n), (int)n);
        assert_int_equal(gzclose(gz), Z_OK);
        if (bytes >= 0)
                assert_int_equal(truncate(b, bytes), 0);
        assert_int_equal(unlink(a), 0);
        free(text);
        free(a);
        free(b);
}

static void compress_to(const struct rig *r, const char *from, const char *to)
{
        compress_part(r, from, to, -1);
}

/* Nobody has written to it for so long. */
static void age(const struct rig *r, const char *name, int seconds)
{
        char *path = rig_path(r, name);
        struct timespec times[2];

        clock_gettime(CLOCK_REALTIME, &times[0]);
        times[0].tv_sec -= seconds;
        times[1] = times[0];
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        free(path);
}

static void scan(struct rig *r)
{
        watch_scan(r->watch);
        rig_turns(r);
}

static void answer_first(struct rig *r)
{
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        tail_save(r->tail, true);
}

/* Three lines, of which the first two are acknowledged, and the ids of all. */
static void begin(struct rig *r, char ids[3][IDENT_LINE_TEXT + 1])
{
        rig_append(r, "a.log", "one\ntwo\nthree\n");
        rig_turns(r);
        rig_id_of(r, "one", ids[0]);
        rig_id_of(r, "two", ids[1]);
        rig_id_of(r, "three", ids[2]);
        answer_first(r);
        answer_first(r);
        rig_tear_down(r);
}

static void assert_id(struct rig *r, const char *message, const char *id)
{
        char found[IDENT_LINE_TEXT + 1];

        rig_id_of(r, message, found);
        assert_string_equal(found, id);
}

static void the_rest_of_a_compressed_file_is_shipped_once_under_its_ids(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1];

        begin(r, ids);
        compress_to(r, "a.log", "a.log.1.gz");
        rig_append(r, "a.log", "four\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_id(r, "three", ids[2]);
        assert_true(rig_shipped(r, "four"));
        assert_int_equal(stat_get(&r->stats.archives_read), 1);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        assert_int_equal(stat_get(&r->stats.lost_archive) + stat_get(&r->stats.lost_vanished), 0);
}

static void a_restart_in_the_middle_goes_on_in_the_archive_also_when_that_was_renamed(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1], four[IDENT_LINE_TEXT + 1];

        begin(r, ids);
        rig_append(r, "a.log", "four\n");
        compress_to(r, "a.log", "a.log.1.gz");
        rig_start(r);
        rig_turns(r);
        rig_id_of(r, "four", four);
        answer_first(r);                /* "three" */
        rig_tear_down(r);
        rig_move(r, "a.log.1.gz", "a.log.2.gz");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_id(r, "four", four);
        rig_answer(r);
}

static void of_archives_with_the_same_head_only_the_one_with_the_mark_is_it(void **state)
{
        struct rig *r = *state;

        rig_append(r, "a.log", "# header\none\n");
        rig_answer(r);
        rig_tear_down(r);
        rig_append(r, "a.log", "two\n");
        compress_to(r, "a.log", "a.log.2.gz");
        rig_append(r, "other", "# header\nnot this one, and longer\n");
        compress_to(r, "other", "a.log.1.gz");
        age(r, "a.log.1.gz", 3600);             /* what is younger than ours was never seen, and would be shipped */
        rig_append(r, "other", "# header\nO");
        compress_to(r, "other", "a.log.3.gz");
        age(r, "a.log.3.gz", 3600);
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "two"));
        rig_answer(r);
}

static void what_was_rotated_and_compressed_unseen_is_shipped_whole(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1];

        rig_append(r, "old", "old\n");
        compress_to(r, "old", "a.log.3.gz");
        age(r, "a.log.3.gz", 3600);
        begin(r, ids);
        compress_to(r, "a.log", "a.log.2.gz");
        rig_append(r, "a.log", "unseen\n");
        compress_to(r, "a.log", "a.log.1.gz");
        rig_append(r, "a.log", "four\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 3);
        assert_true(rig_shipped(r, "unseen") && rig_shipped(r, "four"));
        assert_id(r, "three", ids[2]);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

/* Lines of letters that gzip cannot make much smaller. */
static void append_noise(const struct rig *r, const char *name, int lines)
{
        char line[1002];

        for (uint32_t n = 0, x = 1; n < (uint32_t)lines; n++) {
                for (size_t i = 0; i < 1000; i++, x = x * 1664525 + 1013904223)
                        line[i] = (char)('a' + (x >> 16) % 26);
                memcpy(line + 1000, "\n", 2);
                rig_append(r, name, line);
        }
}

static void a_truncated_archive_gives_what_is_readable_and_the_rest_is_counted(void **state)
{
        enum { LINES = 60, SIZE = 4 + LINES * 1001 };
        struct rig *r = *state;

        rig_append(r, "a.log", "one\n");
        append_noise(r, "a.log", LINES);
        rig_turns(r);
        answer_first(r);
        rig_tear_down(r);
        compress_part(r, "a.log", "a.log.1.gz", 20000);
        rig_start(r);
        rig_turns(r);
        size_t whole_lines = rig_held(r);
        assert_in_range(whole_lines, 10, LINES - 10);
        assert_int_equal(stat_get(&r->stats.archives_truncated), 0);    /* it may be being written */
        age(r, "a.log.1.gz", 61);
        scan(r);
        assert_int_equal(rig_held(r), whole_lines + 1);                 /* and the piece of a line */
        assert_int_equal(stat_get(&r->stats.archives_truncated), 1);
        assert_int_equal(stat_get(&r->stats.lost_archive), SIZE - 4 - stat_get(&r->stats.bytes_read));
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(stat_get(&r->stats.lost_archive), 0);          /* once */
        assert_int_equal(rig_held(r), 0);
}

static void a_corrupt_archive_is_read_up_to_its_fault(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1];
        char *path = rig_path(r, "a.log.1.gz");

        begin(r, ids);
        compress_to(r, "a.log", "a.log.1.gz");
        int fd = open(path, O_WRONLY);
        assert_int_equal(lseek(fd, -8, SEEK_END) > 0, 1);
        assert_int_equal(write(fd, "\1\2\3\4", 4), 4);          /* the checksum */
        close(fd);
        rig_start(r);
        rig_turns(r);
        assert_id(r, "three", ids[2]);
        assert_int_equal(stat_get(&r->stats.archives_corrupt), 1);
        assert_int_equal(stat_get(&r->stats.lost_archive), 0);          /* nothing is known to be missing */
        rig_answer(r);
        free(path);
}

static void an_archive_that_grows_is_read_when_it_is_whole(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1];
        char *path = rig_path(r, "a.log.1.gz"), *whole = rig_path(r, "whole");

        begin(r, ids);
        compress_to(r, "a.log", "whole");
        size_t n;
        char *bytes = file_read(whole, &n);
        int fd = open(path, O_WRONLY | O_CREAT, 0644);
        assert_int_equal(write(fd, bytes, n - 9), (ssize_t)n - 9);
        rig_start(r);
        rig_turns(r);
        assert_int_equal(write(fd, bytes + n - 9, 9), 9);
        close(fd);
        scan(r);
        assert_int_equal(rig_held(r), 1);
        assert_id(r, "three", ids[2]);
        rig_answer(r);
        free(bytes);
        free(path);
        free(whole);
}

static void an_archive_is_only_shipped_for_itself_by_a_pattern_that_names_it(void **state)
{
        static const struct { const char *pattern; size_t shipped; } cases[] = {
                { "*.log", 0 }, { "*.log*", 0 }, { "*", 0 }, { "*.gz", 1 }, { "a.log.1.gz", 1 },
        };
        struct rig *r = *state;

        rig_tear_down(r);
        rig_append(r, "old", "archived\n");
        compress_to(r, "old", "a.log.1.gz");
        age(r, "a.log.1.gz", 3600);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                rig_set_pattern(r, cases[i].pattern);
                rig_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), cases[i].shipped);
                assert_true(cases[i].shipped == 0 || rig_shipped(r, "archived"));
                rig_tear_down(r);
        }
        rig_start(r);
        rig_answer(r);
        rig_kill_and_start(r);                  /* and then it is known */
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        rig_move(r, "a.log.1.gz", "a.log.2.gz");
        rig_set_pattern(r, "*.gz");
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void a_file_that_was_shipped_is_not_shipped_again_as_an_archive(void **state)
{
        struct rig *r = *state;
        char *patterns[] = { rig_path(r, "*.log"), rig_path(r, "*.gz") };

        r->input.paths = (struct strlist){ patterns, 2 };
        rig_append(r, "a.log", "one\ntwo\n");
        rig_answer(r);
        rig_move(r, "a.log", "a.log.1");
        rig_turns(r);
        compress_to(r, "a.log.1", "a.log.1.gz");
        rig_answer(r);
        scan(r);
        scan(r);
        assert_int_equal(rig_held(r), 0);
        rig_kill_and_start(r);
        rig_turns(r);
        scan(r);
        assert_int_equal(rig_held(r), 0);
        r->input.paths = (struct strlist){ &r->pattern, 1 };
        free(patterns[0]);
        free(patterns[1]);
}

/* Nothing but the archive is open then, and looking into a large one takes many turns. */
static void close_removed_after_does_not_give_up_what_is_looked_for_in_an_archive(void **state)
{
        struct rig *r = *state;
        char *patterns[] = { rig_path(r, "*.log"), rig_path(r, "*.gz") };
        char *text = xmalloc((4 << 20) + 1);
        struct clock_fake fake;

        rig_tear_down(r);
        clock_fake_init(&fake);
        r->clock = &fake.clock;
        r->input.paths = (struct strlist){ patterns, 2 };
        r->input.close_removed_ms = 1000;
        rig_start(r);
        for (size_t i = 0; i < 4 << 20; i++)
                text[i] = i % 1024 == 1023 ? '\n' : 'x';
        text[4 << 20] = '\0';
        rig_append(r, "a.log", text);
        do
                rig_answer(r);
        while (stat_get(&r->stats.lines_acked) < 4096);
        compress_to(r, "a.log", "a.log.1.gz");
        loop_turn(r->loop, 0);
        tail_read(r->tail);
        clock_fake_advance(&fake, 7000);
        loop_turn(r->loop, 0);
        watch_scan(r->watch);
        assert_int_equal(stat_get(&r->stats.archives_read), 0);         /* it is on the way to the mark */
        for (int i = 0; i < 4; i++) {
                rig_turns(r);
                watch_scan(r->watch);
        }
        assert_int_equal(stat_get(&r->stats.archives_read), 1);
        assert_int_equal(stat_get(&r->stats.files), 1);
        assert_int_equal(rig_held(r), 0);
        r->input.paths = (struct strlist){ &r->pattern, 1 };
        free(patterns[0]);
        free(patterns[1]);
        free(text);
}

/* The old lines stand in front of the new ones when both are read by one run. */
static void a_copy_that_was_compressed_gives_the_rest_of_a_truncated_file(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1];

        begin(r, ids);
        rig_copy(r, "a.log", "a.log.1");
        compress_to(r, "a.log.1", "a.log.1.gz");
        rig_write(r, "a.log", "another\n");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 2);
        assert_id(r, "three", ids[2]);
        assert_true(rig_shipped(r, "another"));
        assert_int_equal(stat_get(&r->stats.lost_truncated), 0);
        rig_answer(r);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

/* As zstd --long makes them. */
static void compress_with_a_large_window(const struct rig *r, const char *text, const char *to)
{
        char *path = rig_path(r, to), packed[1000];
        ZSTD_CCtx *z = ZSTD_createCCtx();
        ZSTD_inBuffer in = { text, strlen(text), 0 };
        ZSTD_outBuffer out = { packed, sizeof(packed), 0 };

        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 22);
        ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush);       /* so that it does not know how little there is */
        assert_int_equal(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
        int fd = open(path, O_WRONLY | O_CREAT, 0644);
        assert_int_equal(write(fd, packed, out.pos), (ssize_t)out.pos);
        close(fd);
        ZSTD_freeCCtx(z);
        free(path);
}

static void an_archive_that_needs_more_memory_waits_for_a_start_with_more(void **state)
{
        struct rig *r = *state;

        rig_tear_down(r);
        rig_set_pattern(r, "*.zst");
        compress_with_a_large_window(r, "one\ntwo\n", "a.log.1.zst");
        r->config.memory = 2 << 20;
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        assert_int_equal(stat_get(&r->stats.archives_too_large), 1);
        assert_int_equal(stat_get(&r->stats.lost_archive), 0);
        r->config.memory = 16 << 20;
        rig_kill_and_start(r);
        rig_turns(r);
        assert_true(rig_shipped(r, "one") && rig_shipped(r, "two"));
        assert_int_equal(stat_get(&r->stats.budget_bytes), (int64_t)r->max_bytes);      /* what was lent is back */
        rig_answer(r);
}

static void a_vanished_file_whose_rest_is_in_no_archive_is_counted(void **state)
{
        struct rig *r = *state;
        char ids[3][IDENT_LINE_TEXT + 1];

        begin(r, ids);
        rig_remove(r, "a.log");
        rig_append(r, "other", "one\nnot two\n");
        compress_to(r, "other", "a.log.1.gz");
        rig_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        assert_int_equal(stat_get(&r->stats.lost_vanished), (int64_t)strlen("three\n"));
        assert_int_equal(stat_get(&r->stats.archives_read), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, clean_up)

/* --- elsewhere ------------------------------------------------------------------------------- */

static void make_dir(const struct rig *r, const char *name)
{
        char *path = rig_path(r, name);

        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
}

static void link_to(const struct rig *r, const char *target, const char *name)
{
        char *to = rig_path(r, target), *at = rig_path(r, name), *aside = rig_path(r, "aside");

        assert_int_equal(symlink(to, aside), 0);
        assert_int_equal(rename(aside, at), 0);
        free(to);
        free(at);
        free(aside);
}

/* Three lines behind a link, of which the first is acknowledged. */
static void begin_behind_a_link(struct rig *r, const char *target, char ids[3][IDENT_LINE_TEXT + 1])
{
        make_dir(r, "pods");
        rig_append(r, target, "one\ntwo\nthree\n");
        link_to(r, target, "a.log");
        watch_scan(r->watch);
        rig_turns(r);
        rig_id_of(r, "one", ids[0]);
        rig_id_of(r, "two", ids[1]);
        rig_id_of(r, "three", ids[2]);
        answer_first(r);
        rig_tear_down(r);
}

/* The target keeps its name, as a container's log does, or the link is moved on. */
static const struct { const char *before, *archive, *now; } targets[] = {
        { "pods/0.txt", "pods/0.txt.20261123-100000.gz", "pods/0.txt" },
        { "pods/app-1.log", "pods/app-1.log.gz", "pods/app-2.log" },
};

static void the_rest_behind_a_link_is_found_in_the_archive_beside_its_target(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                struct rig *r = rig_new("*.log");
                char ids[3][IDENT_LINE_TEXT + 1];
                r->config.memory = 16 << 20;
                rig_start(r);
                begin_behind_a_link(r, targets[i].before, ids);
                compress_to(r, targets[i].before, targets[i].archive);
                rig_append(r, targets[i].now, "four\n");
                link_to(r, targets[i].now, "a.log");
                rig_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 3);
                assert_id(r, "two", ids[1]);
                assert_id(r, "three", ids[2]);
                assert_true(rig_shipped(r, "four"));
                answer_first(r);                /* "two"; in the middle of the archive */
                rig_kill_and_start(r);
                rig_turns(r);
                assert_int_equal(rig_held(r), 2);
                assert_id(r, "three", ids[2]);
                assert_true(rig_shipped(r, "four"));
                assert_int_equal(stat_get(&r->stats.lost_vanished), 0);
                rig_answer(r);
                for (int again = 0; again < 2; again++) {
                        scan(r);
                        rig_kill_and_start(r);
                        rig_turns(r);
                        assert_int_equal(rig_held(r), 0);
                        assert_int_equal(stat_get(&r->stats.lost_archive) + stat_get(&r->stats.lost_vanished), 0);
                }
                rig_free(r);
        }
}

/* As it is, or compressed; another pattern leads there. */
static void what_was_moved_to_where_another_pattern_leads_goes_on_there(void **state)
{
        (void)state;
        for (int packed = 0; packed < 2; packed++) {
                struct rig *r = rig_new("*.log");
                char ids[3][IDENT_LINE_TEXT + 1], *paths[3] = { rig_path(r, "*.log"), rig_path(r, "old/*.log"),
                                                                rig_path(r, "old/*.gz") };
                r->config.memory = 16 << 20;
                r->input.paths = (struct strlist){ paths, 3 };
                make_dir(r, "old");
                rig_start(r);
                begin(r, ids);
                if (packed)
                        compress_to(r, "a.log", "old/a-20261123.log.gz");
                else
                        rig_move(r, "a.log", "old/a-20261123.log");
                rig_append(r, "a.log", "four\n");
                rig_start(r);
                scan(r);
                scan(r);
                assert_int_equal(rig_held(r), 2);
                assert_id(r, "three", ids[2]);
                assert_true(rig_shipped(r, "four"));
                assert_int_equal(stat_get(&r->stats.lost_vanished), 0);
                rig_answer(r);
                rig_kill_and_start(r);
                scan(r);
                assert_int_equal(rig_held(r), 0);
                rig_free(r);
                for (int i = 0; i < 3; i++)
                        free(paths[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_rest_of_a_compressed_file_is_shipped_once_under_its_ids),
                TEST(a_restart_in_the_middle_goes_on_in_the_archive_also_when_that_was_renamed),
                TEST(of_archives_with_the_same_head_only_the_one_with_the_mark_is_it),
                TEST(what_was_rotated_and_compressed_unseen_is_shipped_whole),
                TEST(a_truncated_archive_gives_what_is_readable_and_the_rest_is_counted),
                TEST(a_corrupt_archive_is_read_up_to_its_fault),
                TEST(an_archive_that_grows_is_read_when_it_is_whole),
                TEST(an_archive_is_only_shipped_for_itself_by_a_pattern_that_names_it),
                TEST(a_file_that_was_shipped_is_not_shipped_again_as_an_archive),
                TEST(close_removed_after_does_not_give_up_what_is_looked_for_in_an_archive),
                TEST(a_copy_that_was_compressed_gives_the_rest_of_a_truncated_file),
                TEST(an_archive_that_needs_more_memory_waits_for_a_start_with_more),
                TEST(a_vanished_file_whose_rest_is_in_no_archive_is_counted),
                cmocka_unit_test(the_rest_behind_a_link_is_found_in_the_archive_beside_its_target),
                cmocka_unit_test(what_was_moved_to_where_another_pattern_leads_goes_on_there),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
