/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/consume.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/absent.h"
#include "collector/group.h"
#include "sinks/kafka_conf.h"

enum {
        POLL_MESSAGES = 2000,           /* a turn; then the loop looks at its other duties */
        MAX_HEADERS = 64,
        KEEPALIVE_MS = 1000,            /* polled at least so often, for max.poll.interval.ms */
        DESTROY_S = 5,                  /* for librdkafka to end its threads */
        ABSENT_PERIOD_MS = 10000,       /* between two questions for a topic that does not exist */
        TROUBLE_STALE_MS = 45000,       /* librdkafka repeats what goes on every 30 s */
};

/* librdkafka's share of the memory: what lies in its queue between two polls, and one fetch per broker. */
static const char *const fetch_defaults[] = {
        "fetch.max.bytes=262144",
        "fetch.message.max.bytes=262144",
        "fetch.wait.max.ms=100",
};

void consume_settle(struct consume *c, struct partition *p, uint64_t seq)
{
        if (!partition_settle(p, seq)) {
                stat_inc(&c->stats->late_answers);
                if (p->held == 0)
                        group_forget(c, p);
        }
}

static rd_kafka_topic_partition_list_t *list_ours(const struct consume *c)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                rd_kafka_topic_partition_list_add(list, p->topic, p->id);
        return list;
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
        c->trouble[0] = '\0';
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
        c->hooks.take(c->hooks.arg, p, partition_take(p, m->offset), &in);
}

static void seek_to(struct consume *c, struct partition *p, int64_t offset)
{
        rd_kafka_resp_err_t r = rd_kafka_seek(p->handle, p->id, offset, 0);
        if (r != RD_KAFKA_RESP_ERR_NO_ERROR) {
                stat_inc(&c->stats->consumer_errors);
                log_warn("consume", "seek: topic=%s partition=%d: %s", p->topic, p->id, rd_kafka_err2str(r));
        }
}

/* A fetcher that has stopped over its offset takes no seek: the partition is assigned once more. */
static void assign_again(struct consume *c, const struct partition *p)
{
        rd_kafka_topic_partition_list_t *list = group_cooperative(c) ? rd_kafka_topic_partition_list_new(1) : list_ours(c);

        if (group_cooperative(c)) {
                rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = p->next;
                group_report(c, rd_kafka_incremental_unassign(c->rk, list));
                group_report(c, rd_kafka_incremental_assign(c->rk, list));
        } else {
                for (int i = 0; i < list->cnt; i++) {
                        int64_t next = group_find(c, &list->elems[i])->next;
                        list->elems[i].offset = next > 0 ? next : RD_KAFKA_OFFSET_BEGINNING;
                }
                rd_kafka_assign(c->rk, list);
        }
        if (c->paused)
                rd_kafka_pause_partitions(c->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
}

/* Retention was faster than we were.  What lies between is lost, and said so. False: the broker did not answer. */
static bool leap(struct consume *c, struct partition *p)
{
        int64_t low = 0, high = 0;

        if (rd_kafka_query_watermark_offsets(c->rk, p->topic, p->id, &low, &high, ASK_TIMEOUT_MS) != 0) {
                group_trouble(c, "offset %lld of topic %s partition %d no longer exists, and the broker does not say which do",
                            (long long)p->next, p->topic, p->id);
                return false;
        }
        /* Above the end: the log was made anew or cut back. What is there now was not read: all of it is. */
        int64_t to = p->next < low || p->next > high ? low : p->next;
        log_error("consume", "offsets lost: topic=%s partition=%d from=%lld to=%lld", p->topic, p->id,
                  (long long)p->next, (long long)to);
        if (to > p->next)
                stat_add(&c->stats->records_lost, to - p->next);
        partition_leap(p, to);
        assign_again(c, p);
        return true;
}

static void leap_where_needed(struct consume *c)
{
        struct partition *p;

        if (c->rebalance != REB_NONE || loop_now_ms(c->loop) < c->ask_again_ms)
                return;
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->out_of_range && p->held == 0 && !leap(c, p)) {
                        c->ask_again_ms = loop_now_ms(c->loop) + ASK_TIMEOUT_MS;
                        return;         /* each question holds the loop for as long */
                }
}

static void on_out_of_range(struct consume *c, const rd_kafka_message_t *m)
{
        struct partition *p = m->rkt ? partitions_get(&c->parts, rd_kafka_topic_name(m->rkt), m->partition) : NULL;

        stat_inc(&c->stats->offset_resets);
        if (p)
                p->out_of_range = true;
}

