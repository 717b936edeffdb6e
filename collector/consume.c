/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/consume.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/client.h"
#include "collector/share.h"
#include "collector/watch.h"
#include "sinks/kafka_sentence.h"

enum {
        POLL_MESSAGES = 2000,           /* a turn; then the loop looks at its other duties */
        MAX_HEADERS = 64,
        KEEPALIVE_MS = 1000,            /* polled at least so often, for max.poll.interval.ms */
        TROUBLE_STALE_MS = 45000,       /* librdkafka repeats what goes on every 30 s */
        CLOCK_SKEW_MS = 60000,          /* more is worth a look */
};

void consume_settle(struct consume *c, struct partition *p, uint64_t seq)
{
        if (!partition_settle(p, seq)) {
                stat_inc(&c->stats->late_answers);
                if (p->held == 0)
                        group_forget(c, p);
        }
}

/* --- taking ---------------------------------------------------------------------------------- */

/* Those of a record, at most MAX_HEADERS: more are not looked at. librdkafka takes them apart only when it is asked. */
static size_t take_headers(const rd_kafka_message_t *m, struct incoming_header list[MAX_HEADERS])
{
        rd_kafka_headers_t *all;
        size_t n = 0;

        if (rd_kafka_message_headers(m, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
                return 0;
        while (n < MAX_HEADERS) {
                const void *value;
                if (rd_kafka_header_get_all(all, n, &list[n].name, &value, &list[n].len) != RD_KAFKA_RESP_ERR_NO_ERROR)
                        break;
                list[n++].value = value;
        }
        return n;
}

static void take(struct consume *c, const rd_kafka_message_t *m)
{
        struct partition *p = partitions_get(&c->parts, rd_kafka_topic_name(m->rkt), m->partition);

        /* Behind `next`: what was fetched before a seek. Draining: it comes again to the next owner. */
        if (!p || p->state != PART_ACTIVE || m->offset < p->next)
                return;
        if (p->refused)
                watch_heard(c, p);
        troubles_end(&c->troubles, TROUBLE_BROKER);
        troubles_end(&c->troubles, TROUBLE_OTHER);
        struct incoming_header headers[MAX_HEADERS];
        const struct incoming in = { .cluster = c->cluster,
                                     .topic = p->topic,
                                     .partition = p->id,
                                     .offset = m->offset,
                                     .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
                                     .payload = m->payload,
                                     .len = m->len,
                                     .headers = headers,
                                     .nheaders = take_headers(m, headers) };
        if (in.timestamp_ms > c->ahead_ms)
                stat_inc(&c->stats->from_future);
        c->hooks.take(c->hooks.arg, p, partition_take(p, m->offset), &in);
        share_look(c, p);
}

void consume_seek(struct consume *c, struct partition *p)
{
        rd_kafka_resp_err_t r = rd_kafka_seek(p->handle, p->id, p->next, 0);
        if (r != RD_KAFKA_RESP_ERR_NO_ERROR) {
                stat_inc(&c->stats->consumer_errors);
                log_warn("consume", "seek: topic=%s partition=%d: %s", p->topic, p->id, rd_kafka_err2str(r));
        }
}

static struct partition *partition_of(const struct consume *c, const rd_kafka_message_t *m)
{
        return m->rkt ? partitions_get(&c->parts, rd_kafka_topic_name(m->rkt), m->partition) : NULL;
}

/* The end tells of offsets without a record before it; only while all records that came are taken. */
static void on_end(struct consume *c, const rd_kafka_message_t *m)
{
        struct partition *p = partition_of(c, m);

        if (!p || p->state != PART_ACTIVE)
                return;
        p->ended = true;
        partition_pass(p, m->offset);
        if (p->refused)
                watch_heard(c, p);
}

static void on_fatal(struct consume *c)
{
        char why[256];

        switch (rd_kafka_fatal_error(c->rk, why, sizeof(why))) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
                break;
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
                troubles_set(&c->troubles, TROUBLE_FATAL,
                             "another member of group %s has the same kafka.group_instance_id, %s: give each collector its "
                             "own and start this one anew",
                             c->config->kafka.group, c->config->kafka.group_instance_id);
                break;
        default:
                troubles_set(&c->troubles, TROUBLE_FATAL, "kafka: %s: the collector must be started anew", why);
        }
}

static void on_error(struct consume *c, const rd_kafka_message_t *m)
{
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                on_end(c, m);
                return;
        }
        if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
                watch_out_of_range(c, partition_of(c, m));
                return;
        }
        stat_inc(&c->stats->consumer_errors);
        switch (m->err) {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
                watch_refused(c, NULL, m->err);
                break;
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
                watch_refused(c, partition_of(c, m), m->err);
                break;
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
                troubles_set(&c->troubles, TROUBLE_GROUP, "group %s takes no member of this user: %s", c->config->kafka.group,
                             rd_kafka_err2str(m->err));
                break;
        case RD_KAFKA_RESP_ERR__FATAL:
                on_fatal(c);
                break;
        default:
                troubles_set(&c->troubles, TROUBLE_OTHER, "kafka: %s", rd_kafka_message_errstr(m));
                c->heard_ms = loop_now_ms(c->loop);
        }
        log_warn("consume", "%s", rd_kafka_message_errstr(m));
}

