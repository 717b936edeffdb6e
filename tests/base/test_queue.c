/* SPDX-License-Identifier: Apache-2.0 */
/* ctest-label: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/queue.h"

struct msg {
        struct qitem item;
        unsigned producer, number;
};

static struct qitem *msg(size_t bytes, unsigned number)
{
        struct msg *m = calloc(1, sizeof(*m));

        m->item.bytes = bytes;
        m->number = number;
        return &m->item;
}

static struct msg *of(struct qitem *item)
{
        return container_of(item, struct msg, item);
}

static bool readable(struct queue *q)
{
        struct pollfd p = { .fd = queue_fd(q), .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

static void push_ok(struct queue *q, size_t bytes, unsigned number)
{
        struct qitem *i = msg(bytes, number);

        assert_int_equal(queue_push(q, &i), 0);
        assert_null(i);
}

static size_t free_all(struct qitem *i)
{
        size_t n = 0;

        for (struct qitem *next; i != NULL; i = next, n++) {
                next = i->next;
                free(of(i));
        }
        return n;
}

static void drain_gives_everything_oldest_first(void **state)
{
        struct queue *q = queue_new(10, 1000);
        struct qitem *all;

        (void)state;
        assert_null(queue_drain(q));
        for (unsigned i = 0; i < 3; i++)
                push_ok(q, 1, i);
        assert_int_equal(queue_bytes(q), 3);
        all = queue_drain(q);
        assert_int_equal(of(all)->number, 0);
        assert_int_equal(of(all->next)->number, 1);
        assert_int_equal(of(all->next->next)->number, 2);
        assert_int_equal(free_all(all), 3);
        assert_int_equal(queue_bytes(q), 0);
        queue_free(q);
        queue_free(NULL);
}

static void pop_and_drain_may_alternate(void **state)
{
        struct queue *q = queue_new(10, 1000);
        struct qitem *i;

        (void)state;
        for (unsigned round = 0; round < 3; round++) {
                push_ok(q, 5, 1);
                push_ok(q, 5, 2);
                i = queue_pop(q);
                assert_int_equal(of(i)->number, 1);
                assert_null(i->next);
                free_all(i);
                if (round == 1)
                        assert_int_equal(free_all(queue_drain(q)), 1);
                else
                        free_all(queue_pop(q));
                assert_int_equal(queue_bytes(q), 0);
        }
        queue_free(q);
}

/* Refused exactly when the limits say so, and what is refused is untouched. */
static void both_bounds_hold_for_every_size(void **state)
{
        (void)state;
        for (size_t max_items = 1; max_items < 6; max_items++)
                for (size_t max_bytes = 1; max_bytes < 12; max_bytes++)
                        for (size_t size = 0; size < 15; size++) {
                                struct queue *q = queue_new(max_items, max_bytes);
                                size_t items = 0, bytes = 0;

                                for (int i = 0; i < 8; i++) {
                                        struct qitem *m = msg(size, 0), *kept = m;
                                        bool fits = items == 0 || (items < max_items && bytes < max_bytes &&
                                                                   bytes + size <= max_bytes);

                                        assert_int_equal(queue_push(q, &m), fits ? 0 : -EAGAIN);
                                        assert_ptr_equal(m, fits ? NULL : kept);
                                        items += fits;
                                        bytes += fits ? size : 0;
                                        assert_int_equal(queue_bytes(q), bytes);
                                        free_all(m);
                                }
                                assert_int_equal(free_all(queue_drain(q)), items);
                                queue_free(q);
                        }
}

static void one_item_above_the_byte_limit_passes_an_empty_queue(void **state)
{
        struct queue *q = queue_new(10, 100);
        struct qitem *small = msg(1, 0);

        (void)state;
        push_ok(q, 1000000, 0);
        assert_int_equal(queue_push(q, &small), -EAGAIN);
        free_all(queue_drain(q));
        assert_int_equal(queue_push(q, &small), 0);
        free_all(queue_drain(q));
        queue_free(q);
}

static void fd_is_readable_exactly_while_something_is_inside(void **state)
{
        struct queue *q = queue_new(10, 1000);

        (void)state;
        push_ok(q, 1, 0); /* before anybody asked for the descriptor */
        assert_true(readable(q));
        push_ok(q, 1, 1);
        free_all(queue_pop(q));
        assert_true(readable(q));
        free_all(queue_pop(q));
        assert_false(readable(q));
        push_ok(q, 1, 2);
        assert_true(readable(q));
        push_ok(q, 1, 3);
        assert_true(readable(q));
        free_all(queue_drain(q));
        assert_false(readable(q));
        assert_null(queue_drain(q));
        queue_free(q);
}

