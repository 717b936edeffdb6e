/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/partition.h"

static void only_what_is_settled_without_a_gap_may_be_committed(void **state)
{
        struct partition *p = partition_new("logs", 3, 100);
        uint64_t seq[4];

        (void)state;
        for (int i = 0; i < 4; i++)
                seq[i] = partition_take(p, 100 + i);
        assert_int_equal(partition_committable(p), -1);
        assert_true(partition_settle(p, seq[1]));
        assert_true(partition_settle(p, seq[3]));
        assert_int_equal(partition_committable(p), -1);
        assert_true(partition_settle(p, seq[0]));
        assert_int_equal(partition_committable(p), 102);
        p->stored = 102;
        assert_int_equal(partition_committable(p), -1);
        assert_true(partition_settle(p, seq[2]));
        assert_int_equal(partition_committable(p), 104);
        partition_free(p);
}

static void offsets_with_holes_commit_behind_the_last_record(void **state)
{
        struct partition *p = partition_new("logs", 0, 0);
        uint64_t a = partition_take(p, 7), b = partition_take(p, 19);

        (void)state;
        partition_settle(p, a);
        assert_int_equal(partition_committable(p), 8);
        partition_settle(p, b);
        assert_int_equal(partition_committable(p), 20);
        partition_free(p);
}

static void a_late_answer_moves_no_offset(void **state)
{
        struct partitions ps = { 0 };
        struct partition *old = partition_new("logs", 0, 0);
        uint64_t seq = partition_take(old, 0);

        (void)state;
        partitions_add(&ps, old);
        partition_enter(old, PART_DRAINING, "test");
        partitions_remove(&ps, old);
        partition_enter(old, PART_GONE, "test");

        struct partition *again = partition_new("logs", 0, 0);
        partitions_add(&ps, again);
        partition_take(again, 0);
        assert_false(partition_settle(old, seq));
        assert_int_equal(partition_committable(old), -1);
        assert_int_equal(partition_committable(again), -1);
        assert_int_equal(again->held, 1);

        partition_free(old);
        partitions_remove(&ps, again);
        partition_settle(again, 0);
        partition_free(again);
        map_fini(&ps.map);
}

static void a_leap_goes_over_what_is_lost_or_back_to_a_new_beginning(void **state)
{
        struct partition *p = partition_new("logs", 0, 100);

        (void)state;
        partition_leap(p, 150);
        partition_settle(p, partition_take(p, 150));
        assert_int_equal(partition_committable(p), 151);
        partition_leap(p, 10);
        assert_int_equal(partition_committable(p), -1);
        partition_settle(p, partition_take(p, 10));
        assert_int_equal(partition_committable(p), 11);
        partition_free(p);
}

static void partitions_are_told_apart_by_topic_and_number(void **state)
{
        struct partitions ps = { 0 };
        struct partition *a0 = partition_new("a", 0, 0), *a1 = partition_new("a", 1, 0), *b0 = partition_new("b", 0, 0);

        (void)state;
        partitions_add(&ps, a0);
        partitions_add(&ps, a1);
        partitions_add(&ps, b0);
        assert_ptr_equal(partitions_get(&ps, "a", 0), a0);
        assert_ptr_equal(partitions_get(&ps, "a", 1), a1);
        assert_ptr_equal(partitions_get(&ps, "b", 0), b0);
        assert_null(partitions_get(&ps, "b", 1));
        partitions_remove(&ps, a0);
        assert_null(partitions_get(&ps, "a", 0));
        partition_free(a0);
        partition_free(a1);
        partition_free(b0);
        map_fini(&ps.map);
}

static void offsets_without_a_record_are_committed_behind_what_stands_before_them(void **state)
{
        struct partition *p = partition_new("logs", 0, 0);
        uint64_t seq = partition_take(p, 4);

        (void)state;
        partition_pass(p, 7);
        assert_int_equal(p->next, 7);
        assert_int_equal(partition_committable(p), -1);
        partition_settle(p, seq);
        assert_int_equal(partition_committable(p), 7);
        partition_pass(p, 6);
        assert_int_equal(p->next, 7);
        partition_pass(p, 9);
        assert_int_equal(partition_committable(p), 9);
        partition_free(p);
}

static void the_oldest_record_is_overdue_after_five_minutes_and_not_when_others_settle_before_it(void **state)
{
        struct partition *p = partition_new("logs", 0, 0);
        uint64_t a = partition_take(p, 0), b = partition_take(p, 1);
        const int64_t t = 1000;

        (void)state;
        partition_look(p, t);
        partition_look(p, t + OVERDUE_MS - 1000);
        assert_false(p->overdue);
        partition_settle(p, a);
        partition_look(p, t + OVERDUE_MS);
        assert_false(p->overdue);
        partition_look(p, t + 2 * OVERDUE_MS);
        assert_true(p->overdue);
        assert_int_equal(partition_stands_ms(p, t + 2 * OVERDUE_MS), OVERDUE_MS);
        partition_settle(p, b);
        partition_look(p, t + 3 * OVERDUE_MS);
        assert_false(p->overdue);
        assert_int_equal(partition_stands_ms(p, t + 4 * OVERDUE_MS), 0);
        partition_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_what_is_settled_without_a_gap_may_be_committed),
                cmocka_unit_test(offsets_with_holes_commit_behind_the_last_record),
                cmocka_unit_test(a_late_answer_moves_no_offset),
                cmocka_unit_test(a_leap_goes_over_what_is_lost_or_back_to_a_new_beginning),
                cmocka_unit_test(partitions_are_told_apart_by_topic_and_number),
                cmocka_unit_test(offsets_without_a_record_are_committed_behind_what_stands_before_them),
                cmocka_unit_test(the_oldest_record_is_overdue_after_five_minutes_and_not_when_others_settle_before_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
