/* SPDX-License-Identifier: Apache-2.0 */
/* loop: one per thread; waits for descriptors, timers, signals and wake-ups.
 *
 *      loop_run:   wait -> now -> signals -> descriptors -> timers -> end-of-turn hook
 *
 * `now` is read once a turn.  Nothing is freed inside its own callback unless
 * it was removed first: loop_del takes effect at once, an event that was already
 * fetched for it is skipped.  A callback may remove, arm or disarm anything; a
 * timer armed by a timer's callback fires in the next turn at the earliest.
 *
 * It watches itself: the time a callback holds the loop goes into a histogram,
 * and the slowest callback of late is kept by name, so that "why was it slow"
 * has an answer.  One thread; only loop_wake may come from elsewhere.
 */
#ifndef SLUICE_BASE_LOOP_H
#define SLUICE_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/stat.h"

struct loop;

/* A descriptor that is watched.  Lives in its owner's struct, zeroed before use. */
struct io {
        int fd;
        const char *name;                               /* for the lag report: "kafka"; a literal */
        void (*fn)(struct io *io, uint32_t events);     /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
        void *arg;
        bool added;                                     /* loop's own */
};

/* A one-shot timer; arm it again in its callback for a period. */
struct timer {
        const char *name;
        void (*fn)(struct timer *t);
        void *arg;
        int64_t at_ms;                                  /* loop's own */
        uint64_t order;                                 /* loop's own: which of equal ones was armed first */
        int slot;                                       /* loop's own: place in the heap plus one, 0 = not armed */
};

struct loop *loop_new(const struct clock *clock, struct err *e);
void loop_free(struct loop *l);                         /* NULL ok; owners have removed their things */

/* Level-triggered.  Changing the events of a descriptor is loop_add again.  Not for
 * regular files: epoll refuses them.  loop_del also when the descriptor is closed already. */
void loop_add(struct loop *l, struct io *io, uint32_t events);
void loop_del(struct loop *l, struct io *io);           /* not added: no-op */

void timer_arm(struct loop *l, struct timer *t, int64_t delay_ms);      /* armed already: moved */
void timer_disarm(struct loop *l, struct timer *t);                     /* not armed: no-op */
static inline bool timer_armed(const struct timer *t) { return t->slot != 0; }

/* Blocks signo for the process (call before threads start) and calls fn in the loop.
 * It stays blocked after loop_free. */
void loop_on_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg);

/* Called at the end of each turn: the place for duties whose order matters.  One; fn NULL takes it back. */
void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg);

void loop_wake(struct loop *l);                         /* any thread: the loop does a turn */
void loop_turn(struct loop *l, int64_t max_wait_ms);    /* one turn, waiting at most so long; -1: until something happens;
                                                           not from a callback */
void loop_run(struct loop *l);                          /* turns until loop_stop */
void loop_stop(struct loop *l);                         /* loop_run returns at the end of this turn */

int64_t loop_now_ms(const struct loop *l);              /* monotonic, cached once a turn */
const struct clock *loop_clock(const struct loop *l);

struct loop_lag {
        const struct hist *held;        /* seconds each callback held the loop */
        const char *worst_name;         /* the slowest of the last minute, "" when none */
        int64_t worst_us;
};
struct loop_lag loop_lag(const struct loop *l);

#endif
