/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

#define HEADER "sluice-checkpoint 2\n"
#define HEADER_1 "sluice-checkpoint 1\n"     /* of the same length */
enum { REWRITE_ABOVE = 64 * 1024, SUM_LEN = 8, MAX_FILE = 1 << 30, KEEP_PENDING = 64 * 1024 };

struct checkpoint {
        char *dir, *path, *path_new;    /* owned */
        int fd;                         /* append; -1 while no file could be made */
        struct buf pending;             /* rows for the next flush */
        int64_t size;                   /* of the file */
        int64_t live_size;              /* of the file right after the last rewrite */
        bool is_new;                    /* there was none */
        int64_t complete_ns;            /* the file's time of change when it was opened ... */
        bool hold_time;                 /* ... which it keeps until it is said to be complete again */
        int64_t as_of_ns;               /* else it is that of the rows; 0: of the write */
        int64_t until_ns;               /* what was said then, for the next flush; 0: nothing */
        bool broken;                    /* an append failed: what stands there may be torn */
};

/* --- rows ------------------------------------------------------------------------------------ */

/* Blank, newline, backslash and percent would break the row's form. */
static void put_path(struct buf *b, const char *path)
{
        for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
                if (*p <= ' ' || *p == '%' || *p == '\\')
                        buf_printf(b, "%%%02x", *p);
                else
                        buf_putc(b, (char)*p);
        }
}

static void unput_path(char *path)
{
        char *to = path;
        unsigned byte;

        for (const char *p = path; *p; p++) {
                if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
                        *to++ = (char)byte;
                        p += 2;
                } else {
                        *to++ = *p;
                }
        }
        *to = '\0';
}

static uint32_t row_sum(const char *p, size_t n)
{
        return (uint32_t)XXH3_64bits(p, n);
}

static void end_row(struct buf *b, size_t start)
{
        buf_printf(b, " %08" PRIx32 "\n", row_sum(b->data + start, b->len - start));
}

static void put_row(struct buf *b, const struct checkpoint_row *row)
{
        char id[IDENT_FILE_TEXT];
        size_t start = b->len;

        ident_text(&row->id, id);
        buf_printf(b, "f %.*s %" PRIu64 " %" PRId64 " %" PRIu32 " %" PRIu32 " %016" PRIx64 " %" PRId64, IDENT_FILE_TEXT,
                   id, row->inode, row->birth_ns, row->generation, row->head_len, row->head_hash, row->offset);
        buf_printf(b, " %" PRId64 " %" PRId64 " %016" PRIx64 " ", row->size, row->mark.at, row->mark.hash);
        put_path(b, row->path);
        end_row(b, start);
}

static bool sum_ok(const char *line, size_t len)
{
        char text[SUM_LEN + 1];

        if (len < SUM_LEN + 2 || line[len - SUM_LEN - 1] != ' ')
                return false;
        memcpy(text, line + len - SUM_LEN, SUM_LEN);
        text[SUM_LEN] = '\0';
        return strtoul(text, NULL, 16) == row_sum(line, len - SUM_LEN - 1);
}

/* line: NUL-terminated, without the sum; row->path points into it afterwards. */
static bool parse_row(int version, char *line, struct checkpoint_row *row)
{
        char id[IDENT_FILE_TEXT + 1];
        int at = 0, path_at = 0;

        *row = (struct checkpoint_row){ 0 };
        if (sscanf(line, "f %22s %" SCNu64 " %" SCNd64 " %" SCNu32 " %" SCNu32 " %" SCNx64 " %" SCNd64 " %n", id,
                   &row->inode, &row->birth_ns, &row->generation, &row->head_len, &row->head_hash, &row->offset,
                   &at) != 7 ||
            at == 0 || row->offset < 0 || ident_parse(id, &row->id) < 0)
                return false;
        if (version > 1 && (sscanf(line + at, "%" SCNd64 " %" SCNd64 " %" SCNx64 " %n", &row->size, &row->mark.at,
                                   &row->mark.hash, &path_at) != 3 ||
                            path_at == 0 || row->mark.at < 0 || row->mark.at > row->offset))
                return false;
        row->path = line + at + path_at;
        unput_path(line + at + path_at);
        return true;
}

/* --- load ------------------------------------------------------------------------------------ */

struct loaded {
        int version;
        struct map by_id;               /* of struct checkpoint_row *, owned with their paths */
        unsigned bad;
};

static uint64_t id_key(const struct ident *id)
{
        uint64_t key;
        memcpy(&key, id->bytes, sizeof(key));
        return key;
}

static void free_row(struct checkpoint_row *row)
{
        if (!row)
                return;
        free((char *)row->path);
        free(row);
}

static void drop_loaded(struct loaded *l, const struct ident *id)
{
        free_row(map_del(&l->by_id, id_key(id)));
}

