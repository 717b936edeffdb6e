/* SPDX-License-Identifier: Apache-2.0 */
/* ctest-label: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/loop.h"

static struct clock_fake fake;

static struct loop *fresh(void)
{
        struct err e;
        struct loop *l;

        clock_fake_init(&fake);
        l = loop_new(&fake.clock, &e);
        assert_non_null(l);
        return l;
}

static int64_t real_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

/* Moves the fake clock to `ms` after now and does one turn without waiting. */
static void later(struct loop *l, int64_t ms)
{
        clock_fake_advance(&fake, ms);
        loop_turn(l, 0);
}

/* --- timers -------------------------------------------------------------------------------- */

struct tick {
        struct timer t;
        struct loop *l;
        int fired;
        int64_t again_ms;    /* armed again with this; -1: no */
        struct tick *victim; /* disarmed by the callback */
};

static int order[32], norder;

static void on_tick(struct timer *t)
{
        struct tick *k = t->arg;

        assert_false(timer_armed(t));
        k->fired++;
        if (norder < 32)
                order[norder++] = (int)k->t.at_ms;
        if (k->again_ms >= 0)
                timer_arm(k->l, t, k->again_ms);
        if (k->victim != NULL)
                timer_disarm(k->l, &k->victim->t);
}

static struct tick tick(struct loop *l)
{
        return (struct tick){ .t = { .name = "tick", .fn = on_tick }, .l = l, .again_ms = -1 };
}

static void timer_fires_once_when_its_time_has_come(void **state)
{
        struct loop *l = fresh();
        struct tick k = tick(l);

        (void)state;
        k.t.arg = &k;
        timer_arm(l, &k.t, 100);
        later(l, 99);
        assert_int_equal(k.fired, 0);
        assert_true(timer_armed(&k.t));
        later(l, 1);
        assert_int_equal(k.fired, 1);
        assert_false(timer_armed(&k.t));
        later(l, 1000);
        assert_int_equal(k.fired, 1);
        loop_free(l);
}

static void arming_again_moves_a_timer(void **state)
{
        struct loop *l = fresh();
        struct tick k = tick(l);

        (void)state;
        k.t.arg = &k;
        timer_arm(l, &k.t, 10);
        timer_arm(l, &k.t, 50);
        later(l, 20);
        assert_int_equal(k.fired, 0);
        timer_arm(l, &k.t, 5);
        later(l, 5);
        assert_int_equal(k.fired, 1);
        timer_disarm(l, &k.t);
        loop_free(l);
}

static void a_timer_without_delay_does_not_hold_the_loop(void **state)
{
        struct loop *l = fresh();
        struct tick k = tick(l);

        (void)state;
        k.t.arg = &k;
        k.again_ms = 0;
        timer_arm(l, &k.t, -5);
        for (int i = 1; i <= 5; i++) {
                loop_turn(l, -1); /* does not wait: it is due */
                assert_int_equal(k.fired, i);
        }
        timer_disarm(l, &k.t);
        loop_free(l);
}

static void a_callback_may_disarm_a_timer_that_is_due_too(void **state)
{
        struct loop *l = fresh();
        struct tick a = tick(l), b = tick(l);

        (void)state;
        a.t.arg = &a;
        b.t.arg = &b;
        a.victim = &b;
        timer_arm(l, &a.t, 1);
        timer_arm(l, &b.t, 2);
        later(l, 10);
        assert_int_equal(a.fired, 1);
        assert_int_equal(b.fired, 0);
        loop_free(l);
}

/* Hundreds of timers armed, moved and disarmed at random, against their plain list. */
static void many_timers_fire_in_order_and_on_time(void **state)
{
        enum { N = 300, STEPS = 3000 };
        static struct tick k[N];
        int64_t at[N], now = 0; /* -1: not armed */
        int want[N] = { 0 };
        struct loop *l = fresh();

        (void)state;
        random_seed(11);
        for (int i = 0; i < N; i++) {
                k[i] = tick(l);
                k[i].t.arg = &k[i];
                at[i] = -1;
        }
        for (int step = 0; step < STEPS; step++) {
                size_t i = random_u64() % N;
                int64_t d = (int64_t)(random_u64() % 200);

                switch (random_u64() % 5) {
                case 0:
                        timer_disarm(l, &k[i].t);
                        at[i] = -1;
                        break;
                case 1:
                        now += d / 20;
                        norder = 0;
                        later(l, d / 20);
                        for (int j = 1; j < norder; j++)
                                assert_true(order[j - 1] <= order[j]);
                        for (size_t j = 0; j < N; j++)
                                if (at[j] >= 0 && at[j] <= now) {
                                        want[j]++;
                                        at[j] = -1;
                                }
                        break;
                default:
                        timer_arm(l, &k[i].t, d);
                        at[i] = now + d;
                }
                for (size_t j = 0; j < N; j++) {
                        assert_int_equal(k[j].fired, want[j]);
                        assert_int_equal(timer_armed(&k[j].t), at[j] >= 0);
                }
        }
        for (int i = 0; i < N; i++)
                timer_disarm(l, &k[i].t);
        loop_free(l);
}

