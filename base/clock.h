/* SPDX-License-Identifier: Apache-2.0 */
/* clock: the time, behind two functions, so that tests can bring their own.
 *
 * Monotonic time measures and schedules; wall time only labels events.
 * clock_system is stateless; a fake belongs to one test and one thread.
 */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stdint.h>

struct clock {
        int64_t (*mono_ns)(const struct clock *c);      /* CLOCK_MONOTONIC */
        int64_t (*wall_ns)(const struct clock *c);      /* CLOCK_REALTIME, since 1970-01-01T00:00Z */
};

extern const struct clock clock_system;

struct clock_fake {
        struct clock clock;     /* pass &fake.clock */
        int64_t mono, wall;     /* ns; the test moves them */
};
void clock_fake_init(struct clock_fake *f);
void clock_fake_advance(struct clock_fake *f, int64_t ms);

#endif
