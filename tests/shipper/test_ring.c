/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "shipper/ring.h"
#include "tests/fake/tmpdir.h"

enum { MAX_BYTES = 64 * 1024, MAX_LINE = 4096 };

/* The disk takes this many bytes yet: the test's own write stands before libc's. -1: no end. */
static ssize_t disk_left = -1;

ssize_t write(int fd, const void *p, size_t n)
{
        if (disk_left == 0 && fd > STDERR_FILENO) {
                errno = ENOSPC;
                return -1;
        }
        if (disk_left > 0 && fd > STDERR_FILENO) {
                n = n < (size_t)disk_left ? n : (size_t)disk_left;
                disk_left -= (ssize_t)n;
        }
        return syscall(SYS_write, fd, p, n);
}

/* And its fdatasync. */
static int syncs, sync_errno;

int fdatasync(int fd)
{
        (void)fd;
        syncs++;
        errno = sync_errno;
        return sync_errno ? -1 : 0;
}

struct world {
        char *tmp, *dir;
        unsigned rooms;
        struct ring *ring;
        unsigned next;          /* number of the next entry */
};

static void on_room(void *arg)
{
        ((struct world *)arg)->rooms++;
}

static void open_ring(struct world *w)
{
        struct err e = { 0 };

        w->ring = ring_new(w->dir, MAX_BYTES, MAX_LINE, &(struct ring_owner){ on_room, w }, &e);
        if (!w->ring)
                fail_msg("%s", e.msg);
}

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));
        w->tmp = tmpdir_new();
        w->dir = tmpdir_path(w->tmp, "ring/stdin");
        disk_left = -1;
        syncs = sync_errno = 0;
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;
        ring_free(w->ring);
        tmpdir_free(w->tmp);
        free(w->dir);
        free(w);
        return 0;
}

static void append(struct world *w, unsigned n)
{
        char text[64];

        for (; n > 0; n--) {
                snprintf(text, sizeof(text), "line %u of a service that logs", w->next++);
                assert_int_equal(ring_append(w->ring, &(struct entry){ .received_ms = 1764000000123, .text = text,
                                                                       .len = strlen(text) }), 0);
        }
}

static size_t segments(struct world *w, char *ret_last, size_t size)
{
        char *pattern = tmpdir_path(w->dir, "*.log");
        glob_t g;
        size_t n = 0;

        if (glob(pattern, 0, NULL, &g) == 0) {
                n = g.gl_pathc;
                snprintf(ret_last, size, "%s", g.gl_pathv[n - 1]);
                globfree(&g);
        }
        free(pattern);
        return n;
}

/* The numbers of the entries that the segments hold, in their order: each one above the one before. */
static unsigned count_entries(struct world *w, unsigned *ret_first)
{
        char *pattern = tmpdir_path(w->dir, "*.log");
        unsigned n = 0, number = 0;
        glob_t g;

        assert_int_equal(glob(pattern, 0, NULL, &g), 0);
        for (size_t i = 0; i < g.gl_pathc; i++) {
                char *text = file_read(g.gl_pathv[i], NULL), *line = text;
                for (char *lf; (lf = strchr(line, '\n')) != NULL; line = lf + 1, n++) {
                        unsigned before = number;
                        assert_int_equal(sscanf(line, "1764000000123 - line %u of a service that logs\n", &number), 1);
                        if (n == 0)
                                *ret_first = number;
                        else
                                assert_true(number > before);
                }
                assert_string_equal(line, "");
                free(text);
        }
        globfree(&g);
        free(pattern);
        return n;
}

static bool yes(void *arg, const char *path, int64_t size)
{
        struct stat st;

        (void)arg;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, size);
        return true;
}

static bool no(void *arg, const char *path, int64_t size)
{
        (void)arg;
        (void)path;
        (void)size;
        return false;
}

static void what_is_flushed_stands_in_segments_of_a_bounded_size(void **state)
{
        struct world *w = *state;
        char last[256];
        unsigned first;
        struct stat st;

        open_ring(w);
        assert_null(ring_newest(w->ring));
        for (int i = 0; i < 20; i++) {
                append(w, 50);
                assert_true(ring_flush(w->ring));
                assert_int_equal(stat(ring_newest(w->ring), &st), 0);
                assert_int_equal(st.st_mode & 0777, 0600);
                assert_true(st.st_size < MAX_BYTES / RING_SEGMENTS + 50 * 64);
        }
        assert_true(segments(w, last, sizeof(last)) > 5);
        assert_string_equal(last, ring_newest(w->ring));
        assert_int_equal(count_entries(w, &first), 1000);
        assert_int_equal(first, 0);
}

