/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

static bool is_compressed(const char *head, size_t n)
{
        static const struct { const char *magic; size_t len; } kinds[] = {
                { "\x1f\x8b", 2 }, { "\x04\x22\x4d\x18", 4 }, { "\x28\xb5\x2f\xfd", 4 }, { "BZh", 3 }, { "\xfd" "7zXZ", 5 },
        };

        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (n >= kinds[i].len && memcmp(head, kinds[i].magic, kinds[i].len) == 0)
                        return true;
        return false;
}

static int look(struct audit_file *f, struct err *e)
{
        struct statx st;
        const int what = STATX_BASIC_STATS | STATX_BTIME;

        if (statx(f->fd, "", AT_EMPTY_PATH, (unsigned)what, &st) < 0)
                return err_set(e, errno, "%s: %s", f->path, strerror(errno));
        if (!S_ISREG(st.stx_mode))
                return err_set(e, EINVAL, "%s: is no regular file", f->path);
        f->size = (int64_t)st.stx_size;
        f->inode = st.stx_ino;
        f->birth_ns = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec : 0;
        ssize_t n = pread(f->fd, f->head, sizeof(f->head), 0);
        if (n < 0)
                return err_set(e, errno, "%s: %s", f->path, strerror(errno));
        if (is_compressed(f->head, (size_t)n))
                return err_set(e, EILSEQ, "%s: is compressed; unpack it, its lines are then found by what was shipped", f->path);
        const char *lf = memchr(f->head, '\n', (size_t)n);
        f->head_len = lf ? (size_t)(lf - f->head) : (size_t)n;
        return 0;
}

int audit_file_open(struct audit_file *f, const char *path, struct err *e)
{
        *f = (struct audit_file){ .path = path };
        f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (f->fd < 0)
                return err_set(e, errno, "%s: %s", path, strerror(errno));
        int r = look(f, e);
        if (r < 0)
                audit_file_close(f);
        return r;
}

void audit_file_close(struct audit_file *f)
{
        if (f->fd >= 0)
                close(f->fd);
        f->fd = -1;
        buf_fini(&f->chunk);
}

/* False at the end. */
static int fill(struct audit_file *f, struct err *e)
{
        int64_t left = f->size - f->at;
        size_t want = left < CHUNK ? (size_t)left : CHUNK;

        buf_reset(&f->chunk);
        f->used = 0;
        if (want == 0)
                return 0;
        ssize_t n = pread(f->fd, buf_reserve(&f->chunk, want), want, f->at);
        if (n < 0)
                return err_set(e, errno, "%s: %s", f->path, strerror(errno));
        if (n == 0)
                return err_set(e, ESTALE, "%s: was truncated while it was read", f->path);
        f->chunk.len = (size_t)n;
        f->at += n;
        return 1;
}

static void keep(struct audit_line *line, struct buf *texts, const char *p, size_t n)
{
        size_t room = AUDIT_TEXT - (texts->len - line->text);

        line->cut |= n > room;
        buf_put(texts, p, n < room ? n : room);
}

int audit_file_next(struct audit_file *f, struct buf *texts, struct audit_line *ret, struct err *e)
{
        struct audit_line line = { .number = f->number + 1, .offset = f->offset, .text = texts->len };
        const char *lf = NULL;
        int r = 1;

        while (!lf && (f->used < f->chunk.len || (r = fill(f, e)) > 0)) {
                const char *p = f->chunk.data + f->used;
                size_t n = f->chunk.len - f->used;
                lf = memchr(p, '\n', n);
                n = lf ? (size_t)(lf - p) : n;
                keep(&line, texts, p, n);
                f->used += n + (lf ? 1 : 0);
                f->offset += (int64_t)n + (lf ? 1 : 0);
        }
        if (r < 0)
                return r;
        line.end = f->offset;
        line.unfinished = !lf;
        line.len = texts->len - line.text;
        if (lf && line.len > 0 && !line.cut && texts->data[texts->len - 1] == '\r')
                line.len--;
        if (line.end == line.offset)
                return 0;
        f->number++;
        *ret = line;
        return 1;
}

bool audit_file_bytes(const struct audit_file *f, int64_t offset, size_t len, struct buf *ret)
{
        char *to = buf_reserve(ret, len + 1);
        ssize_t n = to && offset >= 0 && offset + (int64_t)len <= f->size ? pread(f->fd, to, len, offset) : -1;

        if (n != (ssize_t)len)
                return false;
        ret->len += len;
        return true;
}

struct ident audit_file_ident(const struct audit_file *f, const char *host, uint32_t generation)
{
        return ident_of_file(&(struct ident_file){ .host = host,
                                                   .inode = f->inode,
                                                   .birth_ns = f->birth_ns,
                                                   .generation = generation,
                                                   .head = f->head,
                                                   .head_len = f->head_len });
}
