/* SPDX-License-Identifier: Apache-2.0 */
#include "event/archive.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "base/mem.h"

enum {
        IN_BYTES = 64 * 1024,
        SCRATCH_BYTES = 64 * 1024,
        START_BYTES = 5,                /* of a frame: less than any header with a block behind it */
        ZSTD_BLOCK_HEADER_BYTES = 3,
};

/* A part of the content, in memory. */
struct span { char *data; size_t len, cap; int64_t start; };

struct codec;

struct archive {
        const struct codec *codec;
        int fd;                         /* borrowed */
        size_t max_memory;
        union {
                z_stream gz;
                LZ4F_dctx *lz4;
                ZSTD_DCtx *zstd;
        } of;

        char *in;                       /* owned; what was read of the file and not unpacked yet: in_at to in_len */
        size_t in_at, in_len, in_hint;  /* hint: what the decoder asks to be given next; 0: all there is */
        int64_t in_offset;              /* of the file, behind in_len */
        bool between;                   /* at the beginning, or right behind a member or frame */
        bool began;                     /* one was there */
        bool asked;                     /* LZ4: what memory the frame needs */
        bool full;                      /* zstd: what is unpacked had no room */

        struct span window, kept;       /* owned */
        enum archive_end end;
        const char *fault;              /* static */
};

/* One call of the decoder: takes from in, fills at most n bytes, sets between, or end and fault. */
struct codec {
        void (*open)(struct archive *a);
        void (*restart)(struct archive *a);
        size_t (*unpack)(struct archive *a, char *to, size_t n);
        void (*close)(struct archive *a);
};

static const char too_large[] = "it takes more than half of `memory` to unpack it";

static void fail(struct archive *a, enum archive_end end, const char *fault)
{
        a->end = end;
        a->fault = fault;
}

static size_t in_left(const struct archive *a)
{
        size_t n = a->in_len - a->in_at;
        return a->in_hint > 0 && a->in_hint < n ? a->in_hint : n;
}

/* --- gzip ------------------------------------------------------------------------------------ */

enum { GZIP_ONLY = 16 };                /* beside the window's size: no raw deflate, no zlib header */

static void gz_open(struct archive *a)
{
        CHECK(inflateInit2(&a->of.gz, MAX_WBITS + GZIP_ONLY) == Z_OK);
}

static void gz_restart(struct archive *a)
{
        CHECK(inflateReset(&a->of.gz) == Z_OK);
}

static void gz_close(struct archive *a)
{
        inflateEnd(&a->of.gz);
}

/* Tapes and block devices pad with zeros. */
static void gz_skip_padding(struct archive *a)
{
        while (a->between && a->began && a->in_at < a->in_len && a->in[a->in_at] == '\0')
                a->in_at++;
}

static size_t gz_unpack(struct archive *a, char *to, size_t n)
{
        z_stream *z = &a->of.gz;

        gz_skip_padding(a);
        if (a->between && a->in_at == a->in_len)
                return 0;
        z->next_in = (unsigned char *)a->in + a->in_at;
        z->avail_in = (unsigned)(a->in_len - a->in_at);
        z->next_out = (unsigned char *)to;
        z->avail_out = (unsigned)n;
        int r = inflate(z, Z_NO_FLUSH);

        a->between = false;
        a->in_at = a->in_len - z->avail_in;
        if (r == Z_STREAM_END) {
                a->between = a->began = true;
                gz_restart(a);
        } else if (r != Z_OK && r != Z_BUF_ERROR) {
                fail(a, ARCHIVE_CORRUPT, z->msg ? z->msg : "invalid data");
        }
        return n - z->avail_out;
}

/* --- LZ4 ------------------------------------------------------------------------------------- */

static void lz4_open(struct archive *a)
{
        CHECK(!LZ4F_isError(LZ4F_createDecompressionContext(&a->of.lz4, LZ4F_VERSION)));
        a->in_hint = START_BYTES;
}

static void lz4_restart(struct archive *a)
{
        a->asked = false;
        a->in_hint = START_BYTES;
        LZ4F_resetDecompressionContext(a->of.lz4);
}

static void lz4_close(struct archive *a)
{
        LZ4F_freeDecompressionContext(a->of.lz4);
}

/* What it was compressed with is in the frame's header, and two of its blocks are held. */
static void lz4_ask_memory(struct archive *a)
{
        static const size_t blocks[] = { [LZ4F_max64KB] = 64 << 10, [LZ4F_max256KB] = 256 << 10,
                                         [LZ4F_max1MB] = 1 << 20, [LZ4F_max4MB] = 4 << 20 };
        LZ4F_frameInfo_t info;
        size_t none = 0;

        if (a->asked || LZ4F_isError(LZ4F_getFrameInfo(a->of.lz4, &info, a->in, &none)))
                return;
        a->asked = true;
        if (info.blockSizeID <= LZ4F_max4MB && 2 * blocks[info.blockSizeID] > a->max_memory)
                fail(a, ARCHIVE_TOO_LARGE, too_large);
}