static void poll(struct consume *c)
{
        const struct clock *clock = loop_clock(c->loop);

        c->ahead_ms = clock->wall_ns(clock) / 1000000 + CLOCK_SKEW_MS;
        for (int i = 0; i < POLL_MESSAGES; i++) {
                rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, 0);
                if (!m)
                        return;
                if (m->err)
                        on_error(c, m);
                else
                        take(c, m);
                rd_kafka_message_destroy(m);
                if (c->paused && i >= POLL_MESSAGES / 10)
                        break;
        }
        /* librdkafka signals an empty queue that fills; this one was not emptied. */
        uint64_t one = 1;
        ssize_t n = write(c->io.fd, &one, sizeof(one));
        (void)n;
}

static void on_readable(struct io *io, uint32_t events)
{
        uint64_t count;
        ssize_t n = read(io->fd, &count, sizeof(count));

        (void)n;
        (void)events;
        poll(io->arg);
}

static void forget_what_is_old(struct consume *c)
{
        if (loop_now_ms(c->loop) - c->heard_ms <= TROUBLE_STALE_MS)
                return;
        troubles_end(&c->troubles, TROUBLE_BROKER);
        troubles_end(&c->troubles, TROUBLE_OTHER);
}

static void keepalive(struct timer *t)
{
        struct consume *c = t->arg;

        poll(c);
        forget_what_is_old(c);
        watch_second(c);
        timer_arm(c->loop, t, KEEPALIVE_MS);
}

void consume_turn(struct consume *c)
{
        share_turn(c);
        group_step(c);
        watch_turn(c);
        group_commit_when_due(c);
}

/* --- pause ----------------------------------------------------------------------------------- */

/* A partition that is paused alone stays so, whatever becomes of the others. */
static rd_kafka_topic_partition_list_t *those_not_alone(const struct consume *c)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (!p->alone)
                        rd_kafka_topic_partition_list_add(list, p->topic, p->id);
        return list;
}

