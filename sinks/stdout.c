/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/stdout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "sinks/ndjson.h"

enum {
        WRITE_BYTES = 64 * 1024, /* at once, of a descriptor that does not block */
        TURN_BYTES = 512 * 1024, /* in one go, then others have their turn */
        RETRY_BASE_MS = 50,
        RETRY_MAX_MS = 1000,
        SLOW_MS = 2000, /* nothing taken for so long is worth a sentence */
        SCRATCH_KEEP = 1 << 20,
};

#define STDOUT_STATS(X)                                                                                      \
        X(COUNTER, lines, "stdout_lines_total", NULL, "Lines written.")                                      \
        X(COUNTER, bytes, "stdout_bytes_total", NULL, "Bytes written.")                                      \
        X(COUNTER, errors, "stdout_errors_total", NULL, "Writes that failed and were tried again.")

struct stdout_stats {
        STDOUT_STATS(STAT_MEMBER)
};

struct stdout_sink {
        struct sink sink;
        struct qitem *first, *last; /* batches inside, oldest first */
        struct buf text;            /* of the first */
        size_t at;                  /* written of it */

        int fd;
        bool own; /* opened anew: does not block, and is closed by us */
        bool pollable;
        struct io io;       /* writable; only while something waits */
        struct timer again; /* what cannot be polled, and the backoff after an error */
        struct backoff backoff;
        int error;        /* of the last write, 0: none */
        int64_t moved_ms; /* when something was taken, or began to wait */
        struct stdout_stats stats;
        struct buf sentence;
};

static struct batch *oldest(const struct stdout_sink *o)
{
        return o->first ? container_of(o->first, struct batch, item) : NULL;
}

/* ---- the text of the oldest batch ------------------------------------------------------------------- */

static void begin_text(struct stdout_sink *o)
{
        if (o->text.cap > SCRATCH_KEEP)
                buf_fini(&o->text);
        buf_reset(&o->text);
        o->at = 0;
        if (o->first)
                ndjson_put_batch(&o->text, oldest(o));
}

static void take_oldest(struct stdout_sink *o, struct batch **ret)
{
        struct batch *b = oldest(o);

        o->first = b->item.next;
        if (!o->first)
                o->last = NULL;
        b->item.next = NULL;
        *ret = b;
}

/* Lines that were taken whole are DONE. */
static void hand_back(struct stdout_sink *o)
{
        size_t end = 0, taken = o->at;
        const char *why = o->error ? strerror(o->error) : NULL;
        struct batch *b;

        take_oldest(o, &b);
        for (size_t i = 0; i < b->n; i++) {
                end += ndjson_size(&b->recs[i]);
                bool done = end <= taken;
                stat_add(&o->stats.lines, done);
                batch_settle(b, &b->recs[i], done ? VERDICT_DONE : VERDICT_RETRY, 0, done ? NULL : why,
                             done || !why ? 0 : strlen(why));
        }
        begin_text(o); /* of the next one: the owner may submit from done */
        sink_done(&o->sink, &b);
}

/* ---- writing ------------------------------------------------------------------------------------------ */

/* 0, or the errno of what stopped it. */
static int write_some(struct stdout_sink *o)
{
        size_t most = !o->pollable || o->own ? WRITE_BYTES : PIPE_BUF, n = o->text.len - o->at;
        ssize_t w = write(o->fd, o->text.data + o->at, n < most ? n : most);

        if (w < 0)
                return errno;
        o->at += (size_t)w;
        o->error = 0;
        o->moved_ms = loop_now_ms(o->sink.loop);
        backoff_reset(&o->backoff);
        stat_add(&o->stats.bytes, w);
        return 0;
}

static void wait_for_more(struct stdout_sink *o)
{
        if (!o->first)
                loop_del(o->sink.loop, &o->io);
        else if (o->pollable)
                loop_add(o->sink.loop, &o->io, EPOLLOUT);
        else
                timer_arm(o->sink.loop, &o->again, 0);
}

static void fail(struct stdout_sink *o, int error)
{
        o->error = error;
        stat_inc(&o->stats.errors);
        loop_del(o->sink.loop, &o->io); /* a broken pipe is always ready */
        timer_arm(o->sink.loop, &o->again, backoff_next_ms(&o->backoff));
}

