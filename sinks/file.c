/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/file.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/queue.h"
#include "sinks/ndjson.h"
#include "sinks/roll.h"

enum {
        JOB_BYTES = 1 << 20, /* of batches; a larger one goes alone */
        SCRATCH_KEEP = 4 << 20,
        SLOW_MS = 5000, /* a write this old is worth a sentence */
};

#define FILE_STATS(X)                                                                                        \
        X(COUNTER, lines, "file_lines_total", NULL, "Lines written.")                                        \
        X(COUNTER, bytes, "file_bytes_total", NULL, "Bytes of lines, before compression.")                   \
        X(COUNTER, writes, "file_writes_total", NULL, "Jobs written, each of one batch or more.")            \
        X(COUNTER, errors, "file_write_errors_total", NULL, "Writes that failed and were tried again.")            \
        X(COUNTER, syncs, "file_syncs_total", NULL, "Times the file was synced to the disk.")                \
        X(COUNTER, rotations, "file_rotations_total", NULL, "Files that were full and renamed.")             \
        X(COUNTER, torn, "file_torn_bytes_total", NULL,                                                      \
          "Bytes of unfinished lines cut off: of a killed run.")                                             \
        X(GAUGE, total, "file_stored_bytes", NULL, "Bytes of the file and its rotated ones.")                \
        X(GAUGE, max_total, "file_limit_bytes", NULL, "Bound of them; progress stops there.")

struct file_stats {
        FILE_STATS(STAT_MEMBER)
};

/* Batches in the order of their submission, linked by item.next. */
struct chain {
        struct batch *first, *last;
        size_t lines;
};

struct file_sink {
        struct sink sink;
        char *name; /* owned; for sentences */
        struct chain waiting;
        struct chain under_way; /* the worker may read its batches while writing is set */
        bool writing;
        int64_t since_ms;

        /* The job goes to and fro: the worker's while writing is set, the loop's else. */
        struct qitem job;
        struct roll *roll; /* owned */
        struct buf text;   /* scratch */
        size_t text_len;
        int result; /* of roll_append */
        struct err error;

        struct queue *in, *out; /* loop -> worker, worker -> loop */
        struct io io;           /* of out */
        pthread_t thread;
        bool started;

        struct backoff backoff;
        struct timer retry;
        char *why; /* owned; of the last try, NULL: it went well */
        struct file_stats stats;
        struct buf sentence;
};

/* ---- chains --------------------------------------------------------------------------------------- */

static struct batch *next_of(const struct batch *b)
{
        return b->item.next ? container_of(b->item.next, struct batch, item) : NULL;
}

static void chain_add(struct chain *c, struct batch *b)
{
        b->item.next = NULL;
        if (c->last)
                c->last->item.next = &b->item;
        else
                c->first = b;
        c->last = b;
        c->lines += b->n;
}

static struct batch *chain_take(struct chain *c)
{
        struct batch *b = c->first;

        if (!b)
                return NULL;
        c->first = next_of(b);
        if (!c->first)
                c->last = NULL;
        c->lines -= b->n;
        b->item.next = NULL;
        return b;
}

/* ---- the worker ------------------------------------------------------------------------------------ */

static void write_job(struct file_sink *f)
{
        for (const struct batch *b = f->under_way.first; b; b = next_of(b))
                ndjson_put_batch(&f->text, b);
        f->text_len = f->text.len;
        f->result = roll_append(f->roll, f->text.data, f->text.len, &f->error);
        if (f->text.cap > SCRATCH_KEEP)
                buf_fini(&f->text);
        buf_reset(&f->text);
}

static void *work(void *sink)
{
        struct file_sink *f = sink;
        struct qitem *item;

        while ((item = queue_pop(f->in)) != NULL) {
                write_job(f);
                int r = queue_push(f->out, &item);
                CHECK(r == 0); /* there is only one job */
        }
        return NULL;
}