static void closed_takes_nothing_but_gives_what_is_inside(void **state)
{
        struct queue *q = queue_new(10, 1000);
        struct qitem *late = msg(1, 9), *kept = late;

        (void)state;
        push_ok(q, 1, 0);
        queue_close(q);
        assert_int_equal(queue_push(q, &late), -EPIPE);
        assert_ptr_equal(late, kept);
        free_all(late);
        free_all(queue_pop(q));
        assert_null(queue_pop(q));
        assert_null(queue_drain(q));
        queue_free(q);
}

/* --- threads: each number of each producer exactly once, in that producer's order ------------ */

enum { PRODUCERS = 4, PUSHES = 100000, MAX_ITEMS = 64 };

struct job {
        struct queue *q;
        unsigned id;
        size_t popped;
};

static void *produce(void *arg)
{
        struct job *j = arg;

        for (unsigned i = 0; i < PUSHES; i++) {
                struct qitem *m = msg(1 + i % 7, i);
                int r;

                of(m)->producer = j->id;
                while ((r = queue_push(j->q, &m)) == -EAGAIN)
                        sched_yield();
                if (r != 0)
                        abort();
        }
        return NULL;
}

static void four_producers_and_a_loop_lose_nothing_and_keep_order(void **state)
{
        struct queue *q = queue_new(MAX_ITEMS, 200);
        unsigned next[PRODUCERS] = { 0 };
        struct job jobs[PRODUCERS];
        pthread_t threads[PRODUCERS];
        size_t got = 0;

        (void)state;
        for (unsigned i = 0; i < PRODUCERS; i++) {
                jobs[i] = (struct job){ .q = q, .id = i };
                assert_int_equal(pthread_create(&threads[i], NULL, produce, &jobs[i]), 0);
        }
        while (got < (size_t)PRODUCERS * PUSHES) {
                struct pollfd p = { .fd = queue_fd(q), .events = POLLIN };
                size_t at_once = 0, bytes = 0;

                assert_int_equal(poll(&p, 1, 20000), 1); /* a lost wake-up shows here */
                for (struct qitem *i = queue_drain(q), *after; i != NULL; i = after, at_once++) {
                        after = i->next;
                        bytes += i->bytes;
                        assert_int_equal(of(i)->number, next[of(i)->producer]++);
                        free(of(i));
                }
                assert_true(at_once <= MAX_ITEMS && bytes <= 200);
                got += at_once;
        }
        for (unsigned i = 0; i < PRODUCERS; i++)
                pthread_join(threads[i], NULL);
        assert_null(queue_drain(q));
        queue_free(q);
}

static void *work(void *arg)
{
        struct job *j = arg;

        for (struct qitem *i; (i = queue_pop(j->q)) != NULL; j->popped++)
                free(of(i));
        return NULL;
}

static void workers_share_the_work_and_end_when_it_is_closed(void **state)
{
        struct queue *q = queue_new(MAX_ITEMS, 1000000);
        struct job producers[2], workers[3];
        pthread_t threads[5];
        size_t got = 0;

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                workers[i] = (struct job){ .q = q };
                assert_int_equal(pthread_create(&threads[2 + i], NULL, work, &workers[i]), 0);
        }
        for (unsigned i = 0; i < 2; i++) {
                producers[i] = (struct job){ .q = q, .id = i };
                assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
        }
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        queue_close(q);
        for (unsigned i = 0; i < 3; i++) {
                pthread_join(threads[2 + i], NULL);
                got += workers[i].popped;
        }
        assert_int_equal(got, 2 * PUSHES);
        queue_free(q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(drain_gives_everything_oldest_first),
                cmocka_unit_test(pop_and_drain_may_alternate),
                cmocka_unit_test(both_bounds_hold_for_every_size),
                cmocka_unit_test(one_item_above_the_byte_limit_passes_an_empty_queue),
                cmocka_unit_test(fd_is_readable_exactly_while_something_is_inside),
                cmocka_unit_test(closed_takes_nothing_but_gives_what_is_inside),
                cmocka_unit_test(four_producers_and_a_loop_lose_nothing_and_keep_order),
                cmocka_unit_test(workers_share_the_work_and_end_when_it_is_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
