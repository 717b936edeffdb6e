/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"

enum {
        MAX_EVENTS = 64, /* fetched in one turn; the kernel rotates, so nobody starves */
        MAX_SIGNALS = 8,
        WORST_WINDOW_MS = 30000 /* this window and the one before make the last minute */
};

struct handler {
        int signo;
        void (*fn)(int signo, void *arg);
        void *arg;
};

struct worst {
        const char *name;
        int64_t ns;
};

struct loop {
        const struct clock *clock; /* borrowed */
        int epfd, wakefd, sigfd;   /* sigfd: -1 until a signal is asked for */
        bool turning, stop;
        int64_t now_ms;  /* of this turn */
        int64_t edge_ns; /* the last callback's end, which is the next one's start */

        struct epoll_event events[MAX_EVENTS]; /* of this turn; data.ptr NULL: removed meanwhile */
        int nevents;
        size_t nios;

        struct timer **heap; /* owned; a binary heap by (at_ms, order), timers borrowed */
        size_t ntimers, heap_cap;
        uint64_t next_order;

        struct handler handlers[MAX_SIGNALS];
        size_t nhandlers;
        sigset_t sigmask;
        void (*turn_fn)(void *arg);
        void *turn_arg;

        struct hist held;
        struct worst worst, worst_before; /* in this window, in the one before */
        int64_t window_ms;                /* when this window began */
};

/* --- life ---------------------------------------------------------------------------------- */

static int64_t to_ms(int64_t ns)
{
        return ns / 1000000;
}

static int64_t read_clock(const struct loop *l)
{
        return l->clock->mono_ns(l->clock);
}

/* The loop's own descriptors are told by the address of where they stand. */
static int watch_own(struct loop *l, int *fd)
{
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = fd };

        return epoll_ctl(l->epfd, EPOLL_CTL_ADD, *fd, &ev);
}

struct loop *loop_new(const struct clock *clock, struct err *e)
{
        struct loop *l = xcalloc(1, sizeof(*l));

        l->clock = clock;
        l->sigfd = -1;
        l->edge_ns = read_clock(l);
        l->now_ms = l->window_ms = to_ms(l->edge_ns);
        sigemptyset(&l->sigmask);
        l->epfd = epoll_create1(EPOLL_CLOEXEC);
        l->wakefd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (l->epfd < 0 || l->wakefd < 0 || watch_own(l, &l->wakefd) < 0) {
                err_set(e, errno, "event loop: %s", strerror(errno));
                loop_free(l);
                return NULL;
        }
        return l;
}

static void close_fd(int fd)
{
        if (fd >= 0)
                close(fd);
}

void loop_free(struct loop *l)
{
        if (l == NULL)
                return;
        CHECK(!l->turning && l->nios == 0 && l->ntimers == 0);
        close_fd(l->sigfd);
        close_fd(l->wakefd);
        close_fd(l->epfd);
        free(l->heap);
        free(l);
}

/* --- timers: a binary heap whose members know their place ---------------------------------- */

