/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sinks/stdout.h"
#include "tests/fake/submitter.h"
#include "tests/fake/tmpdir.h"

struct world {
        struct submitter *s;
        int in, out;     /* what the sink writes to, and where it comes out; -1: none */
        struct buf read; /* of it */
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        signal(SIGPIPE, SIG_IGN);
        w->s = submitter_new();
        w->in = w->out = -1;
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        submitter_free(w->s);
        if (w->in >= 0)
                close(w->in);
        if (w->out >= 0)
                close(w->out);
        buf_fini(&w->read);
        free(w);
        return 0;
}

static void start(struct world *w)
{
        static const struct sink_limits limits = { .max_batches = 64, .max_bytes = 4 << 20 };
        struct sink_owner owner = submitter_owner(w->s);
        struct err e = { 0 };

        w->s->sink = sink_stdout_new(w->s->loop, w->in, &owner, &limits, &e);
        assert_string_equal(e.msg, "");
        assert_non_null(w->s->sink);
}

static void start_pipe(struct world *w)
{
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        w->out = ends[0];
        w->in = ends[1];
        assert_int_equal(fcntl(w->in, F_SETPIPE_SZ, 4096), 4096);
        assert_int_equal(fcntl(w->out, F_SETFL, O_NONBLOCK), 0);
        start(w);
}

static void read_what_is_there(struct world *w)
{
        char *p = buf_reserve(&w->read, 65536);
        ssize_t n = read(w->out, p, 65536);

        if (n > 0)
                w->read.len += (size_t)n;
}

/* Until all are back and read. */
static void read_all(struct world *w)
{
        while (w->s->back < w->s->submitted) {
                loop_turn(w->s->loop, 10);
                read_what_is_there(w);
        }
        read_what_is_there(w);
}

static void check_numbers(struct buf *b, size_t first, size_t end)
{
        const char *line = buf_cstr(b);

        for (const char *nl; (nl = strchr(line, '\n')) != NULL; line = nl + 1, first++) {
                size_t n;
                assert_int_equal(sscanf(line, "{\"n\":%zu,", &n), 1);
                assert_int_equal(n, first);
                assert_memory_equal(nl - 2, "\"}", 2);
        }
        assert_string_equal(line, "");
        assert_int_equal(first, end);
}

static void full_pipe_is_waited_for_without_blocking(void **state)
{
        struct world *w = *state;

        start_pipe(w);
        submitter_send(w->s, 100, 1000);
        submitter_send(w->s, 100, 1000);
        submitter_turns(w->s, 20);
        assert_int_equal(w->s->back, 0);
        submitter_wait_trouble(w->s, "standard output has taken nothing for ");
        assert_int_equal(fcntl(w->in, F_GETFL) & O_NONBLOCK, 0); /* others share the descriptor */
        read_all(w);
        assert_null(sink_trouble(w->s->sink));
        assert_int_equal(w->s->count[VERDICT_DONE], 200);
        check_numbers(&w->read, 0, 200);
}

static void line_longer_than_the_pipe_arrives_whole(void **state)
{
        struct world *w = *state;

        start_pipe(w);
        submitter_send(w->s, 3, 300000);
        read_all(w);
        check_numbers(&w->read, 0, 3);
}

/* It cannot be opened anew under /proc: small writes after each poll. */
static void socket_is_written_without_blocking(void **state)
{
        struct world *w = *state;
        int ends[2], small = 8192;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        w->out = ends[0];
        w->in = ends[1];
        assert_int_equal(setsockopt(w->in, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
        assert_int_equal(fcntl(w->out, F_SETFL, O_NONBLOCK), 0);
        start(w);
        submitter_send(w->s, 200, 1000);
        submitter_turns(w->s, 20);
        assert_int_equal(w->s->back, 0);
        read_all(w);
        check_numbers(&w->read, 0, 200);
}

static void regular_file_takes_lines_behind_its_position(void **state)
{
        struct world *w = *state;
        char *dir = tmpdir_new(), *path = tmpdir_path(dir, "out");

        w->in = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        start(w);
        for (int i = 0; i < 20; i++)
                submitter_send(w->s, 50, 1000);
        submitter_wait_all(w->s);
        char *text = file_read(path, NULL);
        buf_puts(&w->read, text);
        check_numbers(&w->read, 0, 1000);
        free(text);
        free(path);
        tmpdir_free(dir);
}

static void full_device_is_trouble(void **state)
{
        struct world *w = *state;

        w->in = open("/dev/full", O_WRONLY | O_CLOEXEC);
        start(w);
        submitter_send(w->s, 1, 10);
        submitter_wait_trouble(w->s, "standard output: No space left");
        submitter_close(w->s);
        assert_int_equal(w->s->count[VERDICT_RETRY], 1);
        assert_string_equal(w->s->reason, "No space left on device");
}

static void lines_taken_before_the_close_are_done(void **state)
{
        struct world *w = *state;

        start_pipe(w);
        submitter_send(w->s, 100, 1000); /* the pipe holds three of them and a bit */
        submitter_turns(w->s, 20);
        submitter_close(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], 4);
        assert_int_equal(w->s->count[VERDICT_RETRY], 96);
}

static void new_reader_goes_on_where_the_old_one_stopped(void **state)
{
        struct world *w = *state;
        char *dir = tmpdir_new(), *path = tmpdir_path(dir, "pipe");

        assert_int_equal(mkfifo(path, 0600), 0);
        w->out = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        w->in = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(fcntl(w->in, F_SETPIPE_SZ, 4096), 4096);
        start(w);
        submitter_send(w->s, 20, 1000);
        submitter_turns(w->s, 20);
        assert_int_equal(w->s->back, 0);
        close(w->out); /* the pipe holds a few lines and the half of another */
        submitter_wait_trouble(w->s, "standard output: its reader has gone");
        w->out = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        read_all(w);
        check_numbers(&w->read, 0, 20);
        free(path);
        tmpdir_free(dir);
}

static void closed_descriptor_is_an_error_at_the_start(void **state)
{
        struct world *w = *state;
        struct sink_owner owner = submitter_owner(w->s);
        struct err e = { 0 };

        assert_null(sink_stdout_new(w->s->loop, 1000, &owner, &(struct sink_limits){ 1, 1 }, &e));
        assert_non_null(strstr(e.msg, "standard output: Bad file descriptor"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(full_pipe_is_waited_for_without_blocking),
                TEST(line_longer_than_the_pipe_arrives_whole),
                TEST(socket_is_written_without_blocking),
                TEST(regular_file_takes_lines_behind_its_position),
                TEST(full_device_is_trouble),
                TEST(lines_taken_before_the_close_are_done),
                TEST(new_reader_goes_on_where_the_old_one_stopped),
                TEST(closed_descriptor_is_an_error_at_the_start),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
