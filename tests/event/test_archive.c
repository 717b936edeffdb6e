/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "event/archive.h"

enum { MEMORY = 8 << 20 };

/* Each test of reading runs once for each kind. */
struct sample {
        enum archive_kind kind;
        struct buf content, packed, got;
};

static int set_up(void **state)
{
        struct sample *s = xcalloc(1, sizeof(*s));

        s->kind = *(const enum archive_kind *)*state;
        *state = s;
        return 0;
}

static int clean_up(void **state)
{
        struct sample *s = *state;

        buf_fini(&s->content);
        buf_fini(&s->packed);
        buf_fini(&s->got);
        free(s);
        return 0;
}

/* --- making them ------------------------------------------------------------------------------ */

static void pack_gzip(struct buf *to, const char *p, size_t n)
{
        z_stream z = { 0 };

        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        size_t room = deflateBound(&z, n) + 32;
        z.next_in = (unsigned char *)(uintptr_t)p;
        z.avail_in = (unsigned)n;
        z.next_out = (unsigned char *)buf_reserve(to, room);
        z.avail_out = (unsigned)room;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        to->len += room - z.avail_out;
        deflateEnd(&z);
}

/* As the lz4 program does it: with a checksum of the content; in the smallest blocks, so that there are some. */
static void pack_lz4(struct buf *to, const char *p, size_t n)
{
        const LZ4F_preferences_t how = { .frameInfo = { .blockSizeID = LZ4F_max64KB,
                                                        .contentChecksumFlag = LZ4F_contentChecksumEnabled } };
        size_t room = LZ4F_compressFrameBound(n, &how);
        size_t got = LZ4F_compressFrame(buf_reserve(to, room), room, p, n, &how);

        assert_false(LZ4F_isError(got));
        to->len += got;
}

static void pack_zstd(struct buf *to, const char *p, size_t n)
{
        ZSTD_CCtx *z = ZSTD_createCCtx();
        size_t room = ZSTD_compressBound(n);

        ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
        size_t got = ZSTD_compress2(z, buf_reserve(to, room), room, p, n);
        assert_false(ZSTD_isError(got));
        to->len += got;
        ZSTD_freeCCtx(z);
}

static void pack(enum archive_kind kind, struct buf *to, const char *p, size_t n)
{
        void (*const how[])(struct buf *, const char *, size_t) = { NULL, pack_gzip, pack_lz4, pack_zstd };
        how[kind](to, p, n);
}

/* Lines that do not compress to nothing. */
static void make_content(struct buf *b, size_t n)
{
        uint32_t x = 12345;

        while (b->len < n) {
                x = x * 1664525 + 1013904223;
                buf_printf(b, "line %zu %08x %u\n", b->len, x, x >> 20);
        }
        b->len = n;
}

static void make(struct sample *s, size_t n)
{
        buf_reset(&s->content);
        buf_reset(&s->packed);
        make_content(&s->content, n);
        pack(s->kind, &s->packed, s->content.data, s->content.len);
}

static int file_of(const char *p, size_t n)
{
        int fd = memfd_create("archive", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, p, n), (ssize_t)n);
        return fd;
}

/* --- reading them ------------------------------------------------------------------------------ */

static ssize_t read_at(struct archive *a, int64_t offset, char *to, size_t n)
{
        ssize_t got;

        do
                got = archive_read(a, offset, to, n);
        while (got == -EAGAIN);
        return got;
}

/* Everything, in pieces of the given size. */
static enum archive_end read_all(struct archive *a, size_t piece, struct buf *ret)
{
        ssize_t got;

        do {
                got = read_at(a, (int64_t)ret->len, buf_reserve(ret, piece), piece);
                assert_true(got >= 0);
                ret->len += (size_t)got;
        } while ((size_t)got == piece);
        return archive_end(a);
}

static enum archive_end unpack(enum archive_kind kind, const char *p, size_t n, size_t piece, struct buf *ret)
{
        int fd = file_of(p, n);
        struct archive *a = archive_new(fd, kind, MEMORY);

