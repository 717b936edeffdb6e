/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/unroll.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

static const size_t chunk_bytes = 64 * 1024;

struct unroll {
        bool (*fn)(void *arg, const char *line, size_t len);
        void *arg;
        struct buf begun;       /* a line whose end is still to come */
        char *text;             /* of a frame, as far as it is unpacked */
        LZ4F_dctx *lz4;         /* NULL: plain */
        bool stopped;
};

static void put_lines(struct unroll *u, const char *p, size_t n)
{
        const char *end = p + n, *lf;

        while (!u->stopped && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
                if (u->begun.len > 0) {
                        buf_put(&u->begun, p, (size_t)(lf - p));
                        u->stopped = !u->fn(u->arg, u->begun.data, u->begun.len);
                        buf_reset(&u->begun);
                } else {
                        u->stopped = !u->fn(u->arg, p, (size_t)(lf - p));
                }
                p = lf + 1;
        }
        if (!u->stopped)
                buf_put(&u->begun, p, (size_t)(end - p));
}

static bool unpack(struct unroll *u, const char *p, size_t n)
{
        for (size_t used = 0; used < n && !u->stopped;) {
                size_t in = n - used, out = chunk_bytes;
                if (LZ4F_isError(LZ4F_decompress(u->lz4, u->text, &out, p + used, &in, NULL)))
                        return false;
                put_lines(u, u->text, out);
                used += in;
        }
        return true;
}

static int read_all(struct unroll *u, int fd, const char *name, struct err *e)
{
        char *chunk = xmalloc(chunk_bytes);
        ssize_t n = 1;
        int r = 0;

        for (int64_t at = 0; r == 0 && !u->stopped && n > 0; at += n) {
                n = pread(fd, chunk, chunk_bytes, at);
                if (n < 0)
                        r = err_set(e, errno, "%s: cannot read: %s", name, strerror(errno));
                else if (!u->lz4)
                        put_lines(u, chunk, (size_t)n);
                else if (!unpack(u, chunk, (size_t)n))
                        r = err_set(e, EILSEQ, "%s: is no lz4 file, or damaged before its byte %lld; what stands before was read",
                                    name, (long long)at + n);
        }
        free(chunk);
        return r;
}

int unroll_read(int fd, const char *name, bool lz4, bool (*fn)(void *arg, const char *line, size_t len), void *arg,
                struct err *e)
{
        struct unroll u = { .fn = fn, .arg = arg };
        int r = 0;

        if (lz4) {
                u.text = xmalloc(chunk_bytes);
                if (LZ4F_isError(LZ4F_createDecompressionContext(&u.lz4, LZ4F_VERSION)))
                        r = err_set(e, ENOMEM, "%s: no memory to unpack it", name);
        }
        if (r == 0)
                r = read_all(&u, fd, name, e);
        LZ4F_freeDecompressionContext(u.lz4);
        free(u.text);
        buf_fini(&u.begun);
        return r;
}
