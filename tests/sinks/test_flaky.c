/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of tests/fake/sink_flaky: other tests rest on them.  (That it is a sink, test_contract.c asks.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fake/sink_flaky.h"
#include "tests/fake/submitter.h"

static int setup(void **state)
{
        static const struct sink_limits wide = { .max_batches = 100, .max_bytes = 1 << 20 };
        struct submitter *s = submitter_new();
        const struct sink_owner owner = submitter_owner(s);

        s->sink = sink_flaky_new(s->loop, &owner, &wide);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        submitter_free(*state);
        return 0;
}

static void memory_keeps_what_came_in_order(void **state)
{
        struct submitter *s = *state;

        submitter_send(s, 2, 1);
        submitter_send(s, 1, 0);
        submitter_wait_all(s);
        assert_int_equal(sink_flaky_count(s->sink), 3);
        assert_string_equal(sink_flaky_record(s->sink, 1)->value, "{\"n\":1,\"pad\":\"x\"}");
        assert_int_equal(sink_flaky_record(s->sink, 1)->value_len, 17);
        assert_string_equal(sink_flaky_record(s->sink, 2)->key, "k2");
        assert_string_equal(sink_flaky_record(s->sink, 2)->id, "n2");
}

static void fault_hits_after_its_countdown_and_so_many_times(void **state)
{
        struct submitter *s = *state;
        const struct sink_flaky_fault f = { VERDICT_REJECT, 400, "mapping", .skip = 3, .times = 2 };

        sink_flaky_fault(s->sink, &f);
        submitter_send(s, 4, 0);
        submitter_send(s, 4, 0);
        submitter_wait_all(s);
        for (size_t i = 0; i < 8; i++)
                assert_int_equal(s->verdict[i], i == 3 || i == 4 ? VERDICT_REJECT : VERDICT_DONE);
        assert_int_equal(s->status, 400);
        assert_string_equal(s->reason, "mapping");
        assert_int_equal(sink_flaky_count(s->sink), 6);
}

static void fault_without_times_hits_until_it_is_cleared(void **state)
{
        struct submitter *s = *state;
        const struct sink_flaky_fault f = { VERDICT_RETRY, 0, NULL, 0, 0 };

        sink_flaky_fault(s->sink, &f);
        submitter_send(s, 5, 0);
        submitter_wait_all(s);
        sink_flaky_clear(s->sink);
        submitter_send(s, 5, 0);
        submitter_wait_all(s);
        assert_int_equal(s->count[VERDICT_RETRY], 5);
        assert_int_equal(s->count[VERDICT_DONE], 5);
}

static void faults_follow_each_other(void **state)
{
        struct submitter *s = *state;
        const struct sink_flaky_fault once = { VERDICT_DUPLICATE, 409, NULL, 0, 1 };
        const struct sink_flaky_fault then = { VERDICT_REJECT, 400, NULL, 0, 1 };

        sink_flaky_fault(s->sink, &once);
        sink_flaky_fault(s->sink, &then);
        submitter_send(s, 3, 0);
        submitter_wait_all(s);
        assert_int_equal(s->verdict[0], VERDICT_DUPLICATE);
        assert_int_equal(s->verdict[1], VERDICT_REJECT);
        assert_int_equal(s->verdict[2], VERDICT_DONE);
}

static void held_and_split_batches_come_back_later_and_in_parts(void **state)
{
        struct submitter *s = *state;

        sink_flaky_split(s->sink, true);
        sink_flaky_hold(s->sink, true);
        submitter_send(s, 5, 0);
        submitter_turns(s, 20);
        assert_int_equal(s->back, 0);
        sink_flaky_hold(s->sink, false);
        submitter_wait(s, 1);
        assert_int_equal(s->back, 3);
        submitter_wait_all(s);
        assert_int_equal(s->batches_back, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(memory_keeps_what_came_in_order),
                TEST(fault_hits_after_its_countdown_and_so_many_times),
                TEST(fault_without_times_hits_until_it_is_cleared),
                TEST(faults_follow_each_other),
                TEST(held_and_split_batches_come_back_later_and_in_parts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
