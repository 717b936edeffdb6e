/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "event/archive.h"

enum { CHUNK = 256 * 1024, UNPACK_MEMORY = 128 << 20 };

/* --- archives --------------------------------------------------------------------------------- */

/* By its first bytes, whatever it is called. */
static enum archive_kind kind_of(const char *head, size_t n, bool *ret_unknown)
{
        static const struct { const char *magic; size_t len; enum archive_kind kind; } kinds[] = {
                { "\x1f\x8b", 2, ARCHIVE_GZIP },         { "\x04\x22\x4d\x18", 4, ARCHIVE_LZ4 },
                { "\x28\xb5\x2f\xfd", 4, ARCHIVE_ZSTD }, { "BZh", 3, ARCHIVE_NONE },
                { "\xfd" "7zXZ", 5, ARCHIVE_NONE },
        };

        *ret_unknown = false;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (n >= kinds[i].len && memcmp(head, kinds[i].magic, kinds[i].len) == 0) {
                        *ret_unknown = kinds[i].kind == ARCHIVE_NONE;
                        return kinds[i].kind;
                }
        return ARCHIVE_NONE;
}

static int unnamed_file(struct err *e)
{
        const char *dir = getenv("TMPDIR");
        char *path = xasprintf("%s/sluice-audit.XXXXXX", dir && *dir ? dir : "/tmp");
        int fd = mkostemp(path, O_CLOEXEC);

        if (fd >= 0)
                unlink(path);
        else
                fd = err_set(e, errno, "%s: %s, to unpack an archive into; $TMPDIR names another directory", path, strerror(errno));
        free(path);
        return fd;
}

static int write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t some = write(fd, p, n);
                if (some < 0 && errno != EINTR)
                        return -errno;
                p += some > 0 ? some : 0;
                n -= some > 0 ? (size_t)some : 0;
        }
        return 0;
}

/* All of it into `to`. */
static int copy_out(const struct audit_file *f, struct archive *a, int to, int64_t *ret_size, struct err *e)
{
        char *chunk = xmalloc(CHUNK);
        int r = 0;

        *ret_size = 0;
        while (r == 0 && archive_end(a) == ARCHIVE_MORE) {
                ssize_t n = archive_read(a, *ret_size, chunk, CHUNK);
                if (n < 0 && n != -EAGAIN)
                        r = err_set(e, (int)-n, "%s: %s", f->path, strerror((int)-n));
                else if (n > 0 && (r = write_all(to, chunk, (size_t)n)) < 0)
                        err_set(e, -r, "what %s unpacks to cannot be written: %s; $TMPDIR names another directory", f->path, strerror(-r));
                *ret_size += n > 0 && r == 0 ? n : 0;
        }
        if (r == 0 && archive_end(a) != ARCHIVE_WHOLE)
                r = err_set(e, EILSEQ, "%s: is damaged, or not whole: %s", f->path, archive_fault(a));
        free(chunk);
        return r;
}

static int unpack(struct audit_file *f, enum archive_kind kind, struct err *e)
{
        int to = unnamed_file(e);

        if (to < 0)
                return to;
        struct archive *a = archive_new(f->fd, kind, UNPACK_MEMORY);
        int r = copy_out(f, a, to, &f->size, e);
        archive_free(a);
        if (r < 0) {
                close(to);
                return r;
        }
        close(f->fd);
        f->fd = to;
        f->archive = true;
        return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static int read_head(struct audit_file *f, size_t *ret_n, struct err *e)
{
        ssize_t n = pread(f->fd, f->head, sizeof(f->head), 0);

        if (n < 0)
                return err_set(e, errno, "%s: %s", f->path, strerror(errno));
        const char *lf = memchr(f->head, '\n', (size_t)n);
        f->head_len = lf ? (size_t)(lf - f->head) : (size_t)n;
        *ret_n = (size_t)n;
        return 0;
}

static int look(struct audit_file *f, struct err *e)
{
        struct statx st;
        const int what = STATX_BASIC_STATS | STATX_BTIME;
        bool unknown;
        size_t n;

        if (statx(f->fd, "", AT_EMPTY_PATH, (unsigned)what, &st) < 0)
                return err_set(e, errno, "%s: %s", f->path, strerror(errno));
        if (!S_ISREG(st.stx_mode))
                return err_set(e, EINVAL, "%s: is no regular file", f->path);
        f->size = (int64_t)st.stx_size;
        f->inode = st.stx_ino;
        f->birth_ns = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec : 0;
        int r = read_head(f, &n, e);
        if (r < 0)
                return r;
        enum archive_kind kind = kind_of(f->head, n, &unknown);
        if (unknown)
                return err_set(e, EILSEQ, "%s: is compressed, and neither by gzip nor lz4 nor zstd; unpack it", f->path);
        if (kind == ARCHIVE_NONE)
                return 0;
        r = unpack(f, kind, e);
        return r < 0 ? r : read_head(f, &n, e);
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

void audit_file_rewind(struct audit_file *f)
{
        buf_reset(&f->chunk);
        f->used = 0;
        f->at = f->offset = f->number = 0;
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