        buf_reset(ret);
        enum archive_end end = read_all(a, piece, ret);

        archive_free(a);
        close(fd);
        return end;
}

static void assert_same(const struct buf *got, const struct buf *want)
{
        assert_int_equal(got->len, want->len);
        assert_memory_equal(got->data, want->data, want->len);
}

static void an_archive_is_read_in_pieces_of_any_size(void **state)
{
        static const size_t sizes[] = { 1, 2, 255, 4096, 65535, 65536, 65537, 300000 };
        static const size_t pieces[] = { 1, 7, 4095, 65536, 131072, 1000000 };
        struct sample *s = *state;

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                for (size_t j = sizes[i] > 4096 ? 2 : 0; j < sizeof(pieces) / sizeof(*pieces); j++) {
                        make(s, sizes[i]);
                        assert_int_equal(unpack(s->kind, s->packed.data, s->packed.len, pieces[j], &s->got),
                                         ARCHIVE_WHOLE);
                        assert_same(&s->got, &s->content);
                }
}

static void members_and_frames_one_behind_the_other_are_one_content(void **state)
{
        struct sample *s = *state;

        make_content(&s->content, 200000);
        pack(s->kind, &s->packed, s->content.data, 1);
        pack(s->kind, &s->packed, s->content.data + 1, 99999);
        pack(s->kind, &s->packed, s->content.data, 0);
        pack(s->kind, &s->packed, s->content.data + 100000, 100000);
        assert_int_equal(unpack(s->kind, s->packed.data, s->packed.len, 999, &s->got), ARCHIVE_WHOLE);
        assert_same(&s->got, &s->content);
        if (s->kind == ARCHIVE_GZIP) {
                buf_put(&s->packed, "\0\0\0\0\0", 5);
                assert_int_equal(unpack(s->kind, s->packed.data, s->packed.len, 999, &s->got), ARCHIVE_WHOLE);
                assert_same(&s->got, &s->content);
        }
        buf_puts(&s->packed, "what is this?");
        assert_int_equal(unpack(s->kind, s->packed.data, s->packed.len, 999, &s->got), ARCHIVE_CORRUPT);
        assert_same(&s->got, &s->content);
}

static void cut_off_at_any_byte_it_gives_what_is_readable_and_says_so(void **state)
{
        struct sample *s = *state;

        make_content(&s->content, 1500);
        pack(s->kind, &s->packed, s->content.data, 700);
        size_t first = s->packed.len;
        pack(s->kind, &s->packed, s->content.data + 700, 800);
        for (size_t n = 0; n < s->packed.len; n++) {
                enum archive_end end = unpack(s->kind, s->packed.data, n, 100, &s->got);
                assert_int_equal(end, n == first ? ARCHIVE_WHOLE : ARCHIVE_SHORT);
                assert_true(s->got.len <= s->content.len && (n < first || s->got.len >= 700));
                if (s->got.len > 0)
                        assert_memory_equal(s->got.data, s->content.data, s->got.len);
        }
}

static void a_fault_costs_no_more_than_the_block_that_has_it(void **state)
{
        struct sample *s = *state;

        make(s, 1000000);
        memset(s->packed.data + s->packed.len / 2, 0xff, 64);
        assert_int_equal(unpack(s->kind, s->packed.data, s->packed.len, 10000, &s->got), ARCHIVE_CORRUPT);
        assert_true(s->got.len > s->content.len / 2 - 140000);
        assert_memory_equal(s->got.data, s->content.data, s->content.len / 2 - 140000);
}

/* Bytes of a header that mean nothing may change; what is whole is right. */
static void one_wrong_byte_anywhere_is_noticed_or_changes_nothing(void **state)
{
        struct sample *s = *state;

        make(s, 800);
        for (size_t i = 0; i < s->packed.len; i++) {
                s->packed.data[i] ^= 0x55;
                if (unpack(s->kind, s->packed.data, s->packed.len, 100, &s->got) == ARCHIVE_WHOLE && s->got.len > 0)
                        assert_same(&s->got, &s->content);
                s->packed.data[i] ^= 0x55;
        }
}

