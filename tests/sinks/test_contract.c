/* SPDX-License-Identifier: Apache-2.0 */
/* What sinks/sink.h promises, asked of every sink.  ctest-label: component
 *
 * A new sink is a new row in `rows`: how to make its destination, the sink, and how to make the
 * destination fall silent and answer again.  Every scenario runs with every row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "sinks/elasticsearch.h"
#include "sinks/file.h"
#include "sinks/kafka.h"
#include "sinks/stdout.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/mock_kafka.h"
#include "tests/fake/sink_flaky.h"
#include "tests/fake/submitter.h"
#include "tests/fake/tmpdir.h"

struct row {
        const char *name;
        void *(*env_new)(void);
        void (*env_free)(void *env); /* after the sink */
        struct sink *(*make)(void *env, struct loop *l, const struct sink_owner *owner,
                             const struct sink_limits *limits, struct err *e);
        void (*silence)(void *env, bool on); /* the destination answers nothing, or again */
        const char *trouble;                 /* what the sentence then contains */
};

/* --- flaky: alone, in parts, and around another one ----------------------------------------- */

struct flaky_env {
        struct sink *sink;
        bool split, wraps;
};

static void *flaky_env_new(void)
{
        return xcalloc(1, sizeof(struct flaky_env));
}

static void *split_env_new(void)
{
        struct flaky_env *env = flaky_env_new();

        env->split = true;
        return env;
}

static void *wrap_env_new(void)
{
        struct flaky_env *env = split_env_new();

        env->wraps = true;
        return env;
}

static struct sink *flaky_make(void *arg, struct loop *l, const struct sink_owner *owner,
                               const struct sink_limits *limits, struct err *e)
{
        struct flaky_env *env = arg;
        struct sink *outer, *inner;
        struct sink_owner between;

        (void)e;
        env->sink = inner = outer = sink_flaky_new(l, owner, limits);
        if (env->wraps) {
                between = sink_flaky_inner_owner(outer);
                env->sink = inner = sink_flaky_new(l, &between, limits);
        }
        sink_flaky_delay(env->sink, 1);
        sink_flaky_split(env->sink, env->split);
        if (env->wraps)
                sink_flaky_wrap(outer, &inner);
        return outer;
}

static void flaky_silence(void *arg, bool on)
{
        struct flaky_env *env = arg;

        sink_flaky_hold(env->sink, on);
        sink_flaky_trouble(env->sink, on ? "it is held" : NULL);
}

/* --- kafka ---------------------------------------------------------------------------------- */

static void *kafka_env_new(void)
{
        struct mock_kafka *kafka = mock_kafka_new(1);

        mock_kafka_topic(kafka, "logs", 2);
        return kafka;
}

static void kafka_env_free(void *env)
{
        mock_kafka_free(env);
}

static struct sink *kafka_make(void *arg, struct loop *l, const struct sink_owner *owner,
                               const struct sink_limits *limits, struct err *e)
{
        struct mock_kafka *kafka = arg;
        char topic[] = "logs", *brokers = xstrdup(kafka->bootstrap);
        const struct kafka_config c = { .brokers = brokers, .topic = topic, .linger_ms = 1 };
        struct sink *s = sink_kafka_new(l, &c, owner, limits, e);

        free(brokers);
        return s;
}

static void kafka_silence(void *arg, bool on)
{
        struct mock_kafka *kafka = arg;

        if (on)
                rd_kafka_mock_broker_set_down(kafka->cluster, 1);
        else
                rd_kafka_mock_broker_set_up(kafka->cluster, 1);
}

/* --- elasticsearch -------------------------------------------------------------------------- */

static void *es_env_new(void)
{
        return fake_es_new();
}

static void es_env_free(void *env)
{
        fake_es_free(env);
}

static struct sink *es_make(void *env, struct loop *l, const struct sink_owner *owner,
                            const struct sink_limits *limits, struct err *e)
{
        char *url = xstrdup(fake_es_url(env));
        const struct es_config c = { .urls = { &url, 1 },
                                     .compression_level = 1,
                                     .workers = 2,
                                     .max_requests = 2,
                                     .concurrency = 2,
                                     .probe_timeout_ms = 1000,
                                     .node_failures = 3,
                                     .node_requests = 64,
                                     .connect_timeout_ms = 2000,
                                     .request_timeout_ms = 5000,
                                     .retry_base_ms = 2,
                                     .retry_max_ms = 50 };
        struct sink *s = sink_elasticsearch_new(l, &c, owner, limits, e);

        free(url);
        return s;
}

