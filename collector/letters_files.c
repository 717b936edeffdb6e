/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in files: dead-letters.ndjson.lz4 and the like, and redriven.ndjson with the markers beside them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/dead.h"
#include "collector/letters.h"
#include "sinks/roll.h"
#include "sinks/unroll.h"

#define MARKERS "redriven.ndjson"

enum { TRIES = 10 };                    /* to see the directory between two rotations */

/* One that is open: however it is called later, it is read once. */
struct found {
        char *name;                     /* owned; without the directory */
        int fd;
        ino_t inode;
        unsigned long writer, number;   /* 0: the one that is being written */
};

struct files {
        struct letters letters;
        char *dir;                      /* owned */
        struct found *v;                /* owned, while reading */
        size_t n;
        struct roll *markers;           /* owned; NULL until something is marked */

        letters_fn *fn;                 /* of the reading that goes on */
        void *arg;
        const struct found *at;
        struct buf scratch;
        bool stopped;
};

static struct files *files_of(struct letters *ls)
{
        return container_of(ls, struct files, letters);
}

/* --- the directory ---------------------------------------------------------------------------- */

/* "dead-letters.ndjson.lz4", "dead-letters-2.ndjson.13.lz4"; false: it is none of them. */
static bool is_ours(const char *name, struct found *ret)
{
        static const char base[] = "dead-letters", middle[] = ".ndjson";
        char *end;

        if (strncmp(name, base, sizeof(base) - 1) != 0)
                return false;
        name += sizeof(base) - 1;
        ret->writer = 1;
        ret->number = 0;
        if (*name == '-') {
                ret->writer = strtoul(name + 1, &end, 10);
                name = end;
        }
        if (strncmp(name, middle, sizeof(middle) - 1) != 0)
                return false;
        name += sizeof(middle) - 1;
        if (name[0] == '.' && name[1] >= '1' && name[1] <= '9') {
                ret->number = strtoul(name + 1, &end, 10);
                name = end;
        }
        return strcmp(name, ".lz4") == 0;
}

static void close_found(struct files *f)
{
        for (size_t i = 0; i < f->n; i++) {
                close(f->v[i].fd);
                free(f->v[i].name);
        }
        free(f->v);
        f->v = NULL;
        f->n = 0;
}

static bool has_inode(const struct files *f, ino_t inode)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->v[i].inode == inode)
                        return true;
        return false;
}

/* Opens what is not open yet.  *ret_new: how many those were. */
static int look(struct files *f, size_t *ret_new, struct err *e)
{
        DIR *dir = opendir(f->dir);
        struct stat st;
        int r = 0;

        *ret_new = 0;
        if (!dir)
                return err_set(e, errno, "directory %s: %s", f->dir, strerror(errno));
        for (struct dirent *d; r == 0 && (d = readdir(dir)) != NULL;) {
                struct found found = { 0 };
                if (!is_ours(d->d_name, &found))
                        continue;
                found.fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                if (found.fd < 0 && errno == ENOENT)
                        continue;
                if (found.fd < 0 || fstat(found.fd, &st) < 0) {
                        r = err_set(e, errno, "%s/%s: %s", f->dir, d->d_name, strerror(errno));
                } else if (!has_inode(f, st.st_ino)) {
                        found.name = xstrdup(d->d_name);
                        found.inode = st.st_ino;
                        f->v = xrealloc(f->v, (f->n + 1) * sizeof(*f->v));
                        f->v[f->n++] = found;
                        ++*ret_new;
                        continue;
                }
                if (found.fd >= 0)
                        close(found.fd);
        }
        closedir(dir);
        return r;
}

/* By writer, the oldest first. */
static int by_age(const void *a, const void *b)
{
        const struct found *one = a, *other = b;
        if (one->writer != other->writer)
                return one->writer < other->writer ? -1 : 1;
        return one->number > other->number ? -1 : one->number < other->number;
}

