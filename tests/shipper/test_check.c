/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice-shipper check` against what may be wrong around a shipper, and `files`, which needs none of it.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/check.h"
#include "base/mem.h"
#include "tests/fake/child.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/raw_server.h"
#include "tests/fake/tmpdir.h"

enum { MAX_ARGS = 24 };

struct world {
        char *dir, *log, *state, *out, *err;
        struct mock_kafka *kafka;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        w->dir = tmpdir_new();
        w->log = tmpdir_path(w->dir, "app.log");
        w->state = tmpdir_path(w->dir, "state");
        w->out = tmpdir_path(w->dir, "stdout");
        w->err = tmpdir_path(w->dir, "stderr");
        file_write(w->log, "a line\n");
        w->kafka = mock_kafka_new(1);
        mock_kafka_topic(w->kafka, "logs", 1);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        mock_kafka_free(w->kafka);
        tmpdir_free(w->dir);
        free(w->log);
        free(w->state);
        free(w->out);
        free(w->err);
        free(w);
        return 0;
}

/* more: NULL at the end. */
static int shipper(struct world *w, const char *verb, const char *const *more)
{
        const char *args[MAX_ARGS] = { verb, "--state", w->state };

        for (size_t n = 3; *more; more++) {
                assert_true(n < MAX_ARGS - 1);
                args[n++] = *more;
        }
        return child_run("sluice-shipper", args, w->out, w->err);
}

static void expect(struct world *w, int code, int expected, const char *sentence)
{
        char *out = file_read(w->out, NULL), *err = file_read(w->err, NULL);

        if (!strstr(out, sentence) && !strstr(err, sentence))
                fail_msg("not said: %s\n%s%s", sentence, out, err);
        if (code != expected)
                fail_msg("exit code %d instead of %d:\n%s%s", code, expected, out, err);
        free(out);
        free(err);
}

static int check_kafka(struct world *w, const char *brokers, const char *topic, const char *property)
{
        char *list = xasprintf("kafka.librdkafka=[%s]", property);
        int code = shipper(w, "check",
                           (const char *const[]){ "--brokers", brokers, "--topic", topic, "--set",
                                                  "start_timeout=\"2 s\"", "--set", list, w->log, NULL });
        free(list);
        return code;
}

static void all_is_well(void **state)
{
        struct world *w = *state;

        expect(w, check_kafka(w, w->kafka->bootstrap, "logs", ""), EX_OK, "ok    topic logs");
}

static void what_is_wrong_with_kafka_is_one_sentence(void **state)
{
        struct world *w = *state;
        struct raw_server *tls = raw_server_new(RAW_TLS_ALERT, sizeof(RAW_TLS_ALERT) - 1),
                          *silent = raw_server_new(NULL, 0);
        const struct {
                const char *brokers, *topic, *property;
                int code;
                const char *sentence;
        } cases[] = {
                { raw_server_address(tls), "logs", "", EX_UNAVAILABLE,
                  "whether this port wants TLS, a user, or neither (kafka.security)" },
                { w->kafka->bootstrap, "logs", "\"security.protocol=ssl\"", EX_UNAVAILABLE,
                  "whether this port wants TLS, a user, or neither (kafka.security)" },
                { raw_server_address(silent), "logs", "", EX_UNAVAILABLE, raw_server_address(silent) },
                { "nowhere.invalid:9092", "logs", "", EX_UNAVAILABLE,
                  "look at kafka.brokers and at the name service" },
                { "127.0.0.1:1", "logs", "", EX_UNAVAILABLE, "nothing listens there: is the broker up" },
                { w->kafka->bootstrap, "nowhere", "", EX_UNAVAILABLE, "FAIL  topic nowhere" },
                { w->kafka->bootstrap, "logs", "\"security.protocol=ssl\",\"ssl.ca.location=/nowhere.pem\"",
                  EX_CONFIG, "librdkafka: ssl.ca.location failed" },
                { w->kafka->bootstrap, "logs", "\"acks=1\"", EX_CONFIG,
                  "kafka.librdkafka property acks cannot be set" },
                { "http://kafka:9092", "logs", "", EX_CONFIG,
                  "kafka.brokers: takes HOST:PORT,... without http://" },
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                expect(w, check_kafka(w, cases[i].brokers, cases[i].topic, cases[i].property), cases[i].code,
                       cases[i].sentence);
        raw_server_free(tls);
        raw_server_free(silent);
}

static void elasticsearch_as_output_is_looked_at(void **state)
{
        struct world *w = *state;
        struct fake_es *es = fake_es_new();
        const char *const args[] = { "--output", "elasticsearch", "--url", fake_es_url(es), w->log, NULL };

        fake_es_request_rule(es, &(struct fake_es_request_rule){ .path = "/", .status = 401 });
        expect(w, shipper(w, "check", args), EX_NOPERM, "answers 401: set elasticsearch.api_key");
        fake_es_free(es);
}

static void what_is_wrong_with_files_and_state_is_named(void **state)
{
        struct world *w = *state;
        char *below_file = tmpdir_path(w->dir, "app.log/state"), *nothing = tmpdir_path(w->dir, "*.nothing");
        const char *const plain[] = { "--output", "stdout", w->log, NULL };
        const char *const none[] = { "--output", "stdout", nothing, NULL };

        expect(w, shipper(w, "check", none), EX_OK, "matches no file");
        expect(w, shipper(w, "check", plain), EX_OK, "is not there yet, will be made");
        free(w->state);
        w->state = below_file;
        expect(w, shipper(w, "check", plain), EX_CANTCREAT, "app.log/state");
        expect(w, shipper(w, "run", plain), EX_CANTCREAT, "app.log/state");
        free(nothing);
}

/* Positions are a matter of the state directory alone. */
static void files_needs_no_output_and_takes_names(void **state)
{
        struct world *w = *state;
        char *ndjson = tmpdir_path(w->dir, "events.ndjson"), *other = tmpdir_path(w->dir, "other.log");

        file_write(other, "another line\n");
        expect(w, shipper(w, "files", (const char *const[]){ NULL }), EX_NOINPUT,
               "no shipper has stored a position");
        expect(w,
               shipper(w, "run",
                       (const char *const[]){ "--once", "--output", "file", "--output-file", ndjson, "--http",
                                              "127.0.0.1:0", w->log, other, NULL }),
               EX_OK, "stopped");
        expect(w, shipper(w, "files", (const char *const[]){ NULL }), EX_OK, "2 files, 0 B behind");
        expect(w, shipper(w, "files", (const char *const[]){ other, NULL }), EX_OK, "1 file, 0 B behind");
        expect(w, shipper(w, "files", (const char *const[]){ "/nowhere/*.log", NULL }), EX_NOINPUT,
               "holds none of these files");
        free(ndjson);
        free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(all_is_well),
                TEST(what_is_wrong_with_kafka_is_one_sentence),
                TEST(elasticsearch_as_output_is_looked_at),
                TEST(what_is_wrong_with_files_and_state_is_named),
                TEST(files_needs_no_output_and_takes_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