static bool earlier(const struct timer *a, const struct timer *b)
{
        return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void place(struct loop *l, size_t i, struct timer *t)
{
        l->heap[i] = t;
        t->slot = (int)i + 1;
}

static void sift_up(struct loop *l, size_t i, struct timer *t)
{
        while (i > 0 && earlier(t, l->heap[(i - 1) / 2])) {
                place(l, i, l->heap[(i - 1) / 2]);
                i = (i - 1) / 2;
        }
        place(l, i, t);
}

static void sift_down(struct loop *l, size_t i, struct timer *t)
{
        for (;;) {
                size_t child = 2 * i + 1;

                if (child + 1 < l->ntimers && earlier(l->heap[child + 1], l->heap[child]))
                        child++;
                if (child >= l->ntimers || !earlier(l->heap[child], t))
                        break;
                place(l, i, l->heap[child]);
                i = child;
        }
        place(l, i, t);
}

void timer_disarm(struct loop *l, struct timer *t)
{
        size_t i = (size_t)t->slot - 1;
        struct timer *last;

        if (t->slot == 0)
                return;
        CHECK(i < l->ntimers && l->heap[i] == t);
        t->slot = 0;
        last = l->heap[--l->ntimers];
        if (last == t)
                return;
        /* The last one fills the gap, and may belong above it as well as below. */
        sift_down(l, i, last);
        sift_up(l, (size_t)last->slot - 1, last);
}

void timer_arm(struct loop *l, struct timer *t, int64_t delay_ms)
{
        CHECK(t->fn != NULL);
        timer_disarm(l, t);
        if (l->ntimers == l->heap_cap) {
                l->heap_cap = l->heap_cap > 0 ? l->heap_cap * 2 : 16;
                CHECK(l->heap_cap < INT_MAX);
                l->heap = xrealloc(l->heap, l->heap_cap * sizeof(struct timer *));
        }
        t->at_ms = l->now_ms + (delay_ms > 0 ? delay_ms : 0);
        t->order = l->next_order++;
        l->ntimers++;
        sift_up(l, l->ntimers - 1, t);
}

/* --- descriptors --------------------------------------------------------------------------- */

void loop_add(struct loop *l, struct io *io, uint32_t events)
{
        struct epoll_event ev = { .events = events, .data.ptr = io };
        int r = -1;

        CHECK(io->fn != NULL);
        if (io->added)
                r = epoll_ctl(l->epfd, EPOLL_CTL_MOD, io->fd, &ev);
        else
                l->nios++;
        if (r < 0) /* new; or it was closed meanwhile and its number is in use again */
                r = epoll_ctl(l->epfd, EPOLL_CTL_ADD, io->fd, &ev);
        CHECK(r == 0);
        io->added = true;
}

void loop_del(struct loop *l, struct io *io)
{
        int r;

        if (!io->added)
                return;
        r = epoll_ctl(l->epfd, EPOLL_CTL_DEL, io->fd, NULL);
        CHECK(r == 0 || errno == EBADF || errno == ENOENT); /* closed: epoll forgot it by itself */
        io->added = false;
        l->nios--;
        for (int i = 0; i < l->nevents; i++)
                if (l->events[i].data.ptr == io)
                        l->events[i].data.ptr = NULL;
}

/* --- signals and the hook ------------------------------------------------------------------ */

void loop_on_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg)
{
        bool first = l->sigfd < 0;
        int r;

        CHECK(l->nhandlers < MAX_SIGNALS);
        l->handlers[l->nhandlers++] = (struct handler){ .signo = signo, .fn = fn, .arg = arg };
        sigaddset(&l->sigmask, signo);
        r = pthread_sigmask(SIG_BLOCK, &l->sigmask, NULL);
        CHECK(r == 0);
        l->sigfd = signalfd(l->sigfd, &l->sigmask, SFD_NONBLOCK | SFD_CLOEXEC);
        CHECK(l->sigfd >= 0);
        r = first ? watch_own(l, &l->sigfd) : 0;
        CHECK(r == 0);
}

void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg)
{
        CHECK(l->turn_fn == NULL || fn == NULL);
        l->turn_fn = fn;
        l->turn_arg = arg;
}

/* --- a turn -------------------------------------------------------------------------------- */

/* Books the time since the last edge to the callback that just returned. */
static void book(struct loop *l, const char *name)
{
        int64_t now = read_clock(l), held = now - l->edge_ns;

        l->edge_ns = now;
        hist_add(&l->held, (double)held / 1e9);
        if (held > l->worst.ns)
                l->worst = (struct worst){ .name = name != NULL ? name : "unnamed", .ns = held };
}

static void move_window(struct loop *l)
{
        int64_t age = l->now_ms - l->window_ms;

        if (age < WORST_WINDOW_MS)
                return;
        l->worst_before = age < 2 * WORST_WINDOW_MS ? l->worst : (struct worst){ 0 };
        l->worst = (struct worst){ 0 };
        l->window_ms = l->now_ms;
}