void consume_pause(struct consume *c)
{
        if (c->paused)
                return;
        rd_kafka_topic_partition_list_t *list = those_not_alone(c);
        rd_kafka_pause_partitions(c->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        c->paused = true;
        stat_inc(&c->stats->pauses);
        stat_set(&c->stats->paused, 1);
}

void consume_resume(struct consume *c)
{
        struct partition *p;

        if (!c->paused || c->stopping)
                return;
        rd_kafka_topic_partition_list_t *list = those_not_alone(c);
        rd_kafka_resume_partitions(c->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->state == PART_ACTIVE && !p->alone && p->next > 0)
                        consume_seek(c, p);
        c->paused = false;
        stat_set(&c->stats->paused, 0);
}

bool consume_paused(const struct consume *c)
{
        return c->paused;
}

void consume_set_budget(struct consume *c, size_t bytes)
{
        c->budget = bytes;
}

/* --- what others ask ------------------------------------------------------------------------- */

bool consume_at_end(const struct consume *c)
{
        struct partition *p;

        if (c->parts.map.len == 0 || c->rebalance != REB_NONE)
                return false;
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (!p->ended)
                        return false;
        return true;
}

bool consume_joined(const struct consume *c)
{
        char *id = rd_kafka_memberid(c->rk);
        bool has = id && id[0];

        if (id)
                rd_kafka_mem_free(c->rk, id);
        return has;
}

const char *consume_trouble(const struct consume *c)
{
        return troubles_first(&c->troubles);
}

/* Of a paused partition librdkafka hears nothing: its end is asked for (watch.c). */
int64_t consume_lag(const struct consume *c, const struct partition *p)
{
        int64_t low = -1, high = -1;

        if (rd_kafka_get_watermark_offsets(c->rk, p->topic, p->id, &low, &high) != 0)
                high = -1;
        if (p->end > high)
                high = p->end;
        if (high < 0)
                return -1;
        int64_t from = ackwin_committed(&p->window) > low ? ackwin_committed(&p->window) : low;
        return high > from ? high - from : 0;
}

int64_t consume_total_lag(const struct consume *c)
{
        struct partition *p;
        int64_t sum = 0;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;) {
                int64_t lag = consume_lag(c, p);
                sum += lag > 0 ? lag : 0;
        }
        return sum;
}

int64_t consume_catch_up_s(const struct consume *c)
{
        return lag_catch_up_s(&c->lag);
}

int64_t consume_oldest_ms(const struct consume *c)
{
        int64_t now = loop_now_ms(c->loop), oldest = 0, stands;
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if ((stands = partition_stands_ms(p, now)) > oldest)
                        oldest = stands;
        for (size_t i = 0; i < c->ngone; i++)
                if ((stands = partition_stands_ms(c->gone[i], now)) > oldest)
                        oldest = stands;
        return oldest;
}

size_t consume_fetched(const struct consume *c)
{
        return rd_kafka_queue_length(c->queue);
}

const struct partitions *consume_partitions(const struct consume *c)
{
        return &c->parts;
}

const struct partition *const *consume_gone(const struct consume *c, size_t *ret_n)
{
        *ret_n = c->ngone;
        return (const struct partition *const *)c->gone;
}

/* --- life ------------------------------------------------------------------------------------ */

void consume_on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
        struct consume *c = opaque;
        char sentence[512];

        (void)rk;
        stat_inc(&c->stats->consumer_errors);
        if (err == RD_KAFKA_RESP_ERR__FATAL) {
                on_fatal(c);
                return;
        }
        c->heard_ms = loop_now_ms(c->loop);
        if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && troubles_has(&c->troubles, TROUBLE_BROKER))
                return;         /* the broker's own error says more */
        kafka_sentence(reason, sentence, sizeof(sentence));
        troubles_set(&c->troubles, TROUBLE_BROKER, "%s", sentence);
}

struct consume *consume_new(struct loop *l, const struct collector_config *config, struct collector_stats *stats,
                            const struct consume_hooks *hooks, struct err *e)
{
        struct consume *c = xcalloc(1, sizeof(*c));
        const uint64_t one = 1;

        c->loop = l;
        c->config = config;
        c->stats = stats;
        c->hooks = *hooks;
        c->io = (struct io){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .name = "consumer", .fn = on_readable, .arg = c };
        c->keepalive = (struct timer){ .name = "keepalive", .fn = keepalive, .arg = c };
        if (c->io.fd < 0) {
                err_set(e, errno, "eventfd: %s", strerror(errno));
                goto fail;
        }
        if (client_open(c, e) < 0)
                goto fail;
        c->asker = asker_new(l, c->rk, watch_answered, c);
        c->ask_topics_ms = loop_now_ms(l) + TOPICS_PERIOD_MS;
        c->queue = rd_kafka_queue_get_consumer(c->rk);
        rd_kafka_queue_io_event_enable(c->queue, c->io.fd, &one, sizeof(one));
        c->answers = rd_kafka_queue_new(c->rk);
        rd_kafka_queue_io_event_enable(c->answers, c->io.fd, &one, sizeof(one));
        loop_add(l, &c->io, EPOLLIN);
        timer_arm(l, &c->keepalive, 0);
        return c;
fail:
        consume_free(c);
        return NULL;
}

