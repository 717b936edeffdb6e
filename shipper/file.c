/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "event/archive.h"
#include "shipper/line_end.h"
#include "shipper/pod.h"

#define MAX_INFLIGHT ((size_t)1 << 40)  /* lines of one file: none of its own, the sink bounds their bytes */

#define FILE_STATE_TEXT(name, text) text,
const char *const file_state_text[FILE_NSTATES] = { FILE_STATES(FILE_STATE_TEXT) };

static const bool may[FILE_NSTATES][FILE_NSTATES] = {
        [FILE_KNOWN] = { [FILE_READY] = true, [FILE_ENDED] = true },
        [FILE_READY] = { [FILE_IDLE] = true, [FILE_ENDED] = true, [FILE_KNOWN] = true },
        [FILE_IDLE] = { [FILE_READY] = true, [FILE_ENDED] = true },
};

void file_enter(struct file *f, enum file_state to, const char *why)
{
        CHECK(may[f->state][to]);
        log_debug("file", "%s -> %s: %s: path=%s", file_state_text[f->state], file_state_text[to], why, f->path);
        f->state = to;
}

struct file *file_new(const char *path, const struct input_config *input, const struct file_stat *st)
{
        struct file *f = xcalloc(1, sizeof(*f));

        f->path = xstrdup(path);
        f->input = input;
        f->fd = -1;
        f->inode = st->inode;
        f->birth_ns = st->birth_ns;
        ackwin_init(&f->window, MAX_INFLIGHT, 0);
        return f;
}

struct file *file_from_row(const struct checkpoint_row *row)
{
        const struct file_stat st = { .inode = row->inode, .birth_ns = row->birth_ns };
        struct file *f = file_new(row->path, NULL, &st);

        f->generation = row->generation;
        f->named = row->head_hash != 0;         /* the hash of no bytes is not 0 either */
        f->replaces = !f->named;
        if (f->named)
                f->id = row->id;
        else
                f->replaced = row->id;
        f->head_len = row->head_len;
        f->head_hash = row->head_hash;
        f->read = f->scanned = row->offset;
        f->size = row->size;
        f->spent = row->size > 0 && row->size < row->offset;
        f->marks.last = f->marks.safe = row->mark;
        ackwin_init(&f->window, MAX_INFLIGHT, row->offset);
        return f;
}

void file_free(struct file *f)
{
        if (!f)
                return;
        file_close(f);
        file_packed_free(f);
        event_stream_fini(&f->stream);
        ackwin_fini(&f->window);
        free(f->hold);
        free(f->service);
        free(f->path);
        free(f->real);
        free(f);
}

bool file_moved_to(struct file *f, const char *path)
{
        free(f->real);
        f->real = NULL;
        if (strcmp(f->path, path) == 0)
                return false;
        free(f->path);
        f->path = xstrdup(path);
        return true;
}

int file_stat(int fd, const char *path, struct file_stat *ret)
{
        struct statx st;
        const unsigned what = STATX_BASIC_STATS | STATX_BTIME;

        if (statx(fd, path, path[0] ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH, what, &st) < 0)
                return -errno;
        ret->link = S_ISLNK(st.stx_mode);
        if (ret->link && statx(fd, path, 0, what, &st) < 0)
                return -errno;
        if (!S_ISREG(st.stx_mode))
                return -EINVAL;
        ret->inode = st.stx_ino;
        ret->size = (int64_t)st.stx_size;
        ret->mtime_ns = st.stx_mtime.tv_sec * 1000000000 + st.stx_mtime.tv_nsec;
        ret->links = st.stx_nlink;
        ret->birth_ns = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec : 0;
        return 0;
}

bool file_head_fits(const struct file *f, const char *text, size_t n)
{
        return !f->named || (n >= f->head_len && XXH3_64bits(text, f->head_len) == f->head_hash);
}

/* A file that was truncated and has grown again keeps its inode and birth time, but seldom its first bytes. */
static bool same_head(const struct file *f, int fd)
{
        char head[IDENT_HEAD];

        if (!f->named || f->head_len == 0)
                return true;
        ssize_t n = pread(fd, head, f->head_len, 0);
        return n >= 0 && file_head_fits(f, head, (size_t)n);
}

