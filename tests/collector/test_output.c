/* SPDX-License-Identifier: Apache-2.0 */
/* The program with each output besides Elasticsearch, from a topic to the other end.  ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "tests/fake/child.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/tmpdir.h"

enum { RECORDS = 200, MAX_ARGS = 24 };

struct world {
        char *dir, *out, *err;
        struct mock_kafka *kafka;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));
        char value[64];

        w->dir = tmpdir_new();
        w->out = tmpdir_path(w->dir, "stdout");
        w->err = tmpdir_path(w->dir, "stderr");
        w->kafka = mock_kafka_new(1);
        mock_kafka_topic(w->kafka, "logs", 1);
        for (int i = 0; i < RECORDS; i++) {
                int n = snprintf(value, sizeof(value),
                                 "{\"@timestamp\":\"2026-11-23T10:00:00.000Z\",\n\"n\":%d}", i);
                mock_kafka_put(w->kafka, "logs",
                               &(struct mock_record){ .value = value, .value_len = (size_t)n });
        }
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        mock_kafka_free(w->kafka);
        tmpdir_free(w->dir);
        free(w->out);
        free(w->err);
        free(w);
        return 0;
}

static int collect(struct world *w, const char *const *more)
{
        char *dead = xasprintf("dlq.dir=\"%s/dead\"", w->dir);
        const char *args[MAX_ARGS] = { "--once", "--brokers", w->kafka->bootstrap, "--topic", "logs",
                                       "--http", "127.0.0.1:0", "--set", dead };

        for (size_t n = 9; *more; more++) {
                assert_true(n < MAX_ARGS - 1);
                args[n++] = *more;
        }
        int code = child_run("sluice-collector", args, w->out, w->err);
        free(dead);
        return code;
}

static void collect_well(struct world *w, const char *const *more)
{
        int code = collect(w, more);

        if (code != EX_OK) {
                char *said = file_read(w->err, NULL);
                fail_msg("exit code %d: %s", code, said);
        }
}

/* One partition, so the records' order is the lines'. */
static void check_documents(const char *path)
{
        char *text = file_read(path, NULL), *line = text, *number;
        int n = 0;

        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
                *end = '\0';
                number = strstr(line, "\"n\":");
                assert_non_null(number);
                assert_int_equal(atoi(number + 4), n);
        }
        assert_string_equal(line, "");
        assert_int_equal(n, RECORDS);
        free(text);
}

static void stdout_holds_one_document_a_line_and_nothing_else(void **state)
{
        struct world *w = *state;

        collect_well(w, (const char *const[]){ "--output", "stdout", NULL });
        check_documents(w->out);
}

/* An index name that cannot be made concerns Elasticsearch alone. */
static void file_holds_each_record_whatever_the_index(void **state)
{
        struct world *w = *state;
        char *path = tmpdir_path(w->dir, "events.ndjson");

        collect_well(w, (const char *const[]){ "--output", "file", "--output-file", path, "--index",
                                               "logs-{absent}", NULL });
        check_documents(path);
        free(path);
}

static void kafka_is_no_output_of_the_collector(void **state)
{
        struct world *w = *state;

        assert_int_equal(collect(w, (const char *const[]){ "--output", "kafka", NULL }), EX_CONFIG);
        char *said = file_read(w->err, NULL);
        assert_non_null(strstr(said, "elasticsearch"));
        free(said);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(stdout_holds_one_document_a_line_and_nothing_else),
                TEST(file_holds_each_record_whatever_the_index),
                TEST(kafka_is_no_output_of_the_collector),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
