/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/saver.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/queue.h"

struct saver {
        struct loop *loop;              /* borrowed */
        void (*stored)(void *arg, int r, const struct err *e);
        void *arg;

        /* The job goes to and fro: the thread's while busy is set, the loop's else. */
        struct qitem job;
        struct checkpoint *checkpoint;  /* borrowed */
        bool rewrite;
        int result;
        struct err error;
        bool busy;                      /* the loop's own */

        struct queue *in, *out;         /* owned; loop -> thread, thread -> loop */
        struct io io;                   /* of out */
        pthread_t thread;
        bool started;
};

/* --- the thread's half ----------------------------------------------------------------------- */

static void write_job(struct saver *s)
{
        s->result = s->rewrite ? checkpoint_rewrite_commit(s->checkpoint, &s->error)
                               : checkpoint_flush(s->checkpoint, &s->error);
}

static void give_back(struct saver *s)
{
        struct qitem *item = &s->job;
        int r = queue_push(s->out, &item);

        CHECK(r == 0);                  /* there is only one job */
}

static void *work(void *arg)
{
        struct saver *s = arg;

        while (queue_pop(s->in)) {
                write_job(s);
                give_back(s);
        }
        return NULL;
}

/* --- the loop's half ------------------------------------------------------------------------- */

static bool start_thread(struct saver *s)
{
        sigset_t all, before;

        if (s->started)
                return true;
        /* Signals are for the loop's thread. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        s->started = pthread_create(&s->thread, NULL, work, s) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return s->started;
}

void saver_start(struct saver *s, struct checkpoint *c, bool rewrite)
{
        struct qitem *item = &s->job;

        CHECK(!s->busy);
        s->checkpoint = c;
        s->rewrite = rewrite;
        s->busy = true;
        if (!start_thread(s)) {         /* none to be had: then the loop has to wait */
                write_job(s);
                give_back(s);
                return;
        }
        int r = queue_push(s->in, &item);
        CHECK(r == 0);
}

bool saver_busy(const struct saver *s)
{
        return s->busy;
}

static void end(struct saver *s)
{
        s->busy = false;
        s->stored(s->arg, s->result, &s->error);
}

static void take_back(struct saver *s)
{
        if (queue_drain(s->out))
                end(s);
}

bool saver_wait(struct saver *s, int ms)
{
        struct pollfd out = { .fd = s->io.fd, .events = POLLIN };

        if (s->busy && poll(&out, 1, ms) > 0)
                take_back(s);
        return !s->busy;
}

static void on_out(struct io *io, uint32_t events)
{
        (void)events;
        take_back(io->arg);
}

struct saver *saver_new(struct loop *l, void (*stored)(void *arg, int r, const struct err *e), void *arg)
{
        struct saver *s = xcalloc(1, sizeof(*s));

        s->loop = l;
        s->stored = stored;
        s->arg = arg;
        s->in = queue_new(1, SIZE_MAX);
        s->out = queue_new(1, SIZE_MAX);
        s->io = (struct io){ .fd = queue_fd(s->out), .name = "checkpoint", .fn = on_out, .arg = s };
        loop_add(l, &s->io, EPOLLIN);
        return s;
}

void saver_free(struct saver *s)
{
        if (!s)
                return;
        loop_del(s->loop, &s->io);
        queue_close(s->in);
        if (s->started)
                pthread_join(s->thread, NULL);
        queue_drain(s->out);
        queue_free(s->in);
        queue_free(s->out);
        free(s);
}