static void saw_whole(struct file *f, const struct file_stat *st)
{
        f->size = st->size;
        f->intact_ns = st->mtime_ns;
}

void file_look(struct file *f)
{
        struct file_stat st;

        int fd = f->fd >= 0 ? f->fd : open(file_place(f), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0 && file_stat(fd, "", &st) == 0 && file_stat_is(&st, f) && !f->spent) {
                f->cut |= st.size < f->read || !same_head(f, fd) || !mark_check(&f->marks.last, fd);
                if (!f->cut)
                        saw_whole(f, &st);
        }
        if (fd >= 0 && fd != f->fd)
                close(fd);
}

bool file_is_in_place(const struct file *f)
{
        struct file_stat st;
        return file_stat(AT_FDCWD, file_place(f), &st) == 0 && file_stat_is(&st, f);
}

int file_open(struct file *f, const char *path)
{
        /* O_NONBLOCK: a FIFO that took the path meanwhile must not hang us. */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;

        int r = file_take(f, fd);
        if (r < 0)
                close(fd);
        return r;
}

int file_take(struct file *f, int fd)
{
        struct file_stat st;
        int r = file_stat(fd, "", &st);

        if (r == -EINVAL || (r == 0 && !file_stat_is(&st, f)))
                r = -ESTALE;
        if (r < 0)
                return r;
        f->fd = fd;
        if (f->packed)
                return 0;
        f->spent = f->spent && st.size == f->size;
        f->cut = !f->spent && (st.size < f->read || !same_head(f, fd) || !mark_check(&f->marks.last, fd));
        if (!f->cut)
                saw_whole(f, &st);      /* else how much there was is still to be told */
        return 0;
}

int file_switch(struct file *f, const char *path, const struct file_stat *copy)
{
        const struct file_stat old = { .inode = f->inode, .birth_ns = f->birth_ns, .size = f->size };
        const bool spent = f->spent, cut = f->cut;
        const int fd = f->fd;

        f->inode = copy->inode;
        f->birth_ns = copy->birth_ns;
        f->size = copy->size;
        f->spent = copy->size < f->read;
        int r = file_open(f, path);
        if (r == 0 && f->cut) {
                file_close(f);
                r = -ESTALE;
        }
        if (r == 0)
                return 0;
        f->inode = old.inode;
        f->birth_ns = old.birth_ns;
        f->size = old.size;
        f->spent = spent;
        f->cut = cut;
        f->fd = fd;
        return r;
}

void file_close(struct file *f)
{
        if (f->fd >= 0)
                close(f->fd);
        f->fd = -1;
        if (f->packed) {
                archive_free(f->packed->archive);
                f->packed->archive = NULL;
        }
        file_rest(f);
}

void file_rest(struct file *f)
{
        event_stream_fini(&f->stream);
        f->stream = (struct event_stream){ 0 };
        ackwin_rest(&f->window);
}

static void start_at(struct file *f, int64_t at)
{
        char before[MARK_BYTES];
        size_t n = mark_len(at);

        f->read = f->scanned = at;
        ackwin_init(&f->window, MAX_INFLIGHT, at);
        if (pread(f->fd, before, n, at - (int64_t)n) == (ssize_t)n)
                f->marks.last = f->marks.safe = mark_of(before + n, at);
}

void file_skip_to_end(struct file *f, int64_t max_line_bytes)
{
        char piece[4096];

        for (int64_t end = f->size; end > 0 && f->size - end < max_line_bytes;) {
                size_t n = end < (int64_t)sizeof(piece) ? (size_t)end : sizeof(piece);
                if (pread(f->fd, piece, n, end - (int64_t)n) != (ssize_t)n)
                        return;
                const char *lf = memrchr(piece, '\n', n);
                if (lf) {
                        start_at(f, end - (int64_t)n + (lf - piece) + 1);
                        return;
                }
                end -= (int64_t)n;
        }
        if (f->size > max_line_bytes)
                start_at(f, f->size);           /* within a line that is too long to be shipped whole */
}