static void on_error(struct consume *c, const rd_kafka_message_t *m)
{
        struct partition *p;

        switch (m->err) {
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                p = partitions_get(&c->parts, rd_kafka_topic_name(m->rkt), m->partition);
                if (p)
                        p->ended = true;
                return;
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
                on_out_of_range(c, m);
                return;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
                stat_inc(&c->stats->consumer_errors);
                c->absent = true;
                return;
        default:
                stat_inc(&c->stats->consumer_errors);
                group_trouble(c, "kafka: %s", rd_kafka_message_errstr(m));
                log_warn("consume", "%s", c->trouble);
        }
}

static void poll(struct consume *c)
{
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

static void ask_for_absent_topic(struct consume *c)
{
        const char *topic;

        if (!c->absent || loop_now_ms(c->loop) < c->ask_absent_ms)
                return;
        c->ask_absent_ms = loop_now_ms(c->loop) + ABSENT_PERIOD_MS;
        switch (absent_topic(c->rk, &c->config->kafka.topics, &topic)) {
        case 0:
                c->absent = false;
                c->trouble[0] = '\0';
                break;
        case 1:
                group_trouble(c, "topic %s does not exist", topic);
                break;
        default:
                break;  /* what is wrong with the broker has its own sentence */
        }
}

static void keepalive(struct timer *t)
{
        struct consume *c = t->arg;

        poll(c);
        ask_for_absent_topic(c);
        timer_arm(c->loop, t, KEEPALIVE_MS);
}

void consume_turn(struct consume *c)
{
        group_step(c);
        leap_where_needed(c);
        group_commit_when_due(c);
}

/* --- pause ----------------------------------------------------------------------------------- */

void consume_pause(struct consume *c)
{
        if (c->paused)
                return;
        rd_kafka_topic_partition_list_t *list = list_ours(c);
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
        rd_kafka_topic_partition_list_t *list = list_ours(c);
        rd_kafka_resume_partitions(c->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->state == PART_ACTIVE && p->next > 0)
                        seek_to(c, p, p->next);
        c->paused = false;
        stat_set(&c->stats->paused, 0);
}

bool consume_paused(const struct consume *c)
{
        return c->paused;
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
        bool stale = loop_now_ms(c->loop) - c->trouble_ms > TROUBLE_STALE_MS;
        return c->trouble[0] && !stale ? c->trouble : NULL;
}

int64_t consume_lag(const struct consume *c, const struct partition *p)
{
        int64_t low = -1, high = -1;

        if (rd_kafka_get_watermark_offsets(c->rk, p->topic, p->id, &low, &high) != 0 || high < 0)
                return -1;
        int64_t from = ackwin_committed(&p->window) > low ? ackwin_committed(&p->window) : low;
        return high > from ? high - from : 0;
}

const struct partitions *consume_partitions(const struct consume *c)
{
        return &c->parts;
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_kafka_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
        struct consume *c = opaque;

        (void)rk;
        stat_inc(&c->stats->consumer_errors);
        if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !c->trouble[0])     /* the broker's own error says more */
                kafka_sentence(reason, c->trouble, sizeof(c->trouble));
        c->trouble_ms = loop_now_ms(c->loop);
}

static int set_properties(struct consume *c, rd_kafka_conf_t *conf, struct err *e)
{
        const struct consumer_config *k = &c->config->kafka;
        char session[32];

        snprintf(session, sizeof(session), "%lld", (long long)k->session_timeout_ms);
        const char *const own[][2] = {
                { "group.id", k->group },
                { "enable.auto.commit", "false" },
                { "enable.auto.offset.store", "false" },
                { "auto.offset.reset", "error" },
                { "partition.assignment.strategy",
                  k->assignment == ASSIGN_COOPERATIVE ? "cooperative-sticky" : "range" },
                { "session.timeout.ms", session },
                /* Of a consumer only a lower bound of fetch.max.bytes: a larger record still arrives. */
                { "message.max.bytes", "65536" },
                { "queued.max.messages.kbytes", "8192" },
                { "queued.min.messages", "20000" },
                { "enable.partition.eof", c->config->once ? "true" : "false" },
        };
        for (size_t i = 0; i < ARRAY_LEN(own); i++) {
                int r = kafka_conf_set(conf, own[i][0], own[i][1], e);
                if (r < 0)
                        return r;
        }
        rd_kafka_conf_set_opaque(conf, c);
        rd_kafka_conf_set_rebalance_cb(conf, group_on_rebalance);
        rd_kafka_conf_set_offset_commit_cb(conf, group_on_commit);
        rd_kafka_conf_set_error_cb(conf, on_kafka_error);
        kafka_conf_log(conf);
        return 0;
}