/* A rotation while the directory is listed could hide a file behind its new name: it is listed until nothing is new. */
static int find(struct files *f, struct err *e)
{
        size_t fresh = 1;
        int r = 0;

        close_found(f);
        for (int i = 0; r == 0 && fresh > 0 && i < TRIES; i++)
                r = look(f, &fresh, e);
        if (r == 0 && f->n > 0)
                qsort(f->v, f->n, sizeof(*f->v), by_age);
        return r;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool on_marker(void *arg, const char *line, size_t len)
{
        struct files *f = arg;
        uint64_t key;

        if (letter_read_marker(line, len, &key))
                letters_note(&f->letters, key);
        else
                f->letters.strangers++;
        return true;
}

static int read_markers(struct files *f, struct err *e)
{
        char *path = xasprintf("%s/" MARKERS, f->dir);
        int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

        if (fd >= 0) {
                r = unroll_read(fd, path, false, on_marker, f, e);
                close(fd);
        } else if (errno != ENOENT) {
                r = err_set(e, errno, "%s: %s", path, strerror(errno));
        }
        free(path);
        return r;
}

static bool on_letter(void *arg, const char *line, size_t len)
{
        struct files *f = arg;
        struct letter l;

        if (!letter_read_line(line, len, &l, &f->scratch)) {
                f->letters.strangers++;
                return true;
        }
        l.where = (struct letter_text){ f->at->name, strlen(f->at->name) };
        l.redriven = letters_noted(&f->letters, l.key);
        f->stopped = !f->fn(f->arg, &l);
        return !f->stopped;
}

static int files_read(struct letters *ls, letters_fn *fn, void *arg, struct err *e)
{
        struct files *f = files_of(ls);
        int r = find(f, e);

        f->fn = fn;
        f->arg = arg;
        f->stopped = false;
        if (r == 0)
                r = read_markers(f, e);
        for (size_t i = 0; r == 0 && !f->stopped && i < f->n; i++) {
                f->at = &f->v[i];
                char *path = xasprintf("%s/%s", f->dir, f->at->name);
                r = unroll_read(f->at->fd, path, true, on_letter, f, e);
                free(path);
        }
        close_found(f);
        return r;
}

/* --- marking ---------------------------------------------------------------------------------- */

static int open_markers(struct files *f, struct err *e)
{
        char *path = xasprintf("%s/" MARKERS, f->dir);
        const struct roll_config how = { .path = path, .sync_each = true, .sync_last = true };

        f->markers = roll_open(&how, e);
        free(path);
        return f->markers ? 0 : -e->code;
}

static int files_mark(struct letters *ls, const struct batch *b, struct err *e)
{
        struct files *f = files_of(ls);
        struct buf lines = { 0 };
        int r = 0;

        for (size_t i = 0; i < b->n; i++) {
                if (!letters_stands(&b->recs[i]))
                        continue;
                struct letter_text name = letters_recall(b, &b->recs[i]);
                if (letters_is_of_topic(&name))
                        continue;
                letter_put_marker(&lines, &name, clock_system.wall_ns(&clock_system));
                buf_putc(&lines, '\n');
        }
        if (lines.len > 0 && !f->markers)
                r = open_markers(f, e);
        if (r == 0 && lines.len > 0)
                r = roll_append(f->markers, lines.data, lines.len, e);
        buf_fini(&lines);
        return r;
}

/* --- life ------------------------------------------------------------------------------------- */

static void files_close(struct letters *ls)
{
        struct files *f = files_of(ls);

        close_found(f);
        roll_close(f->markers);
        buf_fini(&f->scratch);
        free(f->dir);
        free(f);
}

static const struct letters_ops ops = { .read = files_read, .mark = files_mark, .close = files_close };

struct letters *letters_open_files(const struct collector_config *c, struct err *e)
{
        struct files *f = xcalloc(1, sizeof(*f));

        f->letters.ops = &ops;
        f->dir = dead_dir(&c->dlq);
        f->letters.place = xasprintf("files in %s", f->dir);
        if (access(f->dir, R_OK | X_OK) < 0) {
                err_set(e, errno, "directory %s: %s; --state DIR names another, --set 'dlq.topic=\"NAME\"' a topic", f->dir,
                        strerror(errno));
                letters_close(&f->letters);
                return NULL;
        }
        return &f->letters;
}

int letters_are_in_files(const char *dir, struct err *e)
{
        struct files f = { .dir = (char *)dir };
        size_t n = 0;

        if (access(dir, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
                return 0;
        int r = look(&f, &n, e);
        close_found(&f);
        return r < 0 ? r : n > 0;
}