static void go_on(struct stdout_sink *o)
{
        int r = 0;

        for (size_t budget = TURN_BYTES; o->first && r == 0 && budget > 0;) {
                size_t before = o->at;
                r = write_some(o);
                budget -= o->at - before < budget ? o->at - before : budget;
                if (o->at == o->text.len)
                        hand_back(o);
                if (o->pollable && !o->own)
                        break; /* one small write a poll */
        }
        if (r == 0 || r == EAGAIN || r == EINTR)
                wait_for_more(o);
        else
                fail(o, r);
}

static void on_writable(struct io *io, uint32_t events)
{
        (void)events;
        go_on(io->arg);
}

static void on_again(struct timer *t)
{
        go_on(t->arg);
}

/* ---- the sink ----------------------------------------------------------------------------------------- */

static struct stdout_sink *stdout_of(struct sink *s)
{
        return container_of(s, struct stdout_sink, sink);
}

static void stdout_submit(struct sink *s, struct batch **bp)
{
        struct stdout_sink *o = stdout_of(s);
        struct qitem *item = &(*bp)->item;

        *bp = NULL;
        item->next = NULL;
        if (o->last) {
                o->last->next = item;
                o->last = item;
                return;
        }
        o->first = o->last = item;
        o->moved_ms = loop_now_ms(s->loop);
        begin_text(o);
        if (!timer_armed(&o->again))
                wait_for_more(o);
}

static const char *stdout_trouble(struct sink *s)
{
        struct stdout_sink *o = stdout_of(s);
        int64_t age_ms = o->first ? loop_now_ms(s->loop) - o->moved_ms : 0;

        buf_reset(&o->sentence);
        if (o->error == EPIPE)
                buf_puts(&o->sentence, "standard output: its reader has gone");
        else if (o->error)
                buf_printf(&o->sentence, "standard output: %s", strerror(o->error));
        else if (age_ms >= SLOW_MS)
                buf_printf(&o->sentence, "standard output has taken nothing for %lld s",
                           (long long)(age_ms / 1000));
        else
                return NULL;
        return buf_cstr(&o->sentence);
}

static struct stat_group stdout_stats_of(struct sink *s)
{
#define ROW(...) STAT_ROW(struct stdout_stats, __VA_ARGS__)
        static const struct stat_row rows[] = { STDOUT_STATS(ROW) };
#undef ROW
        return (struct stat_group){ rows, ARRAY_LEN(rows), &stdout_of(s)->stats };
}

static void stdout_close(struct sink *s)
{
        struct stdout_sink *o = stdout_of(s);

        timer_disarm(s->loop, &o->again);
        loop_del(s->loop, &o->io);
        while (o->first)
                hand_back(o);
}

static void stdout_free(struct sink *s)
{
        struct stdout_sink *o = stdout_of(s);

        if (o->own)
                close(o->fd);
        buf_fini(&o->text);
        buf_fini(&o->sentence);
        free(o);
}

static const struct sink_ops ops = {
        .name = "stdout",
        .submit = stdout_submit,
        .trouble = stdout_trouble,
        .stats = stdout_stats_of,
        .close = stdout_close,
        .free = stdout_free,
};

static bool can_poll(int fd)
{
        struct epoll_event ev = { .events = EPOLLOUT };
        int ep = epoll_create1(EPOLL_CLOEXEC);
        bool yes = ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0;

        if (ep >= 0)
                close(ep);
        return yes;
}

/* The same pipe or terminal with flags of our own; a socket has no such name and stays as it is. */
static void open_anew(struct stdout_sink *o)
{
        char name[32];

        snprintf(name, sizeof(name), "/proc/self/fd/%d", o->fd);
        int fd = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return;
        o->fd = fd;
        o->own = true;
}

struct sink *sink_stdout_new(struct loop *l, int fd, const struct sink_owner *owner,
                             const struct sink_limits *limits, struct err *e)
{
        if (fcntl(fd, F_GETFD) < 0) {
                err_set(e, errno, "standard output: %s", strerror(errno));
                return NULL;
        }
        struct stdout_sink *o = xcalloc(1, sizeof(*o));
        o->sink = (struct sink){ .ops = &ops, .loop = l, .owner = *owner, .limits = *limits };
        o->fd = fd;
        o->pollable = can_poll(fd);
        if (o->pollable)
                open_anew(o);
        o->io = (struct io){ .fd = o->fd, .name = "stdout", .fn = on_writable, .arg = o };
        o->again = (struct timer){ .name = "stdout", .fn = on_again, .arg = o };
        backoff_init(&o->backoff, RETRY_BASE_MS, RETRY_MAX_MS);
        return &o->sink;
}
