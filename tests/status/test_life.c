/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "status/life.h"
#include "tests/fake/tmpdir.h"

struct toy_config {
        struct life_config life;
        char *color;
};

/* A program whose only part is a color; "mud" cannot be built, and "glue" cannot be come to.  What happens to it is a word each in `told`. */
struct toy {
        struct toy_config config, next;
        struct life life;
        struct stat_value reloads, reload_errors;
        struct buf told;
        char *dir, *file;
        bool built, holds;              /* holds: what is in flight never ends */
        unsigned turns;
        void (*script)(struct toy *t);  /* each turn */
};

static const struct opt rows[] = {
        LIFE_ROWS(struct toy_config, "", "once"),
        { "color", OPT_STRING, offsetof(struct toy_config, color), .def = "red", .help = "which" },
};
static const struct opt_table table = { rows, ARRAY_LEN(rows), sizeof(struct toy_config), NULL };
static const char *const verbs[] = { "run", "check", NULL };
static const struct program program = { .name = "toy", .verbs = verbs, .opts = &table };

static int build(void *arg, struct err *e)
{
        struct toy *t = arg;

        buf_printf(&t->told, "build-%s ", t->config.color);
        if (strcmp(t->config.color, "mud") == 0)
                return err_set(e, EINVAL, "mud is no color");
        t->built = true;
        return 0;
}

static void demolish(void *arg, enum life_stop why)
{
        struct toy *t = arg;

        buf_puts(&t->told, why == LIFE_ENDS ? "end " : "demolish ");
        t->built = false;
}

static void turn(void *arg)
{
        struct toy *t = arg;

        assert_true(t->built);
        t->turns++;
        if (t->life.stopping && !t->holds)
                life_stop(&t->life);
        else if (!t->life.stopping)
                t->script(t);
}

static void drain(void *arg, enum life_stop why)
{
        struct toy *t = arg;

        (void)why;
        buf_puts(&t->told, "drain ");
}

static void go_on(void *arg)
{
        struct toy *t = arg;
        buf_puts(&t->told, "go-on ");
}

static int leave(void *arg, enum life_stop why, struct err *e)
{
        struct toy *t = arg;

        buf_puts(&t->told, "leave ");
        if (why == LIFE_RELOADS && strcmp(t->next.color, "glue") == 0)
                return err_set(e, EIO, "it sticks");
        return 0;
}

static int stopped(void *arg)
{
        (void)arg;
        return EX_NOINPUT;
}

static void tick(void *arg)
{
        (void)arg;
}

static bool works(void *arg)
{
        const struct toy *t = arg;
        return t->holds;
}

static int64_t none(void *arg)
{
        (void)arg;
        return 0;
}

static const char *trouble(void *arg)
{
        (void)arg;
        return NULL;
}

static void check(const void *config, const char *file, struct report *report)
{
        (void)config;
        (void)file;
        report->exit_code = EX_UNAVAILABLE;
}

static const struct life_ops ops = {
        .program = &program, .component = "toy", .units = "things", .no_progress = "it is a toy", .check = check,
        .build = build, .demolish = demolish, .turn = turn, .drain = drain, .go_on = go_on, .leave = leave,
        .stopped = stopped, .tick = tick, .works = works, .settled = none, .in_flight = none, .trouble = trouble,
};

static int set_up(void **state)
{
        struct toy *t = xcalloc(1, sizeof(*t));

        t->dir = tmpdir_new();
        t->file = tmpdir_path(t->dir, "toy.cfg");
        *state = t;
        return 0;
}

static int tear_down(void **state)
{
        struct toy *t = *state;

        opt_free(&table, &t->config);
        opt_free(&table, &t->next);
        buf_fini(&t->told);
        tmpdir_free(t->dir);
        free(t->file);
        free(t);
        return 0;
}

static int live(struct toy *t, const char *verb, const char *config, void (*script)(struct toy *t))
{
        struct opt_args args = { .verb = verb, .file = t->file };
        struct opt_errors errors = { 0 };

        file_write(t->file, config);
        assert_int_equal(program_load(&program, &args, &t->config, &errors), 0);
        t->script = script;
        t->life = (struct life){ .ops = &ops, .arg = t, .config = &t->config, .next = &t->next, .args = &args,
                                 .reloads = &t->reloads, .reload_errors = &t->reload_errors };
        int code = life_main(&t->life);
        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        return code;
}