static void reading_goes_on_where_a_file_has_grown(void **state)
{
        struct sample *s = *state;

        make(s, 100000);
        int fd = file_of(NULL, 0);
        struct archive *a = archive_new(fd, s->kind, MEMORY);
        for (size_t at = 0; at < s->packed.len; at += 1000) {
                size_t n = s->packed.len - at < 1000 ? s->packed.len - at : 1000;
                assert_int_equal(pwrite(fd, s->packed.data + at, n, (off_t)at), (ssize_t)n);
                assert_int_equal(read_all(a, 4096, &s->got),
                                 at + n == s->packed.len ? ARCHIVE_WHOLE : ARCHIVE_SHORT);
        }
        assert_same(&s->got, &s->content);
        archive_free(a);
        close(fd);
}

static void any_offset_can_be_read_forwards_and_backwards(void **state)
{
        static const struct { int64_t offset; size_t n; } reads[] = {
                { 0, 100 }, { 50, 100 }, { 50, 100 }, { 2000000, 3000 }, { 2000999, 3000 }, { 1999000, 500 },
                { 2999990, 50 }, { 3000000, 1 }, { 5000000, 10 }, { 0, 1 }, { 1, 2999999 }, { 131072, 131072 },
        };
        struct sample *s = *state;
        char *to = xmalloc(3000000);

        make(s, 3000000);
        int fd = file_of(s->packed.data, s->packed.len);
        struct archive *a = archive_new(fd, s->kind, MEMORY);
        for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
                int64_t there = (int64_t)s->content.len - reads[i].offset;
                ssize_t want = there < 0 ? 0 : there < (int64_t)reads[i].n ? there : (ssize_t)reads[i].n;
                assert_int_equal(read_at(a, reads[i].offset, to, reads[i].n), want);
                if (want > 0)
                        assert_memory_equal(to, s->content.data + reads[i].offset, (size_t)want);
                else
                        assert_int_equal(archive_end(a), ARCHIVE_WHOLE);
        }
        archive_free(a);
        close(fd);
        free(to);
}

static void a_far_offset_is_reached_in_steps_and_what_is_kept_stays_at_hand(void **state)
{
        struct sample *s = *state;
        char to[1000];
        int steps = 0;

        make(s, 5 * ARCHIVE_STEP);
        int fd = file_of(s->packed.data, s->packed.len);
        struct archive *a = archive_new(fd, s->kind, MEMORY);
        assert_int_equal(read_at(a, 5000, to, sizeof(to)), sizeof(to));
        archive_keep(a, 5100, 500);
        while (archive_read(a, 4 * ARCHIVE_STEP, to, sizeof(to)) == -EAGAIN)
                steps++;
        assert_in_range(steps, 3, 4);
        /* At once: without the way from the beginning. */
        assert_int_equal(archive_read(a, 5100, to, 500), 500);
        assert_memory_equal(to, s->content.data + 5100, 500);
        assert_int_equal(archive_read(a, 5101, to, 499), 499);
        assert_memory_equal(to, s->content.data + 5101, 499);
        assert_int_equal(archive_read(a, 4 * ARCHIVE_STEP, to, sizeof(to)), sizeof(to));
        assert_memory_equal(to, s->content.data + 4 * ARCHIVE_STEP, sizeof(to));
        archive_free(a);
        close(fd);
}

/* zstd --long and --ultra use windows that a small program cannot have. */
static void a_window_beyond_the_limit_is_refused_in_words(void **state)
{
        struct buf content = { 0 }, packed = { 0 }, got = { 0 };
        ZSTD_CCtx *z = ZSTD_createCCtx();
        (void)state;

        make_content(&content, 1000);
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 27);
        size_t room = ZSTD_compressBound(content.len) + 64;
        ZSTD_outBuffer out = { buf_reserve(&packed, room), room, 0 };
        ZSTD_inBuffer in = { content.data, content.len, 0 };
        ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush);
        assert_int_equal(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
        ZSTD_freeCCtx(z);
        assert_int_equal(unpack(ARCHIVE_ZSTD, out.dst, out.pos, 100, &got), ARCHIVE_TOO_LARGE);
        int fd = file_of(out.dst, out.pos);
        struct archive *a = archive_new(fd, ARCHIVE_ZSTD, 128 << 20);
        assert_int_equal(read_all(a, 100, &got), ARCHIVE_WHOLE);
        assert_same(&got, &content);
        archive_free(a);
        close(fd);
        buf_fini(&content);
        buf_fini(&packed);
        buf_fini(&got);
}

