/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/positions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "shipper/saver.h"

enum {
        SAVE_INTERVAL_MS = 100,                 /* between two fsyncs */
        SAVE_RETRY_MS = 1000,                   /* after a failed one */
        SLOW_MS = 5000,                         /* one that takes this long is worth a sentence */
        TICK_MS = 10,                           /* for so long the clock of file times stands still */
        LAST_MS = 2000,                         /* for the last ones, whatever stop_timeout has left */
};

struct list {
        struct file **v;                /* owned array */
        size_t n, cap;
};

struct positions {
        struct loop *loop;              /* borrowed, as the next four */
        struct shipper_stats *stats;
        const struct map *all;
        struct turns *turns;
        struct checkpoint *checkpoint;  /* NULL: a dry run */
        struct list moved;              /* positions moved, or ended and done with */
        struct list storing;            /* whose rows are being written */
        struct file *ended;             /* owned; a rewrite must not forget what is in flight of them */
        bool awaited;                   /* a file of moved is ... */
        bool awaited_now;               /* ... and one of storing */
        int64_t until_ns;               /* to be told to the checkpoint; 0: nothing */
        struct saver *saver;            /* owned */
        int64_t since_ns;               /* when it began, if it is busy */
        struct timer timer;
        int64_t save_after_ms;          /* not before */
        char trouble[256];
        char slow[256];
};

static void list_add(struct list *l, struct file *f)
{
        if (l->n == l->cap) {
                l->cap = l->cap ? 2 * l->cap : 64;
                l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
        }
        l->v[l->n++] = f;
}

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
        list_add(&p->moved, f);
}

static bool done_with(const struct file *f)
{
        return f->state == FILE_ENDED && ackwin_inflight(&f->window) == 0;
}

/* A generation that has not begun stands under the row of the one that it replaces, a new file without a name under one of its own. */
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
        if (f->named)                   /* should that fail, the rewrite that is due then forgets as well */
                f->replaces = false;
}

/* True: all of them are in it. */
static bool put_rows(struct positions *p)
{
        struct file *f;

        if (!checkpoint_wants_rewrite(p->checkpoint)) {
                for (size_t i = 0; i < p->moved.n; i++)
                        put_file(p, p->moved.v[i]);
                return false;
        }
        checkpoint_rewrite_begin(p->checkpoint);
        for (size_t i = 0; (f = map_next(p->all, &i)) != NULL;)
                put_file(p, f);
        for (f = p->ended; f; f = f->next)
                put_file(p, f);
        return true;
}

static void free_done(struct positions *p)
{
        for (struct file **at = &p->ended, *f; (f = *at) != NULL;) {
                if (done_with(f) && file_is_stored(f)) {
                        *at = f->next;
                        file_free(f);
                } else {
                        at = &f->next;
                }
        }
}

/* A disk that takes no rows costs doubles after a restart; it does not stop the lines.  A file that got its name while an older
 * row of it was being written waits for the next. */
static void go_on(struct positions *p, struct file *f, bool failed)
{
        if (!f->fresh)
                return;
        if (!failed && f->unsaved) {
                p->awaited = true;
                return;
        }
        f->fresh = false;
        turns_touch(p->turns, f);
}

static void plan(struct positions *p)
{
        int64_t wait_ms = p->awaited ? 0 : p->save_after_ms - loop_now_ms(p->loop);

        if ((p->moved.n > 0 || p->until_ns > 0) && (p->awaited || !timer_armed(&p->timer)))
                timer_arm(p->loop, &p->timer, wait_ms > 0 ? wait_ms : 0);
}

/* The rows of storing are on the disk, or are not. */
static void stored(void *arg, int r, const struct err *e)
{
        struct positions *p = arg;
        struct list was = p->storing;

        p->storing = (struct list){ 0 };
        p->awaited_now = false;
        for (size_t i = 0; i < was.n; i++) {
                was.v[i]->storing = false;
                if (r < 0)
                        positions_add(p, was.v[i]);
                go_on(p, was.v[i], r < 0);
        }
        free(was.v);
        if (r == 0) {
                free_done(p);
                p->trouble[0] = '\0';
                stat_inc(&p->stats->checkpoint_writes);
        } else {
                stat_inc(&p->stats->checkpoint_errors);
                snprintf(p->trouble, sizeof(p->trouble), "positions cannot be stored: %.200s", e->msg);
                log_error("positions", "%s; lines go on, a restart would send them again", p->trouble);
        }
        p->save_after_ms = loop_now_ms(p->loop) + (r == 0 ? SAVE_INTERVAL_MS : SAVE_RETRY_MS);
        plan(p);
}