static void es_silence(void *env, bool on)
{
        if (on)
                fake_es_down(env);
        else
                fake_es_up(env);
}

/* --- file: silent is a directory that has gone ----------------------------------------------- */

struct file_env {
        char *dir, *out, *away, *path;
        bool lz4;
};

static void *file_env_new(void)
{
        struct file_env *env = xcalloc(1, sizeof(*env));

        env->dir = tmpdir_new();
        env->out = tmpdir_path(env->dir, "out");
        env->away = tmpdir_path(env->dir, "away");
        env->path = tmpdir_path(env->out, "events.ndjson");
        assert_int_equal(mkdir(env->out, 0755), 0);
        return env;
}

static void *lz4_env_new(void)
{
        struct file_env *env = file_env_new();

        env->lz4 = true;
        return env;
}

static void file_env_free(void *arg)
{
        struct file_env *env = arg;

        tmpdir_free(env->dir);
        free(env->out);
        free(env->away);
        free(env->path);
        free(env);
}

static struct sink *file_make(void *arg, struct loop *l, const struct sink_owner *owner,
                              const struct sink_limits *limits, struct err *e)
{
        struct file_env *env = arg;
        const struct file_config c = { .path = env->path,
                                       .compression = env->lz4 ? FILE_LZ4 : FILE_PLAIN,
                                       .sync = FILE_SYNC_BATCH,
                                       .rotate_bytes = 100000,
                                       .max_total_bytes = 1 << 30,
                                       .retry_base_ms = 2,
                                       .retry_max_ms = 20 };

        return sink_file_new(l, &c, owner, limits, e);
}

static void file_silence(void *arg, bool on)
{
        struct file_env *env = arg;

        assert_int_equal(on ? rename(env->out, env->away) : rename(env->away, env->out), 0);
}

/* --- stdout: a named pipe; silent is one without a reader ------------------------------------ */

struct pipe_env {
        char *dir, *path;
        int writer;
        pthread_t thread;
        pthread_mutex_t lock; /* of what follows */
        int reader;           /* -1: nobody reads */
        bool stop;
};

static bool read_some(struct pipe_env *env)
{
        char bytes[65536];

        pthread_mutex_lock(&env->lock);
        while (env->reader >= 0 && read(env->reader, bytes, sizeof(bytes)) > 0)
                ;
        bool stop = env->stop;
        pthread_mutex_unlock(&env->lock);
        return !stop;
}

/* It looks every ms instead of polling the pipe: a poll would keep it open beyond its close. */
static void *read_all(void *arg)
{
        while (read_some(arg))
                poll(NULL, 0, 1);
        return NULL;
}

