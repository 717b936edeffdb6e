/* SPDX-License-Identifier: Apache-2.0 */
/* The moment between a producer's birth and the first look at its queue.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <sched.h>

#include "sinks/kafka.h"

enum { DEADLINE_MS = 20000 };

static int64_t deadline_ns(void)
{
        return clock_system.mono_ns(&clock_system) + DEADLINE_MS * INT64_C(1000000);
}

/* Stands before librdkafka's own: the caller is so slow that an error is queued first. */
void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *queue, int fd, const void *payload, size_t size)
{
        void (*real)(rd_kafka_queue_t *, int, const void *, size_t) = NULL;
        int64_t deadline = deadline_ns();

        while (fd >= 0 && rd_kafka_queue_length(queue) == 0) {
                assert_true(clock_system.mono_ns(&clock_system) < deadline);
                sched_yield();
        }
        *(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_queue_io_event_enable");
        real(queue, fd, payload, size);
}

static void nothing_back(void *arg, struct batch **b)
{
        (void)arg;
        (void)b;
}

static void no_room(void *arg)
{
        (void)arg;
}

static void what_was_queued_before_the_first_look_is_served(void **state)
{
        const struct kafka_config config = { .brokers = (char *)"127.0.0.1:1", .topic = (char *)"t",
                                             .compression = KAFKA_NONE };
        const struct sink_owner owner = { nothing_back, no_room, NULL };
        const struct sink_limits limits = { 8, 1 << 20 };
        struct err e = { 0 };
        struct loop *l = loop_new(&clock_system, &e);
        struct sink *s = sink_kafka_new(l, &config, &owner, &limits, &e);
        int64_t deadline = deadline_ns();

        (void)state;
        if (!s)
                fail_msg("%s", e.msg);
        while (!sink_trouble(s)) {
                assert_true(clock_system.mono_ns(&clock_system) < deadline);
                loop_turn(l, 10);
        }
        sink_free(s);
        loop_free(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_queued_before_the_first_look_is_served) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
