/* SPDX-License-Identifier: Apache-2.0 */
/* Where dead letters are kept, and that several collectors can keep them in one directory and read them back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "collector/dead.h"
#include "collector/letters.h"
#include "tests/fake/tmpdir.h"

struct rig {
        char *dir;
        struct collector_config config;
        struct loop *loop;
        size_t done;
        struct err e;
};

static void on_done(void *arg, struct batch **b)
{
        struct rig *r = arg;

        for (size_t i = 0; i < (*b)->n; i++)
                assert_int_equal((*b)->recs[i].verdict, VERDICT_DONE);
        r->done += (*b)->n;
        batch_free(*b);
        *b = NULL;
}

static void on_room(void *arg)
{
        (void)arg;
}

static int set_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));

        r->dir = tmpdir_new();
        r->config.dlq.dir = tmpdir_path(r->dir, "a/b/c");
        r->config.dlq.max_bytes = 1 << 20;
        r->loop = loop_new(&clock_system, &r->e);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        loop_free(r->loop);
        free(r->config.dlq.dir);
        tmpdir_free(r->dir);
        free(r);
        return 0;
}

static struct sink *open_dead(struct rig *r)
{
        const struct sink_owner owner = { .done = on_done, .room = on_room, .arg = r };
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        return dead_sink_new(r->loop, &r->config, &owner, &limits, &r->e);
}

static void put(struct rig *r, struct sink *s, int from, int to)
{
        struct batch *b = batch_new(0);
        size_t before = r->done;

        for (int i = from; i < to; i++) {
                const struct letter l = { .reason = { "rejected", 8 },
                                          .topic = { "logs", 4 },
                                          .offset = i,
                                          .refused_ms = 1700000000000 + i,
                                          .document = { "{}", 2 } };
                letter_put_line(b, &l);
        }
        sink_submit(s, &b);
        for (int turns = 0; r->done - before < (size_t)(to - from); turns++) {
                assert_true(turns < 1000);
                loop_turn(r->loop, 100);
        }
}

struct seen { bool offsets[100]; size_t n, redriven, take; struct batch *b; };

static bool on_letter(void *arg, const struct letter *l)
{
        struct seen *s = arg;

        assert_in_range(l->offset, 0, 99);
        assert_false(s->offsets[l->offset]);
        s->offsets[l->offset] = true;
        s->n++;
        s->redriven += l->redriven;
        if (s->b && s->n <= s->take) {
                batch_put(s->b, "x", 1);
                struct record *rec = batch_add(s->b);
                letters_remember(s->b, rec, l);
        }
        return true;
}

static void two_collectors_of_one_directory_have_a_file_each(void **state)
{
        struct rig *r = *state;
        struct sink *one = open_dead(r), *other = open_dead(r);

        assert_non_null(one);
        assert_non_null(other);
        put(r, one, 0, 10);
        put(r, other, 10, 15);
        struct letters *ls = letters_open(&r->config, &r->e);
        struct seen seen = { 0 };
        assert_int_equal(letters_read(ls, on_letter, &seen, &r->e), 0);
        assert_int_equal(seen.n, 15);
        assert_non_null(strstr(ls->place, r->config.dlq.dir));
        letters_close(ls);
        sink_free(one);
        sink_free(other);

        char *second = tmpdir_path(r->config.dlq.dir, "dead-letters-2.ndjson.lz4");
        assert_int_equal(access(second, F_OK), 0);
        free(second);
        struct sink *again = open_dead(r);      /* the first name is free again */
        put(r, again, 15, 16);
        sink_free(again);
        char *third = tmpdir_path(r->config.dlq.dir, "dead-letters-3.ndjson.lz4");
        assert_int_equal(access(third, F_OK), -1);
        free(third);
}

