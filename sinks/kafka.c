/* SPDX-License-Identifier: Apache-2.0 */
/* A record inside is in one of three places:
 *
 *      in `many`       the producer for everything
 *      in `alone`      a producer with one record a request, for suspects (below)
 *      held            not in librdkafka: waits for the retry timer; verdict NONE, status = what went wrong
 *
 * Suspects.  A broker answers per request, and a request holds up to thousands of records: when it says
 * "too large" or "invalid", one record may be guilty and its neighbours are not.  So each of them is
 * sent again by itself, and only what is refused alone is a REJECT.  (Order: suspects may arrive behind
 * their successors of the same key.)
 *
 * Order otherwise: while records for the sink's topic are held, later ones queue up behind them.
 */
#include "sinks/kafka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/kafka_client.h"
#include "sinks/kafka_producer.h"
#include "sinks/kafka_property.h"
#include "sinks/kafka_sentence.h"
#include "sinks/kafka_limit.h"

enum { RETRY_BASE_MS = 100, RETRY_MAX_MS = 5000 };
enum { BURIAL_CHECK_MS = 20 }; /* how often to look whether a dead handle is gone */
enum { CLOSE_WAIT_MS = 1000 }; /* for the reports of what close purges */
enum { SLOW_MS = 10000 };      /* a batch this old is worth a sentence */

#define KAFKA_STATS(X)                                                                                       \
        X(COUNTER, delivered, "kafka_records_delivered_total", NULL,                                         \
          "Records that the brokers acknowledged.")                                                          \
        X(COUNTER, errors, "kafka_delivery_errors_total", NULL,                                              \
          "Delivery reports with an error; the records were sent again or refused for good.")                \
        X(COUNTER, retried, "kafka_records_retried_total", NULL,                                             \
          "Records handed to the client library again after a delivery error.")                              \
        X(COUNTER, restarts, "kafka_producer_restarts_total", NULL,                                          \
          "Producers started anew after a fatal error.")                                                     \
        X(GAUGE, limit, "kafka_record_limit_bytes", NULL,                                                    \
          "Largest record that goes to the topic, by its limit and our own; 0: not known.")                  \
        X(GAUGE, queued, "kafka_queue_records", NULL, "Records waiting for their acknowledgement.")          \
        X(HISTOGRAM, seconds, "kafka_delivery_seconds", NULL,                                                \
          "Time from the hand-over of a batch of records to its last acknowledgement.")

struct kafka_stats {
        KAFKA_STATS(STAT_MEMBER)
};
#define ROW(...) STAT_ROW(struct kafka_stats, __VA_ARGS__)
static const struct stat_row stat_rows[] = { KAFKA_STATS(ROW) };

/* One for each batch inside: its sink_data. */
struct flight {
        struct batch *b;            /* owned while inside */
        struct flight *prev, *next; /* all flights, oldest first */
        size_t in_client;           /* records whose report is due; the others without verdict are held */
        int64_t since_ns;
};

struct kafka {
        struct sink sink;
        char *topic;                 /* owned */
        rd_kafka_conf_t *conf;       /* owned; every producer gets a copy */
        rd_kafka_conf_t *conf_alone; /* owned; one record a request */
        struct kafka_client many, alone;
        bool started; /* many was up before: a start is a restart */
        struct kafka_limit limit;
        int64_t own_limit;  /* message.max.bytes */
        int64_t batch_size; /* of many */

        struct flight *first, *last;
        size_t held, held_own; /* records held, and those of them for the sink's own topic */
        struct timer retry;    /* armed while something is held, or many is not up */
        struct timer settle;   /* ends flights that were settled inside submit */
        struct backoff backoff;

        char trouble[512]; /* "" or the sentence */
        char slow[512];    /* the sentence when only the time says that something is wrong */
        bool closing;
        struct kafka_stats stats;
};

static struct kafka *kafka_of(struct sink *s)
{
        return container_of(s, struct kafka, sink);
}

static void retry_soon(struct kafka *k)
{
        if (!timer_armed(&k->retry) && !k->closing)
                timer_arm(k->sink.loop, &k->retry, backoff_next_ms(&k->backoff));
}

