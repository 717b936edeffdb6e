/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/mem.h"
#include "shipper/checkpoint.h"
#include "shipper/lock.h"
#include "tests/fake/tmpdir.h"

/* The calls that make data durable, in their order: the test's own definitions stand before libc's. */
static char calls[512];

static void note(const char *what, int fd)
{
        char link[64], name[256] = "";

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (fd >= 0 && readlink(link, name, sizeof(name) - 1) < 0)
                name[0] = '\0';
        const char *base = strrchr(name, '/');
        size_t n = strlen(calls);
        snprintf(calls + n, sizeof(calls) - n, "%s(%s) ", what, base ? base + 1 : "");
}

int fsync(int fd)
{
        note("fsync", fd);
        return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
        note("fdatasync", fd);
        return (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
        note("rename", -1);
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* What a load handed out, by the number in the id. */
struct seen { int64_t offset[16], size[16]; struct mark mark[16]; char *path[16]; unsigned n; };

static void see(void *arg, const struct checkpoint_row *row)
{
        struct seen *s = arg;
        unsigned i = row->id.bytes[0];

        assert_true(i < 16);
        s->offset[i] = row->offset;
        s->size[i] = row->size;
        s->mark[i] = row->mark;
        s->path[i] = xstrdup(row->path);
        s->n++;
}

static void seen_free(struct seen *s)
{
        for (unsigned i = 0; i < 16; i++)
                free(s->path[i]);
        memset(s, 0, sizeof(*s));
}

static struct checkpoint_row row_of(uint8_t number, int64_t offset, const char *path)
{
        struct checkpoint_row row = { .inode = 100u + number, .birth_ns = 1700000000000000001, .generation = 2,
                                      .head_len = 7, .head_hash = 0xfeedbeef, .offset = offset, .path = path };
        row.id.bytes[0] = number;
        return row;
}

static struct checkpoint *open_ok(const char *dir, struct seen *s, unsigned *bad)
{
        struct checkpoint *c = NULL;
        struct err e = { 0 };
        unsigned ignored;

        if (checkpoint_open(dir, s ? see : NULL, s, &c, bad ? bad : &ignored, &e) < 0)
                fail_msg("%s", e.msg);
        return c;
}

static void put(struct checkpoint *c, uint8_t number, int64_t offset, const char *path)
{
        struct checkpoint_row row = row_of(number, offset, path);
        struct err e = { 0 };

        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_flush(c, &e), 0);
}

static int make_dir(void **state)
{
        *state = tmpdir_new();
        return 0;
}

static int remove_dir(void **state)
{
        tmpdir_free(*state);
        return 0;
}

static void the_newest_row_of_a_file_wins(void **state)
{
        struct seen s = { 0 };
        struct checkpoint *c = open_ok(*state, &s, NULL);

        assert_int_equal(s.n, 0);
        put(c, 1, 10, "/a b%c\n\\d");
        put(c, 2, 20, "/two");
        put(c, 1, 30, "/moved here");
        checkpoint_free(c);

        c = open_ok(*state, &s, NULL);
        assert_int_equal(s.n, 2);
        assert_int_equal(s.offset[1], 30);
        assert_string_equal(s.path[1], "/moved here");
        assert_int_equal(s.offset[2], 20);
        seen_free(&s);
        checkpoint_free(c);
}

static void any_path_survives(void **state)
{
        const char *path = "/ x%20y\nz\\\t\x01\xff";
        struct seen s = { 0 };
        struct checkpoint *c = open_ok(*state, NULL, NULL);

        put(c, 3, 1, path);
        checkpoint_free(c);
        c = open_ok(*state, &s, NULL);
        assert_string_equal(s.path[3], path);
        seen_free(&s);
        checkpoint_free(c);
}

static void size_and_mark_survive(void **state)
{
        struct seen s = { 0 };
        struct err e = { 0 };
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        struct checkpoint_row row = row_of(6, 100, "/link");

        row.size = 120;
        row.mark = (struct mark){ 90, 0xabcdef };
        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_flush(c, &e), 0);
        for (int i = 0; i < 2; i++) {           /* the second time from what opening wrote anew */
                checkpoint_free(c);
                seen_free(&s);
                c = open_ok(*state, &s, NULL);
                assert_int_equal(s.size[6], 120);
                assert_int_equal(s.mark[6].at, 90);
                assert_int_equal(s.mark[6].hash, 0xabcdef);
        }
        seen_free(&s);
        checkpoint_free(c);
}

