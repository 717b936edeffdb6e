/* SPDX-License-Identifier: Apache-2.0 */
/* ctest-label: threads
 * A disk that takes its time, or fails, under the checkpoint: what waits for it and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fake/rig.h"

/* --- the disk -------------------------------------------------------------------------------- */

enum disk { DISK_FINE, DISK_SLOW, DISK_BROKEN };

static atomic_int disk;
static atomic_int syncs_begun;
static sem_t may_end;                   /* of a slow disk: posted for each sync that may end */

/* Who lets it end and waits for it himself would wait for ever. */
static void wait_until_it_may_end(void)
{
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 30;
        while (sem_timedwait(&may_end, &until) < 0)
                CHECK(errno == EINTR);
}

static int sync_fd(long call, int fd)
{
        atomic_fetch_add(&syncs_begun, 1);
        if (atomic_load(&disk) == DISK_BROKEN) {
                errno = EIO;
                return -1;
        }
        if (atomic_load(&disk) == DISK_SLOW)
                wait_until_it_may_end();
        return (int)syscall(call, fd);
}

/* The test's own definitions stand before libc's. */
int fdatasync(int fd)
{
        return sync_fd(SYS_fdatasync, fd);
}

int fsync(int fd)
{
        return sync_fd(SYS_fsync, fd);
}

static atomic_bool write_is_slow;       /* that of rows */

ssize_t write(int fd, const void *p, size_t n)
{
        if (n > 1 && atomic_load(&write_is_slow) && memcmp(p, "f ", 2) == 0) {
                atomic_fetch_add(&syncs_begun, 1);
                wait_until_it_may_end();
        }
        return (ssize_t)syscall(SYS_write, fd, p, n);
}

/* The loop goes on as it does without a test: read, then store. */
static void turn(struct rig *r)
{
        loop_turn(r->loop, 5);
        tail_read(r->tail);
        tail_save(r->tail, false);
}

static void settle(struct rig *r)
{
        for (int i = 0; i < 10; i++)
                turn(r);
}

/* Turns until the disk has got that many syncs since the last call. */
static void wait_for_syncs(struct rig *r, int n)
{
        int64_t deadline_ns = clock_system.mono_ns(&clock_system) + 20 * INT64_C(1000000000);

        while (atomic_load(&syncs_begun) < n && clock_system.mono_ns(&clock_system) < deadline_ns)
                turn(r);
        assert_int_equal(atomic_load(&syncs_begun), n);
        atomic_store(&syncs_begun, 0);
}

static void wait_until_stored(struct rig *r, int64_t writes)
{
        int64_t deadline_ns = clock_system.mono_ns(&clock_system) + 20 * INT64_C(1000000000);

        while (stat_get(&r->stats.checkpoint_writes) < writes && clock_system.mono_ns(&clock_system) < deadline_ns)
                turn(r);
        assert_int_equal(stat_get(&r->stats.checkpoint_writes), writes);
}

static void be(enum disk what)
{
        atomic_store(&disk, what);
        atomic_store(&syncs_begun, 0);
}

/* From here on every sync ends: the one that waits, and those to come. */
static void become_fine(void)
{
        atomic_store(&disk, DISK_FINE);
        sem_post(&may_end);
}

static int set_up(void **state)
{
        struct rig *r = rig_new("*.log");

        sem_init(&may_end, 0, 0);
        be(DISK_FINE);
        rig_start(r);
        rig_append(r, "a.log", "one\n");
        rig_answer(r);
        assert_int_equal(rig_held(r), 0);
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        become_fine();          /* after a failure it may still be slow, and a shipper that ends waits for it */
        rig_free(*state);
        sem_destroy(&may_end);
        return 0;
}

/* --- a slow one ------------------------------------------------------------------------------ */