static int make_client(struct consume *c, struct err *e)
{
        const struct strlist *user = &c->config->kafka.librdkafka;
        size_t ndefaults = ARRAY_LEN(fetch_defaults);
        struct strlist all = { xcalloc(ndefaults + user->n, sizeof(char *)), ndefaults + user->n };
        rd_kafka_conf_t *conf;
        char text[512];

        for (size_t i = 0; i < all.n; i++)      /* borrowed strings; the user's come last and win */
                all.v[i] = i < ndefaults ? (char *)fetch_defaults[i] : user->v[i - ndefaults];
        int r = kafka_conf_new(c->config->kafka.brokers, &all, &conf, e);
        free(all.v);
        if (r < 0)
                return r;
        r = set_properties(c, conf, e);
        if (r < 0) {
                rd_kafka_conf_destroy(conf);
                return r;
        }
        c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
        if (!c->rk) {
                rd_kafka_conf_destroy(conf);
                return err_set(e, EINVAL, "kafka: %s", text);
        }
        rd_kafka_poll_set_consumer(c->rk);
        return 0;
}

static int subscribe(struct consume *c, struct err *e)
{
        const struct strlist *topics = &c->config->kafka.topics;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->n);

        for (size_t i = 0; i < topics->n; i++)
                rd_kafka_topic_partition_list_add(list, topics->v[i], RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t r = rd_kafka_subscribe(c->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        return r == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : err_set(e, EINVAL, "kafka.topics: %s", rd_kafka_err2str(r));
}

/* Without the group: every partition of the topics, from its beginning.  Waits for the broker. */
static int take_all(struct consume *c, struct err *e)
{
        const struct strlist *topics = &c->config->kafka.topics;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
        const struct rd_kafka_metadata *all;
        rd_kafka_resp_err_t r = rd_kafka_metadata(c->rk, 1, NULL, &all, (int)c->config->start_timeout_ms);

        if (r != RD_KAFKA_RESP_ERR_NO_ERROR) {
                rd_kafka_topic_partition_list_destroy(list);
                return err_set(e, EHOSTUNREACH, "no answer from kafka %s: %s", c->config->kafka.brokers, rd_kafka_err2str(r));
        }
        for (size_t i = 0; i < topics->n; i++)
                for (int t = 0; t < all->topic_cnt; t++)
                        if (strcmp(all->topics[t].topic, topics->v[i]) == 0)
                                for (int p = 0; p < all->topics[t].partition_cnt; p++)
                                        rd_kafka_topic_partition_list_add(list, topics->v[i], p)->offset =
                                                RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_metadata_destroy(all);
        if (list->cnt == 0) {
                rd_kafka_topic_partition_list_destroy(list);
                return err_set(e, EHOSTUNREACH, "kafka %s has no topic %s", c->config->kafka.brokers, topics->v[0]);
        }
        c->moving = list;
        group_enter(c, REB_STARTING);
        return 0;
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
        if (make_client(c, e) < 0 || (config->dry_run ? take_all(c, e) : subscribe(c, e)) < 0)
                goto fail;
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

static void await_commit(struct consume *c, int64_t deadline_ns)
{
        while (c->committing && before(c, deadline_ns)) {
                rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, 20);
                if (m)
                        rd_kafka_message_destroy(m);
        }
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
        answer_rebalance(c);
        await_commit(c, deadline_ns);
        if (!c->committing)
                group_commit(c);
        await_commit(c, deadline_ns);
        leave_group(c, deadline_ns);
}

static void *destroy(void *rk)
{
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return NULL;
}

/* librdkafka 2.0 may never come back from it, seen with a topic that was deleted and made anew. */
static void destroy_client(rd_kafka_t *rk)
{
        pthread_t thread;
        struct timespec deadline;

        if (pthread_create(&thread, NULL, destroy, rk) != 0) {
                destroy(rk);
                return;
        }
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += DESTROY_S;
        if (pthread_timedjoin_np(thread, NULL, &deadline) != 0) {
                log_warn("consume", "librdkafka does not end its consumer; going on without it");
                pthread_detach(thread);
        }
}

/* librdkafka 2.0 aborts when it ends a member that has joined and got no assignment yet: its sticky assignor insists
 * on a state that only the first assignment makes (rd_kafka_sticky_assignor_state_destroy).  Such a client has left
 * its group and is given up as it is; the process is about to end, or begins a new one. */
static bool may_destroy(const struct consume *c)
{
        return c->assigned || !c->joined || c->config->kafka.assignment != ASSIGN_COOPERATIVE;
}

void consume_free(struct consume *c)
{
        struct partition *p;

        if (!c)
                return;
        timer_disarm(c->loop, &c->keepalive);
        loop_del(c->loop, &c->io);
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
        if (c->rk && may_destroy(c))
                destroy_client(c->rk);
        stat_set(&c->stats->paused, 0);
        if (c->io.fd >= 0)
                close(c->io.fd);
        map_fini(&c->parts.map);
        free(c->gone);
        free(c->cluster);
        free(c);
}
