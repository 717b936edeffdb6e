/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/descriptors.h"

#include <sys/resource.h>

#include "base/log.h"

enum {
        RESERVE = 64,                           /* for the output, HTTP, the checkpoint and the directories of a scan */
        LEAST = 8,
        REST_MS = 5 * 1000,                     /* quiet for so long, a file gives its memory back */
        TELL_EVERY_MS = 10 * 60 * 1000,
};

void descriptors_raise_limit(void)
{
        struct rlimit r;

        if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
                r.rlim_cur = r.rlim_max;
                if (setrlimit(RLIMIT_NOFILE, &r) < 0)
                        log_debug("tail", "the limit of open files stays as it is");
        }
}

int64_t descriptors_limit(const struct shipper_config *c)
{
        const struct input_config *in = c->inputs.v;
        struct rlimit r = { .rlim_cur = 1024 };
        int64_t reserve = RESERVE;

        if (c->max_files > 0)
                return c->max_files;
        for (size_t i = 0; i < c->inputs.n; i++)
                reserve += in[i].listen ? in[i].max_connections : 0;
        if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY)
                return INT32_MAX;
        int64_t left = (int64_t)r.rlim_cur - reserve;
        return left > LEAST ? left : LEAST;
}

void descriptors_init(struct descriptors *d, struct loop *loop, struct shipper_stats *stats, int64_t limit)
{
        *d = (struct descriptors){ .loop = loop, .stats = stats, .limit = limit };
        stat_set(&stats->files_open_limit, limit);
}

/* --- the list -------------------------------------------------------------------------------- */

static void append(struct descriptors *d, struct file *f)
{
        f->used_prev = d->last;
        f->used_next = NULL;
        *(d->last ? &d->last->used_next : &d->first) = f;
        d->last = f;
        f->used_ms = loop_now_ms(d->loop);
}

static void unlink_file(struct descriptors *d, struct file *f)
{
        *(f->used_prev ? &f->used_prev->used_next : &d->first) = f->used_next;
        *(f->used_next ? &f->used_next->used_prev : &d->last) = f->used_prev;
}

static void count(struct descriptors *d, int one)
{
        d->open += one;
        stat_set(&d->stats->files_open, d->open);
}

void descriptors_add(struct descriptors *d, struct file *f)
{
        append(d, f);
        count(d, 1);
}

void descriptors_used(struct descriptors *d, struct file *f)
{
        unlink_file(d, f);
        append(d, f);
}

void descriptors_remove(struct descriptors *d, struct file *f)
{
        unlink_file(d, f);
        count(d, -1);
}

void descriptors_close(struct descriptors *d, struct file *f)
{
        if (f->fd < 0)
                return;
        descriptors_remove(d, f);
        file_close(f);
}

/* --- giving way ------------------------------------------------------------------------------ */

static void tell(struct descriptors *d)
{
        int64_t now_ms = loop_now_ms(d->loop);

        if (d->tell_after_ms > now_ms)
                return;
        d->tell_after_ms = now_ms + TELL_EVERY_MS;
        log_warn("tail",
                 "the limit of open files is reached, the quietest are closed and opened again when they grow: "
                 "limit=%lld files=%lld (raise max_files, or the process's own limit: LimitNOFILE)",
                 (long long)d->limit, (long long)stat_get(&d->stats->files));
}

/* Not the archive that is open: others wait for its end, and it would be unpacked from its beginning again. */
static bool give_way(struct descriptors *d, struct file *f)
{
        if ((f->packed && f->packed->archive) || !file_is_in_place(f))
                return false;
        descriptors_close(d, f);
        stat_inc(&d->stats->closed_limit);
        return true;
}

/* Of the idle ones the one read longest ago; of those that wait for their turn the one whose turn comes last. */
bool descriptors_make_room(struct descriptors *d)
{
        struct file *f;

        if (d->open < d->limit)
                return true;
        tell(d);
        for (f = d->first; f; f = f->used_next)
                if (f->state == FILE_IDLE && give_way(d, f))
                        return true;
        for (f = d->last; f; f = f->used_prev)
                if (f->state == FILE_READY && give_way(d, f))
                        return true;
        return false;
}

void descriptors_full(struct descriptors *d)
{
        d->limit = d->open > LEAST ? d->open : LEAST;
        stat_set(&d->stats->files_open_limit, d->limit);
}

void descriptors_close_idle(struct descriptors *d)
{
        int64_t now_ms = loop_now_ms(d->loop);

        for (struct file *f = d->first, *next; f; f = next) {
                next = f->used_next;
                if (f->state == FILE_IDLE && now_ms - f->used_ms >= REST_MS)
                        file_rest(f);
                if (f->state != FILE_IDLE || !f->input || f->input->close_idle_ms == 0 ||
                    now_ms - f->used_ms < f->input->close_idle_ms || !file_is_in_place(f))
                        continue;
                descriptors_close(d, f);
                stat_inc(&d->stats->closed_idle);
        }
}