static int start_worker(struct file_sink *f, struct err *e)
{
        sigset_t all, before;

        /* Signals are for the loop's thread. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = pthread_create(&f->thread, NULL, work, f);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return err_set(e, r, "cannot start a thread: %s", strerror(r));
        f->started = true;
        return 0;
}

/* ---- the loop's side ------------------------------------------------------------------------------- */

static void gather(struct file_sink *f)
{
        size_t bytes = 0;

        while (f->waiting.first && (bytes == 0 || bytes + f->waiting.first->data.len <= JOB_BYTES)) {
                bytes += f->waiting.first->data.len;
                chain_add(&f->under_way, chain_take(&f->waiting));
        }
}

static void start_job(struct file_sink *f)
{
        struct qitem *item = &f->job;

        f->writing = true;
        f->since_ms = loop_now_ms(f->sink.loop);
        int r = queue_push(f->in, &item);
        CHECK(r == 0);
}

/* What failed before is tried again as it was, and first. */
static void pump(struct file_sink *f)
{
        if (f->sink.closed || f->writing || timer_armed(&f->retry))
                return;
        if (!f->under_way.first)
                gather(f);
        if (f->under_way.first)
                start_job(f);
}

static void on_retry(struct timer *t)
{
        pump(t->arg);
}

static void show_counts(struct file_sink *f)
{
        struct roll_counts c = roll_counts(f->roll);

        stat_set(&f->stats.syncs, c.syncs);
        stat_set(&f->stats.rotations, c.rotations);
        stat_set(&f->stats.torn, c.torn_bytes);
        stat_set(&f->stats.total, roll_total(f->roll));
}

static void hand_back(struct file_sink *f, struct chain *c, enum verdict v)
{
        const char *why = v == VERDICT_RETRY ? f->why : NULL;

        for (struct batch *b; (b = chain_take(c)) != NULL;) {
                for (size_t i = 0; i < b->n; i++)
                        batch_settle(b, &b->recs[i], v, 0, why, why ? strlen(why) : 0);
                sink_done(&f->sink, &b);
        }
}

static void set_why(struct file_sink *f, const char *why)
{
        free(f->why);
        f->why = why ? xstrdup(why) : NULL;
}

static void written(struct file_sink *f)
{
        struct chain done = f->under_way;

        f->under_way = (struct chain){ 0 };
        set_why(f, NULL);
        backoff_reset(&f->backoff);
        stat_inc(&f->stats.writes);
        stat_add(&f->stats.lines, (int64_t)done.lines);
        stat_add(&f->stats.bytes, (int64_t)f->text_len);
        hand_back(f, &done, VERDICT_DONE); /* may submit */
}

static void not_written(struct file_sink *f)
{
        set_why(f, f->error.msg);
        stat_inc(&f->stats.errors);
        if (!f->sink.closed)
                timer_arm(f->sink.loop, &f->retry, backoff_next_ms(&f->backoff));
}

/* The worker has given the job back. */
static void end_job(struct file_sink *f)
{
        f->writing = false;
        show_counts(f);
        if (f->result == 0)
                written(f);
        else
                not_written(f);
}

static void on_out(struct io *io, uint32_t events)
{
        struct file_sink *f = io->arg;

        (void)events;
        if (queue_drain(f->out))
                end_job(f);
        pump(f);
}

/* ---- the sink -------------------------------------------------------------------------------------- */

static struct file_sink *file_of(struct sink *s)
{
        return container_of(s, struct file_sink, sink);
}

static void file_submit(struct sink *s, struct batch **b)
{
        struct file_sink *f = file_of(s);

        chain_add(&f->waiting, *b);
        *b = NULL;
        pump(f);
}

static const char *file_trouble(struct sink *s)
{
        struct file_sink *f = file_of(s);
        int64_t age_ms = f->writing ? loop_now_ms(s->loop) - f->since_ms : 0;

        buf_reset(&f->sentence);
        if (age_ms >= SLOW_MS)
                buf_printf(&f->sentence, "%s: a write has not ended for %lld s", f->name,
                           (long long)(age_ms / 1000));
        else if (f->why)
                buf_puts(&f->sentence, f->why);
        else
                return NULL;
        return buf_cstr(&f->sentence);
}

static struct stat_group file_stats_of(struct sink *s)
{
#define ROW(...) STAT_ROW(struct file_stats, __VA_ARGS__)
        static const struct stat_row rows[] = { FILE_STATS(ROW) };
#undef ROW
        return (struct stat_group){ rows, ARRAY_LEN(rows), &file_of(s)->stats };
}

static void stop_worker(struct file_sink *f)
{
        if (!f->started)
                return;
        queue_close(f->in);
        pthread_join(f->thread, NULL);
        f->started = false;
}

static void file_close(struct sink *s)
{
        struct file_sink *f = file_of(s);

        timer_disarm(s->loop, &f->retry);
        stop_worker(f);
        loop_del(s->loop, &f->io);
        if (queue_drain(f->out))
                end_job(f);
        hand_back(f, &f->under_way, VERDICT_RETRY);
        hand_back(f, &f->waiting, VERDICT_RETRY);
        roll_close(f->roll);
        f->roll = NULL;
}

static void file_free(struct sink *s)
{
        struct file_sink *f = file_of(s);

        stop_worker(f);
        loop_del(s->loop, &f->io);
        queue_free(f->in);
        queue_free(f->out);
        roll_close(f->roll);
        buf_fini(&f->text);
        buf_fini(&f->sentence);
        free(f->why);
        free(f->name);
        free(f);
}

static const struct sink_ops ops = {
        .name = "file",
        .submit = file_submit,
        .trouble = file_trouble,
        .stats = file_stats_of,
        .close = file_close,
        .free = file_free,
};

static int open_parts(struct file_sink *f, const struct file_config *c, struct err *e)
{
        const struct roll_config how = { .path = c->path,
                                         .lz4 = c->compression == FILE_LZ4,
                                         .rotate_bytes = c->rotate_bytes,
                                         .keep = c->keep,
                                         .total_bytes = c->max_total_bytes,
                                         .sync_each = c->sync == FILE_SYNC_BATCH,
                                         .sync_last = c->sync != FILE_SYNC_NEVER };

        if (!c->path)
                return err_set(e, EINVAL, "file.path: must be set");
        f->roll = roll_open(&how, e);
        if (!f->roll)
                return -e->code;
        f->name = xstrdup(roll_path(f->roll));
        stat_set(&f->stats.max_total, c->max_total_bytes);
        show_counts(f);
        return start_worker(f, e);
}

struct sink *sink_file_new(struct loop *l, const struct file_config *c, const struct sink_owner *owner,
                           const struct sink_limits *limits, struct err *e)
{
        struct file_sink *f = xcalloc(1, sizeof(*f));

        f->sink = (struct sink){ .ops = &ops, .loop = l, .owner = *owner, .limits = *limits };
        f->in = queue_new(1, SIZE_MAX);
        f->out = queue_new(1, SIZE_MAX);
        f->io = (struct io){ .fd = queue_fd(f->out), .name = "file", .fn = on_out, .arg = f };
        f->retry = (struct timer){ .name = "file retry", .fn = on_retry, .arg = f };
        backoff_init(&f->backoff, c->retry_base_ms, c->retry_max_ms);
        loop_add(l, &f->io, EPOLLIN);
        if (open_parts(f, c, e) < 0) {
                file_free(&f->sink);
                return NULL;
        }
        return &f->sink;
}
