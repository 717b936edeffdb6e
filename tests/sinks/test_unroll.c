/* SPDX-License-Identifier: Apache-2.0 */
/* What roll has written is read back line by line, whatever the end looks like. */
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

#include "base/buf.h"
#include "base/mem.h"
#include "sinks/roll.h"
#include "sinks/unroll.h"
#include "tests/fake/tmpdir.h"

enum { LINES = 3000 };

struct seen {
        int n, stop_at;
        size_t longest;
};

/* Line i is i, a blank, and a tail that grows past the reader's buffers. */
static void put_line(struct buf *b, int i)
{
        buf_printf(b, "%d ", i);
        for (int k = 0; k < (i % 1000 == 999 ? 200000 : i % 100); k++)
                buf_putc(b, (char)('a' + (i * 7 + k * (k % 13)) % 26));
        buf_putc(b, '\n');
}

static bool on_line(void *arg, const char *line, size_t len)
{
        struct seen *s = arg;
        struct buf expected = { 0 };

        put_line(&expected, s->n);
        assert_int_equal(len, expected.len - 1);
        assert_memory_equal(line, expected.data, len);
        buf_fini(&expected);
        s->longest = len > s->longest ? len : s->longest;
        return ++s->n != s->stop_at;
}

static char *written(const char *dir, bool lz4)
{
        char *path = tmpdir_path(dir, lz4 ? "packed" : "plain");
        struct roll_config how = { .path = path, .lz4 = lz4 };
        struct err e = { 0 };
        struct roll *r = roll_open(&how, &e);
        struct buf text = { 0 };

        for (int i = 0; i < LINES; i++) {
                put_line(&text, i);
                if (i % 7 == 0 || i == LINES - 1) {
                        assert_int_equal(roll_append(r, text.data, text.len, &e), 0);
                        buf_reset(&text);
                }
        }
        char *name = xstrdup(roll_path(r));
        roll_close(r);
        buf_fini(&text);
        free(path);
        return name;
}

static int unroll(const char *path, bool lz4, struct seen *s, struct err *e)
{
        int fd = open(path, O_RDONLY);
        int r = unroll_read(fd, path, lz4, on_line, s, e);

        close(fd);
        return r;
}

static void every_line_comes_back_plain_and_packed(void **state)
{
        char *dir = tmpdir_new();
        struct err e = { 0 };

        (void)state;
        for (int lz4 = 0; lz4 < 2; lz4++) {
                char *path = written(dir, lz4);
                struct seen s = { 0 }, few = { .stop_at = 5 };
                assert_int_equal(unroll(path, lz4, &s, &e), 0);
                assert_int_equal(s.n, LINES);
                assert_in_range(s.longest, 200000, 300000);
                assert_int_equal(unroll(path, lz4, &few, &e), 0);
                assert_int_equal(few.n, 5);
                free(path);
        }
        tmpdir_free(dir);
}

/* The writer is in the middle of its append. */
static void an_unfinished_end_is_not_there_yet(void **state)
{
        char *dir = tmpdir_new();
        struct err e = { 0 };

        (void)state;
        for (int lz4 = 0; lz4 < 2; lz4++) {
                char *path = written(dir, lz4);
                struct seen s = { 0 };
                int fd = open(path, O_RDWR);
                off_t size = lseek(fd, 0, SEEK_END);
                assert_int_equal(ftruncate(fd, size - 9), 0);
                close(fd);
                assert_int_equal(unroll(path, lz4, &s, &e), 0);
                assert_in_range(s.n, LINES - 8, LINES - 1);
                free(path);
        }
        tmpdir_free(dir);
}

static void damage_is_an_error_that_names_the_file(void **state)
{
        char *dir = tmpdir_new(), *path = written(dir, true);
        struct err e = { 0 };
        struct seen s = { 0 };

        (void)state;
        int fd = open(path, O_RDWR);
        assert_int_equal(pwrite(fd, "damage", 6, 5000), 6);
        close(fd);
        assert_int_equal(unroll(path, true, &s, &e), -EILSEQ);
        assert_non_null(strstr(e.msg, path));
        assert_true(s.n < LINES);
        free(path);
        tmpdir_free(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_line_comes_back_plain_and_packed),
                cmocka_unit_test(an_unfinished_end_is_not_there_yet),
                cmocka_unit_test(damage_is_an_error_that_names_the_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
