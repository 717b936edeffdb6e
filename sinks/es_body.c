/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_body.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/plain.h"
#include "sinks/elasticsearch.h"
#include "sinks/ndjson.h"

/* ---- the text ----------------------------------------------------------------------------------- */

const char es_header_pipeline[] = "pipeline", es_header_routing[] = "routing";

static const char to_index[] = "{\"create\":{\"_index\":\"";
static const char to_id[] = "\",\"_id\":\"";
static const char to_end[] = "\"}}\n";

/* Names and ids are plain, mostly. */
static void put_text(struct buf *out, const char *p, size_t n)
{
        char *to = buf_reserve(out, n);

        if (to && plain.copy(to, p, n) == n)
                out->len += n;
        else
                json_escape(out, p, n);
}

/* Up to the _id; the same for records that follow each other, mostly. */
static void write_index(struct buf *out, const char *index, size_t len)
{
        buf_put(out, to_index, sizeof(to_index) - 1);
        put_text(out, index, len);
}

static void write_headers(struct buf *out, const struct batch *b, const struct record *r)
{
        for (size_t i = 0; i < r->nheaders; i++) {
                const struct header *h = &b->headers[r->first_header + i];
                if (h->name != es_header_pipeline && h->name != es_header_routing)
                        continue;
                buf_puts(out, "\",\"");
                buf_puts(out, h->name);
                buf_puts(out, "\":\"");
                json_escape(out, batch_at(b, h->value), h->value.len);
        }
}

static void write_action(struct buf *out, const struct buf *index, const char *id, size_t id_len, const struct batch *b,
                         const struct record *r)
{
        buf_put(out, index->data, index->len);
        if (id_len > 0) {
                buf_put(out, to_id, sizeof(to_id) - 1);
                put_text(out, id, id_len);
        }
        if (r->nheaders > 0)
                write_headers(out, b, r);
        buf_put(out, to_end, sizeof(to_end) - 1);
}

void es_body_write(struct buf *out, const struct batch *b, size_t n, const struct es_body_config *config)
{
        struct buf index = { 0 };
        struct slice of = { 0, UINT32_MAX }; /* whose index that is */

        for (size_t i = 0; i < n; i++) {
                const struct record *r = &b->recs[i];
                bool named = r->id.len > 0 && !config->auto_id;

                if (r->dest.off != of.off || r->dest.len != of.len) {
                        buf_reset(&index);
                        of = r->dest;
                        write_index(&index, of.len > 0 ? batch_at(b, of) : config->index,
                                    of.len > 0 ? of.len : strlen(config->index));
                }
                write_action(out, &index, named ? batch_at(b, r->id) : "", named ? r->id.len : 0, b, r);
                ndjson_put(out, batch_at(b, r->value), r->value.len);
        }
        buf_fini(&index);
}

void es_job_drop(struct es_job *job)
{
        free(job->body);
        job->body = NULL;
        job->len = job->raw_len = 0;
}

/* ---- a worker ----------------------------------------------------------------------------------- */

struct worker {
        struct es_builder *builder; /* borrowed */
        pthread_t thread;
        struct libdeflate_compressor *gzip; /* owned; NULL: not compressed */
        struct buf raw, packed;             /* scratch */
};

struct es_builder {
        struct loop *loop; /* borrowed */
        struct es_body_config config;
        struct queue *in, *out; /* loop -> worker, worker -> loop */
        struct io io;           /* of out */
        atomic_bool stopping;   /* what is still queued need not be built */
        struct worker *workers; /* owned */
        unsigned nworkers;      /* that run */
        bool stopped;
        void (*built)(void *arg, struct es_job *job);
        void *arg;
};

static void keep(struct es_job *job, const struct buf *from)
{
        job->body = xmalloc(from->len ? from->len : 1);
        if (from->len)
                memcpy(job->body, from->data, from->len);
        job->len = from->len;
}

static void compress(struct worker *w)
{
        size_t room = libdeflate_gzip_compress_bound(w->gzip, w->raw.len);
        char *to = buf_reserve(&w->packed, room);

        w->packed.len = libdeflate_gzip_compress(w->gzip, w->raw.data, w->raw.len, to, room);
        CHECK(w->packed.len > 0); /* it cannot fail within its own bound */
}