void file_packed_free(struct file *f)
{
        if (!f->packed)
                return;
        archive_free(f->packed->archive);
        free(f->packed->candidate);
        free(f->packed);
        f->packed = NULL;
}

/* The end of the first line among the n bytes at the file's beginning; NULL: it has none yet. */
static const char *first_end(const struct file *f, const char *text, size_t n)
{
        const struct input_config *in = f->input;
        struct line_end end;
        struct err e;
        const char *lf = memchr(text, '\n', n), *own = NULL;
        const char mark[2] = { n > 0 ? text[0] : 0, n > 1 ? text[1] : 0 };

        if (in && line_end_init(&end, in->terminator, encoding_by_mark((enum encoding)in->encoding, mark), &e) == 0)
                own = line_end_find(&end, text, text + n, false);
        return !own || (lf && lf < own) ? lf : own;
}

bool file_head_is_whole(const struct file *f, const char *text, size_t len)
{
        return len >= IDENT_HEAD || first_end(f, text, len);
}

void file_name(struct file *f, const char *host, const char *text, size_t len)
{
        if (len > IDENT_HEAD)
                len = IDENT_HEAD;
        const char *end = first_end(f, text, len);
        f->head_len = (uint32_t)(end ? (size_t)(end - text) : len);
        f->head_hash = XXH3_64bits(text, f->head_len);
        f->id = ident_of_file(&(struct ident_file){ .host = host,
                                                    .inode = f->inode,
                                                    .birth_ns = f->birth_ns,
                                                    .generation = f->generation,
                                                    .head = text,
                                                    .head_len = f->head_len });
        f->named = true;
}

bool file_name_from_disk(struct file *f, const char *host)
{
        char head[IDENT_HEAD];
        ssize_t n = pread(f->fd, head, sizeof(head), 0);

        if (n <= 0 || !file_head_is_whole(f, head, (size_t)n))
                return false;
        file_name(f, host, head, (size_t)n);
        return true;
}

/* The segments of a ring are one stream. */
static struct ident key_of(const struct file *f, const char *host)
{
        const char *listen = f->input->listen;
        const struct ident_file ring = { .host = host, .head = listen, .head_len = listen ? strlen(listen) : 0 };

        return listen ? ident_of_file(&ring) : f->id;
}

void file_make_stream(struct file *f, const char *host)
{
        struct pod pod = { 0 };
        struct buf members = { 0 };

        if (f->input->container != CONTAINER_NONE)
                pod_of_file(f->path, &pod);
        if (pod.container && !f->input->service && !f->service)
                f->service = xstrdup(pod.container);
        event_stream_fini(&f->stream);
        bool full = f->input->event == EXTENT_FULL;
        event_stream_init(&f->stream, &f->id, full ? f->path : NULL,
                          f->service ? f->service : f->input->service, full ? host : NULL);
        parse_add_fields(&f->input->parse, &f->stream);
        f->stream_no++;
        f->key = key_of(f, host);
        pod_put_members(&pod, &members);
        event_stream_put(&f->stream, &members);
        buf_fini(&members);
        pod_fini(&pod);
}

/* Of an archive whose end was not seen the size is not known; it is more than was read. */
static int64_t size_to_store(const struct file *f)
{
        int64_t committed = ackwin_committed(&f->window);
        bool open_end = f->packed && !f->packed->candidate && !f->packed->complete && f->size <= committed;
        return open_end ? committed + 1 : f->size;
}

void file_row(struct file *f, struct checkpoint_row *ret)
{
        *ret = (struct checkpoint_row){ .id = f->id,
                                        .inode = f->inode,
                                        .birth_ns = f->birth_ns,
                                        .generation = f->generation,
                                        .head_len = f->head_len,
                                        .head_hash = f->head_hash,
                                        .offset = ackwin_committed(&f->window),
                                        .size = size_to_store(f),
                                        .mark = marks_safe(&f->marks, ackwin_committed(&f->window)),
                                        .path = f->path };
}
