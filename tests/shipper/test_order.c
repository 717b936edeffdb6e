/* SPDX-License-Identifier: Apache-2.0 */
/* What stood at one place one after another is shipped one after another, and nobody waits for ever. */
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

#include "base/mem.h"
#include "tests/fake/rig.h"

enum {
        LINES = 400,                    /* of a portion: with LINE_BYTES several shares of a file's turn */
        LINE_BYTES = 900,
        SINK_BYTES = 150 * 1000,        /* much less: what is written waits in the files */
};

/* Lines are numbered; they must come in the order of their numbers, and none may be left out. */
struct story {
        struct rig *r;
        unsigned written, shipped;
};

/* The number stands at the end, too: a file is told by what stands before an offset. */
static void write_some(struct story *s, const char *name, unsigned lines)
{
        char *text = xcalloc(lines + 1, LINE_BYTES);

        for (unsigned i = 0; i < lines; i++, s->written++)
                snprintf(text + (size_t)i * LINE_BYTES, LINE_BYTES + 1, "%07u %0*u\n", s->written, LINE_BYTES - 9,
                         s->written);
        rig_append(s->r, name, text);
        free(text);
}

/* The times of two rotations can be told apart; a shipper that runs sees what has happened. */
static void tick(const struct story *s)
{
        if (s->r->loop)
                rig_turns(s->r);
        rig_later(s->r);
}

static bool exists(const struct rig *r, const char *name)
{
        char *path = rig_path(r, name);
        bool there = access(path, F_OK) == 0;

        free(path);
        return there;
}

static void gzip(const struct rig *r, const char *name)
{
        char *from = rig_path(r, name), *to = xasprintf("%s.gz", from);
        size_t n;
        char *text = file_read(from, &n);
        gzFile gz = gzopen(to, "wb1");
        struct file_stat st;

        assert_int_equal(gzwrite(gz, text, (unsigned)n), (int)n);
        assert_int_equal(gzclose(gz), Z_OK);
        assert_int_equal(file_stat(AT_FDCWD, from, &st), 0);
        const struct timespec t = { .tv_sec = st.mtime_ns / 1000000000, .tv_nsec = st.mtime_ns % 1000000000 };
        assert_int_equal(utimensat(AT_FDCWD, to, (const struct timespec[]){ t, t }, 0), 0);
        assert_int_equal(unlink(from), 0);
        free(text);
        free(from);
        free(to);
}

static unsigned number_at(const struct rig *r, size_t i)
{
        const struct record *rec = sink_held_record(r->sink, i);

        return (unsigned)strtoul(strstr(batch_at(rec->batch, rec->value), "\"message\":\"") + 11, NULL, 10);
}

/* Takes what is in the sink; true: there was something. */
static bool take(struct story *s)
{
        size_t n = rig_held(s->r);

        for (size_t i = 0; i < n; i++)
                assert_int_equal(number_at(s->r, i), s->shipped++);
        rig_answer(s->r);
        return n > 0;
}

static void assert_all_come_in_order(struct story *s)
{
        for (int quiet = 0; s->shipped < s->written && quiet < 20; quiet++) {
                rig_turns(s->r);
                if (take(s))
                        quiet = 0;
                else
                        watch_scan(s->r->watch);
        }
        assert_int_equal(s->shipped, s->written);
}

static struct story begin(const char *pattern)
{
        struct story s = { .r = rig_new(pattern) };

        s.r->config.memory = 16 << 20;
        s.r->max_bytes = SINK_BYTES;
        rig_start(s.r);
        return s;
}

/* --- rotations ------------------------------------------------------------------------------- */

static void shift(struct story *s, const char *ending)
{
        for (int n = 3; n >= 0; n--) {
                char *from = n > 0 ? xasprintf("a.log.%d%s", n, ending) : xstrdup("a.log");
                char *to = xasprintf("a.log.%d%s", n + 1, n > 0 ? ending : "");
                if (exists(s->r, from))
                        rig_move(s->r, from, to);
                free(from);
                free(to);
        }
        tick(s);
}

static void renamed(struct story *s)
{
        shift(s, "");
        write_some(s, "a.log", LINES);
}

static void renamed_three_times(struct story *s)
{
        for (int i = 0; i < 3; i++)
                renamed(s);
}

