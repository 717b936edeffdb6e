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
#include <unistd.h>

#include "base/mem.h"
#include "shipper/checkpoint.h"
#include "shipper/file.h"
#include "shipper/files.h"
#include "shipper/lock.h"
#include "tests/fake/tmpdir.h"

static char *dir;

static int make_dir(void **state)
{
        (void)state;
        dir = tmpdir_new();
        return 0;
}

static int remove_dir(void **state)
{
        (void)state;
        tmpdir_free(dir);
        return 0;
}

static void no_row(void *arg, const struct checkpoint_row *row)
{
        (void)arg, (void)row;
}

static struct checkpoint *open_checkpoint(void)
{
        struct checkpoint *c = NULL;
        struct err e = { 0 };
        unsigned bad;

        assert_int_equal(checkpoint_open(dir, no_row, NULL, &c, &bad, &e), 0);
        return c;
}

/* The row of a file of size bytes, which is there unless NULL is its text. */
static void put(struct checkpoint *c, uint8_t number, const char *name, const char *text, int64_t offset)
{
        char *path = tmpdir_path(dir, name);
        struct file_stat st = { .inode = number };

        if (text) {
                file_write(path, text);
                assert_int_equal(file_stat(AT_FDCWD, path, &st), 0);
        }
        checkpoint_put(c, &(struct checkpoint_row){ .id.bytes[0] = number, .inode = st.inode, .birth_ns = st.birth_ns,
                                                    .offset = offset, .path = path });
        free(path);
}

static void flush(struct checkpoint *c)
{
        struct err e = { 0 };
        assert_int_equal(checkpoint_flush(c, &e), 0);
}

/* The columns of the line that ends with name, up to it; NULL: there is none. */
static const char *row(struct buf *out, const char *name)
{
        static char line[512];
        const char *text = buf_cstr(out), *at = strstr(text, name);

        if (!at)
                return NULL;
        while (at > text && at[-1] != '\n')
                at--;
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "/\n"), at);
        return line;
}

static void list(struct buf *out)
{
        struct err e = { 0 };
        assert_int_equal(files_list(dir, NULL, 0, out, &e), 0);
}

static void each_file_stands_with_its_state(void **state)
{
        struct checkpoint *c = open_checkpoint();
        struct buf out = { 0 };
        char *path = tmpdir_path(dir, "big.log");

        (void)state;
        put(c, 1, "end.log", "12345\n", 6);
        put(c, 2, "behind.log", "12345\n12\n", 6);
        put(c, 3, "short.log", "12\n", 6);
        put(c, 4, "gone.log", NULL, 6);
        put(c, 5, "big.log", "x", 0);
        assert_int_equal(truncate(path, 3 << 19), 0);
        flush(c);
        list(&out);
        assert_string_equal(row(&out, "end.log"), "       6 B        6 B        0 B  at its end  ");
        assert_string_equal(row(&out, "behind.log"), "       6 B        9 B        3 B  behind      ");
        assert_string_equal(row(&out, "short.log"), "       6 B        3 B        0 B  cut short   ");
        assert_string_equal(row(&out, "gone.log"), "       6 B          -          -  gone        ");
        assert_string_equal(row(&out, "big.log"), "       0 B    1.5 MiB    1.5 MiB  behind      ");
        assert_non_null(strstr(buf_cstr(&out), "\n5 files, 1.5 MiB behind\n"));
        free(path);
        buf_fini(&out);
        checkpoint_free(c);
}

/* Its size on disk says nothing of what is in it. */
static void of_an_archive_what_is_known_of_its_content_is_shown(void **state)
{
        struct checkpoint *c = open_checkpoint();
        struct buf out = { 0 };
        char *path = tmpdir_path(dir, "a.log.1.gz");
        struct file_stat st;

        (void)state;
        file_write(path, "x");
        assert_int_equal(file_stat(AT_FDCWD, path, &st), 0);
        checkpoint_put(c, &(struct checkpoint_row){ .id.bytes[0] = 1, .inode = st.inode, .birth_ns = st.birth_ns,
                                                    .offset = 600, .size = 1000, .path = path });
        flush(c);
        list(&out);
        assert_string_equal(row(&out, "a.log.1.gz"), "     600 B     1000 B      400 B  behind, in an archive  ");
        free(path);
        buf_fini(&out);
        checkpoint_free(c);
}