/* --- trouble, in one sentence --------------------------------------------------------------- */

static void on_error(struct kafka_client *c, rd_kafka_resp_err_t err, const char *text)
{
        struct kafka *k = c->owner.arg;

        switch (err) {
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
                if (k->trouble[0] == '\0') /* the broker's own error says more */
                        snprintf(k->trouble, sizeof(k->trouble), "kafka: %s", text);
                break;
        case RD_KAFKA_RESP_ERR__FATAL:
                snprintf(k->trouble, sizeof(k->trouble), "kafka: the producer is started anew after: %s",
                         text);
                retry_soon(k);
                break;
        default:
                kafka_sentence(text, k->trouble, sizeof(k->trouble));
        }
}

static const char *topic_of(const struct kafka *k, const struct record *r, int *ret_len)
{
        *ret_len = r->dest.len > 0 ? (int)r->dest.len : (int)strlen(k->topic);
        return r->dest.len > 0 ? batch_at(r->batch, r->dest) : k->topic;
}

static void record_trouble(struct kafka *k, const struct record *r, rd_kafka_resp_err_t err)
{
        int len;
        const char *topic = topic_of(k, r, &len);

        switch (err) {
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
                snprintf(k->trouble, sizeof(k->trouble), "topic %.*s does not exist", len, topic);
                break;
        case RD_KAFKA_RESP_ERR__FATAL:
        case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
        case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
                break; /* consequences: on_error knows of what */
        default:
                snprintf(k->trouble, sizeof(k->trouble), "topic %.*s takes no records: %s", len, topic,
                         rd_kafka_err2str(err));
        }
}

/* --- flights -------------------------------------------------------------------------------- */

static struct flight *flight_new(struct kafka *k, struct batch *b, struct flight *before)
{
        struct flight *f = xcalloc(1, sizeof(*f));

        f->b = b;
        f->next = before;
        f->prev = before != NULL ? before->prev : k->last;
        *(f->prev != NULL ? &f->prev->next : &k->first) = f;
        *(before != NULL ? &before->prev : &k->last) = f;
        b->sink_data = f;
        for (size_t i = 0; i < b->n; i++)
                b->recs[i].batch = b;
        return f;
}

/* Every record has its verdict: the batch goes back. */
static void flight_end(struct kafka *k, struct flight *f)
{
        const struct clock *clock = loop_clock(k->sink.loop);
        struct batch *b = f->b;

        CHECK(f->in_client == 0 && b->waiting == 0);
        *(f->prev != NULL ? &f->prev->next : &k->first) = f->next;
        *(f->next != NULL ? &f->next->prev : &k->last) = f->prev;
        hist_add(&k->stats.seconds, (double)(clock->mono_ns(clock) - f->since_ns) / 1e9);
        b->sink_data = NULL;
        free(f);
        sink_done(&k->sink, &b);
}

/* What is settled need not wait for what is held: the held ones move into a flight of their own.  Their bytes are
 * copied, so nothing of the batch may be in librdkafka. */
static void flight_split(struct kafka *k, struct flight *f)
{
        struct batch *part = batch_split_waiting(f->b);
        struct flight *rest = flight_new(k, part, f);

        rest->since_ns = f->since_ns;
        sink_split(&k->sink, f->b, part);
        flight_end(k, f);
}

static void flight_check(struct kafka *k, struct flight *f)
{
        if (f->b->waiting == 0)
                flight_end(k, f);
        else if (f->in_client == 0 && f->b->waiting < f->b->n && !k->closing)
                flight_split(k, f);
}

/* --- verdicts ------------------------------------------------------------------------------- */

/* Verdict on one record for good, when it was alone in its request. */
static bool is_refusal(const struct record *r, rd_kafka_resp_err_t err)
{
        switch (err) {
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
                return r->dest.len > 0; /* the sink's own topic is the operator's to mend */
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
                return true;
        default:
                return false;
        }
}

/* Broker codes as Kafka numbers them; librdkafka's own, which are negative, without the sign. */
static uint16_t status_of(rd_kafka_resp_err_t err)
{
        return (uint16_t)abs((int)err);
}