static void dated(struct story *s)
{
        rig_move(s->r, "a.log", "a-20261123.log");
        tick(s);
        write_some(s, "a.log", LINES);
        rig_move(s->r, "a.log", "a-20261124.log");
        tick(s);
        write_some(s, "a.log", LINES);
}

static void renamed_and_nothing_new(struct story *s)
{
        renamed(s);
        shift(s, "");
}

static void copied_and_truncated(struct story *s)
{
        rig_copy(s->r, "a.log", "a.log.1");
        rig_write(s->r, "a.log", "");
        tick(s);
        write_some(s, "a.log", LINES);
}

static void compressed(struct story *s)
{
        shift(s, ".gz");
        gzip(s->r, "a.log.1");
        write_some(s, "a.log", LINES);
}

static void compressed_three_times(struct story *s)
{
        for (int i = 0; i < 3; i++)
                compressed(s);
}

/* As logrotate's delaycompress has it. */
static void compressed_one_later(struct story *s)
{
        renamed(s);
        rig_move(s->r, "a.log.1", "a.log.2");
        gzip(s->r, "a.log.2");
        rig_move(s->r, "a.log", "a.log.1");
        tick(s);
        write_some(s, "a.log", LINES);
}

static const struct rotation { const char *name, *pattern; void (*rotate)(struct story *s); } rotations[] = {
        { "renamed", "*.log", renamed },
        { "renamed three times", "*.log", renamed_three_times },
        { "renamed three times, all under the pattern", "*.log*", renamed_three_times },
        { "dated", "*.log", dated },
        { "renamed and nothing new", "*.log", renamed_and_nothing_new },
        { "copied and truncated", "*.log", copied_and_truncated },
        { "copied and truncated, the copy under the pattern", "*.log*", copied_and_truncated },
        { "compressed", "*.log", compressed },
        { "compressed three times", "*.log", compressed_three_times },
        { "compressed one later", "*.log", compressed_one_later },
};

static void with_a_backlog(const struct rotation *how)
{
        struct story s = begin(how->pattern);

        write_some(&s, "a.log", LINES);
        rig_turns(s.r);                 /* the sink is full */
        how->rotate(&s);
        assert_all_come_in_order(&s);
        rig_free(s.r);
}

static void while_down(const struct rotation *how)
{
        struct story s = begin(how->pattern);

        write_some(&s, "a.log", 10);
        rig_turns(s.r);
        take(&s);
        rig_tear_down(s.r);
        write_some(&s, "a.log", LINES);
        how->rotate(&s);
        rig_start(s.r);
        assert_all_come_in_order(&s);
        rig_free(s.r);
}

/* The rotation was seen, and nothing after it acknowledged. */
static void killed_afterwards(const struct rotation *how)
{
        struct story s = begin(how->pattern);

        write_some(&s, "a.log", LINES);
        rig_turns(s.r);
        take(&s);
        how->rotate(&s);
        rig_turns(s.r);
        take(&s);
        rig_turns(s.r);
        rig_kill_and_start(s.r);
        assert_all_come_in_order(&s);
        rig_free(s.r);
}

static void what_was_rotated_is_shipped_before_what_came_after(void **state)
{
        static const struct { const char *name; void (*run)(const struct rotation *how); } modes[] = {
                { "with a backlog", with_a_backlog },
                { "while down", while_down },
                { "killed afterwards", killed_afterwards },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rotations); i++)
                for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
                        print_message("%s, %s\n", rotations[i].name, modes[m].name);
                        modes[m].run(&rotations[i]);
                }
}

static void a_link_that_is_moved_on_is_a_rotation_too(void **state)
{
        (void)state;
        for (int running = 0; running < 2; running++) {
                struct story s = begin("*.log");
                write_some(&s, "one.txt", 10);
                rig_link(s.r, "one.txt", "a.log");
                watch_scan(s.r->watch);
                rig_turns(s.r);
                take(&s);
                if (!running)
                        rig_tear_down(s.r);
                write_some(&s, "one.txt", LINES);
                if (running)
                        rig_turns(s.r);
                tick(&s);
                write_some(&s, "two.txt", LINES);
                rig_link(s.r, "two.txt", "a.log");
                if (!running)
                        rig_start(s.r);
                assert_all_come_in_order(&s);
                rig_free(s.r);
        }
}

/* --- nobody waits for ever ------------------------------------------------------------------- */