static void the_wait_ends_with_the_earliest_timer_or_the_given_limit(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        struct tick k = tick(l);
        int64_t start;

        (void)state;
        k.t.arg = &k;
        start = real_ms();
        loop_turn(l, 20);
        assert_in_range(real_ms() - start, 19, 5000);
        start = real_ms();
        timer_arm(l, &k.t, 30);
        while (k.fired == 0 && real_ms() - start < 10000)
                loop_turn(l, -1);
        assert_in_range(real_ms() - start, 29, 5000);
        assert_int_equal(k.fired, 1);
        loop_free(l);

        l = fresh(); /* a far timer on a clock that stands still */
        k.l = l;
        timer_arm(l, &k.t, 3600 * 1000);
        start = real_ms();
        loop_turn(l, 5);
        assert_in_range(real_ms() - start, 0, 5000);
        timer_disarm(l, &k.t);
        loop_free(l);
}

/* --- descriptors --------------------------------------------------------------------------- */

struct watch {
        struct io io;
        struct loop *l;
        int called;
        struct watch *victim; /* removed and wiped by the callback */
};

static void on_io(struct io *io, uint32_t events)
{
        struct watch *w = io->arg;

        assert_true(events & EPOLLIN);
        w->called++;
        if (w->victim != NULL) {
                struct watch *v = w->victim;

                loop_del(w->l, &v->io);
                memset(&v->io, 0xee, sizeof(v->io)); /* as if it were freed */
                w->victim = NULL;
        }
}

static void watch(struct watch *w, struct loop *l, int fd)
{
        *w = (struct watch){ .io = { .fd = fd, .name = "test", .fn = on_io, .arg = w }, .l = l };
        loop_add(l, &w->io, EPOLLIN);
}

static void a_descriptor_is_told_until_it_is_read_or_removed(void **state)
{
        struct loop *l = fresh();
        int fd = eventfd(1, EFD_NONBLOCK);
        struct watch w;

        (void)state;
        watch(&w, l, fd);
        loop_turn(l, -1);
        loop_turn(l, -1);
        assert_int_equal(w.called, 2);
        loop_add(l, &w.io, 0);
        loop_turn(l, 0);
        assert_int_equal(w.called, 2);
        loop_add(l, &w.io, EPOLLIN);
        loop_turn(l, -1);
        assert_int_equal(w.called, 3);
        loop_del(l, &w.io);
        loop_del(l, &w.io);
        loop_turn(l, 0);
        assert_int_equal(w.called, 3);
        close(fd);
        loop_free(l);
}

/* Which of the two comes first is the kernel's choice: whoever does removes the other. */
static void an_event_fetched_for_a_removed_one_is_skipped(void **state)
{
        struct loop *l = fresh();
        int a = eventfd(1, 0), b = eventfd(1, 0);
        struct watch x, y;

        (void)state;
        watch(&x, l, a);
        watch(&y, l, b);
        x.victim = &y;
        y.victim = &x;
        loop_turn(l, -1);
        assert_int_equal(x.called + y.called, 1);
        loop_del(l, x.called == 1 ? &x.io : &y.io);
        close(a);
        close(b);
        loop_free(l);
}

static void one_may_remove_itself(void **state)
{
        struct loop *l = fresh();
        int fd = eventfd(1, 0);
        struct watch w;

        (void)state;
        watch(&w, l, fd);
        w.victim = &w;
        loop_turn(l, -1);
        loop_turn(l, 0);
        assert_int_equal(w.called, 1);
        close(fd);
        loop_free(l);
}

static void a_descriptor_closed_by_its_library_can_be_removed_or_come_again(void **state)
{
        struct loop *l = fresh();
        int fd = eventfd(1, 0), again;
        struct watch w;

        (void)state;
        watch(&w, l, fd);
        close(fd);
        again = eventfd(1, 0);
        assert_int_equal(again, fd);
        loop_add(l, &w.io, EPOLLIN);
        loop_turn(l, -1);
        assert_int_equal(w.called, 1);
        close(again);
        loop_del(l, &w.io);
        loop_free(l);
}

static void more_descriptors_than_one_fetch_all_get_their_turn(void **state)
{
        enum { N = 200 };
        static struct watch w[N];
        struct loop *l = fresh();

        (void)state;
        for (int i = 0; i < N; i++)
                watch(&w[i], l, eventfd(1, 0));
        for (int i = 0; i < 4; i++)
                loop_turn(l, -1);
        for (int i = 0; i < N; i++) {
                assert_in_range(w[i].called, 1, 3);
                loop_del(l, &w[i].io);
                close(w[i].io.fd);
        }
        loop_free(l);
}

/* --- signals, wake-ups, stopping ----------------------------------------------------------- */

static int signals, turns;

static void on_signal(int signo, void *arg)
{
        assert_int_equal(signo, SIGUSR1);
        signals++;
        loop_stop(arg);
}

static void on_turn(void *arg)
{
        turns++;
        if (arg != NULL && turns == 3)
                loop_stop(arg);
}

