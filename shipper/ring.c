/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/ring.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum {
        NUMBER_DIGITS = 8,
        KEEP_BYTES = 256 * 1024,        /* of the buffer between two flushes */
        MEND_BYTES = 64 * 1024,
};

struct segment {
        uint64_t number;
        int64_t size;
};

struct ring {
        char *dir;                      /* owned */
        int64_t max_bytes;
        size_t max_line_bytes;
        struct ring_owner owner;

        struct segment *segments;       /* owned; oldest first */
        size_t n, cap;
        int64_t bytes;                  /* of all of them */
        uint64_t next_number;
        int fd;                         /* of the last segment; -1: it is complete, the next flush begins one */
        char *newest;                   /* owned; its path */
        struct buf pending;             /* appended, not flushed */
        bool stopped;                   /* has_room said no: room() is owed */
        bool syncs;                     /* a segment that is complete is synced */
        int sync_error;                 /* -errno of the first that was not; later ones cannot make up for it */
        char trouble[256];
};

char *ring_dir(const char *state, const char *listen)
{
        char *name = xstrdup(listen);
        size_t n = 0;

        for (const char *p = listen; *p; p++)   /* runs of others become one dash, none at the end */
                if (isalnum((unsigned char)*p) || *p == '.')
                        name[n++] = *p;
                else if (n > 0 && name[n - 1] != '-')
                        name[n++] = '-';
        while (n > 0 && name[n - 1] == '-')
                n--;
        char *dir = xasprintf("%s/ring/%.*s", state, (int)n, name);
        free(name);
        return dir;
}

char *ring_pattern(const char *state, const char *listen)
{
        char *dir = ring_dir(state, listen), *pattern = xasprintf("%s/*.log", dir);

        free(dir);
        return pattern;
}

static char *path_of(const struct ring *r, uint64_t number)
{
        return xasprintf("%s/%0*" PRIu64 ".log", r->dir, NUMBER_DIGITS, number);
}

static void add_segment(struct ring *r, uint64_t number, int64_t size)
{
        if (r->n == r->cap) {
                r->cap = r->cap ? 2 * r->cap : RING_SEGMENTS;
                r->segments = xrealloc(r->segments, r->cap * sizeof(*r->segments));
        }
        r->segments[r->n++] = (struct segment){ number, size };
        r->bytes += size;
        if (r->next_number <= number)
                r->next_number = number + 1;
}

/* --- what an earlier run left -------------------------------------------------------------------- */

/* How long the file is up to the end of its last whole line. */
static int64_t whole_lines(int fd, int64_t size)
{
        char buffer[MEND_BYTES];

        while (size > 0) {
                int64_t at = size > MEND_BYTES ? size - MEND_BYTES : 0;
                ssize_t n = pread(fd, buffer, (size_t)(size - at), at);
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                const char *lf = memrchr(buffer, '\n', (size_t)n);
                if (lf)
                        return at + (lf - buffer) + 1;
                size = at;
        }
        return 0;
}

/* Its size when it is whole again, or -errno. */
static int64_t mend(const char *path)
{
        struct stat st;
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        int64_t whole = fstat(fd, &st) < 0 ? -errno : whole_lines(fd, st.st_size);
        if (whole >= 0 && whole < st.st_size) {
                log_warn("ring", "torn last line taken off: path=%s bytes=%lld", path,
                         (long long)(st.st_size - whole));
                if (ftruncate(fd, whole) < 0)
                        whole = -errno;
        }
        close(fd);
        return whole;
}

static int by_number(const void *a, const void *b)
{
        const struct segment *x = a, *y = b;
        return (x->number > y->number) - (x->number < y->number);
}

static bool parse_name(const char *name, uint64_t *ret)
{
        char *end;

        if (name[0] < '0' || name[0] > '9')
                return false;
        errno = 0;
        *ret = strtoull(name, &end, 10);
        return errno == 0 && end - name >= NUMBER_DIGITS && strcmp(end, ".log") == 0;
}

static int take_over(struct ring *r, const char *name, struct err *e)
{
        uint64_t number;

        if (!parse_name(name, &number))
                return 0;
        char *path = path_of(r, number);
        int64_t size = mend(path);
        int code = 0;
        if (size < 0)
                code = err_set(e, (int)-size, "%s: %s", path, strerror((int)-size));
        else if (size == 0 && unlink(path) < 0)
                code = err_set(e, errno, "%s: %s", path, strerror(errno));
        else if (size > 0)
                add_segment(r, number, size);
        free(path);
        return code;
}

static int look_around(struct ring *r, struct err *e)
{
        DIR *d = opendir(r->dir);
        int code = 0;

        if (!d)
                return err_set(e, errno, "%s: %s", r->dir, strerror(errno));
        for (struct dirent *de; code == 0 && (de = readdir(d)) != NULL;)
                code = take_over(r, de->d_name, e);
        closedir(d);
        if (r->n > 0)
                qsort(r->segments, r->n, sizeof(*r->segments), by_number);
        return code;
}

/* --- life ---------------------------------------------------------------------------------------- */

/* DIR and the directory it stands in. */
static int make_dirs(const char *dir, struct err *e)
{
        char *parent = xstrndup(dir, (size_t)(strrchr(dir, '/') - dir));
        bool ok = (mkdir(parent, 0700) == 0 || errno == EEXIST) && (mkdir(dir, 0700) == 0 || errno == EEXIST);

        free(parent);
        return ok ? 0 : err_set(e, errno, "%s: %s", dir, strerror(errno));
}

