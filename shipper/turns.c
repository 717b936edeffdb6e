/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/turns.h"

#include "shipper/order.h"

enum { WAIT_STEP_MS = 50 }; /* those that are due together are looked at together */

void turns_touch(struct turns *t, struct file *f)
{
        if (f->state != FILE_IDLE || f->packed)
                return; /* an archive that is idle is read to its end */
        file_enter(f, FILE_READY, "touched");
        turns_push(t, f);
}

void turns_push(struct turns *t, struct file *f)
{
        f->next = NULL;
        *t->last = f;
        t->last = &f->next;
}

/* The turn of a ring is that of its oldest segment: their names are numbers of one width. */
static struct file *oldest_of_ring(struct file *f)
{
        struct file *oldest = f;

        for (struct file *g = f->next; g; g = g->next)
                if (g->input == f->input && strcmp(g->path, oldest->path) < 0)
                        oldest = g;
        return oldest;
}

/* Whoever waits gives its turn to the others. All of them cannot wait; should they, the first is read out of order. */
static void pass_over_waiting(struct turns *t)
{
        const struct file *first = t->first;

        while (order_waits(t->first)) {
                struct file *f = t->first;
                turns_remove(t, f);
                turns_push(t, f);
                if (t->first == first)
                        return;
        }
}

struct file *turns_pop(struct turns *t)
{
        pass_over_waiting(t);
        struct file *f = t->first, *oldest = f->input->listen ? oldest_of_ring(f) : f;

        turns_remove(t, f);
        if (oldest != f) { /* it gave its turn away */
                turns_push(t, f);
                turns_remove(t, oldest);
        }
        return oldest;
}

void turns_remove(struct turns *t, struct file *f)
{
        struct file **at = &t->first;

        while (*at != f)
                at = &(*at)->next;
        *at = f->next;
        if (t->last == &f->next)
                t->last = at;
        f->next = NULL;
}

/* --- waiting --------------------------------------------------------------------------------- */

void turns_wait_no_more(struct file *f)
{
        if (!f->wait_prev)
                return;
        *f->wait_prev = f->wait_next;
        if (f->wait_next)
                f->wait_next->wait_prev = f->wait_prev;
        f->wait_prev = NULL;
}

bool turns_waited(const struct turns *t, const struct file *f)
{
        return f->wait_prev && f->waited_to == f->scanned && loop_now_ms(t->loop) >= f->due_ms;
}

/* Whoever is due is put into the queue; the read finds that it has waited. */
static void wait_is_over(struct timer *timer)
{
        struct turns *t = timer->arg;
        int64_t now_ms = loop_now_ms(t->loop), next_ms = INT64_MAX;

        for (struct file *f = t->waiting; f; f = f->wait_next) {
                if (f->due_ms <= now_ms)
                        turns_touch(t, f);
                else if (f->due_ms < next_ms)
                        next_ms = f->due_ms;
        }
        if (next_ms != INT64_MAX)
                timer_arm(t->loop, &t->wait_timer,
                          next_ms - now_ms < WAIT_STEP_MS ? WAIT_STEP_MS : next_ms - now_ms);
}

void turns_wait(struct turns *t, struct file *f)
{
        int64_t ms = f->partial || f->hold ? f->input->partial_timeout_ms : f->input->multiline.timeout_ms;

        if ((f->scanned == f->read && !f->hold) || ms == 0) {
                turns_wait_no_more(f);
                return;
        }
        if (f->wait_prev && f->waited_to == f->scanned)
                return;
        if (!f->wait_prev) {
                f->wait_next = t->waiting;
                f->wait_prev = &t->waiting;
                if (t->waiting)
                        t->waiting->wait_prev = &f->wait_next;
                t->waiting = f;
        }
        f->waited_to = f->scanned;
        f->due_ms = loop_now_ms(t->loop) + ms;
        if (!timer_armed(&t->wait_timer) || t->wait_timer.at_ms > f->due_ms)
                timer_arm(t->loop, &t->wait_timer, ms);
}

/* --- life ------------------------------------------------------------------------------------ */

void turns_init(struct turns *t, struct loop *loop)
{
        *t = (struct turns){ .loop = loop,
                             .wait_timer = { .name = "unfinished", .fn = wait_is_over, .arg = t } };
        t->last = &t->first;
}

void turns_fini(struct turns *t)
{
        timer_disarm(t->loop, &t->wait_timer);
}
