/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void system_clock_agrees_with_the_kernel(void **state)
{
        int64_t a = clock_system.mono_ns(&clock_system), b = clock_system.mono_ns(&clock_system);
        int64_t wall = clock_system.wall_ns(&clock_system) / 1000000000;

        (void)state;
        assert_true(b >= a && a > 0);
        assert_true(wall - time(NULL) <= 1 && time(NULL) - wall <= 5);
}

static void fake_clock_moves_only_when_told(void **state)
{
        struct clock_fake f;
        int64_t mono, wall;

        (void)state;
        clock_fake_init(&f);
        mono = f.clock.mono_ns(&f.clock);
        wall = f.clock.wall_ns(&f.clock);
        assert_true(mono > 0 && wall > 0);
        assert_int_equal(f.clock.mono_ns(&f.clock), mono);
        clock_fake_advance(&f, 1500);
        assert_int_equal(f.clock.mono_ns(&f.clock), mono + 1500000000);
        assert_int_equal(f.clock.wall_ns(&f.clock), wall + 1500000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(system_clock_agrees_with_the_kernel),
                cmocka_unit_test(fake_clock_moves_only_when_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