static void a_signal_may_stop_the_loop_and_the_turn_is_finished(void **state)
{
        struct loop *l = fresh();

        (void)state;
        signals = turns = 0;
        loop_on_signal(l, SIGUSR1, on_signal, l);
        loop_on_turn(l, on_turn, NULL);
        kill(getpid(), SIGUSR1);
        loop_run(l);
        assert_int_equal(signals, 1);
        assert_int_equal(turns, 1);
        kill(getpid(), SIGUSR1);
        loop_run(l);
        assert_int_equal(signals, 2);
        loop_on_turn(l, NULL, NULL);
        loop_free(l);
}

static void a_stop_before_the_run_is_not_forgotten(void **state)
{
        struct loop *l = fresh();

        (void)state;
        loop_stop(l);
        loop_run(l);
        loop_free(l);
}

static void *waker(void *arg)
{
        for (int i = 0; i < 1000; i++)
                loop_wake(arg);
        return NULL;
}

static void other_threads_wake_the_loop(void **state)
{
        struct loop *l = fresh();
        pthread_t t[2];

        (void)state;
        turns = 0;
        loop_on_turn(l, on_turn, NULL);
        loop_wake(l);
        loop_turn(l, -1);
        assert_int_equal(turns, 1);
        assert_int_equal(pthread_create(&t[0], NULL, waker, l), 0);
        assert_int_equal(pthread_create(&t[1], NULL, waker, l), 0);
        while (turns < 3)
                loop_turn(l, 20000 * (turns == 1));
        pthread_join(t[0], NULL);
        pthread_join(t[1], NULL);
        loop_turn(l, 0);
        loop_on_turn(l, NULL, NULL);
        loop_free(l);
}

static void ignore(int signo)
{
        (void)signo;
}

static void an_interrupted_wait_is_a_turn_without_events(void **state)
{
        struct sigaction act = { .sa_handler = ignore };
        struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, off = { 0 };
        struct loop *l = fresh();

        (void)state;
        turns = 0;
        sigaction(SIGALRM, &act, NULL);
        loop_on_turn(l, on_turn, l);
        setitimer(ITIMER_REAL, &every, NULL);
        loop_run(l); /* only the interruptions make turns; the third stops */
        setitimer(ITIMER_REAL, &off, NULL);
        assert_int_equal(turns, 3);
        loop_on_turn(l, NULL, NULL);
        loop_free(l);
}

/* --- lag ----------------------------------------------------------------------------------- */

static void slow(struct timer *t)
{
        clock_fake_advance(&fake, (int64_t)(intptr_t)t->arg);
}

static void the_slowest_callback_of_the_last_minute_is_known_by_name(void **state)
{
        struct loop *l = fresh();
        struct timer a = { .name = "a", .fn = slow, .arg = (void *)40 };
        struct timer b = { .name = "b", .fn = slow, .arg = (void *)7 };
        int64_t now = loop_now_ms(l);

        (void)state;
        assert_string_equal(loop_lag(l).worst_name, "");
        timer_arm(l, &a, 0);
        timer_arm(l, &b, 0);
        loop_turn(l, 0);
        assert_int_equal(loop_now_ms(l), now); /* once a turn */
        assert_string_equal(loop_lag(l).worst_name, "a");
        assert_int_equal(loop_lag(l).worst_us, 40000);
        assert_int_equal(loop_lag(l).held->count, 2);
        assert_true(loop_lag(l).held->sum > 0.0469 && loop_lag(l).held->sum < 0.0471);
        later(l, 31000);
        assert_string_equal(loop_lag(l).worst_name, "a");
        timer_arm(l, &b, 0);
        loop_turn(l, 0);
        later(l, 31000);
        assert_string_equal(loop_lag(l).worst_name, "b");
        later(l, 90000);
        assert_string_equal(loop_lag(l).worst_name, "");
        loop_free(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(timer_fires_once_when_its_time_has_come),
                cmocka_unit_test(arming_again_moves_a_timer),
                cmocka_unit_test(a_timer_without_delay_does_not_hold_the_loop),
                cmocka_unit_test(a_callback_may_disarm_a_timer_that_is_due_too),
                cmocka_unit_test(many_timers_fire_in_order_and_on_time),
                cmocka_unit_test(the_wait_ends_with_the_earliest_timer_or_the_given_limit),
                cmocka_unit_test(a_descriptor_is_told_until_it_is_read_or_removed),
                cmocka_unit_test(an_event_fetched_for_a_removed_one_is_skipped),
                cmocka_unit_test(one_may_remove_itself),
                cmocka_unit_test(a_descriptor_closed_by_its_library_can_be_removed_or_come_again),
                cmocka_unit_test(more_descriptors_than_one_fetch_all_get_their_turn),
                cmocka_unit_test(a_signal_may_stop_the_loop_and_the_turn_is_finished),
                cmocka_unit_test(a_stop_before_the_run_is_not_forgotten),
                cmocka_unit_test(other_threads_wake_the_loop),
                cmocka_unit_test(an_interrupted_wait_is_a_turn_without_events),
                cmocka_unit_test(the_slowest_callback_of_the_last_minute_is_known_by_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