static void settle(struct kafka *k, struct record *r, enum verdict v, unsigned status, const char *reason)
{
        stat_count(&k->stats.queued, -1);
        batch_settle(r->batch, r, v, status, reason, reason != NULL ? strlen(reason) : 0);
}

static void reject(struct kafka *k, struct record *r, rd_kafka_resp_err_t err)
{
        char reason[512];
        int len;
        const char *topic = topic_of(k, r, &len);

        snprintf(reason, sizeof(reason), "topic %.*s refused a record of %u bytes: %s", len, topic,
                 (unsigned)r->value.len, rd_kafka_err2str(err));
        settle(k, r, VERDICT_REJECT, status_of(err), reason);
}

static void deliver(struct kafka *k, struct record *r)
{
        stat_count(&k->stats.delivered, 1);
        settle(k, r, VERDICT_DONE, 0, NULL);
        k->trouble[0] = '\0';
        if (k->held == 0)
                backoff_reset(&k->backoff);
}

/* --- producing, and again ------------------------------------------------------------------- */

static void hold(struct kafka *k, struct record *r, rd_kafka_resp_err_t err)
{
        r->status = status_of(err);
        k->held++;
        k->held_own += r->dest.len == 0;
        retry_soon(k);
}

static void unhold(struct kafka *k, struct record *r)
{
        r->status = 0;
        k->held--;
        k->held_own -= r->dest.len == 0;
}

/* Hands r to c, or settles it, or holds it. */
static void produce(struct kafka *k, struct kafka_client *c, struct record *r)
{
        struct flight *f = r->batch->sink_data;
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__STATE;

        if (c->state == KAFKA_CLIENT_UP)
                err = kafka_client_produce(c, r);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                f->in_client++;
                return;
        }
        if (is_refusal(r, err)) { /* librdkafka's own limit: it looked at this record only */
                reject(k, r, err);
                return;
        }
        if (c->state == KAFKA_CLIENT_UP)
                record_trouble(k, r, err);
        hold(k, r, err);
}

/* The producer for suspects is made when the first one turns up. */
static struct kafka_client *suspects_client(struct kafka *k)
{
        if (kafka_client_is_down(&k->alone) &&
            kafka_client_start(&k->alone, k->conf_alone, k->topic, NULL) < 0)
                snprintf(k->trouble, sizeof(k->trouble), "kafka: a second producer could not be started");
        return &k->alone;
}

static void produce_again(struct kafka *k, struct kafka_client *c, struct record *r)
{
        stat_inc(&k->stats.retried);
        produce(k, c, r);
}

static void on_report(struct kafka_client *c, struct record *r, rd_kafka_resp_err_t err)
{
        struct kafka *k = c->owner.arg;
        struct flight *f = r->batch->sink_data;

        CHECK(f->in_client > 0);
        f->in_client--;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                deliver(k, r);
        } else {
                stat_inc(&k->stats.errors);
                if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
                        kafka_limit_ask(&k->limit);
                if (is_refusal(r, err) && c == &k->alone) {
                        reject(k, r, err);
                } else if (is_refusal(r, err) && !k->closing) {
                        produce_again(k, suspects_client(k), r);
                } else {
                        record_trouble(k, r, err);
                        hold(k, r, err);
                }
        }
        flight_check(k, f);
}

static int start(struct kafka *k, struct err *e)
{
        int r = kafka_client_start(&k->many, k->conf, k->topic, e);

        if (r < 0)
                return r;
        if (k->started)
                stat_inc(&k->stats.restarts);
        k->started = true;
        kafka_limit_started(&k->limit);
        return 0;
}

static void on_answer(struct kafka_client *c, rd_kafka_event_t *event)
{
        struct kafka *k = c->owner.arg;

        kafka_limit_answer(&k->limit, event);
}