static void end_when_tried(struct toy *t)
{
        if (stat_get(&t->reloads) + stat_get(&t->reload_errors) > 0)
                life_end(&t->life, "enough");
}

static void change(struct toy *t, const char *config)
{
        if (t->turns == 1) {
                file_write(t->file, config);
                raise(SIGHUP);
        }
        end_when_tried(t);
}

static void to_blue(struct toy *t)
{
        change(t, "color = \"blue\";");
}

static void to_mud(struct toy *t)
{
        change(t, "color = \"mud\";");
}

static void to_glue(struct toy *t)
{
        change(t, "color = \"glue\";");
}

static void to_nonsense(struct toy *t)
{
        change(t, "colour = \"blue\";");
}

static void to_an_address_that_is_none(struct toy *t)
{
        change(t, "color = \"blue\"; http = \"nowhere.invalid:1\";");
}

static void a_new_configuration_is_built_when_the_old_one_is_drained(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "", to_blue), EX_OK);
        assert_string_equal(buf_cstr(&t->told), "build-red drain leave demolish build-blue drain leave end ");
        assert_int_equal(stat_get(&t->reloads), 1);
}

static void what_cannot_be_built_gives_way_to_what_was(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "", to_mud), EX_OK);
        assert_string_equal(buf_cstr(&t->told),
                            "build-red drain leave demolish build-mud demolish build-red drain leave end ");
        assert_int_equal(stat_get(&t->reload_errors), 1);
        assert_string_equal(t->config.color, "red");
}

static void what_is_wrong_disturbs_nothing(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "", to_nonsense), EX_OK);
        assert_string_equal(buf_cstr(&t->told), "build-red drain leave end ");
        assert_int_equal(stat_get(&t->reload_errors), 1);
}

static void an_address_that_cannot_be_had_leaves_the_parts(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "", to_an_address_that_is_none), EX_OK);
        assert_string_equal(buf_cstr(&t->told), "build-red drain go-on drain leave end ");
        assert_int_equal(stat_get(&t->reload_errors), 1);
        assert_string_equal(t->config.color, "red");
}

static void what_cannot_be_left_stays(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "", to_glue), EX_OK);
        assert_string_equal(buf_cstr(&t->told), "build-red drain leave go-on drain leave end ");
        assert_int_equal(stat_get(&t->reload_errors), 1);
        assert_string_equal(t->config.color, "red");
}

static void end(struct toy *t)
{
        t->holds = true;
        raise(SIGTERM);
}

static void a_drain_ends_with_stop_timeout(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "stop_timeout = \"20 ms\"; once = true;", end), EX_NOINPUT);
        assert_string_equal(buf_cstr(&t->told), "build-red drain leave end ");
}

static void hold(struct toy *t)
{
        t->holds = true;
}

static void once_without_progress_is_given_up(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "start_timeout = \"100 ms\"; stop_timeout = \"0 ms\"; once = true;", hold), EX_TEMPFAIL);
}

static void what_cannot_be_built_at_the_start_is_its_own_fault(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "run", "color = \"mud\";", hold), EX_CONFIG);
        assert_string_equal(buf_cstr(&t->told), "build-mud end ");
}

static void the_verb_check_builds_nothing(void **state)
{
        struct toy *t = *state;

        assert_int_equal(live(t, "check", "", hold), EX_UNAVAILABLE);
        assert_string_equal(buf_cstr(&t->told), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_new_configuration_is_built_when_the_old_one_is_drained),
                TEST(what_cannot_be_built_gives_way_to_what_was),
                TEST(what_is_wrong_disturbs_nothing),
                TEST(an_address_that_cannot_be_had_leaves_the_parts),
                TEST(what_cannot_be_left_stays),
                TEST(a_drain_ends_with_stop_timeout),
                TEST(once_without_progress_is_given_up),
                TEST(what_cannot_be_built_at_the_start_is_its_own_fault),
                TEST(the_verb_check_builds_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
