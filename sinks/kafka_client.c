/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_client.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

/* A turn of the loop serves at most so many reports (and ends with whole events, each up to one produce request). */
enum { REPORTS_PER_TURN = 4096 };

static const char *const state_text[] = {
#define STATE_TEXT(name, text) [name] = text,
        KAFKA_CLIENT_STATES(STATE_TEXT)
};

static const bool may[KAFKA_CLIENT_NSTATES][KAFKA_CLIENT_NSTATES] = {
        [KAFKA_CLIENT_DOWN] = { [KAFKA_CLIENT_UP] = true },
        [KAFKA_CLIENT_UP] = { [KAFKA_CLIENT_PURGING] = true },
        [KAFKA_CLIENT_PURGING] = { [KAFKA_CLIENT_BURYING] = true, [KAFKA_CLIENT_DOWN] = true },
        [KAFKA_CLIENT_BURYING] = { [KAFKA_CLIENT_DOWN] = true },
};

/* The only place that assigns state. */
static void enter(struct kafka_client *c, enum kafka_client_state to, const char *why)
{
        CHECK(may[c->state][to]);
        log_debug("kafka", "%s: %s -> %s: %s", c->name, state_text[c->state], state_text[to], why);
        c->state = to;
}

/* --- end ------------------------------------------------------------------------------------ */

static void fail(struct kafka_client *c, const char *why)
{
        if (c->state != KAFKA_CLIENT_UP)
                return;
        enter(c, KAFKA_CLIENT_PURGING, why);
        rd_kafka_purge(c->rk,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/* Everything that hangs on the handle, but the handle. */
static void detach(struct kafka_client *c)
{
        rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(c->queue);
        rd_kafka_topic_destroy(c->topic);
        c->queue = NULL;
        c->topic = NULL;
        loop_del(c->loop, &c->io);
        close(c->io.fd);
        c->inside = 0;
}

static void *destroy(void *rk)
{
        rd_kafka_destroy(rk);
        return NULL;
}

static void bury(struct kafka_client *c)
{
        detach(c);
        if (pthread_create(&c->undertaker, NULL, destroy, c->rk) != 0) {
                destroy(c->rk); /* no thread to be had: then the loop has to wait */
                enter(c, KAFKA_CLIENT_DOWN, "destroyed");
        } else {
                enter(c, KAFKA_CLIENT_BURYING, "no record inside");
        }
        c->rk = NULL;
}

void kafka_client_renew(struct kafka_client *c, const char *why)
{
        CHECK(c->state == KAFKA_CLIENT_UP);
        fail(c, why);
        /* The end of the turn in on_ready buries it; from elsewhere that has to be asked for. */
        CHECK(eventfd_write(c->io.fd, 1) == 0);
}

bool kafka_client_is_down(struct kafka_client *c)
{
        if (c->state == KAFKA_CLIENT_BURYING && pthread_tryjoin_np(c->undertaker, NULL) == 0)
                enter(c, KAFKA_CLIENT_DOWN, "destroyed");
        return c->state == KAFKA_CLIENT_DOWN;
}

/* --- reports -------------------------------------------------------------------------------- */

static size_t serve_reports(struct kafka_client *c, rd_kafka_event_t *event)
{
        const rd_kafka_message_t *m;
        size_t n = 0;

        for (; (m = rd_kafka_event_message_next(event)) != NULL; n++) {
                CHECK(c->inside > 0);
                c->inside--;
                c->owner.report(c, m->_private, m->err);
        }
        return n;
}

static void serve_error(struct kafka_client *c, rd_kafka_event_t *event)
{
        char why[512];

        if (!rd_kafka_event_error_is_fatal(event)) {
                c->owner.error(c, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
                return;
        }
        rd_kafka_fatal_error(c->rk, why, sizeof(why));
        fail(c, why);
        c->owner.error(c, RD_KAFKA_RESP_ERR__FATAL, why);
}

/* How many reports there were. */
static size_t serve(struct kafka_client *c, rd_kafka_event_t *event)
{
        size_t n = 0;

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
                n = serve_reports(c, event);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
                serve_error(c, event);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT && c->state == KAFKA_CLIENT_UP)
                c->owner.answer(c, event);
        rd_kafka_event_destroy(event);
        return n;
}

static void on_ready(struct io *io, uint32_t events)
{
        struct kafka_client *c = io->arg;
        rd_kafka_event_t *event;
        uint64_t count;
        size_t n = 0;

        (void)events;
        if (read(io->fd, &count, sizeof(count)) < 0)
                CHECK(errno == EAGAIN);
        /* librdkafka signals once until the queue is served, so it is emptied, or we signal ourselves. */
        while (n < REPORTS_PER_TURN && (event = rd_kafka_queue_poll(c->queue, 0)) != NULL)
                n += serve(c, event);
        if (n >= REPORTS_PER_TURN)
                CHECK(eventfd_write(io->fd, 1) == 0);
        if (c->state == KAFKA_CLIENT_PURGING && c->inside == 0)
                bury(c);
}

/* --- begin ---------------------------------------------------------------------------------- */

void kafka_client_init(struct kafka_client *c, const char *name, struct loop *l,
                       const struct kafka_client_owner *owner)
{
        *c = (struct kafka_client){ .name = name, .loop = l, .owner = *owner, .state = KAFKA_CLIENT_DOWN };
}

int kafka_client_start(struct kafka_client *c, const rd_kafka_conf_t *conf, const char *topic, struct err *e)
{
        static const uint64_t one = 1;
        rd_kafka_conf_t *mine = rd_kafka_conf_dup(conf);
        char why[512];
        int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

        if (fd < 0) {
                rd_kafka_conf_destroy(mine);
                return err_set(e, errno, "eventfd: %s", strerror(errno));
        }
        c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, mine, why, sizeof(why));
        if (c->rk == NULL) {
                rd_kafka_conf_destroy(mine);
                close(fd);
                return err_set(e, EINVAL, "kafka producer: %s", why);
        }
        c->topic = rd_kafka_topic_new(c->rk, topic, NULL);
        CHECK(c->topic != NULL);
        c->queue = rd_kafka_queue_get_main(c->rk);
        c->io = (struct io){ .fd = fd, .name = c->name, .fn = on_ready, .arg = c };
        loop_add(c->loop, &c->io, EPOLLIN);
        rd_kafka_queue_io_event_enable(c->queue, fd, &one, sizeof(one));
        /* What was queued since rd_kafka_new has signalled nobody, and while it lies there nothing else will. */
        CHECK(eventfd_write(fd, 1) == 0);
        enter(c, KAFKA_CLIENT_UP, "started");
        return 0;
}

/* --- produce -------------------------------------------------------------------------------- */

static void *at(const struct batch *b, struct slice s)
{
        return s.len > 0 ? (void *)batch_at(b, s) : (void *)""; /* NULL would be a tombstone */
}

/* NULL: none.  librdkafka copies names and values. */
static rd_kafka_headers_t *headers_of(const struct record *r)
{
        rd_kafka_headers_t *list;

        if (r->nheaders == 0)
                return NULL;
        list = rd_kafka_headers_new(r->nheaders);
        for (unsigned i = 0; i < r->nheaders; i++) {
                const struct header *h = &r->batch->headers[r->first_header + i];

                rd_kafka_header_add(list, h->name, -1, at(r->batch, h->value), (ssize_t)h->value.len);
        }
        return list;
}

static rd_kafka_resp_err_t produce(rd_kafka_t *rk, const rd_kafka_vu_t *vu, size_t n)
{
        rd_kafka_error_t *error = rd_kafka_produceva(rk, vu, n);
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);

        rd_kafka_error_destroy(error);
        return code;
}