static void a_row_of_version_1_is_still_good(void **state)
{
        const char *row = "f BwAAAAAAAAAAAAAAAAAAAA 107 1700000000000000001 2 7 00000000feedbeef 77 /a%20b";
        char *path = tmpdir_path(*state, "checkpoint");
        char *text = xasprintf("sluice-checkpoint 1\n%s %08x\n", row, (unsigned)XXH3_64bits(row, strlen(row)));
        struct seen s = { 0 };
        unsigned bad = 99;

        file_write(path, text);
        for (int i = 0; i < 2; i++) {
                struct checkpoint *c = open_ok(*state, &s, &bad);
                assert_int_equal(bad, 0);
                assert_int_equal(s.n, 1);
                assert_int_equal(s.offset[7], 77);
                assert_int_equal(s.mark[7].at, 0);
                assert_string_equal(s.path[7], "/a b");
                seen_free(&s);
                checkpoint_free(c);
        }
        free(text);
        free(path);
}

static void a_forgotten_file_is_gone(void **state)
{
        struct seen s = { 0 };
        struct err e = { 0 };
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        struct checkpoint_row row = row_of(4, 1, "/x");

        put(c, 4, 1, "/x");
        checkpoint_forget(c, &row.id);
        assert_int_equal(checkpoint_flush(c, &e), 0);
        checkpoint_free(c);
        c = open_ok(*state, &s, NULL);
        assert_int_equal(s.n, 0);
        checkpoint_free(c);
}

/* The file cut at every byte: what was synced before the last row is there, the last row as it was or not at all. */
static void torn_at_any_byte_it_loads_what_was_whole(void **state)
{
        char *path = tmpdir_path(*state, "checkpoint");
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        struct stat before, after;

        put(c, 1, 10, "/one");
        put(c, 2, 20, "/two");
        assert_int_equal(stat(path, &before), 0);
        put(c, 1, 11, "/one");
        assert_int_equal(stat(path, &after), 0);
        checkpoint_free(c);

        size_t len;
        char *whole = file_read(path, &len);
        for (off_t cut = before.st_size; cut <= after.st_size; cut++) {
                struct seen s = { 0 };
                unsigned bad = 99;

                whole[len] = '\0';
                file_write(path, whole);
                assert_int_equal(truncate(path, cut), 0);
                c = open_ok(*state, &s, &bad);
                assert_int_equal(s.n, 2);
                assert_int_equal(bad, 0);
                assert_int_equal(s.offset[1], cut == after.st_size ? 11 : 10);
                /* And it can be appended to: nothing is glued to the torn row. */
                put(c, 5, 50, "/five");
                checkpoint_free(c);
                seen_free(&s);
                c = open_ok(*state, &s, &bad);
                assert_int_equal(bad, 0);
                assert_int_equal(s.n, 3);
                seen_free(&s);
                checkpoint_free(c);
        }
        free(whole);
        free(path);
}

static void a_damaged_row_is_counted_and_spoils_no_other(void **state)
{
        char *path = tmpdir_path(*state, "checkpoint");
        struct checkpoint *c = open_ok(*state, NULL, NULL);

        put(c, 1, 10, "/one");
        put(c, 2, 20, "/two");
        checkpoint_free(c);
        char *text = file_read(path, NULL);
        strstr(text, "/one")[1] = 'X';
        file_write(path, text);

        struct seen s = { 0 };
        unsigned bad;
        c = open_ok(*state, &s, &bad);
        assert_int_equal(bad, 1);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.offset[2], 20);
        seen_free(&s);
        checkpoint_free(c);
        free(text);
        free(path);
}

static void a_file_of_another_kind_is_not_overwritten(void **state)
{
        char *path = tmpdir_path(*state, "checkpoint");
        struct checkpoint *c = NULL;
        struct err e = { 0 };
        unsigned bad;

        file_write(path, "sluice-checkpoint 3\nsomething of a later version\n");
        assert_int_equal(checkpoint_open(*state, NULL, NULL, &c, &bad, &e), -EINVAL);
        assert_non_null(strstr(e.msg, path));
        char *text = file_read(path, NULL);
        assert_non_null(strstr(text, "later version"));
        free(text);
        free(path);
}

static void it_does_not_grow_for_ever(void **state)
{
        char *path = tmpdir_path(*state, "checkpoint");
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        struct checkpoint_row row = row_of(1, 0, "/one");
        struct err e = { 0 };
        struct stat st;

        for (row.offset = 0; row.offset < 3000; row.offset++) {
                if (checkpoint_wants_rewrite(c)) {
                        checkpoint_rewrite_begin(c);
                        checkpoint_put(c, &row);
                        assert_int_equal(checkpoint_rewrite_commit(c, &e), 0);
                }
                checkpoint_put(c, &row);
                assert_int_equal(checkpoint_flush(c, &e), 0);
                assert_int_equal(stat(path, &st), 0);
                assert_true(st.st_size < 80 * 1024);
        }
        checkpoint_free(c);
        struct seen s = { 0 };
        c = open_ok(*state, &s, NULL);
        assert_int_equal(s.offset[1], 2999);
        seen_free(&s);
        checkpoint_free(c);
        free(path);
}