static void a_full_ring_has_no_room_until_a_segment_is_acknowledged(void **state)
{
        struct world *w = *state;
        unsigned first;
        char last[256];

        open_ring(w);
        for (; ring_has_room(w->ring); assert_true(ring_flush(w->ring)))
                append(w, 10);
        assert_true(ring_is_full(w->ring));
        assert_true(ring_bytes(w->ring) >= MAX_BYTES && ring_bytes(w->ring) < MAX_BYTES + 1000);
        ring_collect(w->ring, no, NULL);
        assert_int_equal(w->rooms, 0);
        assert_false(ring_has_room(w->ring));
        unsigned all = count_entries(w, &first);

        ring_collect(w->ring, yes, NULL);
        assert_int_equal(w->rooms, 1);
        assert_true(ring_has_room(w->ring));
        assert_true(segments(w, last, sizeof(last)) <= 1);
        assert_true(all > 500);
        ring_collect(w->ring, yes, NULL);
        assert_int_equal(w->rooms, 1); /* told once */
}

static void a_ring_that_was_full_at_the_start_tells_of_room_too(void **state)
{
        struct world *w = *state;

        open_ring(w);
        for (; ring_has_room(w->ring); assert_true(ring_flush(w->ring)))
                append(w, 10);
        ring_free(w->ring);
        open_ring(w);
        assert_false(ring_has_room(w->ring));
        ring_collect(w->ring, yes, NULL);
        assert_int_equal(w->rooms, 1);
}

static bool oldest_two(void *arg, const char *path, int64_t size)
{
        (void)size;
        assert_true(strstr(path, "/0000000") != NULL);
        return (*(int *)arg)-- > 0;
}

static void segments_go_from_the_oldest_on(void **state)
{
        struct world *w = *state;
        unsigned first, before;
        int two = 2;

        open_ring(w);
        for (int i = 0; i < 10; i++) {
                append(w, 100);
                assert_true(ring_flush(w->ring));
        }
        before = count_entries(w, &first);
        ring_collect(w->ring, oldest_two, &two);
        unsigned left = count_entries(w, &first);
        assert_int_equal(first, before - left);
        assert_true(left < before);
}

static void the_segment_that_is_written_to_stays(void **state)
{
        struct world *w = *state;
        unsigned first;

        open_ring(w);
        append(w, 3);
        assert_true(ring_flush(w->ring));
        ring_collect(w->ring, yes, NULL);
        assert_int_equal(count_entries(w, &first), 3);
        append(w, 1);
        assert_true(ring_flush(w->ring));
        assert_int_equal(count_entries(w, &first), 4);
}

/* One entry that is larger than the ring is taken, and does not stand in the way for ever. */
static void an_entry_larger_than_the_ring_passes(void **state)
{
        struct world *w = *state;
        struct err e = { 0 };
        char text[3000];

        memset(text, 'x', sizeof(text));
        w->ring = ring_new(w->dir, 1024, MAX_LINE, &(struct ring_owner){ on_room, w }, &e);
        assert_true(ring_has_room(w->ring));
        assert_int_equal(ring_append(w->ring, &(struct entry){ .text = text, .len = sizeof(text) }), 0);
        assert_true(ring_flush(w->ring));
        assert_false(ring_has_room(w->ring));
        ring_collect(w->ring, yes, NULL);
        assert_true(ring_has_room(w->ring));
        assert_int_equal(ring_bytes(w->ring), 0);
}

static void a_ring_is_synced_when_it_is_asked_to_be_and_through_every_segment(void **state)
{
        struct world *w = *state;
        char last[256];

        open_ring(w);
        append(w, 1);
        assert_true(ring_flush(w->ring));
        assert_int_equal(syncs, 0);
        ring_keep_synced(w->ring);
        assert_int_equal(ring_sync(w->ring), 0);
        assert_int_equal(syncs, 1);
        for (int i = 0; i < 100 && segments(w, last, sizeof(last)) < 4; i++) {
                append(w, 20);
                assert_true(ring_flush(w->ring));
        }
        assert_true(syncs >= 1 + 3);
}

/* The kernel tells of an error once: what was lost then is not there because the next sync is fine. */
static void a_sync_that_failed_once_is_never_believed_again(void **state)
{
        struct world *w = *state;

        open_ring(w);
        append(w, 1);
        assert_true(ring_flush(w->ring));
        sync_errno = EIO;
        assert_int_equal(ring_sync(w->ring), -EIO);
        sync_errno = 0;
        append(w, 1);
        assert_true(ring_flush(w->ring));
        assert_int_equal(ring_sync(w->ring), -EIO);
}