static void assert_comes(struct rig *r, const char *message)
{
        bool come = false;

        for (int i = 0; i < 200 && !come; i++) {
                rig_turns(r);
                come = rig_shipped(r, message);
                rig_answer(r);
        }
        assert_true(come);
}

/* Its writer has not let go of it, and writes more than the output takes. */
static void a_rotated_file_that_grows_for_ever_does_not_hold_up_the_next(void **state)
{
        struct story s = begin("*.log");
        bool come = false;

        (void)state;
        write_some(&s, "a.log", LINES);
        rig_turns(s.r);
        rig_move(s.r, "a.log", "a.log.1");
        rig_append(s.r, "a.log", "new\n");
        for (int i = 0; i < 100 && !come; i++) {
                write_some(&s, "a.log.1", LINES);
                rig_turns(s.r);
                come = rig_shipped(s.r, "new");
                rig_answer(s.r);
        }
        assert_true(come);
        rig_free(s.r);
}

static void a_rotated_file_that_is_gone_does_not_hold_up_the_next(void **state)
{
        struct story s = begin("*.log");

        (void)state;
        write_some(&s, "a.log", 10);
        rig_turns(s.r);
        take(&s);
        rig_tear_down(s.r);
        write_some(&s, "a.log", LINES);
        rig_remove(s.r, "a.log");
        rig_append(s.r, "a.log", "new\n");
        rig_start(s.r);
        assert_comes(s.r, "new");
        rig_free(s.r);
}

static void an_archive_that_is_not_whole_does_not_hold_up_the_next(void **state)
{
        struct story s = begin("*.log");

        (void)state;
        write_some(&s, "a.log", 10);
        rig_turns(s.r);
        take(&s);
        rig_tear_down(s.r);
        write_some(&s, "a.log", LINES);
        gzip(s.r, "a.log");
        rig_move(s.r, "a.log.gz", "a.log.1.gz");
        char *path = rig_path(s.r, "a.log.1.gz");
        struct file_stat st;
        assert_int_equal(file_stat(AT_FDCWD, path, &st), 0);
        assert_int_equal(truncate(path, st.size - 20), 0);
        free(path);
        rig_append(s.r, "a.log", "new\n");
        rig_start(s.r);
        assert_comes(s.r, "new");
        rig_free(s.r);
}

/* More rotated files than may be open at a time, and their successors. */
static void files_that_are_closed_for_others_keep_their_order(void **state)
{
        struct story s[3] = { { 0 } };
        static const char *const names[] = { "a", "b", "c" };
        struct rig *r = rig_new("*.log");

        (void)state;
        r->max_bytes = SINK_BYTES;
        r->config.max_files = 2;
        for (int i = 0; i < 3; i++) {
                char *log = xasprintf("%s.log", names[i]), *old = xasprintf("%s.log.1", names[i]);
                s[i].r = r;
                write_some(&s[i], log, LINES);
                if (i == 0)
                        rig_start(r);
                rig_turns(r);
                rig_move(r, log, old);
                write_some(&s[i], log, LINES);
                rig_turns(r);
                free(log);
                free(old);
        }
        for (int i = 0; i < 3; i++)
                s[i].shipped = 0;
        for (int quiet = 0; quiet < 20; quiet++) {
                for (size_t n = rig_held(r), i = 0; i < n; i++, quiet = 0) {
                        const struct record *rec = sink_held_record(r->sink, i);
                        const char *path = strstr(batch_at(rec->batch, rec->value), "\"path\":");
                        struct story *one = &s[strstr(path, ".log")[-1] - 'a'];
                        assert_int_equal(number_at(r, i), one->shipped++);
                }
                rig_answer(r);
                rig_turns(r);
        }
        for (int i = 0; i < 3; i++)
                assert_int_equal(s[i].shipped, s[i].written);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_rotated_is_shipped_before_what_came_after),
                cmocka_unit_test(a_link_that_is_moved_on_is_a_rotation_too),
                cmocka_unit_test(a_rotated_file_that_grows_for_ever_does_not_hold_up_the_next),
                cmocka_unit_test(a_rotated_file_that_is_gone_does_not_hold_up_the_next),
                cmocka_unit_test(an_archive_that_is_not_whole_does_not_hold_up_the_next),
                cmocka_unit_test(files_that_are_closed_for_others_keep_their_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