static void what_is_written_to_a_deleted_file_is_not_stored(void **state)
{
        char *path = tmpdir_path(*state, "checkpoint");
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        struct checkpoint_row row = row_of(1, 7, "/one");
        struct err e = { 0 };

        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_flush(c, &e), 0);
        assert_int_equal(unlink(path), 0);
        row.offset = 8;
        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_flush(c, &e), -ENOENT);
        assert_true(checkpoint_wants_rewrite(c));
        checkpoint_rewrite_begin(c);
        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_rewrite_commit(c, &e), 0);
        checkpoint_free(c);
        struct seen s = { 0 };
        c = open_ok(*state, &s, NULL);
        assert_int_equal(s.offset[1], 8);
        seen_free(&s);
        checkpoint_free(c);
        free(path);
}

static void content_is_on_disk_before_the_name_and_the_name_before_it_is_relied_on(void **state)
{
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        const char *dir = strrchr(*state, '/') + 1;
        struct checkpoint_row row = row_of(1, 1, "/one");
        struct err e = { 0 };
        char expected[256];

        calls[0] = '\0';
        checkpoint_rewrite_begin(c);
        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_rewrite_commit(c, &e), 0);
        snprintf(expected, sizeof(expected), "fsync(checkpoint.new) rename() fsync(%s) ", dir);
        assert_string_equal(calls, expected);

        calls[0] = '\0';
        checkpoint_put(c, &row);
        assert_int_equal(checkpoint_flush(c, &e), 0);
        assert_string_equal(calls, "fdatasync(checkpoint) ");
        checkpoint_free(c);
}

static void until_when_it_is_complete_is_kept_until_it_is_told_anew(void **state)
{
        const int64_t then = INT64_C(1700000000123456789);
        struct checkpoint *c = open_ok(*state, NULL, NULL);
        struct err e = { 0 };

        assert_int_equal(checkpoint_complete_ns(c), 0);         /* there was none */
        checkpoint_is_complete(c, then);
        assert_true(checkpoint_dirty(c));
        calls[0] = '\0';
        assert_int_equal(checkpoint_flush(c, &e), 0);
        assert_string_equal(calls, "");                         /* costs no sync */
        assert_false(checkpoint_dirty(c));
        checkpoint_free(c);
        for (int i = 0; i < 2; i++) {                           /* whatever is stored by a run that is killed early */
                c = open_ok(*state, NULL, NULL);
                assert_int_equal(checkpoint_complete_ns(c), then);
                put(c, 1, i, "/a.log");
                checkpoint_free(c);
        }
        c = open_ok(*state, NULL, NULL);
        checkpoint_is_complete(c, then + 1);
        put(c, 1, 3, "/a.log");
        checkpoint_free(c);
        c = open_ok(*state, NULL, NULL);
        assert_true(checkpoint_complete_ns(c) > then + 1);      /* what is stored completes it */
        checkpoint_free(c);
}

static void one_process_at_a_time(void **state)
{
        struct err e = { 0 };
        int first = lock_dir(*state, &e);

        assert_true(first >= 0);
        assert_int_equal(lock_dir(*state, &e), -EBUSY);
        char pid[32];
        snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
        assert_non_null(strstr(e.msg, pid));
        close(first);
        int second = lock_dir(*state, &e);
        assert_true(second >= 0);
        close(second);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
        const struct CMUnitTest tests[] = {
                TEST(the_newest_row_of_a_file_wins),
                TEST(any_path_survives),
                TEST(size_and_mark_survive),
                TEST(a_row_of_version_1_is_still_good),
                TEST(a_forgotten_file_is_gone),
                TEST(torn_at_any_byte_it_loads_what_was_whole),
                TEST(a_damaged_row_is_counted_and_spoils_no_other),
                TEST(a_file_of_another_kind_is_not_overwritten),
                TEST(it_does_not_grow_for_ever),
                TEST(what_is_written_to_a_deleted_file_is_not_stored),
                TEST(content_is_on_disk_before_the_name_and_the_name_before_it_is_relied_on),
                TEST(until_when_it_is_complete_is_kept_until_it_is_told_anew),
                TEST(one_process_at_a_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