static void a_start_begins_a_new_segment_and_keeps_the_old_ones(void **state)
{
        struct world *w = *state;
        char last[256];
        unsigned first;

        for (unsigned run = 1; run <= 3; run++) {
                open_ring(w);
                append(w, 5);
                assert_true(ring_flush(w->ring));
                ring_free(w->ring);
                w->ring = NULL;
                assert_int_equal(segments(w, last, sizeof(last)), run);
        }
        assert_int_equal(count_entries(w, &first), 15);
        open_ring(w);
        ring_collect(w->ring, yes, NULL);
        assert_int_equal(segments(w, last, sizeof(last)), 0);
}

/* A kill in the middle of the last entry, at each of its bytes: the others are whole, of it nothing is left. */
static void a_torn_last_entry_is_taken_off_wherever_it_was_torn(void **state)
{
        struct world *w = *state;
        unsigned first;

        open_ring(w);
        append(w, 3);
        assert_true(ring_flush(w->ring));
        char *path = xstrdup(ring_newest(w->ring));
        char *whole = file_read(path, NULL);
        append(w, 1);
        assert_true(ring_flush(w->ring));
        size_t len, keep = strlen(whole);
        char *all = file_read(path, &len);
        ring_free(w->ring);

        for (size_t n = keep; n < len; n++) {
                char *torn = xstrndup(all, n);
                file_write(path, torn);
                free(torn);
                open_ring(w);
                assert_int_equal(count_entries(w, &first), 3);
                assert_int_equal(ring_bytes(w->ring), (int64_t)keep);
                w->next = 4;
                append(w, 1);
                assert_true(ring_flush(w->ring));
                assert_string_not_equal(ring_newest(w->ring), path);
                assert_int_equal(count_entries(w, &first), 4);
                assert_int_equal(unlink(ring_newest(w->ring)), 0);
                ring_free(w->ring);
        }
        w->ring = NULL;
        free(path);
        free(whole);
        free(all);
}

static void a_torn_only_entry_longer_than_a_block_leaves_no_segment(void **state)
{
        struct world *w = *state;
        char last[256];

        open_ring(w);
        char *path = tmpdir_path(w->dir, "00000007.log"), *text = xmalloc(200001);
        memset(text, 'x', 200000);
        text[200000] = '\0';
        file_write(path, text);
        ring_free(w->ring);
        open_ring(w);
        assert_int_equal(segments(w, last, sizeof(last)), 0);
        free(text);
        free(path);
}

/* Nothing of a write that fails stays behind, nothing of it is lost, and it is said. */
static void a_disk_that_fills_up_stops_and_goes_on(void **state)
{
        struct world *w = *state;
        unsigned first;

        open_ring(w);
        append(w, 10);
        assert_true(ring_flush(w->ring));
        for (ssize_t left = 0; left < 120; left += 7) {
                append(w, 2);
                disk_left = left;
                bool took = ring_flush(w->ring);
                if (!took) {
                        assert_false(ring_has_room(w->ring));
                        assert_false(ring_is_full(w->ring));
                        assert_non_null(strstr(ring_trouble(w->ring), "No space left"));
                        unsigned rooms = w->rooms;
                        disk_left = -1;
                        (void)count_entries(w, &first);
                        assert_true(ring_flush(w->ring));
                        assert_int_equal(w->rooms, rooms + 1);
                }
                disk_left = -1;
                assert_null(ring_trouble(w->ring));
                assert_int_equal(count_entries(w, &first), w->next);
        }
}

static void a_directory_that_cannot_be_made_is_an_error_with_its_name(void **state)
{
        struct world *w = *state;
        struct err e = { 0 };
        char *file = tmpdir_path(w->tmp, "ring");

        file_write(file, "");
        assert_null(ring_new(w->dir, MAX_BYTES, MAX_LINE, &(struct ring_owner){ on_room, w }, &e));
        assert_non_null(strstr(e.msg, w->dir));
        free(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(what_is_flushed_stands_in_segments_of_a_bounded_size),
                TEST(a_full_ring_has_no_room_until_a_segment_is_acknowledged),
                TEST(a_ring_that_was_full_at_the_start_tells_of_room_too),
                TEST(segments_go_from_the_oldest_on),
                TEST(the_segment_that_is_written_to_stays),
                TEST(an_entry_larger_than_the_ring_passes),
                TEST(a_ring_is_synced_when_it_is_asked_to_be_and_through_every_segment),
                TEST(a_sync_that_failed_once_is_never_believed_again),
                TEST(a_start_begins_a_new_segment_and_keeps_the_old_ones),
                TEST(a_torn_last_entry_is_taken_off_wherever_it_was_torn),
                TEST(a_torn_only_entry_longer_than_a_block_leaves_no_segment),
                TEST(a_disk_that_fills_up_stops_and_goes_on),
                TEST(a_directory_that_cannot_be_made_is_an_error_with_its_name),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
