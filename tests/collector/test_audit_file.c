/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as the audit sees them: where each begins and ends, whatever the reads and the terminators. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/mem.h"
#include "collector/audit_file.h"
#include "collector/lookup.h"
#include "tests/fake/tmpdir.h"

struct place { char *dir, *path; };

static int set_up(void **state)
{
        struct place *p = xcalloc(1, sizeof(*p));

        p->dir = tmpdir_new();
        p->path = tmpdir_path(p->dir, "a.log");
        *state = p;
        return 0;
}

static int clean_up(void **state)
{
        struct place *p = *state;

        tmpdir_free(p->dir);
        free(p->path);
        free(p);
        return 0;
}

static void write_bytes(const char *path, const struct buf *b)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

        assert_int_equal(write(fd, b->data, b->len), b->len);
        close(fd);
}

/* Lines of growing length, some as long as several reads; each third ends with CRLF. */
static void lines_are_found_across_reads(void **state)
{
        enum { N = 400 };
        struct place *p = *state;
        struct buf text = { 0 }, texts = { 0 };
        int64_t offsets[N + 1];
        size_t lens[N];
        struct audit_file f;
        struct audit_line line;
        struct err e = { 0 };

        for (int i = 0; i < N; i++) {
                offsets[i] = (int64_t)text.len;
                lens[i] = (size_t)(i % 50 == 49 ? 300000 : i % 97);
                for (size_t k = 0; k < lens[i]; k++)
                        buf_putc(&text, (char)('a' + i % 26));
                buf_puts(&text, i % 3 == 0 ? "\r\n" : "\n");
        }
        offsets[N] = (int64_t)text.len;
        write_bytes(p->path, &text);
        assert_int_equal(audit_file_open(&f, p->path, &e), 0);
        for (int i = 0; i < N; i++) {
                buf_reset(&texts);
                assert_int_equal(audit_file_next(&f, &texts, &line, &e), 1);
                assert_int_equal(line.number, i + 1);
                assert_int_equal(line.offset, offsets[i]);
                assert_int_equal(line.end, offsets[i + 1]);
                assert_int_equal(line.len, lens[i]);
                assert_memory_equal(texts.data ? texts.data : "", text.data + offsets[i], line.len);
                assert_false(line.unfinished);
        }
        assert_int_equal(audit_file_next(&f, &texts, &line, &e), 0);
        buf_reset(&texts);
        assert_true(audit_file_bytes(&f, offsets[7], 40, &texts));
        assert_memory_equal(texts.data, text.data + offsets[7], 40);
        assert_false(audit_file_bytes(&f, offsets[N] - 3, 4, &texts));
        audit_file_close(&f);
        buf_fini(&text);
        buf_fini(&texts);
}

static void a_line_beyond_the_bound_is_cut_and_the_next_one_is_whole(void **state)
{
        struct place *p = *state;
        struct buf text = { 0 }, texts = { 0 };
        struct audit_file f;
        struct audit_line line;
        struct err e = { 0 };

        for (int i = 0; i < AUDIT_TEXT + 10; i++)
                buf_putc(&text, 'x');
        buf_puts(&text, "\nnext");
        write_bytes(p->path, &text);
        assert_int_equal(audit_file_open(&f, p->path, &e), 0);
        assert_int_equal(audit_file_next(&f, &texts, &line, &e), 1);
        assert_true(line.cut);
        assert_int_equal(line.len, AUDIT_TEXT);
        assert_int_equal(audit_file_next(&f, &texts, &line, &e), 1);
        assert_int_equal(line.offset, AUDIT_TEXT + 11);
        assert_int_equal(line.len, 4);
        assert_true(line.unfinished);
        assert_false(line.cut);
        assert_int_equal(audit_file_next(&f, &texts, &line, &e), 0);
        audit_file_close(&f);
        buf_fini(&text);
        buf_fini(&texts);
}

static void what_is_no_plain_file_is_refused_with_the_reason(void **state)
{
        struct place *p = *state;
        struct audit_file f;
        struct err e = { 0 };

        assert_int_equal(audit_file_open(&f, p->path, &e), -ENOENT);
        assert_int_equal(audit_file_open(&f, p->dir, &e), -EINVAL);
        file_write(p->path, "BZh91AY");
        assert_int_equal(audit_file_open(&f, p->path, &e), -EILSEQ);
        assert_non_null(strstr(e.msg, "is compressed, and neither by gzip nor"));
        file_write(p->path, "\x1f\x8b\x08");
        assert_int_equal(audit_file_open(&f, p->path, &e), -EILSEQ);
        assert_non_null(strstr(e.msg, "not whole"));
        file_write(p->path, "");
        assert_int_equal(audit_file_open(&f, p->path, &e), 0);
        audit_file_close(&f);
}

/* Larger than what is read at once; its lines are at the offsets of the file that it was made of. */
static void the_lines_of_an_archive_are_those_of_its_content(void **state)
{
        enum { N = 50000 };
        struct place *p = *state;
        struct buf texts = { 0 };
        struct audit_file f;
        struct audit_line line;
        struct err e = { 0 };
        gzFile gz = gzopen(p->path, "wb");
        int64_t offset = 0;

        for (int i = 0; i < N; i++)
                assert_true(gzprintf(gz, "line %d of many\n", i) > 0);
        assert_int_equal(gzclose(gz), Z_OK);
        assert_int_equal(audit_file_open(&f, p->path, &e), 0);
        for (int pass = 0; pass < 2; pass++) {
                offset = 0;
                for (int i = 0; i < N; i++) {
                        char wanted[64];
                        int len = snprintf(wanted, sizeof(wanted), "line %d of many", i);
                        buf_reset(&texts);
                        assert_int_equal(audit_file_next(&f, &texts, &line, &e), 1);
                        assert_int_equal(line.offset, offset);
                        assert_int_equal(line.len, len);
                        assert_memory_equal(texts.data, wanted, line.len);
                        offset = line.end;
                }
                assert_int_equal(audit_file_next(&f, &texts, &line, &e), 0);
                audit_file_rewind(&f);
        }
        assert_int_equal(f.size, offset);
        buf_reset(&texts);
        assert_true(audit_file_bytes(&f, 5, 4, &texts));
        assert_memory_equal(texts.data, "0 of", 4);
        audit_file_close(&f);
        buf_fini(&texts);
}

static void a_template_is_searched_by_every_name_that_it_makes(void **state)
{
        static const struct { const char *template, *pattern; } cases[] = {
                { "logs", "logs" },
                { "logs-{service.name:generic}-default", "logs-*-default" },
                { "{topic}-{+yyyy.MM.dd}", "*-*" },
                { "open{", "open{" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct buf b = { 0 };
                lookup_pattern(cases[i].template, &b);
                assert_string_equal(buf_cstr(&b), cases[i].pattern);
                buf_fini(&b);
        }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        static const struct CMUnitTest tests[] = {
                TEST(lines_are_found_across_reads),
                TEST(a_line_beyond_the_bound_is_cut_and_the_next_one_is_whole),
                TEST(what_is_no_plain_file_is_refused_with_the_reason),
                TEST(the_lines_of_an_archive_are_those_of_its_content),
                cmocka_unit_test(a_template_is_searched_by_every_name_that_it_makes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
