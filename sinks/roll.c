/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/roll.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CHUNK = 64 * 1024 };

struct roll {
        char *path;         /* owned; without .lz4 */
        char *name;         /* owned; with it */
        char *dir;          /* owned */
        const char *suffix; /* "" or ".lz4" */
        bool lz4, sync_each, sync_last;
        int64_t rotate_bytes, keep, total_bytes;

        int fd;            /* -1: to be opened by the next append */
        int64_t size;      /* of the file; what is behind it is to be cut off */
        int64_t others;    /* bytes of the rotated files, as last seen */
        bool dirty;        /* written since the last fsync */
        struct buf packed; /* scratch for a frame */
        struct roll_counts counts;
};

static int failed(struct roll *r, const char *what, struct err *e)
{
        return err_set(e, errno, "%s: cannot %s: %s", r->name, what, strerror(errno));
}

/* ---- the end of what was found ------------------------------------------------------------------- */

/* Where the last whole line ends. */
static int64_t end_of_lines(int fd, int64_t size)
{
        static const size_t step = CHUNK;
        char *chunk = xmalloc(step);
        int64_t end = 0;

        while (size > 0 && end == 0) {
                size_t n = size < (int64_t)step ? (size_t)size : step;
                ssize_t got = pread(fd, chunk, n, size - (int64_t)n);
                if (got != (ssize_t)n) {
                        end = -EIO;
                        break;
                }
                size -= (int64_t)n;
                const char *nl = memrchr(chunk, '\n', n);
                if (nl)
                        end = size + (nl - chunk) + 1;
        }
        free(chunk);
        return end;
}

/* Feeds one chunk at offset `at` to the decoder; *end moves behind each frame that ends in it. */
static int walk_frames(LZ4F_dctx *d, const char *p, size_t n, int64_t at, int64_t *end)
{
        static const size_t room = CHUNK;
        char *text = xmalloc(room);
        int r = 0;

        for (size_t used = 0; used < n && r == 0;) {
                size_t in = n - used, out = room;
                size_t hint = LZ4F_decompress(d, text, &out, p + used, &in, NULL);
                used += in;
                if (LZ4F_isError(hint))
                        r = -EILSEQ;
                else if (hint == 0)
                        *end = at + (int64_t)used;
        }
        free(text);
        return r;
}

/* Where the last whole frame ends; -EILSEQ when something else than an unfinished frame is in the way. */
static int64_t end_of_frames(int fd, int64_t size)
{
        char *chunk = xmalloc(CHUNK);
        LZ4F_dctx *d = NULL;
        int64_t end = 0;
        int r = LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)) ? -ENOMEM : 0;

        for (int64_t at = 0; at < size && r == 0;) {
                ssize_t n = pread(fd, chunk, CHUNK, at);
                if (n <= 0)
                        r = -EIO;
                else
                        r = walk_frames(d, chunk, (size_t)n, at, &end);
                at += n;
        }
        LZ4F_freeDecompressionContext(d);
        free(chunk);
        return r < 0 ? r : end;
}

/* ---- the file ------------------------------------------------------------------------------------ */

static int sync_fd(struct roll *r, struct err *e)
{
        if (!r->dirty)
                return 0;
        r->counts.syncs++;
        if (fsync(r->fd) < 0)
                return failed(r, "sync", e);
        r->dirty = false;
        return 0;
}

/* A new name is on the disk only when its directory is. */
static int sync_dir(struct roll *r, struct err *e)
{
        int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;

        if (fd < 0 || fsync(fd) < 0)
                error = errno;
        if (fd >= 0)
                close(fd);
        return error ? err_set(e, error, "%s: cannot sync: %s", r->dir, strerror(error)) : 0;
}

static void let_go(struct roll *r)
{
        if (r->fd < 0)
                return;
        if (r->sync_last)
                (void)!sync_fd(r, NULL); /* nobody is left who could do something about it */
        close(r->fd);
        r->fd = -1;
        r->size = 0;
        r->dirty = false;
}