rd_kafka_resp_err_t kafka_client_produce(struct kafka_client *c, struct record *r)
{
        const struct batch *b = r->batch;
        rd_kafka_headers_t *headers;
        rd_kafka_resp_err_t code;
        char dest[KAFKA_TOPIC_MAX + 1];
        rd_kafka_vu_t vu[6];
        size_t n = 0;

        CHECK(c->state == KAFKA_CLIENT_UP);
        if (r->dest.len > KAFKA_TOPIC_MAX)
                return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
        if (r->dest.len > 0) {
                memcpy(dest, batch_at(b, r->dest), r->dest.len);
                dest[r->dest.len] = '\0';
                vu[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = dest };
        } else {
                vu[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = c->topic };
        }
        vu[n++] =
                (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { at(b, r->value), r->value.len } };
        vu[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0 }; /* neither COPY nor FREE */
        vu[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = r };
        if (r->key.len > 0)
                vu[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_KEY,
                                           .u.mem = { at(b, r->key), r->key.len } };
        if ((headers = headers_of(r)) != NULL)
                vu[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers };

        code = produce(c->rk, vu, n);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
                c->inside++;
        else if (headers != NULL)
                rd_kafka_headers_destroy(headers); /* not taken, so still ours */
        return code;
}

/* --- stop ----------------------------------------------------------------------------------- */

static void last_reports(struct kafka_client *c, int wait_ms)
{
        enum { STEP_MS = 50 };

        for (int waited_ms = 0; c->inside > 0 && waited_ms < wait_ms;) {
                rd_kafka_event_t *event = rd_kafka_queue_poll(c->queue, STEP_MS);

                if (event != NULL)
                        serve(c, event);
                else
                        waited_ms += STEP_MS;
        }
}

void kafka_client_stop(struct kafka_client *c, int wait_ms)
{
        if (c->state == KAFKA_CLIENT_BURYING)
                pthread_join(c->undertaker, NULL);
        if (c->state == KAFKA_CLIENT_UP)
                fail(c, "stop");
        if (c->state == KAFKA_CLIENT_PURGING) {
                last_reports(c, wait_ms);
                detach(c);
                destroy(c->rk);
                c->rk = NULL;
        }
        if (c->state != KAFKA_CLIENT_DOWN)
                enter(c, KAFKA_CLIENT_DOWN, "stopped");
}
