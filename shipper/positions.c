/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/positions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum {
        SAVE_INTERVAL_MS = 100,                 /* between two fsyncs */
        SAVE_RETRY_MS = 1000,                   /* after a failed one */
};

struct positions {
        struct loop *loop;              /* borrowed, as all but the array */
        struct shipper_stats *stats;
        const struct map *all;
        struct checkpoint *checkpoint;
        struct file **files;            /* owned array; positions moved, or ended and done with */
        size_t nfiles, cap;
        struct file *ended;             /* owned; a rewrite must not forget what is in flight of them */
        struct timer timer;
        int64_t save_after_ms;          /* not before */
        char trouble[256];
};

void positions_add(struct positions *p, struct file *f)
{
        if (f->state == FILE_ENDED && !f->buried) {
                f->buried = true;
                f->next = p->ended;
                p->ended = f;
        }
        if (f->unsaved)
                return;
        f->unsaved = true;
        if (p->nfiles == p->cap) {
                p->cap = p->cap ? 2 * p->cap : 64;
                p->files = xrealloc(p->files, p->cap * sizeof(*p->files));
        }
        p->files[p->nfiles++] = f;
}

static bool done_with(const struct file *f)
{
        return f->state == FILE_ENDED && ackwin_inflight(&f->window) == 0;
}

/* A generation that has not begun stands under the row of the one that it replaces. */
static void put_file(struct positions *p, struct file *f)
{
        const struct ident *key = f->named ? &f->id : &f->replaced;
        struct checkpoint_row row;

        if (f->superseded || (!f->named && !f->replaces))
                return;
        if (done_with(f)) {
                checkpoint_forget(p->checkpoint, key);
        } else {
                file_row(f, &row);
                row.id = *key;
                checkpoint_put(p->checkpoint, &row);
        }
        if (f->named && f->replaces)
                checkpoint_forget(p->checkpoint, &f->replaced);
}

static int store(struct positions *p, struct err *e)
{
        struct file *f;

        if (!p->checkpoint)             /* a dry run */
                return 0;
        if (!checkpoint_wants_rewrite(p->checkpoint)) {
                for (size_t i = 0; i < p->nfiles; i++)
                        put_file(p, p->files[i]);
                return checkpoint_dirty(p->checkpoint) ? checkpoint_flush(p->checkpoint, e) : 0;
        }
        checkpoint_rewrite_begin(p->checkpoint);
        for (size_t i = 0; (f = map_next(p->all, &i)) != NULL;)
                put_file(p, f);
        for (f = p->ended; f; f = f->next)
                put_file(p, f);
        return checkpoint_rewrite_commit(p->checkpoint, e);
}

static void free_done(struct positions *p)
{
        for (struct file **at = &p->ended, *f; (f = *at) != NULL;) {
                if (done_with(f)) {
                        *at = f->next;
                        file_free(f);
                } else {
                        at = &f->next;
                }
        }
}

static void saved(struct positions *p)
{
        for (size_t i = 0; i < p->nfiles; i++) {
                p->files[i]->unsaved = false;
                if (p->files[i]->named)
                        p->files[i]->replaces = false;
        }
        p->nfiles = 0;
        free_done(p);
        p->trouble[0] = '\0';
        stat_inc(&p->stats->checkpoint_writes);
}

void positions_save(struct positions *p, bool now)
{
        struct err e = { 0 };
        int64_t now_ms = loop_now_ms(p->loop);

        if (p->nfiles == 0)
                return;
        if (!now && now_ms < p->save_after_ms) {
                if (!timer_armed(&p->timer))
                        timer_arm(p->loop, &p->timer, p->save_after_ms - now_ms);
                return;
        }
        if (store(p, &e) == 0) {
                saved(p);
                p->save_after_ms = now_ms + SAVE_INTERVAL_MS;
                return;
        }
        stat_inc(&p->stats->checkpoint_errors);
        snprintf(p->trouble, sizeof(p->trouble), "positions cannot be stored: %.200s", e.msg);
        log_error("positions", "%s; lines go on, a restart would send them again", p->trouble);
        p->save_after_ms = now_ms + SAVE_RETRY_MS;
}

static void save_due(struct timer *timer)
{
        positions_save(timer->arg, false);
}

struct positions *positions_new(struct loop *l, struct shipper_stats *stats, const struct map *files)
{
        struct positions *p = xcalloc(1, sizeof(*p));

        p->loop = l;
        p->stats = stats;
        p->all = files;
        p->timer = (struct timer){ .name = "checkpoint", .fn = save_due, .arg = p };
        return p;
}

void positions_free(struct positions *p)
{
        if (!p)
                return;
        timer_disarm(p->loop, &p->timer);
        for (struct file *f = p->ended, *next; f; f = next) {
                next = f->next;
                file_free(f);
        }
        free(p->files);
        free(p);
}

void positions_set_checkpoint(struct positions *p, struct checkpoint *c)
{
        p->checkpoint = c;
}

const char *positions_trouble(const struct positions *p)
{
        return p->trouble[0] ? p->trouble : NULL;
}