static void forget_if_large(struct buf *b)
{
        if (b->cap > ES_SCRATCH_KEEP)
                buf_fini(b);
        buf_reset(b);
}

static void build(struct worker *w, struct es_job *job)
{
        es_body_write(&w->raw, job->batch, job->n, &w->builder->config);
        job->raw_len = w->raw.len;
        if (w->gzip)
                compress(w);
        keep(job, w->gzip ? &w->packed : &w->raw);
        forget_if_large(&w->raw);
        forget_if_large(&w->packed);
}

static void *work(void *worker)
{
        struct worker *w = worker;
        struct es_builder *b = w->builder;
        struct qitem *item;

        while ((item = queue_pop(b->in)) != NULL) {
                if (!atomic_load(&b->stopping))
                        build(w, container_of(item, struct es_job, item));
                int r = queue_push(b->out, &item);
                CHECK(r == 0); /* as large as all jobs together */
        }
        return NULL;
}

static int start_worker(struct es_builder *b, struct worker *w, struct err *e)
{
        sigset_t all, before;

        w->builder = b;
        if (b->config.level > 0) {
                w->gzip = libdeflate_alloc_compressor(b->config.level);
                if (!w->gzip)
                        return err_set(e, EINVAL, "compression_level %d: libdeflate has no such level",
                                       b->config.level);
        }
        /* Signals are for the loop's thread. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = pthread_create(&w->thread, NULL, work, w);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return err_set(e, r, "cannot start a thread: %s", strerror(r));
        b->nworkers++;
        return 0;
}

/* ---- the loop's side ---------------------------------------------------------------------------- */

static void on_out(struct io *io, uint32_t events)
{
        struct es_builder *b = io->arg;
        (void)events;

        for (struct qitem *item = queue_drain(b->out), *next; item && !b->stopped; item = next) {
                next = item->next; /* built may add the job again */
                b->built(b->arg, container_of(item, struct es_job, item));
        }
}

struct es_builder *es_builder_new(struct loop *l, const struct es_body_config *config, unsigned workers,
                                  size_t max_jobs, void (*built)(void *arg, struct es_job *job), void *arg,
                                  struct err *e)
{
        struct es_builder *b = xcalloc(1, sizeof *b);

        b->loop = l;
        b->config = *config;
        b->built = built;
        b->arg = arg;
        b->in = queue_new(max_jobs, SIZE_MAX);
        b->out = queue_new(max_jobs, SIZE_MAX);
        b->io = (struct io){ .fd = queue_fd(b->out), .name = "es_body", .fn = on_out, .arg = b };
        loop_add(l, &b->io, EPOLLIN);
        b->workers = xcalloc(workers, sizeof *b->workers);
        for (unsigned i = 0; i < workers; i++) {
                if (start_worker(b, &b->workers[i], e) < 0) {
                        libdeflate_free_compressor(b->workers[i].gzip);
                        es_builder_free(b);
                        return NULL;
                }
        }
        return b;
}

void es_builder_add(struct es_builder *b, struct es_job *job)
{
        struct qitem *item = &job->item;

        CHECK(!job->body);
        item->bytes = 0; /* the number of jobs is the bound */
        int r = queue_push(b->in, &item);
        CHECK(r == 0);
}

void es_builder_stop(struct es_builder *b)
{
        if (b->stopped)
                return;
        b->stopped = true;
        atomic_store(&b->stopping, true);
        queue_close(b->in);
        for (unsigned i = 0; i < b->nworkers; i++) {
                pthread_join(b->workers[i].thread, NULL);
                libdeflate_free_compressor(b->workers[i].gzip);
                buf_fini(&b->workers[i].raw);
                buf_fini(&b->workers[i].packed);
        }
        loop_del(b->loop, &b->io);
        queue_drain(b->out); /* the jobs are their owners' again */
}

void es_builder_free(struct es_builder *b)
{
        if (!b)
                return;
        es_builder_stop(b);
        queue_free(b->in);
        queue_free(b->out);
        free(b->workers);
        free(b);
}

const char *es_body_version(void)
{
        return LIBDEFLATE_VERSION_STRING;
}
