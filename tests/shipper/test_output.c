/* SPDX-License-Identifier: Apache-2.0 */
/* The program with each output that needs no Kafka, from a file to the other end.  ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "event/event.h"
#include "tests/fake/child.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/tmpdir.h"

enum { LINES = 1000, MAX_ARGS = 24 };

struct world {
        char *dir, *log, *state, *out, *err;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));
        w->dir = tmpdir_new();
        w->log = tmpdir_path(w->dir, "app.log");
        w->state = tmpdir_path(w->dir, "state");
        w->out = tmpdir_path(w->dir, "stdout");
        w->err = tmpdir_path(w->dir, "stderr");

        struct buf text = { 0 };
        for (int i = 0; i < LINES; i++)
                buf_printf(&text, "line %d \"quoted\" \\ and\ttabbed\n", i);
        file_write(w->log, buf_cstr(&text));
        buf_fini(&text);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        tmpdir_free(w->dir);
        free(w->log);
        free(w->state);
        free(w->out);
        free(w->err);
        free(w);
        return 0;
}

/* Runs the program with --once and these arguments (NULL at the end), and returns its exit code. */
static int ship(struct world *w, const char *const *more)
{
        const char *args[MAX_ARGS] = { w->log,   "--once",      "--state",   w->state,
                                       "--http", "127.0.0.1:0", "--service", "Shop" };

        for (size_t n = 8; *more; more++) {
                assert_true(n < MAX_ARGS - 1);
                args[n++] = *more;
        }
        return child_run("sluice-shipper", args, w->out, w->err);
}

static void ship_well(struct world *w, const char *const *args)
{
        int code = ship(w, args);

        if (code != EX_OK) {
                char *said = file_read(w->err, NULL);
                fail_msg("exit code %d: %s", code, said);
        }
}

static void assert_said(struct world *w, const char *part)
{
        char *said = file_read(w->err, NULL);

        if (!strstr(said, part))
                fail_msg("not said: %s\n%s", part, said);
        free(said);
}

/* One event for each line of the log, in its order, and nothing else. */
static void check_events(const char *path)
{
        char *text = file_read(path, NULL), *line = text;
        int n = 0;

        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
                char message[128];
                *end = '\0';
                snprintf(message, sizeof(message), "\"message\":\"line %d \\\"quoted\\\" \\\\ and\\ttabbed\"",
                         n);
                if (strncmp(line, "{\"@timestamp\":\"", 15) != 0 || !strstr(line, message))
                        fail_msg("line %d: %s", n, line);
        }
        assert_string_equal(line, "");
        assert_int_equal(n, LINES);
        free(text);
}

static void stdout_holds_one_event_a_line_and_nothing_else(void **state)
{
        struct world *w = *state;

        ship_well(w, (const char *const[]){ "--output", "stdout", NULL });
        check_events(w->out);
        assert_said(w, "stopped: read=1000 acked=1000");
}

static void small_event_is_time_id_message_and_offset(void **state)
{
        struct world *w = *state;
        char *config = tmpdir_path(w->dir, "small.cfg"), text[1024];
        static const char end[] = "\",\"log\":{\"offset\":0},\"labels\":{\"env\":\"prod\"}}\n";

        snprintf(text, sizeof(text),
                 "inputs = ( { paths = [ \"%s\" ]; event = \"small\"; fields = [ \"env=prod\" ]; } );\n", w->log);
        file_write(config, text);
        const char *const args[] = { "-c",     config,        "--once",   "--state", w->state,
                                     "--http", "127.0.0.1:0", "--output", "stdout",  NULL };
        assert_int_equal(child_run("sluice-shipper", args, w->out, w->err), EX_OK);
        check_events(w->out);
        char *said = file_read(w->out, NULL);
        assert_non_null(strstr(said, end));
        assert_null(strstr(said, "host"));
        assert_null(strstr(said, w->log));
        free(said);
        free(config);
}

