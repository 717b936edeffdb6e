/* SPDX-License-Identifier: Apache-2.0 */
/* The file sink beyond the contract: what stands in the file.  ctest-label: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "sinks/file.h"
#include "sinks/ndjson.h"
#include "tests/fake/submitter.h"
#include "tests/fake/tmpdir.h"

struct world {
        char *dir;
        struct file_config config;
        struct submitter *s;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        w->dir = tmpdir_new();
        w->config = (struct file_config){ .path = tmpdir_path(w->dir, "out"),
                                          .sync = FILE_SYNC_BATCH,
                                          .rotate_bytes = 1 << 20,
                                          .max_total_bytes = 1 << 30,
                                          .retry_base_ms = 1,
                                          .retry_max_ms = 10 };
        w->s = submitter_new();
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        submitter_free(w->s);
        tmpdir_free(w->dir);
        free(w->config.path);
        free(w);
        return 0;
}

static void start(struct world *w)
{
        static const struct sink_limits limits = { .max_batches = 64, .max_bytes = 1 << 20 };
        struct sink_owner owner = submitter_owner(w->s);
        struct err e = { 0 };

        w->s->sink = sink_file_new(w->s->loop, &w->config, &owner, &limits, &e);
        assert_string_equal(e.msg, "");
        assert_non_null(w->s->sink);
}

static int64_t stat_of(struct world *w, const char *name)
{
        struct stat_group g = w->s->sink->ops->stats(w->s->sink);

        for (size_t i = 0; i < g.nrows; i++)
                if (strcmp(g.rows[i].name, name) == 0)
                        return stat_get((const struct stat_value *)((const char *)g.base + g.rows[i].offset));
        fail_msg("no number %s", name);
        return -1;
}

/* Reads the numbers of records out of a file: they go on from first, without a gap. Returns the next one. */
static size_t check_numbers(struct world *w, const char *name, size_t first)
{
        char *path = tmpdir_path(w->dir, name), *text = file_read(path, NULL), *line = text;

        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, first++) {
                size_t n;
                assert_int_equal(sscanf(line, "{\"n\":%zu,", &n), 1);
                assert_int_equal(n, first);
                assert_memory_equal(end - 2, "\"}", 2);
        }
        assert_string_equal(line, "");
        free(text);
        free(path);
        return first;
}

static void lines_stand_in_the_order_of_their_submission(void **state)
{
        struct world *w = *state;

        start(w);
        for (size_t i = 0; i < 300; i++)
                submitter_send(w->s, 1 + i % 7, i * 13 % 4000);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], w->s->made);
        assert_int_equal(stat_of(w, "file_lines_total"), w->s->made);
        submitter_close(w->s);
        size_t next = 0;
        char name[16];
        for (int n = 20; n > 0; n--) {
                char *path = xasprintf("%s.%d", w->config.path, n);
                snprintf(name, sizeof(name), "out.%d", n);
                if (access(path, F_OK) == 0)
                        next = check_numbers(w, name, next);
                free(path);
        }
        assert_true(next > 0); /* it was rotated */
        assert_int_equal(check_numbers(w, "out", next), w->s->made);
}

static void newline_inside_a_value_becomes_a_blank(void **state)
{
        struct world *w = *state;
        struct batch *b = batch_new(0);
        static const char text[] = "{\n\"a\":\n1}";
        struct slice value = batch_put(b, text, sizeof(text) - 1);

        start(w);
        batch_add(b)->value = value;
        w->s->made = 1;
        submitter_submit(w->s, &b);
        submitter_wait_all(w->s);
        char *found = file_read(w->config.path, NULL);
        assert_string_equal(found, "{ \"a\": 1}\n");
        free(found);
}

static void many_batches_share_a_sync(void **state)
{
        struct world *w = *state;

        start(w);
        for (int i = 0; i < 50; i++) { /* the first goes at once, the others gather behind it */
                struct batch *b = submitter_batch(w->s, 1, 10);
                submitter_submit(w->s, &b);
        }
        submitter_wait_all(w->s);
        assert_true(stat_of(w, "file_syncs_total") >= 1);
        assert_true(stat_of(w, "file_syncs_total") <= 3);
        assert_int_equal(stat_of(w, "file_writes_total"), stat_of(w, "file_syncs_total"));
}

static void full_stops_progress_until_there_is_room(void **state)
{
        struct world *w = *state;
        char *rotated = xasprintf("%s.1", w->config.path);

        w->config.rotate_bytes = 3000;
        w->config.max_total_bytes = 6000;
        start(w);
        for (int i = 0; i < 2; i++) {
                submitter_send(w->s, 2, 1200);
                submitter_wait_all(w->s);
        }
        submitter_send(w->s, 2, 1200);
        submitter_wait_trouble(w->s, "out: full: ");
        submitter_turns(w->s, 50);
        assert_int_equal(w->s->back, 4);
        assert_true(stat_of(w, "file_write_errors_total") > 0);
        assert_int_equal(remove(rotated), 0);
        submitter_wait_all(w->s);
        assert_null(sink_trouble(w->s->sink));
        assert_int_equal(w->s->count[VERDICT_DONE], 6);
        free(rotated);
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void failing_disk_tears_no_line_and_loses_none(void **state)
{
        struct world *w = *state;

        signal(SIGXFSZ, SIG_IGN);
        start(w);
        submitter_send(w->s, 10, 100);
        submitter_wait_all(w->s);
        limit_file_size(2000); /* the next write stops in the middle */
        submitter_send(w->s, 10, 100);
        submitter_wait_trouble(w->s, "out: cannot write: File too large");
        check_numbers(w, "out", 0);
        limit_file_size(RLIM_INFINITY);
        submitter_wait_all(w->s);
        assert_int_equal(check_numbers(w, "out", 0), 20);
}

static void close_says_why_it_hands_back(void **state)
{
        struct world *w = *state;

        signal(SIGXFSZ, SIG_IGN);
        start(w);
        limit_file_size(10);
        submitter_send(w->s, 1, 100);
        submitter_wait_trouble(w->s, "cannot write");
        submitter_close(w->s);
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(w->s->count[VERDICT_RETRY], 1);
        assert_non_null(strstr(w->s->reason, "out: cannot write"));
}

static void path_that_cannot_be_is_an_error_at_the_start(void **state)
{
        struct world *w = *state;
        struct sink_owner owner = submitter_owner(w->s);
        struct err e = { 0 };

        free(w->config.path);
        w->config.path = tmpdir_path(w->dir, "none/out");
        assert_null(sink_file_new(w->s->loop, &w->config, &owner, &(struct sink_limits){ 1, 1 }, &e));
        assert_non_null(strstr(e.msg, "none/out: cannot open: No such file"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(lines_stand_in_the_order_of_their_submission),
                TEST(newline_inside_a_value_becomes_a_blank),
                TEST(many_batches_share_a_sync),
                TEST(full_stops_progress_until_there_is_room),
                TEST(failing_disk_tears_no_line_and_loses_none),
                TEST(close_says_why_it_hands_back),
                TEST(path_that_cannot_be_is_an_error_at_the_start),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