static void what_is_no_archive_and_what_cannot_be_read_is_told(void **state)
{
        struct sample *s = *state;
        char to[10];
        assert_int_equal(unpack(s->kind, "2026-11-23 a line of text\n", 26, 100, &s->got), ARCHIVE_CORRUPT);
        assert_int_equal(s->got.len, 0);
        int fd = file_of(NULL, 0);
        struct archive *a = archive_new(fd, s->kind, MEMORY);
        assert_int_equal(archive_read(a, 0, to, sizeof(to)), 0);
        assert_int_equal(archive_end(a), ARCHIVE_SHORT);
        assert_string_equal(archive_fault(a), "it ends in the middle");
        close(fd);
        assert_int_equal(archive_read(a, 0, to, sizeof(to)), -EBADF);
        archive_free(a);
}

static void a_name_tells_the_kind(void **state)
{
        (void)state;
        assert_int_equal(archive_kind_of("/var/log/a.log.1.gz"), ARCHIVE_GZIP);
        assert_int_equal(archive_kind_of("a.lz4"), ARCHIVE_LZ4);
        assert_int_equal(archive_kind_of("a.log-20261123.zst"), ARCHIVE_ZSTD);
        assert_int_equal(archive_kind_of("a.log.xz"), ARCHIVE_NONE);
        assert_int_equal(archive_kind_of("a.gz.log"), ARCHIVE_NONE);
        assert_int_equal(archive_kind_of(".gz"), ARCHIVE_NONE);
}

static void the_libraries_have_versions(void **state)
{
        char zlib[16], zstd[16];
        (void)state;
        assert_int_equal(sscanf(archive_versions(), "zlib %15s\nzstd %15s", zlib, zstd), 2);
}

#define TEST(fn) cmocka_unit_test(fn)
#define OF_KIND(kind, fn) { #fn ": " #kind, fn, set_up, clean_up, (void *)(uintptr_t)&kinds[kind] }
#define OF_EACH_KIND(fn) OF_KIND(ARCHIVE_GZIP, fn), OF_KIND(ARCHIVE_LZ4, fn), OF_KIND(ARCHIVE_ZSTD, fn)

int main(void)
{
        static const enum archive_kind kinds[] = { [ARCHIVE_GZIP] = ARCHIVE_GZIP, [ARCHIVE_LZ4] = ARCHIVE_LZ4,
                                                   [ARCHIVE_ZSTD] = ARCHIVE_ZSTD };
        const struct CMUnitTest tests[] = {
                OF_EACH_KIND(an_archive_is_read_in_pieces_of_any_size),
                OF_EACH_KIND(members_and_frames_one_behind_the_other_are_one_content),
                OF_EACH_KIND(cut_off_at_any_byte_it_gives_what_is_readable_and_says_so),
                OF_EACH_KIND(a_fault_costs_no_more_than_the_block_that_has_it),
                OF_EACH_KIND(one_wrong_byte_anywhere_is_noticed_or_changes_nothing),
                OF_EACH_KIND(reading_goes_on_where_a_file_has_grown),
                OF_EACH_KIND(any_offset_can_be_read_forwards_and_backwards),
                OF_EACH_KIND(a_far_offset_is_reached_in_steps_and_what_is_kept_stays_at_hand),
                TEST(a_window_beyond_the_limit_is_refused_in_words),
                OF_EACH_KIND(what_is_no_archive_and_what_cannot_be_read_is_told),
                TEST(a_name_tells_the_kind),
                TEST(the_libraries_have_versions),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