static int64_t mono_ns(const struct positions *p)
{
        return loop_clock(p->loop)->mono_ns(loop_clock(p->loop));
}

static void written(void *arg, int r, const struct err *e)
{
        struct positions *p = arg;

        hist_add(&p->stats->checkpoint_seconds, (double)(mono_ns(p) - p->since_ns) / 1e9);
        stored(p, r, e);
}

/* Wall time of what this turn began with: what is born later may be in no row. */
static int64_t known_until_ns(const struct positions *p)
{
        const struct clock *clock = loop_clock(p->loop);
        int64_t behind_ns = clock->mono_ns(clock) - loop_now_ms(p->loop) * INT64_C(1000000);

        return clock->wall_ns(clock) - behind_ns - TICK_MS * INT64_C(1000000);
}

static void begin(struct positions *p)
{
        bool rewrite = false;

        timer_disarm(p->loop, &p->timer);
        if (p->checkpoint) {
                if (p->until_ns > 0)
                        checkpoint_is_complete(p->checkpoint, p->until_ns);
                checkpoint_as_of(p->checkpoint, known_until_ns(p));
                rewrite = put_rows(p);
        }
        p->until_ns = 0;
        p->storing = p->moved;
        p->moved = (struct list){ 0 };
        p->awaited_now = p->awaited;
        p->awaited = false;
        for (size_t i = 0; i < p->storing.n; i++) {
                p->storing.v[i]->unsaved = false;
                p->storing.v[i]->storing = true;
        }
        if (!p->checkpoint || !(rewrite || checkpoint_dirty(p->checkpoint))) {
                stored(p, 0, NULL);
                return;
        }
        p->since_ns = mono_ns(p);
        saver_start(p->saver, p->checkpoint, rewrite);
}

static bool any(const struct positions *p)
{
        return p->moved.n > 0 || p->until_ns > 0;
}

static void save(struct positions *p)
{
        if (saver_busy(p->saver) || !any(p))
                return;
        if (!p->awaited && loop_now_ms(p->loop) < p->save_after_ms)
                plan(p);
        else
                begin(p);
}

bool positions_save(struct positions *p, bool now)
{
        if (!now) {
                save(p);
                return true;
        }
        if (!saver_wait(p->saver, LAST_MS))
                return false;
        if (any(p))
                begin(p);
        return saver_wait(p->saver, LAST_MS);
}

bool positions_flush(struct positions *p)
{
        bool refused = p->trouble[0] != '\0';

        if (!saver_busy(p->saver) && any(p) && !refused)
                begin(p);
        return !saver_busy(p->saver) && (!any(p) || refused);
}

void positions_await(struct positions *p, struct file *f)
{
        if (f->unsaved)
                p->awaited = true;
        else
                p->awaited_now = true;
        save(p);
}

bool positions_awaited(const struct positions *p)
{
        return p->awaited || p->awaited_now;
}

void positions_complete(struct positions *p, int64_t until_ns)
{
        p->until_ns = until_ns;
        plan(p);
}

static void save_due(struct timer *timer)
{
        save(timer->arg);
}

struct positions *positions_new(struct loop *l, struct shipper_stats *stats, const struct map *files, struct turns *turns)
{
        struct positions *p = xcalloc(1, sizeof(*p));

        p->loop = l;
        p->stats = stats;
        p->all = files;
        p->turns = turns;
        p->saver = saver_new(l, written, p);
        p->timer = (struct timer){ .name = "checkpoint", .fn = save_due, .arg = p };
        return p;
}

void positions_free(struct positions *p)
{
        if (!p)
                return;
        timer_disarm(p->loop, &p->timer);
        saver_free(p->saver);
        for (struct file *f = p->ended, *next; f; f = next) {
                next = f->next;
                file_free(f);
        }
        free(p->moved.v);
        free(p->storing.v);
        free(p);
}

void positions_set_checkpoint(struct positions *p, struct checkpoint *c)
{
        p->checkpoint = c;
}

static int64_t age_ms(const struct positions *p)
{
        return saver_busy(p->saver) ? (mono_ns(p) - p->since_ns) / 1000000 : 0;
}

bool positions_late(const struct positions *p)
{
        return age_ms(p) >= SLOW_MS;
}

const char *positions_trouble(struct positions *p)
{
        if (positions_late(p)) {
                snprintf(p->slow, sizeof(p->slow),
                         "positions cannot be stored: the disk of the state directory has not answered for %lld s",
                         (long long)(age_ms(p) / 1000));
                return p->slow;
        }
        return p->trouble[0] ? p->trouble : NULL;
}