static int wait_ms(const struct loop *l, int64_t max_wait_ms)
{
        int64_t wait = max_wait_ms;

        if (l->ntimers > 0) {
                int64_t left = l->heap[0]->at_ms - to_ms(read_clock(l));

                if (wait < 0 || left < wait)
                        wait = left > 0 ? left : 0;
        }
        return wait < 0 ? -1 : wait > INT_MAX ? INT_MAX : (int)wait;
}

static void fetch_events(struct loop *l, int64_t max_wait_ms)
{
        int n = epoll_wait(l->epfd, l->events, MAX_EVENTS, wait_ms(l, max_wait_ms));

        CHECK(n >= 0 || errno == EINTR); /* interrupted: a turn without events */
        l->nevents = n > 0 ? n : 0;
        l->edge_ns = read_clock(l);
        l->now_ms = to_ms(l->edge_ns);
        move_window(l);
}

static void handle_signal(struct loop *l, int signo)
{
        for (size_t i = 0; i < l->nhandlers; i++) {
                if (l->handlers[i].signo != signo)
                        continue;
                l->handlers[i].fn(signo, l->handlers[i].arg);
                book(l, "signal");
        }
}

static void run_signals(struct loop *l)
{
        struct signalfd_siginfo info;

        while (read(l->sigfd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                handle_signal(l, (int)info.ssi_signo);
}

/* Does what the loop's own descriptors say and takes them out of the events. */
static void run_own(struct loop *l)
{
        eventfd_t ignored;

        for (int i = 0; i < l->nevents; i++) {
                void *who = l->events[i].data.ptr;

                if (who != &l->wakefd && who != &l->sigfd)
                        continue;
                l->events[i].data.ptr = NULL;
                if (who == &l->wakefd)
                        eventfd_read(l->wakefd, &ignored); /* its purpose was this turn */
                else
                        run_signals(l);
        }
}

static void run_ios(struct loop *l)
{
        for (int i = 0; i < l->nevents; i++) {
                struct io *io = l->events[i].data.ptr;
                const char *name;

                if (io == NULL)
                        continue;
                name = io->name; /* io may be gone after its callback */
                io->fn(io, l->events[i].events);
                book(l, name);
        }
        l->nevents = 0;
}

/* Those that are due and were armed before: a timer that arms itself with no delay
 * must not hold the loop. */
static void run_timers(struct loop *l)
{
        uint64_t end = l->next_order;

        while (l->ntimers > 0 && l->heap[0]->at_ms <= l->now_ms && l->heap[0]->order < end) {
                struct timer *t = l->heap[0];
                const char *name = t->name;

                timer_disarm(l, t);
                t->fn(t);
                book(l, name);
        }
}

void loop_turn(struct loop *l, int64_t max_wait_ms)
{
        CHECK(!l->turning);
        l->turning = true;
        fetch_events(l, max_wait_ms);
        run_own(l);
        run_ios(l);
        run_timers(l);
        if (l->turn_fn != NULL) {
                l->turn_fn(l->turn_arg);
                book(l, "end of turn");
        }
        l->turning = false;
}

void loop_run(struct loop *l)
{
        while (!l->stop)
                loop_turn(l, -1);
        l->stop = false; /* so that it can be run again */
}

void loop_stop(struct loop *l)
{
        l->stop = true;
}

void loop_wake(struct loop *l)
{
        eventfd_write(l->wakefd, 1); /* EAGAIN: 2^64 wake-ups are pending, that is enough */
}

/* --- what others may know ------------------------------------------------------------------ */

int64_t loop_now_ms(const struct loop *l)
{
        return l->now_ms;
}

const struct clock *loop_clock(const struct loop *l)
{
        return l->clock;
}

struct loop_lag loop_lag(const struct loop *l)
{
        const struct worst *w = l->worst.ns >= l->worst_before.ns ? &l->worst : &l->worst_before;

        return (struct loop_lag){
                .held = &l->held,
                .worst_name = w->name != NULL ? w->name : "",
                .worst_us = w->ns / 1000,
        };
}