static bool load_line(struct loaded *l, char *line, size_t len)
{
        struct checkpoint_row row;
        char id[IDENT_FILE_TEXT + 1];

        if (!sum_ok(line, len))
                return false;
        line[len - SUM_LEN - 1] = '\0';
        if (sscanf(line, "d %22s", id) == 1) {
                if (ident_parse(id, &row.id) < 0)
                        return false;
                drop_loaded(l, &row.id);
                return true;
        }
        if (!parse_row(l->version, line, &row))
                return false;
        drop_loaded(l, &row.id);
        struct checkpoint_row *copy = xmalloc(sizeof(*copy));
        *copy = row;
        copy->path = xstrdup(row.path);
        map_put(&l->by_id, id_key(&row.id), copy);
        return true;
}

static void load_rows(struct loaded *l, char *text, size_t len)
{
        for (char *p = text, *end = text + len; p < end;) {
                char *lf = memchr(p, '\n', (size_t)(end - p));
                if (!lf)
                        return;         /* torn by a crash: it was never relied on */
                if (!load_line(l, p, (size_t)(lf - p)))
                        l->bad++;
                p = lf + 1;
        }
}

static int read_whole(const char *path, struct buf *b, struct err *e)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_set(e, errno, "%s: %s", path, strerror(errno));

        ssize_t n;
        do {
                char *room = buf_reserve(b, 64 * 1024);
                n = room ? read(fd, room, 64 * 1024) : -1;
                b->len += n > 0 ? (size_t)n : 0;
        } while (n > 0);
        int r = n < 0 ? err_set(e, buf_ok(b) ? errno : EFBIG, "%s: %s", path, strerror(buf_ok(b) ? errno : EFBIG)) : 0;
        close(fd);
        return r;
}

static int load(const char *path, struct loaded *l, struct err *e)
{
        struct buf b;
        size_t header = strlen(HEADER);

        buf_init(&b, MAX_FILE);
        int r = read_whole(path, &b, e);
        bool first = b.len >= header && memcmp(b.data, HEADER_1, header) == 0;
        l->version = first ? 1 : 2;
        if (r == 0 && !first && b.len >= header && memcmp(b.data, HEADER, header) != 0)
                r = err_set(e, EINVAL, "%s is not a checkpoint of this version; move it away to start over", path);
        if (r == 0 && b.len > header)
                load_rows(l, b.data + header, b.len - header);
        buf_fini(&b);
        return r;
}

static void hand_out(struct checkpoint *c, struct loaded *l, void (*each)(void *, const struct checkpoint_row *), void *arg)
{
        struct checkpoint_row *row;

        for (size_t i = 0; (row = map_next(&l->by_id, &i)) != NULL;) {
                if (each)
                        each(arg, row);
                put_row(&c->pending, row);
        }
}

static void free_loaded(struct loaded *l)
{
        struct checkpoint_row *row;

        for (size_t i = 0; (row = map_next(&l->by_id, &i)) != NULL;)
                free_row(row);
        map_fini(&l->by_id);
}

int checkpoint_read(const char *dir, void (*each)(void *, const struct checkpoint_row *), void *arg, unsigned *ret_bad,
                    struct err *e)
{
        char *path = xasprintf("%s/checkpoint", dir);
        struct loaded l = { 0 };
        struct checkpoint_row *row;
        int r = load(path, &l, e);

        for (size_t i = 0; r == 0 && (row = map_next(&l.by_id, &i)) != NULL;)
                each(arg, row);
        if (r == 0)
                *ret_bad = l.bad;
        free_loaded(&l);
        free(path);
        return r;
}

static int64_t changed_ns(const char *path)
{
        struct stat st;
        return stat(path, &st) == 0 ? st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec : 0;
}

int64_t checkpoint_complete_ns(const struct checkpoint *c)
{
        return c->complete_ns;
}

int checkpoint_open(const char *dir, void (*each)(void *, const struct checkpoint_row *), void *arg,
                    struct checkpoint **ret, unsigned *ret_bad, struct err *e)
{
        struct checkpoint *c = xcalloc(1, sizeof(*c));
        struct loaded l = { 0 };

        c->fd = -1;
        c->dir = xstrdup(dir);
        c->path = xasprintf("%s/checkpoint", dir);
        c->path_new = xasprintf("%s/checkpoint.new", dir);
        int r = load(c->path, &l, e);
        if (r < 0 && r != -ENOENT)      /* none: the first run */
                goto out;
        c->complete_ns = r == 0 ? changed_ns(c->path) : 0;
        c->hold_time = true;
        c->is_new = r == -ENOENT;
        /* Start from a whole file: a torn tail must not be appended to. */
        checkpoint_rewrite_begin(c);
        hand_out(c, &l, each, arg);
        r = checkpoint_rewrite_commit(c, e);
        if (r < 0)
                goto out;
        *ret_bad = l.bad;
        *ret = c;
        c = NULL;
out:
        free_loaded(&l);
        checkpoint_free(c);
        return r;
}