void consume_stop_taking(struct consume *c)
{
        consume_pause(c);
        c->stopping = true;
}

void consume_take_on(struct consume *c, bool paused)
{
        c->stopping = false;
        if (!paused)
                consume_resume(c);
}

static bool before(const struct consume *c, int64_t deadline_ns)
{
        return loop_clock(c->loop)->mono_ns(loop_clock(c->loop)) < deadline_ns;
}

static void serve_callbacks(struct consume *c)
{
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, 20);

        if (m)
                rd_kafka_message_destroy(m);
}

static void await_commit(struct consume *c, int64_t deadline_ns)
{
        while (c->committing && before(c, deadline_ns))
                serve_callbacks(c);
}

/* Not while a JoinGroup is on its way, see client.h. A broker that is away answers none. */
static void commit_at_last(struct consume *c, int64_t deadline_ns)
{
        await_commit(c, deadline_ns);
        while (client_is_joining(c) && !troubles_has(&c->troubles, TROUBLE_BROKER) && before(c, deadline_ns))
                serve_callbacks(c);
        if (!c->committing)
                group_commit(c);
        await_commit(c, deadline_ns);
}

/* A rebalance while closing is answered at once: there is nothing left to drain. */
static void answer_rebalance(struct consume *c)
{
        if (c->rebalance == REB_DRAINING || c->rebalance == REB_COMMITTING)
                group_leave_partitions(c, "stop");
        else if (c->rebalance == REB_STARTING)
                group_finish(c);
}

/* Leaving the group at once hands its partitions on at once, instead of after session_timeout. */
static void leave_group(struct consume *c, int64_t deadline_ns)
{
        rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
        rd_kafka_error_t *error = rd_kafka_consumer_close_queue(c->rk, q);

        if (error)
                rd_kafka_error_destroy(error);
        else
                while (!rd_kafka_consumer_closed(c->rk) && before(c, deadline_ns)) {
                        rd_kafka_queue_poll_callback(q, 20);
                        answer_rebalance(c);
                }
        rd_kafka_queue_destroy(q);
}

void consume_close(struct consume *c, int64_t timeout_ms)
{
        int64_t deadline_ns = loop_clock(c->loop)->mono_ns(loop_clock(c->loop)) + timeout_ms * 1000000;

        c->joined = consume_joined(c);
        commit_at_last(c, deadline_ns);
        answer_rebalance(c);
        leave_group(c, deadline_ns);
}

void consume_free(struct consume *c)
{
        struct partition *p;

        if (!c)
                return;
        timer_disarm(c->loop, &c->keepalive);
        loop_del(c->loop, &c->io);
        asker_free(c->asker);
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL; i = 0)
                group_part_with(c, p, "stop");
        for (size_t i = 0; i < c->ngone; i++) {
                c->gone[i]->held = 0;   /* the sink is closed: nobody answers any more */
                partition_free(c->gone[i]);
        }
        if (c->moving)
                rd_kafka_topic_partition_list_destroy(c->moving);
        if (c->queue) {
                /* The client may outlive us (below): its signals must not go to whoever gets the descriptor next. */
                rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
                rd_kafka_queue_destroy(c->queue);
        }
        if (c->answers) {
                rd_kafka_queue_io_event_enable(c->answers, -1, NULL, 0);
                rd_kafka_queue_destroy(c->answers);
        }
        client_bury(c);
        stat_set(&c->stats->paused, 0);
        stat_set(&c->stats->partitions_paused, 0);
        if (c->io.fd >= 0)
                close(c->io.fd);
        map_fini(&c->parts.map);
        free(c->gone);
        free(c->cluster);
        free(c);
}