/* The broker judges requests: one of many records must be no larger than the topic takes, or none of them gets in. */
static void shrink_requests(struct kafka *k, int64_t size)
{
        char text[32];
        struct err e;

        if (size >= k->batch_size)
                return;
        snprintf(text, sizeof(text), "%lld", (long long)size);
        if (kafka_property_set(k->conf, "batch.size", text, &e) < 0) {
                log_warn("kafka", "%s", e.msg);
                return;
        }
        k->batch_size = size;
        if (k->many.state != KAFKA_CLIENT_UP)
                return;
        k->started = false; /* this is no restart to be counted */
        kafka_client_renew(&k->many, "the topic takes smaller requests");
        retry_soon(k);
}

static void on_limit(void *arg)
{
        struct kafka *k = arg;
        int64_t limit = k->limit.bytes < k->own_limit ? k->limit.bytes : k->own_limit;

        k->sink.max_value = (size_t)kafka_limit_value(limit);
        stat_set(&k->stats.limit, (int64_t)k->sink.max_value);
        shrink_requests(k, k->limit.bytes);
}

/* Is there a producer to give records to?  Starts one when the last one is gone. */
static bool client_ready(struct kafka *k)
{
        struct err e;

        if (k->many.state == KAFKA_CLIENT_UP)
                return true;
        if (!kafka_client_is_down(&k->many)) {
                timer_arm(k->sink.loop, &k->retry, BURIAL_CHECK_MS);
                return false;
        }
        if (start(k, &e) < 0) {
                snprintf(k->trouble, sizeof(k->trouble), "%.*s", (int)sizeof(k->trouble) - 1, e.msg);
                retry_soon(k);
                return false;
        }
        return true;
}

static void on_settle(struct timer *t)
{
        struct kafka *k = t->arg;

        for (struct flight *f = k->first, *next; f != NULL; f = next) {
                next = f->next;
                flight_check(k, f);
        }
}

static void on_retry(struct timer *t)
{
        struct kafka *k = t->arg;

        if (!client_ready(k))
                return;
        for (struct flight *f = k->first; f != NULL && k->held > 0; f = f->next) {
                for (size_t i = 0; i < f->b->n && f->in_client < f->b->waiting; i++) {
                        struct record *r = &f->b->recs[i];

                        if (r->verdict != VERDICT_NONE || r->status == 0)
                                continue;
                        unhold(k, r);
                        produce_again(k, &k->many, r);
                }
        }
        timer_arm(k->sink.loop, &k->settle, 0); /* what librdkafka refused right away */
}

/* --- the sink ------------------------------------------------------------------------------- */

static void kafka_submit(struct sink *s, struct batch **b)
{
        struct kafka *k = kafka_of(s);
        const struct clock *clock = loop_clock(s->loop);
        struct flight *f = flight_new(k, *b, NULL);

        *b = NULL;
        f->since_ns = clock->mono_ns(clock);
        stat_add(&k->stats.queued, (int64_t)f->b->n);
        for (size_t i = 0; i < f->b->n; i++) {
                struct record *r = &f->b->recs[i];

                if (k->held_own > 0 && r->dest.len == 0)
                        hold(k, r, RD_KAFKA_RESP_ERR__STATE);
                else
                        produce(k, &k->many, r);
        }
        if (f->in_client < f->b->waiting || f->b->waiting == 0)
                timer_arm(s->loop, &k->settle, 0);
}

/* Some errors librdkafka retries for ever without a word, such as too few replicas in sync. */
static const char *slow_trouble(struct kafka *k)
{
        const struct clock *clock = loop_clock(k->sink.loop);
        int64_t age_ms = k->first != NULL ? (clock->mono_ns(clock) - k->first->since_ns) / 1000000 : 0;
        int len;

        if (age_ms < SLOW_MS)
                return NULL;
        const char *topic = topic_of(k, &k->first->b->recs[0], &len);
        snprintf(k->slow, sizeof(k->slow),
                 "topic %.*s: nothing is acknowledged for %lld s, and the client library does not say why; look at its "
                 "replicas in sync (min.insync.replicas) and at the brokers' log",
                 len, topic, (long long)(age_ms / 1000));
        return k->slow;
}

static const char *kafka_trouble(struct sink *s)
{
        struct kafka *k = kafka_of(s);

        return k->trouble[0] != '\0' ? k->trouble : slow_trouble(k);
}

