/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/order.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "shipper/globs.h"
#include "shipper/known.h"

/* --- rows ------------------------------------------------------------------------------------ */

static struct file *newest_of(struct file *f)
{
        while (f->newer)
                f = f->newer;
        return f;
}

void order_after(struct file *f, struct file *older)
{
        struct file *last = newest_of(older);

        if (f->older || newest_of(f) == last || older->state == FILE_ENDED ||
            (older->state == FILE_IDLE && !file_waits_for_row(older)))
                return;
        last->newer = f;
        f->older = last;
}

void order_leave(struct file *f)
{
        if (f->older)
                f->older->newer = f->newer;
        if (f->newer)
                f->newer->older = f->older;
        f->older = f->newer = NULL;
        f->owed = 0;
}

/* The archive that is open never waits: others may wait for it to be closed. */
bool order_waits(const struct file *f)
{
        if (f->packed && f->packed->archive)
                return false;
        for (const struct file *o = f->older; o; o = o->older)
                if (o->state == FILE_READY || file_waits_for_row(o))
                        return true;
        return false;
}

/* --- what was rotated before anybody looked -------------------------------------------------- */

struct old {
        struct file *f;
        char *place;                    /* owned; the path that it was rotated from */
        struct file_stat st;
};

static int by_age(const void *a, const void *b)
{
        const struct old *x = a, *y = b;
        int places = strcmp(x->place, y->place);

        if (places != 0)
                return places;
        if (x->st.mtime_ns != y->st.mtime_ns)
                return x->st.mtime_ns < y->st.mtime_ns ? -1 : 1;
        return (x->st.birth_ns > y->st.birth_ns) - (x->st.birth_ns < y->st.birth_ns);
}

static void look_at(const struct file *f, struct file_stat *ret)
{
        if (f->packed && f->packed->candidate)
                *ret = f->packed->st;
        else if (f->fd >= 0 ? file_stat(f->fd, "", ret) < 0 : file_stat(AT_FDCWD, file_place(f), ret) < 0)
                *ret = (struct file_stat){ .birth_ns = f->birth_ns };
}

/* Of app*.log a pattern makes no rotations of one another: only beside an app.log they may be some. */
static bool is_old(const struct known *k, const struct file *f, const char *place)
{
        const struct file *newest = known_at(k, place);

        return f->size > f->read || f->packed ? newest ? newest != f : f->rotated : false;
}

static struct old *list_old(const struct known *k, size_t *ret)
{
        struct old *all = NULL;

        *ret = 0;
        for (struct file *f = k->turns.first; f; f = f->next) {
                char *place = globs_stem(&k->config->inputs, f->path);
                if (!is_old(k, f, place)) {
                        free(place);
                        continue;
                }
                all = xrealloc(all, (*ret + 1) * sizeof(*all));
                all[*ret] = (struct old){ .f = f, .place = place };
                look_at(f, &all[(*ret)++].st);
        }
        if (*ret > 0)
                qsort(all, *ret, sizeof(*all), by_age);
        return all;
}

/* What is behind v[n-1] in the file at their place. */
static void make_row(const struct known *k, struct old *v, size_t n)
{
        struct file *newest = known_at(k, v->place);

        for (size_t i = 0; i < n; i++)
                order_leave(v[i].f);
        for (size_t i = 1; i < n; i++)
                order_after(v[i].f, v[i - 1].f);
        if (newest) {
                order_leave(newest);
                order_after(newest, v[n - 1].f);
        }
}

void order_found(struct known *k)
{
        size_t n;
        struct old *all = list_old(k, &n);

        for (size_t i = 0, end; i < n; i = end) {
                for (end = i + 1; end < n && strcmp(all[end].place, all[i].place) == 0;)
                        end++;
                make_row(k, all + i, end - i);
        }
        for (size_t i = 0; i < n; i++)
                free(all[i].place);
        free(all);
}
