/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

static void delays_stay_within_their_doubling_limit_and_use_it(void **state)
{
        enum { ROUNDS = 2000, TRIES = 12 };
        int64_t most[TRIES] = { 0 };

        (void)state;
        random_seed(3);
        for (int round = 0; round < ROUNDS; round++) {
                struct backoff b;

                backoff_init(&b, 100, 30000);
                for (int i = 0; i < TRIES; i++) {
                        int64_t limit = INT64_C(100) << i, delay = backoff_next_ms(&b);

                        if (limit > 30000)
                                limit = 30000;
                        assert_in_range(delay, 1, limit);
                        if (delay > most[i])
                                most[i] = delay;
                }
        }
        for (int i = 0; i < TRIES; i++)
                assert_true(most[i] > ((INT64_C(100) << i) < 30000 ? (INT64_C(100) << i) : 30000) * 9 / 10);
}

static void tries_without_end_neither_overflow_nor_stall(void **state)
{
        struct backoff b;

        (void)state;
        backoff_init(&b, 3, INT64_MAX / 2 + 1);
        for (int i = 0; i < 5000; i++)
                assert_true(backoff_next_ms(&b) >= 1);
}

static void a_success_starts_small_again(void **state)
{
        struct backoff b;

        (void)state;
        backoff_init(&b, 10, 100000);
        for (int i = 0; i < 20; i++)
                backoff_next_ms(&b);
        backoff_reset(&b);
        assert_in_range(backoff_next_ms(&b), 1, 10);
}

static void the_same_seed_gives_the_same_sequence(void **state)
{
        uint64_t first[5];

        (void)state;
        random_seed(99);
        for (int i = 0; i < 5; i++)
                first[i] = random_u64();
        assert_true(first[0] != first[1]);
        random_seed(99);
        for (int i = 0; i < 5; i++)
                assert_true(random_u64() == first[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(delays_stay_within_their_doubling_limit_and_use_it),
                cmocka_unit_test(tries_without_end_neither_overflow_nor_stall),
                cmocka_unit_test(a_success_starts_small_again),
                cmocka_unit_test(the_same_seed_gives_the_same_sequence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
