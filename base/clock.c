/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#include "base/check.h"

static int64_t read_ns(clockid_t id)
{
        struct timespec t;

        clock_gettime(id, &t); /* cannot fail for these two */
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t system_mono(const struct clock *c)
{
        (void)c;
        return read_ns(CLOCK_MONOTONIC);
}

static int64_t system_wall(const struct clock *c)
{
        (void)c;
        return read_ns(CLOCK_REALTIME);
}

const struct clock clock_system = { .mono_ns = system_mono, .wall_ns = system_wall };

static int64_t fake_mono(const struct clock *c)
{
        return container_of(c, const struct clock_fake, clock)->mono;
}

static int64_t fake_wall(const struct clock *c)
{
        return container_of(c, const struct clock_fake, clock)->wall;
}

void clock_fake_init(struct clock_fake *f)
{
        *f = (struct clock_fake){
                .clock = { .mono_ns = fake_mono, .wall_ns = fake_wall },
                .mono = INT64_C(1000) * 1000000000,
                .wall = INT64_C(1795428000) * 1000000000,
        };
}

void clock_fake_advance(struct clock_fake *f, int64_t ms)
{
        f->mono += ms * 1000000;
        f->wall += ms * 1000000;
}