static void a_marked_letter_is_redriven_and_the_others_stay_open(void **state)
{
        struct rig *r = *state;
        struct sink *s = open_dead(r);

        put(r, s, 0, 10);
        struct letters *ls = letters_open(&r->config, &r->e);
        struct seen first = { .b = batch_new(0), .take = 5 }, then = { 0 };
        assert_int_equal(letters_read(ls, on_letter, &first, &r->e), 0);
        for (size_t i = 0; i < 5; i++) {
                static const enum verdict verdicts[] = { VERDICT_DONE, VERDICT_DUPLICATE, VERDICT_REJECT, VERDICT_RETRY, VERDICT_DONE };
                batch_settle(first.b, &first.b->recs[i], verdicts[i], 0, NULL, 0);
        }
        assert_int_equal(letters_mark(ls, first.b, &r->e), 0);
        letters_close(ls);
        ls = letters_open(&r->config, &r->e);
        assert_int_equal(letters_read(ls, on_letter, &then, &r->e), 0);
        assert_int_equal(then.n, 10);
        assert_int_equal(then.redriven, 3);
        assert_int_equal(ls->strangers, 0);
        letters_close(ls);
        batch_free(first.b);
        sink_free(s);
}

static void without_a_setting_the_state_directory_is_taken(void **state)
{
        struct rig *r = *state;
        struct dlq_config none = { 0 };

        setenv("XDG_STATE_HOME", r->dir, 1);
        char *dir = dead_dir(&none), *mine = xasprintf("%s/sluice-collector", r->dir);
        if (geteuid() == 0 || access("/var/lib/sluice-collector", W_OK) == 0)
                assert_string_equal(dir, "/var/lib/sluice-collector");
        else
                assert_string_equal(dir, mine);
        free(dir);
        free(mine);
}

static void a_directory_that_cannot_be_made_is_named_with_what_to_set(void **state)
{
        struct rig *r = *state;
        char *file = tmpdir_path(r->dir, "file");

        assert_int_equal(dead_dir_check(r->config.dlq.dir, &r->e), 0);
        file_write(file, "x");
        free(r->config.dlq.dir);
        r->config.dlq.dir = xasprintf("%s/under", file);
        assert_null(open_dead(r));
        assert_non_null(strstr(r->e.msg, r->config.dlq.dir));
        assert_non_null(strstr(r->e.msg, "dlq.dir"));
        assert_int_equal(dead_dir_check(r->config.dlq.dir, &r->e), -ENOTDIR);
        free(file);
}

static void a_place_that_is_not_there_is_said_to_be_none(void **state)
{
        struct rig *r = *state;

        assert_null(letters_open(&r->config, &r->e));
        assert_int_equal(r->e.code, ENOENT);
        assert_non_null(strstr(r->e.msg, "--state DIR"));
}

static void what_a_topic_refuses_goes_to_files_beside_it_or_says_why_not(void **state)
{
        struct rig *r = *state;
        const struct sink_owner owner = { .done = on_done, .room = on_room, .arg = r };
        const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        char *dir = r->config.dlq.dir;

        r->config.dlq.topic = (char *)"logs-dead";
        struct sink *s = dead_spare_new(r->loop, &r->config, &owner, &limits, &r->e);
        assert_non_null(s);
        put(r, s, 0, 10);
        sink_free(s);
        char *path = tmpdir_path(dir, "dead-letters.ndjson.lz4");
        assert_int_equal(access(path, F_OK), 0);

        r->config.dlq.dir = path;       /* no directory */
        assert_null(dead_spare_new(r->loop, &r->config, &owner, &limits, &r->e));
        assert_non_null(strstr(r->e.msg, "a dead letter that topic logs-dead refuses cannot be written to a file: directory "));
        r->config.dlq.dir = dir;
        r->config.dlq.topic = NULL;
        free(path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        static const struct CMUnitTest tests[] = {
                TEST(two_collectors_of_one_directory_have_a_file_each),
                TEST(a_marked_letter_is_redriven_and_the_others_stay_open),
                TEST(without_a_setting_the_state_directory_is_taken),
                TEST(a_directory_that_cannot_be_made_is_named_with_what_to_set),
                TEST(a_place_that_is_not_there_is_said_to_be_none),
                TEST(what_a_topic_refuses_goes_to_files_beside_it_or_says_why_not),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
