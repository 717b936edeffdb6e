/* SPDX-License-Identifier: Apache-2.0 */
/* ctest-label: component (forks) */
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/ackwin.h"
#include "base/check.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/queue.h"
#include "sinks/batch.h"

/* Each of these is a bug of the caller and must end the process. */

static void a_false_expression(void)
{
        volatile int one = 1;

        CHECK(one == 2);
}

static void an_ack_twice(void)
{
        struct ackwin w;
        uint64_t a, b;

        ackwin_init(&w, 4, 0);
        if (ackwin_open(&w, 1, &a) == 0 && ackwin_open(&w, 2, &b) == 0) {
                ackwin_ack(&w, b);
                ackwin_ack(&w, b);
        }
}

static void an_ack_twice_after_it_was_committed(void)
{
        struct ackwin w;
        uint64_t a;

        ackwin_init(&w, 4, 0);
        if (ackwin_open(&w, 1, &a) == 0) {
                ackwin_ack(&w, a);
                ackwin_ack(&w, a);
        }
}

static void an_ack_of_what_was_never_opened(void)
{
        struct ackwin w;

        ackwin_init(&w, 4, 0);
        ackwin_ack(&w, 0);
}

static void a_position_that_goes_back(void)
{
        struct ackwin w;
        uint64_t a;

        ackwin_init(&w, 4, 10);
        if (ackwin_open(&w, 9, &a) == 0)
                ackwin_fini(&w);
}

static void a_queue_freed_with_items_inside(void)
{
        struct queue *q = queue_new(1, 1);
        struct qitem item = { 0 }, *i = &item;

        if (queue_push(q, &i) == 0)
                queue_free(q);
}

static void a_null_value_in_a_map(void)
{
        struct map m = { 0 };

        map_put(&m, 1, NULL);
}

static void a_second_verdict(void)
{
        struct batch *b = batch_new(0);
        struct record *r = batch_add(b);

        batch_settle(b, r, VERDICT_DONE, 0, NULL, 0);
        batch_settle(b, r, VERDICT_DONE, 0, NULL, 0);
}

static void ring(struct timer *t)
{
        (void)t;
}

static void a_loop_freed_with_a_timer_armed(void)
{
        struct timer t = { .name = "t", .fn = ring };
        struct loop *l = loop_new(&clock_system, NULL);

        timer_arm(l, &t, 1);
        loop_free(l);
}

/* Runs fn in a child and returns its wait status; what it said last is in said. */
static int in_child(void (*fn)(void), char *said, size_t size)
{
        struct rlimit no_core = { 0, 0 };
        int out[2], status;
        ssize_t n;
        pid_t pid;

        assert_int_equal(pipe(out), 0);
        pid = fork();
        if (pid == 0) {
                setrlimit(RLIMIT_CORE, &no_core);
                signal(SIGABRT, SIG_DFL);
                dup2(out[1], STDERR_FILENO);
                fn();
                _exit(0);
        }
        close(out[1]);
        n = read(out[0], said, size - 1);
        said[n > 0 ? n : 0] = '\0';
        close(out[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void bugs_abort_in_every_build(void **state)
{
        static void (*const bugs[])(void) = {
                a_false_expression,
                an_ack_twice,
                an_ack_twice_after_it_was_committed,
                an_ack_of_what_was_never_opened,
                a_position_that_goes_back,
                a_queue_freed_with_items_inside,
                a_null_value_in_a_map,
                a_second_verdict,
                a_loop_freed_with_a_timer_armed,
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bugs); i++) {
                char said[1000];
                int status = in_child(bugs[i], said, sizeof(said));

                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
                assert_non_null(strstr(said, "CHECK("));
        }
}

static void a_failed_check_says_where_and_what(void **state)
{
        char said[1000];

        (void)state;
        in_child(a_false_expression, said, sizeof(said));
        assert_non_null(strstr(said, "test_check.c:"));
        assert_non_null(strstr(said, "a_false_expression: CHECK(one == 2) failed\n"));
}

static void a_true_expression_is_evaluated_once(void **state)
{
        int n = 0;

        (void)state;
        CHECK(++n == 1);
        assert_int_equal(n, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bugs_abort_in_every_build),
                cmocka_unit_test(a_failed_check_says_where_and_what),
                cmocka_unit_test(a_true_expression_is_evaluated_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