static void pipe_silence(void *arg, bool on)
{
        struct pipe_env *env = arg;

        pthread_mutex_lock(&env->lock);
        if (on)
                close(env->reader);
        env->reader = on ? -1 : open(env->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        pthread_mutex_unlock(&env->lock);
}

static void *pipe_env_new(void)
{
        struct pipe_env *env = xcalloc(1, sizeof(*env));

        signal(SIGPIPE, SIG_IGN);
        env->dir = tmpdir_new();
        env->path = tmpdir_path(env->dir, "pipe");
        assert_int_equal(mkfifo(env->path, 0600), 0);
        pthread_mutex_init(&env->lock, NULL);
        pipe_silence(env, false);
        env->writer = open(env->path, O_WRONLY | O_CLOEXEC);
        assert_true(env->writer >= 0);
        assert_int_equal(pthread_create(&env->thread, NULL, read_all, env), 0);
        return env;
}

static void pipe_env_free(void *arg)
{
        struct pipe_env *env = arg;

        pthread_mutex_lock(&env->lock);
        env->stop = true;
        pthread_mutex_unlock(&env->lock);
        pthread_join(env->thread, NULL);
        if (env->reader >= 0)
                close(env->reader);
        close(env->writer);
        pthread_mutex_destroy(&env->lock);
        tmpdir_free(env->dir);
        free(env->path);
        free(env);
}

static struct sink *pipe_make(void *arg, struct loop *l, const struct sink_owner *owner,
                              const struct sink_limits *limits, struct err *e)
{
        struct pipe_env *env = arg;

        return sink_stdout_new(l, env->writer, owner, limits, e);
}

/* --- the table ------------------------------------------------------------------------------ */

static const struct row rows[] = {
        { "flaky", flaky_env_new, free, flaky_make, flaky_silence, "it is held" },
        { "flaky in parts", split_env_new, free, flaky_make, flaky_silence, "it is held" },
        { "flaky around flaky", wrap_env_new, free, flaky_make, flaky_silence, "it is held" },
        { "kafka", kafka_env_new, kafka_env_free, kafka_make, kafka_silence, "kafka broker 127.0.0.1:" },
        { "elasticsearch", es_env_new, es_env_free, es_make, es_silence, "http://127.0.0.1:" },
        { "file", file_env_new, file_env_free, file_make, file_silence, "/out/events.ndjson: cannot" },
        { "file, lz4", lz4_env_new, file_env_free, file_make, file_silence,
          "/out/events.ndjson.lz4: cannot" },
        { "stdout", pipe_env_new, pipe_env_free, pipe_make, pipe_silence, "standard output: its reader" },
};

struct world {
        const struct row *row;
        void *env;
        struct submitter *s;
};

static const struct sink_limits tight = { .max_batches = 4, .max_bytes = 256 << 10 };

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));
        struct sink_owner owner;
        struct err e = { 0 };

        w->row = *state;
        w->env = w->row->env_new();
        w->s = submitter_new();
        owner = submitter_owner(w->s);
        w->s->sink = w->row->make(w->env, w->s->loop, &owner, &tight, &e);
        assert_string_equal(e.msg, "");
        assert_non_null(w->s->sink);
        random_seed(1);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        submitter_free(w->s);
        w->row->env_free(w->env);
        free(w);
        return 0;
}

/* --- scenarios ------------------------------------------------------------------------------ */

static void each_record_comes_back_once_with_a_verdict(void **state)
{
        struct world *w = *state;

        for (int i = 0; i < 150; i++)
                submitter_send(w->s, 1 + random_u64() % 40, random_u64() % 2000);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], w->s->made);
        assert_true(w->s->most_batches <= tight.max_batches);
}

static void records_of_awkward_sizes_come_back(void **state)
{
        static const size_t sizes[] = { 0, 1, 2, 1023, 1024, 4095, 65535, 65536, 900000 };
        struct world *w = *state;

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
                submitter_send(w->s, 3 - i % 3, sizes[i] / (3 - i % 3));
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], w->s->made);
}

static void full_by_batches_takes_no_more_and_says_when_there_is_room(void **state)
{
        struct world *w = *state;

        w->row->silence(w->env, true);
        for (size_t i = 0; i < tight.max_batches; i++)
                submitter_send(w->s, 1, 10);
        assert_false(sink_has_room(w->s->sink));
        submitter_turns(w->s, 50);
        assert_int_equal(w->s->back, 0);
        assert_int_equal(w->s->rooms, 0);
        w->row->silence(w->env, false);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->rooms, 1);
        assert_true(sink_has_room(w->s->sink));
}

static void full_by_bytes_takes_no_more_and_says_when_there_is_room(void **state)
{
        struct world *w = *state;

        w->row->silence(w->env, true);
        while (sink_has_room(w->s->sink))
                submitter_send(w->s, 1, tight.max_bytes / 2);
        assert_true(w->s->sink->bytes >= tight.max_bytes);
        assert_true(w->s->sink->batches < tight.max_batches);
        w->row->silence(w->env, false);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->rooms, 1);
}

static void batch_above_the_limit_passes_an_empty_sink(void **state)
{
        struct world *w = *state;

        assert_true(sink_has_room(w->s->sink));
        submitter_send(w->s, 20, tight.max_bytes / 10);
        assert_false(sink_has_room(w->s->sink));
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 20);
        assert_int_equal(w->s->rooms, 1);
}

static void room_is_not_called_when_nobody_asked(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 10, 10);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->rooms, 0);
}

static void owner_may_submit_from_room(void **state)
{
        struct world *w = *state;

        w->s->refill = 50;
        while (sink_has_room(w->s->sink))
                submitter_send(w->s, 10, 100);
        submitter_wait(w->s, 540);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->made, 540);
        assert_int_equal(w->s->count[VERDICT_DONE], 540);
        assert_true(w->s->most_batches <= tight.max_batches);
}