/* Finds the size, and cuts off what a killed process left half done. */
static int check_end(struct roll *r, struct err *e)
{
        struct stat st;

        if (fstat(r->fd, &st) < 0)
                return failed(r, "stat", e);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EINVAL, "%s: is no regular file", r->name);
        int64_t end = r->lz4 ? end_of_frames(r->fd, st.st_size) : end_of_lines(r->fd, st.st_size);
        if (end == -EILSEQ)
                return err_set(e, EILSEQ, "%s: is no lz4 file or a damaged one; move it away", r->name);
        if (end < 0)
                return err_set(e, EIO, "%s: cannot read: %s", r->name, strerror(EIO));
        if (end < st.st_size && ftruncate(r->fd, end) < 0)
                return failed(r, "truncate", e);
        r->counts.torn_bytes += st.st_size - end;
        r->size = end;
        return 0;
}

static int open_file(struct roll *r, struct err *e)
{
        int ret;

        r->fd = open(r->name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
        if (r->fd < 0)
                return failed(r, "open", e);
        if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
                ret = err_set(e, EBUSY, "%s: another process writes it", r->name);
        else
                ret = check_end(r, e);
        if (ret == 0 && r->sync_each)
                ret = sync_dir(r, e);
        if (ret < 0) {
                close(r->fd);
                r->fd = -1;
        }
        return ret;
}

/* ---- all files together -------------------------------------------------------------------------- */

/* "out.ndjson.12.lz4" for "out.ndjson": 12.  0: it is none of them. */
static unsigned long number_of(const struct roll *r, const char *name)
{
        const char *base = r->path + (strrchr(r->path, '/') ? strrchr(r->path, '/') - r->path + 1 : 0);
        size_t n = strlen(base);
        char *end;

        if (strncmp(name, base, n) != 0 || name[n] != '.' || name[n + 1] < '1' || name[n + 1] > '9')
                return 0;
        unsigned long number = strtoul(name + n + 1, &end, 10);
        return strcmp(end, r->suffix) == 0 ? number : 0;
}

static void measure(struct roll *r)
{
        DIR *dir = opendir(r->dir);
        struct stat st;

        if (!dir)
                return;
        r->others = 0;
        for (struct dirent *d; (d = readdir(dir)) != NULL;)
                if (number_of(r, d->d_name) > 0 &&
                    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        r->others += st.st_size;
        closedir(dir);
}

static char *numbered(const struct roll *r, int64_t n)
{
        return n == 0 ? xstrdup(r->name) : xasprintf("%s.%lld%s", r->path, (long long)n, r->suffix);
}

/* The first free number; with a bound it may be the last one's, which is then replaced. */
static int64_t first_free(const struct roll *r)
{
        int64_t n = 0;
        bool taken = true;

        while (taken && (r->keep == 0 || n < r->keep)) {
                char *name = numbered(r, ++n);
                taken = access(name, F_OK) == 0;
                free(name);
        }
        return n;
}

/* Each file takes the next number.  Killed in between, it leaves a gap, which the next rotation fills. */
static int shift(struct roll *r, struct err *e)
{
        int ret = 0;

        for (int64_t n = first_free(r); n > 0 && ret == 0; n--) {
                char *from = numbered(r, n - 1), *to = numbered(r, n);
                if (rename(from, to) < 0)
                        ret = err_set(e, errno, "%s: cannot rename to %s: %s", from, to, strerror(errno));
                free(from);
                free(to);
        }
        return ret;
}

static int rotate(struct roll *r, struct err *e)
{
        int ret = r->sync_last ? sync_fd(r, e) : 0;

        if (ret == 0)
                ret = shift(r, e);
        if (ret < 0)
                return ret;
        let_go(r);
        r->counts.rotations++;
        measure(r);
        return open_file(r, e);
}

/* ---- appending ----------------------------------------------------------------------------------- */

static bool still_there(const struct roll *r)
{
        struct stat named, open;

        return stat(r->name, &named) == 0 && fstat(r->fd, &open) == 0 && named.st_ino == open.st_ino &&
               named.st_dev == open.st_dev;
}

/* Open, and ending where the last append ended: what a failed one left is cut off, what was emptied is taken as it is. */
static int settle_end(struct roll *r, struct err *e)
{
        struct stat st;

        if (r->fd >= 0 && !still_there(r)) {
                let_go(r);
                measure(r);
        }
        if (r->fd < 0)
                return open_file(r, e);
        if (fstat(r->fd, &st) < 0)
                return failed(r, "stat", e);
        if (st.st_size > r->size && ftruncate(r->fd, r->size) < 0)
                return failed(r, "truncate", e);
        if (st.st_size < r->size)
                r->size = st.st_size;
        return 0;
}

static int make_room(struct roll *r, int64_t len, struct err *e)
{
        int ret = 0;

        if (r->rotate_bytes > 0 && r->size > 0 && r->size + len > r->rotate_bytes)
                ret = rotate(r, e);
        if (ret < 0 || r->total_bytes == 0)
                return ret;
        if (r->others + r->size + len > r->total_bytes)
                measure(r); /* perhaps somebody has taken files away */
        if (roll_total(r) > 0 && roll_total(r) + len > r->total_bytes)
                return err_set(e, EDQUOT,
                               "%s: full: %lld of at most %lld bytes are used; take rotated files away",
                               r->name, (long long)roll_total(r), (long long)r->total_bytes);
        return 0;
}

static int write_all(struct roll *r, const char *p, size_t n, struct err *e)
{
        while (n > 0) {
                ssize_t w = write(r->fd, p, n);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w < 0)
                        return failed(r, "write", e);
                r->dirty = true;
                p += w;
                n -= (size_t)w;
        }
        return r->sync_each ? sync_fd(r, e) : 0;
}

static void pack(struct roll *r, const char **data, size_t *len)
{
        LZ4F_preferences_t how = { .frameInfo = { .contentSize = *len,
                                                  .contentChecksumFlag = LZ4F_contentChecksumEnabled } };
        size_t room = LZ4F_compressFrameBound(*len, &how);

        buf_reset(&r->packed);
        char *to = buf_reserve(&r->packed, room);
        *len = LZ4F_compressFrame(to, room, *data, *len, &how);
        CHECK(!LZ4F_isError(*len)); /* it cannot fail within its own bound */
        *data = to;
}

int roll_append(struct roll *r, const char *data, size_t len, struct err *e)
{
        int ret = settle_end(r, e);

        if (ret < 0)
                return ret;
        if (r->lz4)
                pack(r, &data, &len);
        ret = make_room(r, (int64_t)len, e);
        if (ret < 0)
                return ret;
        ret = write_all(r, data, len, e);
        if (ret == 0)
                r->size += (int64_t)len;
        else
                (void)!ftruncate(r->fd, r->size); /* settle_end tries again before anything else is written */
        return ret;
}

/* ---- life ---------------------------------------------------------------------------------------- */

struct roll *roll_open(const struct roll_config *c, struct err *e)
{
        struct roll *r = xcalloc(1, sizeof(*r));
        const char *slash = strrchr(c->path, '/');

        r->path = xstrdup(c->path);
        r->suffix = c->lz4 ? ".lz4" : "";
        r->name = xasprintf("%s%s", c->path, r->suffix);
        r->dir = !slash             ? xstrdup(".")
                 : slash == c->path ? xstrdup("/")
                                    : xstrndup(c->path, (size_t)(slash - c->path));
        r->lz4 = c->lz4;
        r->sync_each = c->sync_each;
        r->sync_last = c->sync_last;
        r->rotate_bytes = c->rotate_bytes;
        r->keep = c->keep;
        r->total_bytes = c->total_bytes;
        if (open_file(r, e) < 0) {
                roll_close(r);
                return NULL;
        }
        measure(r);
        return r;
}

void roll_close(struct roll *r)
{
        if (!r)
                return;
        let_go(r);
        buf_fini(&r->packed);
        free(r->path);
        free(r->name);
        free(r->dir);
        free(r);
}

const char *roll_path(const struct roll *r)
{
        return r->name;
}

struct roll_counts roll_counts(const struct roll *r)
{
        return r->counts;
}

int64_t roll_total(const struct roll *r)
{
        return r->others + r->size;
}

const char *roll_version(void)
{
        return LZ4_versionString();
}