struct ring *ring_new(const char *dir, int64_t max_bytes, int64_t max_line_bytes, const struct ring_owner *owner,
                      struct err *e)
{
        struct ring *r = xcalloc(1, sizeof(*r));

        r->dir = xstrdup(dir);
        r->max_bytes = max_bytes;
        r->max_line_bytes = (size_t)max_line_bytes;
        r->owner = *owner;
        r->next_number = 1;
        r->fd = -1;
        if (make_dirs(dir, e) < 0 || look_around(r, e) < 0) {
                ring_free(r);
                return NULL;
        }
        r->stopped = r->bytes >= max_bytes;
        return r;
}

void ring_free(struct ring *r)
{
        if (!r)
                return;
        if (r->pending.len > 0)
                log_error("ring", "lost: the disk did not take it: path=%s bytes=%zu", r->dir, r->pending.len);
        if (r->fd >= 0)
                close(r->fd);
        buf_fini(&r->pending);
        free(r->segments);
        free(r->newest);
        free(r->dir);
        free(r);
}

/* --- in ------------------------------------------------------------------------------------------ */

static bool is_full(const struct ring *r)
{
        return r->bytes + (int64_t)r->pending.len >= r->max_bytes;
}

bool ring_is_full(const struct ring *r)
{
        return is_full(r);
}

bool ring_has_room(const struct ring *r)
{
        return !is_full(r) && !r->trouble[0];
}

size_t ring_append(struct ring *r, const struct entry *e)
{
        return entry_put(&r->pending, e, r->max_line_bytes);
}

static bool refuse(struct ring *r, const char *what, int error)
{
        snprintf(r->trouble, sizeof(r->trouble), "%s cannot be %s: %s", r->dir, what, strerror(error));
        log_error("ring", "%s; tried again", r->trouble);
        r->stopped = true;
        return false;
}

static bool begin_segment(struct ring *r)
{
        char *path = path_of(r, r->next_number);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);

        if (fd < 0) {
                free(path);
                return refuse(r, "opened", errno);
        }
        free(r->newest);
        r->newest = path;
        r->fd = fd;
        add_segment(r, r->next_number, 0);
        return true;
}

/* All of it or nothing: the tailer must not see half a line that is written again later. */
static bool write_pending(struct ring *r, struct segment *s)
{
        const char *p = r->pending.data;
        size_t left = r->pending.len;

        while (left > 0) {
                ssize_t n = write(r->fd, p, left);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int error = errno;
                        if (ftruncate(r->fd, s->size) < 0)
                                log_error("ring", "%s: half a line stays: %s", r->newest, strerror(errno));
                        return refuse(r, "written", error);
                }
                p += n;
                left -= (size_t)n;
        }
        s->size += (int64_t)r->pending.len;
        r->bytes += (int64_t)r->pending.len;
        return true;
}

/* The names of new segments too. */
static int sync_dir(const struct ring *r)
{
        int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        int code = fsync(fd) < 0 ? -errno : 0;
        close(fd);
        return code;
}

static void sync_segment(struct ring *r)
{
        if (r->sync_error == 0 && r->fd >= 0 && fdatasync(r->fd) < 0)
                r->sync_error = -errno;
        if (r->sync_error == 0)
                r->sync_error = sync_dir(r);
}

static void end_segment_when_full(struct ring *r)
{
        if (r->segments[r->n - 1].size < r->max_bytes / RING_SEGMENTS)
                return;
        if (r->syncs)
                sync_segment(r);
        close(r->fd);
        r->fd = -1;
}

void ring_keep_synced(struct ring *r)
{
        r->syncs = true;
}

int ring_sync(struct ring *r)
{
        sync_segment(r);
        return r->sync_error;
}

/* Says that there is room when somebody was told that there is none. */
static void tell_room(struct ring *r)
{
        if (is_full(r))
                r->stopped = true;
        if (!r->stopped || !ring_has_room(r))
                return;
        r->stopped = false;
        r->owner.room(r->owner.arg);
}

bool ring_flush(struct ring *r)
{
        if (r->pending.len > 0) {
                if (r->fd < 0 && !begin_segment(r))
                        return false;
                if (!write_pending(r, &r->segments[r->n - 1]))
                        return false;
                end_segment_when_full(r);
                if (r->pending.cap > KEEP_BYTES)
                        buf_fini(&r->pending);
                buf_reset(&r->pending);
        }
        r->trouble[0] = '\0';
        tell_room(r);
        return true;
}

/* --- out ----------------------------------------------------------------------------------------- */

/* False: it stays. */
static bool delete_oldest(struct ring *r, bool (*acked)(void *arg, const char *path, int64_t size), void *arg)
{
        char *path = path_of(r, r->segments[0].number);
        bool gone = acked(arg, path, r->segments[0].size) && (unlink(path) == 0 || errno == ENOENT);

        if (gone) {
                log_debug("ring", "acknowledged, deleted: path=%s", path);
                r->bytes -= r->segments[0].size;
                r->n--;
                memmove(r->segments, r->segments + 1, r->n * sizeof(*r->segments));
        }
        free(path);
        return gone;
}

void ring_collect(struct ring *r, bool (*acked)(void *arg, const char *path, int64_t size), void *arg)
{
        while (r->n > (r->fd >= 0 ? 1 : 0) && delete_oldest(r, acked, arg))
                ;
        tell_room(r);
}

const char *ring_newest(const struct ring *r)
{
        return r->newest;
}

int64_t ring_bytes(const struct ring *r)
{
        return r->bytes;
}

const char *ring_trouble(const struct ring *r)
{
        return r->trouble[0] ? r->trouble : NULL;
}