/* A decoder that fails does not tell what it had unpacked in that call.  Given no more than it asks for it is at one block at
 * a time, and only the bad one is missing. */
static size_t lz4_unpack(struct archive *a, char *to, size_t n)
{
        size_t taken = in_left(a), got = n;

        if (a->between && taken == 0)
                return 0;
        size_t r = LZ4F_decompress(a->of.lz4, to, &got, a->in + a->in_at, &taken, NULL);
        if (LZ4F_isError(r)) {
                fail(a, ARCHIVE_CORRUPT, LZ4F_getErrorName(r));
                return 0;
        }
        a->in_at += taken;
        a->in_hint = r > 0 ? r : START_BYTES;
        a->between = r == 0;
        a->began |= a->between;
        if (a->between)
                a->asked = false;
        else
                lz4_ask_memory(a);
        return got;
}

/* --- Zstandard ------------------------------------------------------------------------------- */

static void zstd_open(struct archive *a)
{
        int log = 10;                   /* the smallest window there is */

        while (log < 31 && ((size_t)2 << log) <= a->max_memory)
                log++;
        a->in_hint = START_BYTES;
        a->of.zstd = ZSTD_createDCtx();
        CHECK(a->of.zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(a->of.zstd, ZSTD_d_windowLogMax, log)));
}

static void zstd_restart(struct archive *a)
{
        a->in_hint = START_BYTES;
        a->full = false;
        ZSTD_DCtx_reset(a->of.zstd, ZSTD_reset_session_only);
}

static void zstd_close(struct archive *a)
{
        ZSTD_freeDCtx(a->of.zstd);
}

static size_t zstd_step(struct archive *a, char *to, size_t n, size_t in_bytes)
{
        ZSTD_inBuffer in = { a->in + a->in_at, in_bytes, 0 };
        ZSTD_outBuffer out = { to, n, 0 };
        size_t r = ZSTD_decompressStream(a->of.zstd, &out, &in);

        if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
                fail(a, ARCHIVE_TOO_LARGE, too_large);
        else if (ZSTD_isError(r))
                fail(a, ARCHIVE_CORRUPT, ZSTD_getErrorName(r));
        if (ZSTD_isError(r))
                return 0;
        a->in_at += in.pos;
        a->full = r > 0 && out.pos == n;
        /* It would like the next block's header too. */
        a->in_hint = r == 0 ? START_BYTES : r > ZSTD_BLOCK_HEADER_BYTES ? r - ZSTD_BLOCK_HEADER_BYTES : r;
        a->between = r == 0;
        a->began |= a->between;
        return out.pos;
}

/* The call that meets broken data forgets what it unpacked before: so a call gets one block, and none while the last one's
 * content is not all handed out. */
static size_t zstd_unpack(struct archive *a, char *to, size_t n)
{
        size_t got = a->full ? zstd_step(a, to, n, 0) : 0;

        if (got > 0 || a->end != ARCHIVE_MORE || (a->between && in_left(a) == 0))
                return got;
        return zstd_step(a, to, n, in_left(a));
}

/* --- the stream ------------------------------------------------------------------------------ */

static const struct codec codecs[] = {
        [ARCHIVE_GZIP] = { gz_open, gz_restart, gz_unpack, gz_close },
        [ARCHIVE_LZ4] = { lz4_open, lz4_restart, lz4_unpack, lz4_close },
        [ARCHIVE_ZSTD] = { zstd_open, zstd_restart, zstd_unpack, zstd_close },
};

enum archive_kind archive_kind_of(const char *name)
{
        static const char *const endings[] = { [ARCHIVE_GZIP] = ".gz", [ARCHIVE_LZ4] = ".lz4", [ARCHIVE_ZSTD] = ".zst" };
        size_t n = strlen(name);

        for (enum archive_kind k = ARCHIVE_GZIP; k <= ARCHIVE_ZSTD; k++) {
                size_t len = strlen(endings[k]);
                if (n > len && strcmp(name + n - len, endings[k]) == 0)
                        return k;
        }
        return ARCHIVE_NONE;
}

struct archive *archive_new(int fd, enum archive_kind kind, size_t max_memory)
{
        struct archive *a = xcalloc(1, sizeof(*a));

        CHECK(kind > ARCHIVE_NONE && kind <= ARCHIVE_ZSTD);
        a->codec = &codecs[kind];
        a->fd = fd;
        a->max_memory = max_memory;
        a->in = xmalloc(IN_BYTES);
        a->between = true;
        a->codec->open(a);
        return a;
}

