/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/siblings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "event/archive.h"
#include "shipper/globs.h"

static int by_birth(const void *a, const void *b)
{
        const struct sibling *x = a, *y = b;
        return (x->st.birth_ns > y->st.birth_ns) - (x->st.birth_ns < y->st.birth_ns);
}

enum { LIST_TRIES = 3 };

/* Takes *path.  -ENOENT: it is not there any more; other -errno: it is no file. */
static int add(struct siblings *s, char **path, bool hidden)
{
        struct sibling one = { .path = *path, .hidden = hidden };
        int r = file_stat(AT_FDCWD, one.path, &one.st);

        *path = NULL;
        if (r < 0) {
                free(one.path);
                return r;
        }
        s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
        s->v[s->n++] = one;
        return 0;
}

/* True: one was gone before it was looked at, and may have another name now. */
static bool list_once(struct siblings *s, const char *path, bool archives)
{
        const char *slash = strrchr(path, '/');
        char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("./");
        const char *base = slash ? slash + 1 : path;
        DIR *d = opendir(dir);
        bool moving = false;

        *s = (struct siblings){ 0 };
        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                bool fits = archives ? archive_kind_of(de->d_name) != ARCHIVE_NONE : !globs_is_archive(de->d_name);
                if (!fits || !globs_is_sibling(de->d_name, base))
                        continue;
                char *one = xasprintf("%s%s", slash ? dir : "", de->d_name);
                moving |= add(s, &one, false) == -ENOENT;
        }
        if (d)
                closedir(d);
        free(dir);
        if (s->n > 0)
                qsort(s->v, s->n, sizeof(*s->v), by_birth);
        return moving;
}

/* A link that leads nowhere is gone each time. */
static void list(struct siblings *s, const char *path, bool archives)
{
        for (int i = 1; list_once(s, path, archives) && i < LIST_TRIES; i++)
                siblings_fini(s);
}

void siblings_add(struct siblings *s, const char *path)
{
        char *one = xstrdup(path);

        (void)add(s, &one, false);
}

/* "app-1.log.gz" beside "app-2.log": a link went from the one to the other. */
static bool has_another_number(const char *name, const char *target)
{
        char one[NAME_MAX + 1], other[NAME_MAX + 1];

        snprintf(one, sizeof(one), "%s", name);
        snprintf(other, sizeof(other), "%s", target);
        if (globs_is_archive(one))
                *strrchr(one, '.') = '\0';
        return globs_cut_number(one) && globs_cut_number(other) && strcmp(one, other) == 0;
}

void siblings_add_targets(struct siblings *s, const struct file *f, bool archives)
{
        struct stat st;
        char *target = lstat(f->path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(f->path, NULL) : NULL;
        char *slash = target ? strrchr(target, '/') : NULL;

        if (!slash || slash == target) {
                free(target);
                return;
        }
        *slash = '\0';
        DIR *d = opendir(target);
        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                bool fits = archives ? archive_kind_of(de->d_name) != ARCHIVE_NONE : !globs_is_archive(de->d_name);
                bool rotated = globs_is_sibling(de->d_name, slash + 1) ||
                               (archives && has_another_number(de->d_name, slash + 1));
                if (!(fits && rotated) && de->d_ino != f->inode)
                        continue;
                char *one = xasprintf("%s/%s", target, de->d_name);
                (void)add(s, &one, true);
        }
        if (d)
                closedir(d);
        free(target);
        if (s->n > 0)
                qsort(s->v, s->n, sizeof(*s->v), by_birth);
}

void siblings_list(struct siblings *s, const char *path)
{
        list(s, path, false);
}

void siblings_list_archives(struct siblings *s, const char *path)
{
        list(s, path, true);
}

static int open_one(const char *path, struct file_stat *ret)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd >= 0 && file_stat(fd, "", ret) < 0) {
                close(fd);
                fd = -1;
        }
        return fd;
}

bool siblings_is_copy(const char *path, const struct file *f)
{
        char head[IDENT_HEAD];
        struct file_stat st;
        int fd = f->named ? open_one(path, &st) : -1;

        if (fd < 0)
                return false;
        ssize_t n = pread(fd, head, sizeof(head), 0);
        struct mark mark = marks_within(&f->marks, st.size);
        /* The head must do where no mark is known: nothing was read, or only a part of the first read was acknowledged. */
        bool enough = mark.at > 0 || (f->marks.last.at == 0 && f->head_len > 0);
        bool same = n > 0 && enough && file_head_fits(f, head, (size_t)n) && mark_check(&mark, fd);
        close(fd);
        return same;
}

static bool same_bytes(int a, int b, int64_t at, size_t n)
{
        char x[IDENT_HEAD], y[IDENT_HEAD];

        return pread(a, x, n, at) == (ssize_t)n && pread(b, y, n, at) == (ssize_t)n && memcmp(x, y, n) == 0;
}

bool siblings_is_prefix(const char *path, const struct file *f)
{
        struct file_stat st, whole;
        int fd = open_one(path, &st), orig = f->fd >= 0 ? f->fd : open_one(f->path, &whole);
        bool same = false;

        if (fd >= 0 && orig >= 0 && file_stat(orig, "", &whole) == 0 && whole.inode == f->inode &&
            whole.birth_ns == f->birth_ns && st.size <= whole.size) {
                size_t n = st.size < IDENT_HEAD ? (size_t)st.size : IDENT_HEAD;
                same = same_bytes(fd, orig, 0, n) && same_bytes(fd, orig, st.size - (int64_t)n, n);
        }
        if (fd >= 0)
                close(fd);
        if (orig >= 0 && orig != f->fd)
                close(orig);
        return same;
}

void siblings_fini(struct siblings *s)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->v[i].path);
        free(s->v);
        *s = (struct siblings){ 0 };
}
