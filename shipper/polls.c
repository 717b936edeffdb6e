/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/polls.h"

#include <fcntl.h>

static int64_t wait_of(int row)
{
        return (int64_t)POLL_FIRST_MS << row;
}

static void arm(struct polls *p)
{
        int64_t first_ms = INT64_MAX, now_ms = loop_now_ms(p->loop);

        for (int i = 0; i < POLL_ROWS; i++)
                if (p->rows[i].first && p->rows[i].first->poll_due_ms < first_ms)
                        first_ms = p->rows[i].first->poll_due_ms;
        if (first_ms != INT64_MAX)
                timer_arm(p->loop, &p->timer, first_ms > now_ms ? first_ms - now_ms : 0);
}

static void push(struct polls *p, struct file *f, int row)
{
        struct poll_row *to = &p->rows[row];

        f->poll_row = row + 1;
        f->poll_due_ms = loop_now_ms(p->loop) + wait_of(row);
        f->poll_prev = to->last;
        f->poll_next = NULL;
        *(to->last ? &to->last->poll_next : &to->first) = f;
        to->last = f;
}

void polls_remove(struct polls *p, struct file *f)
{
        if (f->poll_row == 0)
                return;
        struct poll_row *from = &p->rows[f->poll_row - 1];
        *(f->poll_prev ? &f->poll_prev->poll_next : &from->first) = f->poll_next;
        *(f->poll_next ? &f->poll_next->poll_prev : &from->last) = f->poll_prev;
        f->poll_row = 0;
}

void polls_add(struct polls *p, struct file *f)
{
        if (wait_of(0) >= p->scan_interval_ms)
                return;
        polls_remove(p, f);
        push(p, f, 0);
        if (!timer_armed(&p->timer) || p->timer.at_ms > f->poll_due_ms)
                arm(p);
}

static bool has_changed(const struct file *f)
{
        struct file_stat st;
        int r = f->fd >= 0 ? file_stat(f->fd, "", &st) : file_stat(AT_FDCWD, file_place(f), &st);

        return r < 0 || st.size != f->size || st.mtime_ns != f->mtime_ns || st.links == 0;
}

static void look(struct polls *p, struct file *f)
{
        int row = f->poll_row;          /* the next one */

        stat_inc(&p->stats->polls);
        polls_remove(p, f);
        if (f->state == FILE_READY || has_changed(f)) {
                turns_touch(p->turns, f);
                row = 0;
        }
        if (row < POLL_ROWS && wait_of(row) < p->scan_interval_ms)
                push(p, f, row);
}

static void due(struct timer *t)
{
        struct polls *p = t->arg;
        int64_t now_ms = loop_now_ms(p->loop);

        /* From below: one that moves down a row is not due there. */
        for (int i = POLL_ROWS - 1; i >= 0; i--)
                while (p->rows[i].first && p->rows[i].first->poll_due_ms <= now_ms)
                        look(p, p->rows[i].first);
        arm(p);
        loop_wake(p->loop);             /* what was touched is read in this turn or the next */
}

void polls_init(struct polls *p, struct loop *loop, struct turns *turns, struct shipper_stats *stats, int64_t scan_interval_ms)
{
        *p = (struct polls){ .loop = loop, .turns = turns, .stats = stats, .scan_interval_ms = scan_interval_ms };
        p->timer = (struct timer){ .name = "poll", .fn = due, .arg = p };
}

void polls_fini(struct polls *p)
{
        timer_disarm(p->loop, &p->timer);
}