static void a_file_that_took_the_name_is_not_taken_for_it(void **state)
{
        struct checkpoint *c = open_checkpoint();
        struct buf out = { 0 };
        char *path = tmpdir_path(dir, "a.log"), *moved = tmpdir_path(dir, "a.log.1");

        (void)state;
        put(c, 1, "a.log", "12345\n", 6);
        flush(c);
        assert_int_equal(rename(path, moved), 0);
        file_write(path, "another one\n");
        list(&out);
        assert_string_equal(row(&out, "a.log"), "       6 B          -          -  another file has its name  ");
        free(path);
        free(moved);
        buf_fini(&out);
        checkpoint_free(c);
}

static void a_name_cannot_steer_the_terminal(void **state)
{
        struct checkpoint *c = open_checkpoint();
        struct buf out = { 0 };

        (void)state;
        put(c, 1, "\x1b[2Jx.log", NULL, 0);
        flush(c);
        list(&out);
        assert_non_null(strstr(buf_cstr(&out), "/?[2Jx.log\n"));
        buf_fini(&out);
        checkpoint_free(c);
}

static void looking_needs_no_lock_and_changes_nothing(void **state)
{
        struct checkpoint *c = open_checkpoint();
        struct err e = { 0 };
        struct buf out = { 0 };
        int lock = lock_dir(dir, &e);
        char *path = tmpdir_path(dir, "checkpoint");
        size_t before, after;

        (void)state;
        assert_true(lock >= 0);
        put(c, 1, "a.log", "12\n", 3);
        flush(c);
        file_append(path, "f torn");
        char *was = file_read(path, &before);
        list(&out);
        char *is = file_read(path, &after);
        assert_int_equal(before, after);
        assert_memory_equal(was, is, before);
        assert_non_null(row(&out, "a.log"));
        assert_null(strstr(buf_cstr(&out), "damaged"));
        free(was);
        free(is);
        free(path);
        buf_fini(&out);
        close(lock);
        checkpoint_free(c);
}

static void names_and_patterns_choose_what_is_listed(void **state)
{
        struct checkpoint *c = open_checkpoint();
        struct buf out = { 0 };
        struct err e = { 0 };
        char *one = tmpdir_path(dir, "a[1].log"), *pattern = tmpdir_path(dir, "b*.log"), *none = tmpdir_path(dir, "z.log");

        (void)state;
        put(c, 1, "a[1].log", NULL, 1);
        put(c, 2, "b1.log", NULL, 2);
        put(c, 3, "c.log", NULL, 3);
        flush(c);
        assert_int_equal(files_list(dir, (const char *const[]){ one, pattern, none }, 3, &out, &e), 0);
        assert_non_null(row(&out, "a[1].log"));
        assert_non_null(row(&out, "b1.log"));
        assert_null(row(&out, "c.log"));
        assert_non_null(strstr(buf_cstr(&out), "\n2 files, "));
        assert_non_null(strstr(buf_cstr(&out), "z.log: nothing of it is acknowledged yet\n"));

        buf_reset(&out);
        assert_int_equal(files_list(dir, (const char *const[]){ none }, 1, &out, &e), -ENOENT);
        assert_non_null(strstr(e.msg, "holds none of these files"));
        free(one);
        free(pattern);
        free(none);
        buf_fini(&out);
        checkpoint_free(c);
}

static void without_a_checkpoint_it_says_so_and_makes_none(void **state)
{
        struct buf out = { 0 };
        struct err e = { 0 };
        char *path = tmpdir_path(dir, "checkpoint");

        (void)state;
        assert_int_equal(files_list(dir, NULL, 0, &out, &e), -ENOENT);
        assert_non_null(strstr(e.msg, "has no checkpoint"));
        assert_int_equal(out.len, 0);
        assert_int_equal(access(path, F_OK), -1);
        free(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_file_stands_with_its_state, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(of_an_archive_what_is_known_of_its_content_is_shown, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(a_file_that_took_the_name_is_not_taken_for_it, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(a_name_cannot_steer_the_terminal, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(looking_needs_no_lock_and_changes_nothing, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(names_and_patterns_choose_what_is_listed, make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(without_a_checkpoint_it_says_so_and_makes_none, make_dir, remove_dir),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