static struct stat_group kafka_stats(struct sink *s)
{
        return (struct stat_group){ stat_rows, ARRAY_LEN(stat_rows), &kafka_of(s)->stats };
}

/* Order: the handles are destroyed first, so that no batch goes back while librdkafka may read it. */
static void kafka_close(struct sink *s)
{
        struct kafka *k = kafka_of(s);

        k->closing = true;
        kafka_limit_fini(&k->limit);
        timer_disarm(s->loop, &k->retry);
        timer_disarm(s->loop, &k->settle);
        kafka_client_stop(&k->many, CLOSE_WAIT_MS);
        kafka_client_stop(&k->alone, CLOSE_WAIT_MS);
        while (k->first != NULL) {
                struct flight *f = k->first;

                for (size_t i = 0; i < f->b->n; i++)
                        if (f->b->recs[i].verdict == VERDICT_NONE)
                                settle(k, &f->b->recs[i], VERDICT_RETRY, f->b->recs[i].status, NULL);
                f->in_client = 0;
                flight_end(k, f);
        }
}

static void kafka_free(struct sink *s)
{
        struct kafka *k = kafka_of(s);

        if (k->conf != NULL)
                rd_kafka_conf_destroy(k->conf);
        kafka_limit_fini(&k->limit);
        if (k->conf_alone != NULL)
                rd_kafka_conf_destroy(k->conf_alone);
        free(k->topic);
        free(k);
}

static const struct sink_ops kafka_ops = {
        .name = "kafka",
        .submit = kafka_submit,
        .trouble = kafka_trouble,
        .stats = kafka_stats,
        .close = kafka_close,
        .free = kafka_free,
};

/* --- making one ----------------------------------------------------------------------------- */

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name)
{
        char text[32];
        size_t size = sizeof(text);

        return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 0;
}

static void ask_limit(struct kafka *k)
{
        const struct kafka_limit with = { .client = &k->many, .topic = k->topic, .asking = &k->sink.asking,
                                          .known = on_limit, .arg = k };

        kafka_limit_init(&k->limit, &with);
        k->own_limit = number_of(k->conf, "message.max.bytes");
        k->batch_size = number_of(k->conf, "batch.size");
}

static int check_config(const struct kafka_config *c, struct err *e)
{
        size_t len = c->topic != NULL ? strlen(c->topic) : 0;

        if (c->brokers == NULL || c->brokers[0] == '\0')
                return err_set(e, EINVAL, "no Kafka brokers are given");
        if (len == 0 || len > KAFKA_TOPIC_MAX)
                return err_set(e, EINVAL, "a Kafka topic's name has 1 to %d characters", KAFKA_TOPIC_MAX);
        return 0;
}

struct sink *sink_kafka_new(struct loop *l, const struct kafka_config *c, const struct sink_owner *owner,
                            const struct sink_limits *limits, struct err *e)
{
        struct kafka *k = xcalloc(1, sizeof(*k));
        const struct kafka_client_owner us = { .report = on_report, .error = on_error, .answer = on_answer,
                                               .arg = k };

        k->sink = (struct sink){ .ops = &kafka_ops, .loop = l, .owner = *owner, .limits = *limits };
        k->retry = (struct timer){ .name = "kafka retry", .fn = on_retry, .arg = k };
        k->settle = (struct timer){ .name = "kafka settle", .fn = on_settle, .arg = k };
        backoff_init(&k->backoff, RETRY_BASE_MS, RETRY_MAX_MS);
        kafka_client_init(&k->many, "kafka", l, &us);
        kafka_client_init(&k->alone, "kafka suspects", l, &us);
        if (check_config(c, e) < 0 || kafka_producer_confs(c, &k->conf, &k->conf_alone, e) < 0)
                goto failed;
        k->topic = xstrdup(c->topic);
        if (c->ask_limit)
                ask_limit(k);
        if (start(k, e) < 0)
                goto failed;
        return &k->sink;

failed:
        kafka_free(&k->sink);
        return NULL;
}
