/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "event/archive.h"
#include "shipper/checkpoint.h"
#include "shipper/file.h"

struct entry {
        char *path;          /* owned; control characters are '?' */
        int64_t acked, size; /* size -1: the file is not there to be asked */
        const char *state;
};

/* What a person asked for: a name as the checkpoint has it, and whether some file fits. */
struct wanted {
        char *pattern; /* owned; absolute */
        bool fits;
};

struct entries {
        struct entry *v; /* owned */
        size_t n;
        struct wanted *wanted; /* owned; none: everything */
        size_t nwanted;
};

/* --- one file --------------------------------------------------------------------------------- */

/* A name may hold anything but '/' and NUL; a terminal obeys some of it. */
static char *printable(const char *path)
{
        char *copy = xstrdup(path);

        for (unsigned char *p = (unsigned char *)copy; *p; p++)
                if (*p < ' ' || *p == 0x7f)
                        *p = '?';
        return copy;
}

static struct entry ask_disk(const struct checkpoint_row *row)
{
        struct entry e = { .path = printable(row->path), .acked = row->offset, .size = -1 };
        struct file_stat st;
        int r = file_stat(AT_FDCWD, row->path, &st);

        if (r == -ENOENT || r == -ENOTDIR) {
                e.state = "gone";
        } else if (r == -EINVAL || (r == 0 && (st.inode != row->inode || st.birth_ns != row->birth_ns))) {
                e.state = "another file has its name";
        } else if (r < 0) {
                e.state = "cannot be looked at";
        } else if (archive_kind_of(row->path) != ARCHIVE_NONE) {
                e.size = row->size;     /* of what is in it, as far as it was read */
                e.state = row->size > row->offset ? "behind, in an archive" : "at its end";
        } else {
                e.size = st.size;
                e.state = st.size > row->offset    ? "behind"
                          : st.size == row->offset ? "at its end"
                                                   : "cut short";
        }
        return e;
}

static char *absolute(const char *name)
{
        char cwd[PATH_MAX];

        return name[0] == '/' || !getcwd(cwd, sizeof(cwd)) ? xstrdup(name) : xasprintf("%s/%s", cwd, name);
}

static void want(struct entries *all, const char *const *names, size_t n)
{
        all->wanted = xcalloc(n + 1, sizeof(*all->wanted));
        all->nwanted = n;
        for (size_t i = 0; i < n; i++)
                all->wanted[i].pattern = absolute(names[i]);
}

/* Every name that fits is marked, not only the first.  A file may be called "a[1].log": the name itself counts, too. */
static bool is_wanted(struct entries *all, const char *path)
{
        bool any = all->nwanted == 0;

        for (size_t i = 0; i < all->nwanted; i++) {
                struct wanted *w = &all->wanted[i];
                if (strcmp(w->pattern, path) != 0 && fnmatch(w->pattern, path, FNM_PATHNAME) != 0)
                        continue;
                w->fits = any = true;
        }
        return any;
}

static void add(void *arg, const struct checkpoint_row *row)
{
        struct entries *all = arg;

        if (!is_wanted(all, row->path))
                return;
        all->v = xrealloc(all->v, (all->n + 1) * sizeof(*all->v));
        all->v[all->n++] = ask_disk(row);
}

static int by_path(const void *a, const void *b)
{
        const struct entry *one = a, *other = b;
        return strcmp(one->path, other->path);
}

static int64_t lag(const struct entry *e)
{
        return e->size > e->acked ? e->size - e->acked : 0;
}

/* --- the table -------------------------------------------------------------------------------- */

/* One decimal is enough to see it move; -1 is "-". */
static void human(int64_t bytes, char *ret, size_t size)
{
        static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
        double value = (double)bytes / 1024;
        size_t unit = 0;

        if (bytes < 0) {
                snprintf(ret, size, "-");
        } else if (bytes < 1024) {
                snprintf(ret, size, "%lld B", (long long)bytes);
        } else {
                for (; value >= 1023.95 && unit + 1 < ARRAY_LEN(units); unit++)
                        value /= 1024;
                snprintf(ret, size, "%.1f %s", value, units[unit]);
        }
}

static void print_entry(const struct entry *e, int state_width, struct buf *out)
{
        char acked[32], size[32], behind[32];

        human(e->acked, acked, sizeof(acked));
        human(e->size, size, sizeof(size));
        human(e->size < 0 ? -1 : lag(e), behind, sizeof(behind));
        buf_printf(out, "%10s %10s %10s  %-*s  %s\n", acked, size, behind, state_width, e->state, e->path);
}

static void print_entries(const struct entries *all, struct buf *out)
{
        char total[32];
        int64_t sum = 0;
        int width = (int)strlen("STATE");

        for (size_t i = 0; i < all->n; i++) {
                if ((int)strlen(all->v[i].state) > width)
                        width = (int)strlen(all->v[i].state);
                sum += lag(&all->v[i]);
        }
        buf_printf(out, "%10s %10s %10s  %-*s  %s\n", "ACKED", "SIZE", "LAG", width, "STATE", "FILE");
        for (size_t i = 0; i < all->n; i++)
                print_entry(&all->v[i], width, out);
        human(sum, total, sizeof(total));
        buf_printf(out, "%zu file%s, %s behind\n", all->n, all->n == 1 ? "" : "s", total);
}

static void print_unknown(const struct entries *all, struct buf *out)
{
        for (size_t i = 0; i < all->nwanted; i++) {
                if (all->wanted[i].fits)
                        continue;
                char *shown = printable(all->wanted[i].pattern);
                buf_printf(out, "%s: nothing of it is acknowledged yet\n", shown);
                free(shown);
        }
}

static void entries_fini(struct entries *all)
{
        for (size_t i = 0; i < all->n; i++)
                free(all->v[i].path);
        for (size_t i = 0; i < all->nwanted; i++)
                free(all->wanted[i].pattern);
        free(all->v);
        free(all->wanted);
}

int files_list(const char *state, const char *const *names, size_t n, struct buf *out, struct err *e)
{
        struct entries all = { 0 };
        unsigned bad = 0;

        want(&all, names, n);
        int r = checkpoint_read(state, add, &all, &bad, e);

        if (r == -ENOENT)
                r = err_set(e, ENOENT,
                            "%s has no checkpoint: no shipper has stored a position there (--state DIR names "
                            "another)",
                            state);
        if (r == 0 && all.n == 0 && n > 0)
                r = err_set(e, ENOENT, "the checkpoint in %s holds none of these files; without names it is shown whole",
                            state);
        if (r == 0 && all.n > 0)
                qsort(all.v, all.n, sizeof(*all.v), by_path);
        if (r == 0)
                print_entries(&all, out);
        if (r == 0)
                print_unknown(&all, out);
        if (r == 0 && bad > 0)
                buf_printf(out, "%u damaged row%s; the next run reads their files from the beginning\n", bad,
                           bad == 1 ? "" : "s");
        entries_fini(&all);
        return r;
}