static void silent_destination_is_named_until_it_answers(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 1, 10);
        submitter_wait_all(w->s);
        assert_null(sink_trouble(w->s->sink));
        w->row->silence(w->env, true);
        submitter_send(w->s, 1, 10);
        submitter_wait_trouble(w->s, w->row->trouble);
        w->row->silence(w->env, false);
        submitter_wait_all(w->s);
        assert_null(sink_trouble(w->s->sink));
}

static void close_hands_back_the_rest_as_retry(void **state)
{
        struct world *w = *state;

        submitter_send(w->s, 5, 10);
        submitter_wait_all(w->s);
        w->row->silence(w->env, true);
        for (size_t i = 0; i < tight.max_batches; i++)
                submitter_send(w->s, 10, 100);
        submitter_turns(w->s, 20);
        submitter_close(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 5);
        assert_int_equal(w->s->count[VERDICT_RETRY], 10 * tight.max_batches);
        assert_false(sink_has_room(w->s->sink));
        sink_close(w->s->sink);
        assert_int_equal(w->s->back, w->s->submitted);
}

static void close_right_after_submit_loses_nothing(void **state)
{
        struct world *w = *state;

        for (size_t i = 0; i < tight.max_batches; i++)
                submitter_send(w->s, 10, 100);
        submitter_close(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE] + w->s->count[VERDICT_RETRY], w->s->made);
}

static void close_amid_traffic_loses_nothing(void **state)
{
        struct world *w = *state;

        for (int i = 0; i < 30; i++)
                submitter_send(w->s, 10, 100);
        loop_turn(w->s->loop, 1);
        submitter_close(w->s);
        assert_true(w->s->count[VERDICT_DONE] > 0);
        assert_int_equal(w->s->count[VERDICT_DONE] + w->s->count[VERDICT_RETRY], w->s->made);
}

static void free_closes_what_was_not_closed(void **state)
{
        struct world *w = *state;

        w->row->silence(w->env, true);
        submitter_send(w->s, 10, 100);
        sink_free(w->s->sink);
        w->s->sink = NULL;
        assert_int_equal(w->s->count[VERDICT_RETRY], 10);
}

static void numbers_have_names_without_prefix_and_help(void **state)
{
        struct world *w = *state;
        struct stat_group g = w->s->sink->ops->stats(w->s->sink);

        for (size_t i = 0; i < g.nrows; i++) {
                assert_null(strstr(g.rows[i].name, "sluice"));
                assert_true(strlen(g.rows[i].help) > 0);
                assert_int_equal(g.rows[i].kind == STAT_COUNTER, strstr(g.rows[i].name, "_total") != NULL);
        }
}

static const struct scenario {
        const char *name;
        CMUnitTestFunction run;
} scenarios[] = {
#define SCENARIO(name)                                                                                       \
        {                                                                                                    \
#name, name                                                                                  \
        }
        SCENARIO(each_record_comes_back_once_with_a_verdict),
        SCENARIO(records_of_awkward_sizes_come_back),
        SCENARIO(full_by_batches_takes_no_more_and_says_when_there_is_room),
        SCENARIO(full_by_bytes_takes_no_more_and_says_when_there_is_room),
        SCENARIO(batch_above_the_limit_passes_an_empty_sink),
        SCENARIO(room_is_not_called_when_nobody_asked),
        SCENARIO(owner_may_submit_from_room),
        SCENARIO(silent_destination_is_named_until_it_answers),
        SCENARIO(close_hands_back_the_rest_as_retry),
        SCENARIO(close_right_after_submit_loses_nothing),
        SCENARIO(close_amid_traffic_loses_nothing),
        SCENARIO(free_closes_what_was_not_closed),
        SCENARIO(numbers_have_names_without_prefix_and_help),
};

int main(void)
{
        struct CMUnitTest tests[ARRAY_LEN(rows) * ARRAY_LEN(scenarios)];
        size_t n = 0;
        int failed;

        for (size_t r = 0; r < ARRAY_LEN(rows); r++)
                for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
                        tests[n++] = (struct CMUnitTest){
                                .name = xasprintf("%s: %s", rows[r].name, scenarios[i].name),
                                .test_func = scenarios[i].run,
                                .setup_func = setup,
                                .teardown_func = teardown,
                                .initial_state = (void *)(uintptr_t)&rows[r],
                        };
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        for (size_t i = 0; i < n; i++)
                free((void *)(uintptr_t)tests[i].name);
        return failed;
}