static void file_holds_each_line_once_over_two_runs(void **state)
{
        struct world *w = *state;
        char *path = tmpdir_path(w->dir, "events.ndjson");
        const char *const args[] = { "--output", "file", "--output-file", path, NULL };

        ship_well(w, args);
        check_events(path);
        ship_well(w, args); /* the checkpoint says that all of it was shipped */
        check_events(path);
        assert_int_equal(access(w->out, F_OK), 0);
        char *printed = file_read(w->out, NULL);
        assert_string_equal(printed, "");
        free(printed);
        free(path);
}

static void elasticsearch_indexes_each_line_under_its_event_id(void **state)
{
        struct world *w = *state;
        struct fake_es *es = fake_es_new();
        const char *const args[] = { "--output", "elasticsearch",
                                     "--url",    fake_es_url(es),
                                     "--index",  "logs-{service.name:generic}-default",
                                     NULL };

        ship_well(w, args);
        assert_int_equal(fake_es_docs(es, "logs-shop-default"), LINES);
        assert_int_equal(fake_es_counts(es).created, LINES);

        /* Sent once more, without the checkpoint: the same ids. */
        char *again = tmpdir_path(w->dir, "again");
        free(w->state);
        w->state = again;
        ship_well(w, args);
        assert_int_equal(fake_es_docs(es, NULL), LINES);
        assert_int_equal(fake_es_counts(es).created, LINES);
        assert_int_equal(fake_es_counts(es).conflicts, LINES);
        fake_es_free(es);
}

static void id_is_the_one_in_the_event(void **state)
{
        struct world *w = *state;
        struct fake_es *es = fake_es_new();
        char id[IDENT_LINE_TEXT + 1] = "";

        ship_well(w, (const char *const[]){ "--output", "stdout", NULL });
        char *text = file_read(w->out, NULL);
        memcpy(id, text + EVENT_ID_AT, IDENT_LINE_TEXT);
        free(text);
        free(w->state);
        w->state = tmpdir_path(w->dir, "again");
        ship_well(w, (const char *const[]){ "--output", "elasticsearch", "--url", fake_es_url(es), NULL });
        char *doc = fake_es_doc(es, "logs-generic-default", id);
        assert_non_null(doc);
        assert_non_null(strstr(doc, "\"message\":\"line 0 "));
        free(doc);
        fake_es_free(es);
}

static void each_output_says_what_it_cannot_do_without(void **state)
{
        struct world *w = *state;

        assert_int_equal(ship(w, (const char *const[]){ NULL }), EX_CONFIG);
        assert_said(w, "kafka.brokers and kafka.topic: must be set, in the file or by --brokers HOST:PORT,... "
                       "and --topic NAME; or choose another --output");
        assert_int_equal(ship(w, (const char *const[]){ "--topic", "t", NULL }), EX_CONFIG);
        assert_said(w, "kafka.brokers: must be set, in the file or by --brokers HOST:PORT,...");
        assert_int_equal(ship(w, (const char *const[]){ "--brokers", "b", NULL }), EX_CONFIG);
        assert_said(w, "kafka.topic: must be set, in the file or by --topic NAME");
        assert_int_equal(ship(w, (const char *const[]){ "--output", "file", NULL }), EX_CONFIG);
        assert_said(w, "file.path: must be set, in the file or by --output-file");
        assert_int_equal(ship(w, (const char *const[]){ "--output", "elasticsearch", "--index",
                                                        "a-{user.name}", NULL }),
                         EX_CONFIG);
        assert_said(w, "elasticsearch.index: \"a-{user.name}\": makes no name for inputs.0");
        assert_int_equal(
                ship(w, (const char *const[]){ "--output", "elasticsearch", "--index", "a-{topic}", NULL }),
                EX_CONFIG);
        assert_said(w, "there is no topic on the way");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(stdout_holds_one_event_a_line_and_nothing_else),
                TEST(small_event_is_time_id_message_and_offset),
                TEST(file_holds_each_line_once_over_two_runs),
                TEST(elasticsearch_indexes_each_line_under_its_event_id),
                TEST(id_is_the_one_in_the_event),
                TEST(each_output_says_what_it_cannot_do_without),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
