/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the question for the topic's limit.  The answer itself takes a real broker: tests/e2e/test_limit.py.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/log.h"
#include "sinks/kafka.h"
#include "sinks/kafka_limit.h"
#include "tests/fake/mock_kafka.h"

enum { DEADLINE_MS = 20000 };

static void done(void *arg, struct batch **b)
{
        *(unsigned *)arg += (*b)->recs[0].verdict == VERDICT_DONE;
        batch_free(*b);
        *b = NULL;
}

static void room(void *arg)
{
        (void)arg;
}

static struct sink *new_sink(struct loop *l, const char *brokers, bool ask, unsigned *delivered)
{
        const struct kafka_config config = { .brokers = (char *)brokers, .topic = (char *)"t", .ask_limit = ask };
        const struct sink_owner owner = { done, room, delivered };
        const struct sink_limits limits = { 8, 1 << 20 };
        struct err e = { 0 };
        struct sink *s = sink_kafka_new(l, &config, &owner, &limits, &e);

        if (!s)
                fail_msg("%s", e.msg);
        return s;
}

static int64_t wait_until_it_is_known(struct loop *l, const struct sink *s)
{
        int64_t begun = loop_now_ms(l);

        while (s->asking && loop_now_ms(l) - begun < DEADLINE_MS)
                loop_turn(l, 100);
        assert_false(s->asking);
        return loop_now_ms(l) - begun;
}

static void a_broker_that_does_not_tell_is_no_obstacle(void **state)
{
        struct mock_kafka *k = mock_kafka_new(1);
        struct loop *l = loop_new(&clock_system, NULL);
        unsigned delivered = 0;

        (void)state;
        mock_kafka_topic(k, "t", 1);
        struct sink *s = new_sink(l, k->bootstrap, true, &delivered);
        assert_true(s->asking);
        wait_until_it_is_known(l, s);
        assert_int_equal(s->max_value, 0);
        struct batch *b = batch_new(0);
        struct slice value = batch_put(b, "x", 1);
        batch_add(b)->value = value;
        sink_submit(s, &b);
        for (int i = 0; i < 200 && !delivered; i++)
                loop_turn(l, 100);
        assert_int_equal(delivered, 1);
        sink_free(s);
        loop_free(l);
        mock_kafka_free(k);
}

static void without_a_broker_it_is_not_waited_for_long(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        unsigned delivered = 0;
        struct sink *s = new_sink(l, "127.0.0.1:1", true, &delivered);

        (void)state;
        assert_true(s->asking);
        assert_true(wait_until_it_is_known(l, s) >= KAFKA_LIMIT_PATIENCE_MS - 10);
        assert_int_equal(s->max_value, 0);
        sink_free(s);
        loop_free(l);
}

static void who_does_not_ask_does_not_wait(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        unsigned delivered = 0;
        struct sink *s = new_sink(l, "127.0.0.1:1", false, &delivered);

        (void)state;
        assert_false(s->asking);
        sink_free(s);
        loop_free(l);
}

static void a_value_leaves_room_for_what_is_around_it(void **state)
{
        (void)state;
        assert_int_equal(kafka_limit_value(1048588), 1048588 - 1024);
        assert_int_equal(kafka_limit_value(4000), 4000 - 1024);
        assert_int_equal(kafka_limit_value(1000), 500);
        assert_int_equal(kafka_limit_value(0), 0);
        for (int64_t limit = 0; limit < 10000; limit++)
                assert_true(kafka_limit_value(limit) <= limit && kafka_limit_value(limit) >= limit / 2 - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_broker_that_does_not_tell_is_no_obstacle),
                cmocka_unit_test(without_a_broker_it_is_not_waited_for_long),
                cmocka_unit_test(who_does_not_ask_does_not_wait),
                cmocka_unit_test(a_value_leaves_room_for_what_is_around_it),
        };
        log_setup(LOG_WARN, LOG_TEXT, STDERR_FILENO);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
