/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/ackwin.h"
#include "base/backoff.h"

static void nothing_is_allocated_before_the_first_entry(void **state)
{
        struct ackwin w = { 0 };

        (void)state;
        ackwin_fini(&w);
        ackwin_init(&w, 10, 77);
        assert_null(w.ring);
        assert_int_equal(ackwin_committed(&w), 77);
        assert_int_equal(ackwin_inflight(&w), 0);
        ackwin_fini(&w);
}

static void a_later_ack_waits_for_the_earlier(void **state)
{
        struct ackwin w;
        uint64_t a, b, c;

        (void)state;
        ackwin_init(&w, 10, 0);
        assert_int_equal(ackwin_open(&w, 10, &a), 0);
        assert_int_equal(ackwin_open(&w, 20, &b), 0);
        assert_int_equal(ackwin_open(&w, 30, &c), 0);
        assert_false(ackwin_ack(&w, c));
        assert_false(ackwin_ack(&w, b));
        assert_int_equal(ackwin_committed(&w), 0);
        assert_int_equal(ackwin_inflight(&w), 3);
        assert_true(ackwin_ack(&w, a));
        assert_int_equal(ackwin_committed(&w), 30);
        assert_int_equal(ackwin_inflight(&w), 0);
        ackwin_fini(&w);
}

static void an_entry_of_no_length_moves_nothing(void **state)
{
        struct ackwin w;
        uint64_t seq;

        (void)state;
        ackwin_init(&w, 10, 5);
        assert_int_equal(ackwin_open(&w, 5, &seq), 0);
        assert_false(ackwin_ack(&w, seq));
        assert_int_equal(ackwin_inflight(&w), 0);
        ackwin_fini(&w);
}

static void a_burst_leaves_no_memory_behind(void **state)
{
        struct ackwin w;
        uint64_t seq;

        (void)state;
        ackwin_init(&w, 100000, 0);
        for (int64_t i = 1; i <= 5000; i++)
                assert_int_equal(ackwin_open(&w, i, &seq), 0);
        for (uint64_t s = 0; s < 5000; s++)
                ackwin_ack(&w, s);
        assert_null(w.ring);
        assert_int_equal(ackwin_open(&w, 6000, &seq), 0);
        assert_true(ackwin_ack(&w, seq));
        assert_int_equal(ackwin_committed(&w), 6000);
        ackwin_fini(&w);
}

/* Against a list of all entries ever opened, over schedules of every temper. */
static void one_schedule(uint64_t seed)
{
        enum { STEPS = 400 };
        struct {
                int64_t end;
                bool acked;
        } model[STEPS];
        size_t n = 0, open = 0, max;
        int64_t end, committed;
        unsigned opens;
        struct ackwin w;

        random_seed(seed);
        max = 1 + random_u64() % 150;
        opens = 1 + (unsigned)(random_u64() % 9); /* of ten steps */
        end = committed = (int64_t)(random_u64() % 1000);
        ackwin_init(&w, max, end);
        for (int step = 0; step < STEPS; step++) {
                int64_t before = committed;
                size_t first = 0, pick;

                if (random_u64() % 10 < opens || open == 0) {
                        int64_t next = end + (int64_t)(random_u64() % 50);
                        uint64_t seq = UINT64_MAX;

                        assert_int_equal(ackwin_open(&w, next, &seq), open < max ? 0 : -EAGAIN);
                        assert_int_equal(seq, open < max ? n : UINT64_MAX);
                        if (open < max) {
                                model[n].end = end = next;
                                model[n++].acked = false;
                                open++;
                        }
                } else {
                        do
                                pick = random_u64() % n;
                        while (model[pick].acked);
                        model[pick].acked = true;
                        while (first < n && model[first].acked)
                                committed = model[first++].end;
                        open = n - first;
                        assert_int_equal(ackwin_ack(&w, pick), committed != before);
                }
                assert_int_equal(ackwin_committed(&w), committed);
                assert_int_equal(ackwin_inflight(&w), open);
        }
        ackwin_fini(&w);
}

static void thousands_of_schedules_match_the_model(void **state)
{
        (void)state;
        for (uint64_t seed = 0; seed < 3000; seed++)
                one_schedule(seed);
}

static void what_needs_no_ack_moves_on_with_the_newest_entry(void **state)
{
        struct ackwin w;
        uint64_t a, b;

        (void)state;
        ackwin_init(&w, 8, 10);
        assert_true(ackwin_skip(&w, 20));
        assert_int_equal(ackwin_committed(&w), 20);
        assert_int_equal(ackwin_open(&w, 30, &a), 0);
        assert_int_equal(ackwin_open(&w, 40, &b), 0);
        assert_false(ackwin_skip(&w, 50));
        ackwin_ack(&w, b);
        assert_false(ackwin_skip(&w, 60));
        assert_int_equal(ackwin_committed(&w), 20);
        ackwin_ack(&w, a);
        assert_int_equal(ackwin_committed(&w), 60);
        ackwin_fini(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_allocated_before_the_first_entry),
                cmocka_unit_test(a_later_ack_waits_for_the_earlier),
                cmocka_unit_test(an_entry_of_no_length_moves_nothing),
                cmocka_unit_test(a_burst_leaves_no_memory_behind),
                cmocka_unit_test(thousands_of_schedules_match_the_model),
                cmocka_unit_test(what_needs_no_ack_moves_on_with_the_newest_entry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