static void lines_do_not_wait_for_the_disk(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "a.log", "two\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        wait_for_syncs(r, 1);
        for (int i = 0; i < 20; i++) {
                rig_append(r, "a.log", "more\n");
                settle(r);
                assert_int_equal(rig_held(r), 1);
                sink_held_answer_all(r->sink, VERDICT_DONE);
        }
        settle(r);
        assert_int_equal(atomic_load(&syncs_begun), 0);         /* one at a time */
        become_fine();
        wait_until_stored(r, stat_get(&r->stats.checkpoint_writes) + 2);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void what_moves_while_the_disk_is_busy_is_stored_by_the_next_write(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "a.log", "two\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        wait_for_syncs(r, 1);
        rig_append(r, "a.log", "three\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        char *path = rig_path(r, "a.log");
        assert_false(tail_is_acked(r->tail, path, 4));          /* what is being written is not stored */
        become_fine();
        wait_for_syncs(r, 1);
        tail_save(r->tail, true);
        assert_true(tail_is_acked(r->tail, path, 14));
        free(path);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

static void a_stop_waits_for_the_disk(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "a.log", "two\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        wait_for_syncs(r, 1);
        rig_append(r, "a.log", "three\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        sem_post(&may_end);
        sem_post(&may_end);
        tail_save(r->tail, true);                               /* of the one under way, and of the rest */
        assert_int_equal(atomic_load(&syncs_begun), 1);
        be(DISK_FINE);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

/* Else it would be lost when it is renamed while the shipper is dead. */
static void nothing_of_a_new_file_is_shipped_before_its_row_is_stored(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "b.log", "first of b\n");
        wait_for_syncs(r, 1);
        rig_append(r, "b.log", "second of b\n");                /* which tells of it again */
        rig_append(r, "a.log", "two\n");
        settle(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "two"));
        assert_true(tail_waits_for_disk(r->tail));
        assert_false(tail_at_end(r->tail));
        become_fine();
        rig_wait_for(r, 3);
        assert_true(rig_shipped(r, "first of b") && rig_shipped(r, "second of b"));
        rig_kill_and_start(r);
        rig_wait_for(r, 3);
}

/* Its row may be on its way when it turns out to be new, or there may be no room for another write yet. */
static void new_files_that_come_while_the_disk_is_busy_have_their_turn(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "b.log", "of b\n");
        wait_for_syncs(r, 1);
        rig_append(r, "c.log", "of c\n");
        rig_append(r, "d.log", "of d\n");
        settle(r);
        assert_int_equal(rig_held(r), 0);
        sem_post(&may_end);
        wait_for_syncs(r, 1);
        settle(r);
        assert_int_equal(rig_held(r), 1);
        assert_true(rig_shipped(r, "of b"));
        become_fine();
        rig_wait_for(r, 3);
}

/* It was renamed while the disk was busy with its row, and the sink takes it bit by bit. */
static void a_rotated_file_that_waits_for_its_row_goes_before_the_one_in_its_place(void **state)
{
        enum { LINES = 3000, LEN = 100 };
        struct rig *r = *state;
        char *text = xmalloc(LINES * LEN + 1);

        r->max_bytes = 64 * 1024;
        rig_kill_and_start(r);
        rig_turns(r);
        memset(text, 'x', LINES * LEN);
        for (size_t i = 1; i <= LINES; i++)
                text[i * LEN - 1] = '\n';
        text[LINES * LEN] = '\0';
        be(DISK_SLOW);
        rig_append(r, "b.log", text);
        wait_for_syncs(r, 1);
        rig_move(r, "b.log", "b.log.1");
        rig_append(r, "b.log", "new\n");
        settle(r);
        assert_int_equal(rig_held(r), 0);
        sem_post(&may_end);
        wait_for_syncs(r, 1);                                   /* the row of the new one */
        settle(r);
        assert_in_range(rig_held(r), 1, LINES - 1);
        become_fine();
        for (int i = 0; i < 10 * 1000 && !rig_shipped(r, "new"); i++) {
                sink_held_answer_all(r->sink, VERDICT_DONE);
                turn(r);
        }
        assert_int_equal(stat_get(&r->stats.lines_read), LINES + 1);
        free(text);
}

static void what_ends_and_begins_anew_while_the_disk_is_busy_is_in_the_next_write(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "a.log", "two\n");
        rig_append(r, "b.log", "of b\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        wait_for_syncs(r, 1);
        rig_remove(r, "b.log");                                 /* its row is on its way */
        rig_write(r, "a.log", "");
        settle(r);
        rig_append(r, "a.log", "new\n");
        settle(r);
        become_fine();
        rig_wait_for(r, 2);                                     /* "of b" was open already */
        rig_answer(r);
        char *path = rig_path(r, "a.log");
        assert_true(tail_is_acked(r->tail, path, 4));
        free(path);
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
        assert_int_equal(stat_get(&r->stats.files), 1);
        assert_int_equal(stat_get(&r->stats.lost_truncated) + stat_get(&r->stats.lost_vanished), 0);
}

/* The row that is on its way when it gets its name is still that of the generation before. */
static void a_generation_that_gets_its_name_while_the_disk_is_busy_waits_for_the_row_with_it(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_write(r, "a.log", "");
        wait_for_syncs(r, 1);
        rig_append(r, "a.log", "new\n");
        settle(r);
        sem_post(&may_end);
        wait_for_syncs(r, 1);
        settle(r);
        assert_int_equal(rig_held(r), 0);
        become_fine();
        rig_wait_for(r, 1);
        assert_true(rig_shipped(r, "new"));
}

/* A thread that waits for the disk cannot be ended: whoever stops is told so, and so is who asks without waiting. */
static void nobody_waits_for_ever_for_a_disk_that_does_not_answer(void **state)
{
        struct rig *r = *state;

        be(DISK_SLOW);
        rig_append(r, "a.log", "two\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        assert_false(tail_flush(r->tail));
        wait_for_syncs(r, 1);
        assert_false(tail_flush(r->tail));
        assert_false(tail_save(r->tail, true));
        become_fine();
        for (int i = 0; i < 10 * 1000 && !tail_flush(r->tail); i++)
                turn(r);
        assert_true(tail_flush(r->tail));
        assert_true(tail_save(r->tail, true));
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

/* It came after the rows that are being written, and before the disk had them: the checkpoint must not be younger than it. */
static void what_is_born_while_the_disk_is_busy_is_found_when_it_is_rotated_while_down(void **state)
{
        struct rig *r = *state;

        watch_scan(r->watch);
        watch_scan(r->watch);
        rig_answer(r);                                          /* all that there is is known */
        rig_later(r);
        be(DISK_FINE);
        atomic_store(&write_is_slow, true);
        rig_append(r, "a.log", "two\n");
        settle(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        wait_for_syncs(r, 1);
        rig_append(r, "b.log", "of b\n");
        rig_later(r);
        atomic_store(&write_is_slow, false);
        sem_post(&may_end);
        assert_true(tail_save(r->tail, false));
        rig_tear_down(r);                                       /* waits for that write, and begins none */
        rig_move(r, "b.log", "b.log.1");
        rig_start(r);
        rig_wait_for(r, 1);
        assert_true(rig_shipped(r, "of b"));
}

static void a_disk_that_does_not_answer_is_told_of(void **state)
{
        struct rig *r = *state;
        struct clock_fake fake;

        rig_tear_down(r);
        clock_fake_init(&fake);
        r->clock = &fake.clock;
        rig_start(r);
        rig_turns(r);
        be(DISK_SLOW);
        rig_append(r, "b.log", "of b\n");
        wait_for_syncs(r, 1);
        assert_null(tail_trouble(r->tail));
        clock_fake_advance(&fake, 7000);
        turn(r);
        assert_non_null(tail_trouble(r->tail));
        assert_non_null(strstr(tail_trouble(r->tail),
                               "positions cannot be stored: the disk of the state directory has not answered for 7 s"));
        become_fine();
        rig_wait_for(r, 1);
        assert_null(tail_trouble(r->tail));
        assert_true(r->stats.checkpoint_seconds.count > 0 && r->stats.checkpoint_seconds.sum >= 7.0);
}

/* --- a broken one ---------------------------------------------------------------------------- */

static void a_disk_that_fails_costs_doubles_and_no_line(void **state)
{
        struct rig *r = *state;

        be(DISK_BROKEN);
        rig_append(r, "b.log", "of b\n");
        rig_append(r, "a.log", "two\n");
        rig_wait_for(r, 2);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        tail_save(r->tail, true);
        assert_non_null(tail_trouble(r->tail));
        assert_true(stat_get(&r->stats.checkpoint_errors) > 0);
        assert_true(tail_flush(r->tail));                       /* and does not hold up a stop */
        be(DISK_FINE);
        tail_save(r->tail, true);
        assert_null(tail_trouble(r->tail));
        rig_kill_and_start(r);
        rig_turns(r);
        assert_int_equal(rig_held(r), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)
        const struct CMUnitTest tests[] = {
                TEST(lines_do_not_wait_for_the_disk),
                TEST(what_moves_while_the_disk_is_busy_is_stored_by_the_next_write),
                TEST(a_stop_waits_for_the_disk),
                TEST(nothing_of_a_new_file_is_shipped_before_its_row_is_stored),
                TEST(new_files_that_come_while_the_disk_is_busy_have_their_turn),
                TEST(a_rotated_file_that_waits_for_its_row_goes_before_the_one_in_its_place),
                TEST(what_ends_and_begins_anew_while_the_disk_is_busy_is_in_the_next_write),
                TEST(a_generation_that_gets_its_name_while_the_disk_is_busy_waits_for_the_row_with_it),
                TEST(nobody_waits_for_ever_for_a_disk_that_does_not_answer),
                TEST(what_is_born_while_the_disk_is_busy_is_found_when_it_is_rotated_while_down),
                TEST(a_disk_that_does_not_answer_is_told_of),
                TEST(a_disk_that_fails_costs_doubles_and_no_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