void archive_free(struct archive *a)
{
        if (!a)
                return;
        a->codec->close(a);
        free(a->window.data);
        free(a->kept.data);
        free(a->in);
        free(a);
}

static void restart(struct archive *a)
{
        a->codec->restart(a);
        a->in_at = a->in_len = 0;
        a->in_offset = 0;
        a->between = true;
        a->began = false;
        a->window.start = 0;
        a->window.len = 0;
        a->end = ARCHIVE_MORE;
}

/* 1: there is more to unpack; 0: the file ends here; or -errno. */
static int refill(struct archive *a)
{
        ssize_t n;

        do
                n = pread(a->fd, a->in, IN_BYTES, a->in_offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        a->in_at = 0;
        a->in_len = (size_t)n;
        a->in_offset += n;
        return n > 0;
}

static void end_here(struct archive *a)
{
        if (a->between && a->began)
                fail(a, ARCHIVE_WHOLE, NULL);
        else
                fail(a, ARCHIVE_SHORT, "it ends in the middle");
}

/* Up to n bytes of what comes next; 0: it ends. */
static ssize_t unpack(struct archive *a, char *to, size_t n)
{
        if (a->end == ARCHIVE_CORRUPT || a->end == ARCHIVE_TOO_LARGE)
                return 0;
        a->end = ARCHIVE_MORE;
        while (a->end == ARCHIVE_MORE) {
                size_t before = a->in_at;
                size_t got = a->codec->unpack(a, to, n);
                if (got > 0)
                        return (ssize_t)got;
                if (a->end != ARCHIVE_MORE || a->in_at > before)
                        continue;
                if (a->in_at < a->in_len) {
                        fail(a, ARCHIVE_CORRUPT, "invalid data");
                        break;
                }
                int r = refill(a);
                if (r < 0)
                        return r;
                if (r == 0)
                        end_here(a);
        }
        return 0;
}

static void reserve(struct span *s, size_t n)
{
        if (s->cap >= n)
                return;
        s->data = xrealloc(s->data, n);
        s->cap = n;
}

/* Forgets what stands before offset, which is not before the window. */
static void slide(struct span *w, int64_t offset)
{
        size_t gone = (size_t)(offset - w->start);

        if (gone > w->len)
                gone = w->len;
        w->len -= gone;
        w->start += (int64_t)gone;
        memmove(w->data, w->data + gone, w->len);
}

/* Unpacks until the window begins at offset: 1; 0: it ends before. */
static int pass_over(struct archive *a, int64_t offset)
{
        struct span *w = &a->window;
        int64_t limit = w->start + ARCHIVE_STEP;

        reserve(w, SCRATCH_BYTES);
        while (w->start + (int64_t)w->len <= offset) {
                if (w->start >= limit)
                        return -EAGAIN;
                slide(w, w->start + (int64_t)w->len);
                if (w->start == offset)
                        return 1;
                ssize_t got = unpack(a, w->data, SCRATCH_BYTES);
                if (got <= 0)
                        return (int)got;
                w->len = (size_t)got;
        }
        slide(w, offset);
        return 1;
}

static bool holds(const struct span *s, int64_t offset, size_t n)
{
        return offset >= s->start && offset + (int64_t)n <= s->start + (int64_t)s->len;
}

static size_t copy(const struct span *s, int64_t offset, char *to, size_t n)
{
        size_t at = (size_t)(offset - s->start), there = s->len - at;

        if (n > there)
                n = there;
        if (n > 0)
                memcpy(to, s->data + at, n);
        return n;
}

ssize_t archive_read(struct archive *a, int64_t offset, char *to, size_t n)
{
        struct span *w = &a->window;

        if (n > 0 && holds(&a->kept, offset, n))
                return (ssize_t)copy(&a->kept, offset, to, n);
        if (offset < w->start)
                restart(a);
        int r = pass_over(a, offset);
        if (r <= 0)
                return r;
        reserve(w, n);
        while (w->len < n) {
                ssize_t got = unpack(a, w->data + w->len, n - w->len);
                if (got < 0)
                        return got;
                if (got == 0)
                        break;
                w->len += (size_t)got;
        }
        return (ssize_t)copy(w, offset, to, n);
}

void archive_keep(struct archive *a, int64_t offset, size_t n)
{
        if (holds(&a->kept, offset, n) || !holds(&a->window, offset, n))
                return;
        reserve(&a->kept, n);
        a->kept.start = offset;
        a->kept.len = copy(&a->window, offset, a->kept.data, n);
}

enum archive_end archive_end(const struct archive *a)
{
        return a->end;
}

const char *archive_fault(const struct archive *a)
{
        return a->fault;
}

const char *archive_versions(void)
{
        static char text[64];

        snprintf(text, sizeof(text), "zlib %s\nzstd %s", zlibVersion(), ZSTD_versionString());
        return text;
}
