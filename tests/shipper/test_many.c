/* SPDX-License-Identifier: Apache-2.0 */
/* Two thousand files that all grow, and an output that takes little: each gets its turn, and memory stays bounded.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fake/rig.h"

enum { FILES = 2000, SOME = 300, LOUD = 200, LINE = 64, MOST_ROUNDS = 30 };

struct writers { int fds[FILES]; };

static void open_writers(struct writers *w, const struct rig *r, int files)
{
        char name[32];

        for (int i = 0; i < files; i++) {
                snprintf(name, sizeof(name), "%04d.log", i);
                char *path = rig_path(r, name);
                w->fds[i] = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
                assert_true(w->fds[i] >= 0);
                free(path);
        }
}

static void write_to(const struct writers *w, int files, int lines)
{
        char text[LINE + 1];

        snprintf(text, sizeof(text), "%-*s\n", LINE - 1, "a line of a service that is busy");
        for (int i = 0; i < files; i++)
                for (int k = 0; k < lines; k++)
                        assert_int_equal(write(w->fds[i], text, LINE), LINE);
}

static void close_writers(struct writers *w, int files)
{
        for (int i = 0; i < files; i++)
                close(w->fds[i]);
}

struct spread { int64_t least, most; };

static void add_to_spread(void *arg, const struct file *f)
{
        struct spread *s = arg;

        s->least = f->read < s->least ? f->read : s->least;
        s->most = f->read > s->most ? f->read : s->most;
}

static struct spread spread_of(const struct rig *r)
{
        struct spread s = { INT64_MAX, 0 };

        tail_each(r->tail, add_to_spread, &s);
        return s;
}

/* The sink takes nothing at all, and everybody writes on. */
static void what_is_held_stays_within_the_budget(struct rig *r, const struct writers *w)
{
        struct rusage before, after;

        rig_turns(r);
        assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
        for (int i = 0; i < 5; i++) {
                write_to(w, FILES, 1);
                rig_turns(r);
        }
        assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
        /* What passes when there is room, and the batch that is open. */
        assert_in_range(stat_get(&r->stats.held_bytes), 1, (int64_t)r->max_bytes + 2 * 512 * 1024);
        assert_true(after.ru_maxrss - before.ru_maxrss < 4 * 1024);
}

/* Some write more in a round than the output takes in one: the others come to their turn all the same. */
static void no_file_starves_however_little_is_taken(void **state)
{
        struct rig *r = rig_new("*.log");
        struct writers w;
        int rounds = 0;

        (void)state;
        r->max_bytes = 64 * 1024;
        rig_start(r);
        open_writers(&w, r, FILES);
        write_to(&w, FILES, 1);
        do {
                write_to(&w, LOUD, 5);
                rig_turn(r);
                assert_in_range(rig_held(r), 1, 5 * LOUD - 1);
                sink_held_answer_all(r->sink, VERDICT_DONE);
        } while (spread_of(r).least == 0 && ++rounds < MOST_ROUNDS);
        assert_true(rounds < MOST_ROUNDS);
        assert_true(stat_get(&r->stats.reading_stopped) > 0);
        what_is_held_stays_within_the_budget(r, &w);
        close_writers(&w, FILES);
        rig_free(r);
}

/* While the queue goes round once, each file is read once, and a file that always has more is no exception. */
static void a_file_with_much_to_read_waits_for_the_others_after_each_share(void **state)
{
        struct rig *r = rig_new("*.log");
        struct writers w;
        char *big = xmalloc(4 * 1024 * 1024 + 1), *path = rig_path(r, "big.log");

        (void)state;
        for (size_t i = 0; i < 4 * 1024 * 1024; i++)
                big[i] = i % LINE == LINE - 1 ? '\n' : 'x';
        big[4 * 1024 * 1024] = '\0';
        rig_append(r, "big.log", big);
        open_writers(&w, r, SOME);
        write_to(&w, SOME, 1);
        r->max_bytes = 4 << 20;
        rig_start(r);
        int64_t big_when_all_were_read = -1;
        for (int i = 0; i < 1000 && big_when_all_were_read < 0; i++) {
                rig_turn(r);
                sink_held_answer_all(r->sink, VERDICT_DONE);
                if (spread_of(r).least > 0)
                        big_when_all_were_read = spread_of(r).most;
        }
        /* Two rounds of the queue at most, so two shares and the events that were being cut. */
        assert_in_range(big_when_all_were_read, 1, 3 * 128 * 1024);
        close_writers(&w, SOME);
        free(big);
        free(path);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_file_starves_however_little_is_taken),
                cmocka_unit_test(a_file_with_much_to_read_waits_for_the_others_after_each_share),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
