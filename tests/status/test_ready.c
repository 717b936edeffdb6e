/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "status/ready.h"

static void idle_is_ready_for_ever(void **state)
{
        struct ready r;

        (void)state;
        ready_init(&r);
        ready_observe(&r, false, 1000);
        assert_null(ready_why_not(&r, 1000 + 10 * READY_STALL_MS, "kafka: down"));
}

static void work_that_waits_too_long_is_not_ready(void **state)
{
        struct ready r;

        (void)state;
        ready_init(&r);
        ready_observe(&r, true, 1000);
        ready_observe(&r, true, 2000); /* the wait began before */
        assert_null(ready_why_not(&r, 1000 + READY_STALL_MS - 1, "kafka: down"));
        assert_string_equal(ready_why_not(&r, 1000 + READY_STALL_MS, "kafka: down"), "no progress for 30 s: kafka: down");
        assert_string_equal(ready_why_not(&r, 1000 + 2 * READY_STALL_MS, NULL),
                            "no progress for 60 s: work waits, and no part says why");
}

static void progress_makes_it_ready_again(void **state)
{
        struct ready r;

        (void)state;
        ready_init(&r);
        ready_observe(&r, true, 0);
        assert_non_null(ready_why_not(&r, READY_STALL_MS, NULL));
        ready_progress(&r, READY_STALL_MS);
        assert_null(ready_why_not(&r, READY_STALL_MS, NULL));
        assert_null(ready_why_not(&r, 2 * READY_STALL_MS - 1, NULL));
        assert_non_null(ready_why_not(&r, 2 * READY_STALL_MS, NULL));
}

static void an_idle_hour_before_the_work_does_not_count(void **state)
{
        struct ready r;

        (void)state;
        ready_init(&r);
        ready_observe(&r, true, 0);
        ready_observe(&r, false, 10);
        ready_observe(&r, true, 3600000);
        assert_null(ready_why_not(&r, 3600000 + READY_STALL_MS - 1, NULL));
        assert_non_null(ready_why_not(&r, 3600000 + READY_STALL_MS, NULL));
}

static void a_block_is_said_at_once_and_until_it_is_lifted(void **state)
{
        struct ready r;
        char longer[1000];

        (void)state;
        ready_init(&r);
        ready_block(&r, "starting: waiting for the broker");
        assert_string_equal(ready_why_not(&r, 0, "other"), "starting: waiting for the broker");
        ready_block(&r, NULL);
        assert_null(ready_why_not(&r, 0, "other"));
        memset(longer, 'x', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        ready_block(&r, longer);
        assert_int_equal(strlen(ready_why_not(&r, 0, NULL)), sizeof(r.blocked) - 1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle_is_ready_for_ever),
                cmocka_unit_test(work_that_waits_too_long_is_not_ready),
                cmocka_unit_test(progress_makes_it_ready_again),
                cmocka_unit_test(an_idle_hour_before_the_work_does_not_count),
                cmocka_unit_test(a_block_is_said_at_once_and_until_it_is_lifted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