void checkpoint_free(struct checkpoint *c)
{
        if (!c)
                return;
        if (c->fd >= 0)
                close(c->fd);
        buf_fini(&c->pending);
        free(c->dir);
        free(c->path);
        free(c->path_new);
        free(c);
}

/* --- store ----------------------------------------------------------------------------------- */

void checkpoint_put(struct checkpoint *c, const struct checkpoint_row *row)
{
        put_row(&c->pending, row);
}

void checkpoint_forget(struct checkpoint *c, const struct ident *id)
{
        char text[IDENT_FILE_TEXT];
        size_t start = c->pending.len;

        ident_text(id, text);
        buf_printf(&c->pending, "d %.*s", IDENT_FILE_TEXT, text);
        end_row(&c->pending, start);
}

bool checkpoint_is_new(const struct checkpoint *c)
{
        return c->is_new;
}

bool checkpoint_dirty(const struct checkpoint *c)
{
        return c->pending.len > 0 || c->until_ns > 0;
}

static int write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t w = write(fd, p, n);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w < 0)
                        return -errno;
                p += w;
                n -= (size_t)w;
        }
        return 0;
}

/* The rows of ten thousand files are needed now and then. */
static void forget_pending(struct checkpoint *c)
{
        if (c->pending.cap > KEEP_PENDING)
                buf_fini(&c->pending);
        buf_reset(&c->pending);
}

/* A fault of this is no fault of the checkpoint. */
static void set_time(int fd, int64_t ns)
{
        const struct timespec then = { .tv_sec = ns / INT64_C(1000000000), .tv_nsec = ns % INT64_C(1000000000) };
        const struct timespec both[] = { then, then };

        if (fd >= 0 && ns > 0 && futimens(fd, both) < 0)
                return;
}

static void keep_time(const struct checkpoint *c, int fd)
{
        set_time(fd, c->hold_time ? c->complete_ns : c->as_of_ns);
}

void checkpoint_as_of(struct checkpoint *c, int64_t wall_ns)
{
        c->as_of_ns = wall_ns;
}

void checkpoint_is_complete(struct checkpoint *c, int64_t until_ns)
{
        c->hold_time = false;
        c->until_ns = until_ns;
}

/* Before the rows, which move the file's time on: what they say completes it. */
static void take_until(struct checkpoint *c)
{
        set_time(c->fd, c->until_ns);
        c->until_ns = 0;
}

static int append(struct checkpoint *c)
{
        int r = write_all(c->fd, c->pending.data, c->pending.len);

        keep_time(c, c->fd);
        if (r == 0 && fdatasync(c->fd) < 0)
                r = -errno;
        return r;
}

/* Somebody deleted it: what is written there is gone with this process. */
static bool is_deleted(int fd)
{
        struct stat st;
        return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int checkpoint_flush(struct checkpoint *c, struct err *e)
{
        if (c->broken || c->fd < 0)
                return err_set(e, EIO, "%s: an earlier write failed, a rewrite is due", c->path);
        take_until(c);
        int r = c->pending.len > 0 ? append(c) : 0;
        if (r == 0 && is_deleted(c->fd))
                r = -ENOENT;
        if (r < 0) {
                c->broken = true;
                return err_set(e, -r, "%s: %s", c->path, strerror(-r));
        }
        c->size += (int64_t)c->pending.len;
        forget_pending(c);
        return 0;
}

bool checkpoint_wants_rewrite(const struct checkpoint *c)
{
        return c->broken || (c->size > REWRITE_ABOVE && c->size > 4 * c->live_size);
}

void checkpoint_rewrite_begin(struct checkpoint *c)
{
        buf_reset(&c->pending);
        buf_puts(&c->pending, HEADER);
}

/* The order is the promise: content on disk, then the name, then the directory that holds the name. */
static int replace_file(struct checkpoint *c, int fd)
{
        int r = write_all(fd, c->pending.data, c->pending.len);
        if (r < 0)
                return r;
        keep_time(c, fd);
        if (fsync(fd) < 0 || rename(c->path_new, c->path) < 0)
                return -errno;
        int dir = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        r = fsync(dir) < 0 ? -errno : 0;
        close(dir);
        return r;
}

int checkpoint_rewrite_commit(struct checkpoint *c, struct err *e)
{
        int fd = open(c->path_new, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0)
                return err_set(e, errno, "%s: %s", c->path_new, strerror(errno));
        int r = replace_file(c, fd);
        if (r < 0) {
                close(fd);
                c->broken = true;
                return err_set(e, -r, "%s: %s", c->path_new, strerror(-r));
        }
        if (c->fd >= 0)
                close(c->fd);
        c->fd = fd;
        c->size = c->live_size = (int64_t)c->pending.len;
        c->until_ns = 0;
        c->broken = false;
        forget_pending(c);
        return 0;
}
