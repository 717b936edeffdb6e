/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in a topic.  Partitions are read one after the other, so that letters have the same order each time. */
#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/letters.h"
#include "sinks/kafka_conf.h"
#include "sinks/kafka_property.h"
#include "sinks/kafka_sentence.h"

enum { POLL_MS = 100, MAX_HEADERS = 64 };

struct topic {
        struct letters letters;
        const struct collector_config *config;  /* borrowed */
        const char *name;                       /* borrowed from it */
        rd_kafka_t *consumer, *producer;        /* owned; the producer is made for the first marker */
        int32_t partitions;
        int64_t *ends;                          /* owned; of each partition, when the reading began */
        char trouble[512];                      /* what librdkafka said last */
        size_t unmarked;                        /* markers that were not acknowledged */

        letters_fn *fn;                         /* of the reading that goes on; NULL: markers are collected */
        void *arg;
        bool stopped;
};

static struct topic *topic_of(struct letters *ls)
{
        return container_of(ls, struct topic, letters);
}

static int64_t now_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
        struct topic *t = opaque;

        (void)rk;
        if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !t->trouble[0])
                kafka_sentence(reason, t->trouble, sizeof(t->trouble));
}

static int unreachable(const struct topic *t, const char *what, const char *why, struct err *e)
{
        return err_set(e, EHOSTUNREACH, "%s of topic %s: %s", what, t->name, t->trouble[0] ? t->trouble : why);
}

/* --- reading ---------------------------------------------------------------------------------- */

static size_t headers_of(const rd_kafka_message_t *m, struct incoming_header list[MAX_HEADERS])
{
        rd_kafka_headers_t *all;
        const void *value;
        size_t n = 0;

        if (rd_kafka_message_headers(m, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
                return 0;
        while (n < MAX_HEADERS && rd_kafka_header_get_all(all, n, &list[n].name, &value, &list[n].len) == RD_KAFKA_RESP_ERR_NO_ERROR)
                list[n++].value = value;
        return n;
}

static bool is_marker(const struct incoming_header *list, size_t n, uint64_t *ret_key)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i].name, "sluice.redriven") == 0)
                        return letter_read_place(list[i].value, list[i].len, ret_key);
        return false;
}

static void give(struct topic *t, const rd_kafka_message_t *m, struct letter *l)
{
        char name[48];
        int len = snprintf(name, sizeof(name), "%" PRId32 ":%" PRId64, m->partition, m->offset);

        l->key = letter_place_key(m->partition, m->offset);
        l->name = l->where = (struct letter_text){ name, (size_t)len };
        l->id = (struct letter_text){ m->key, m->key_len };
        l->document = (struct letter_text){ m->payload, m->len };
        l->refused_ms = rd_kafka_message_timestamp(m, NULL);
        l->redriven = letters_noted(&t->letters, l->key);
        t->stopped = !t->fn(t->arg, l);
}

static void take(struct topic *t, const rd_kafka_message_t *m)
{
        struct incoming_header list[MAX_HEADERS];
        size_t n = headers_of(m, list);
        struct letter l;
        uint64_t key;
        bool marker = is_marker(list, n, &key);

        if (!t->fn) {
                if (marker)
                        letters_note(&t->letters, key);
        } else if (!marker) {
                if (letter_read_headers(list, n, &l))
                        give(t, m, &l);
                else
                        t->letters.strangers++;
        }
}

static rd_kafka_resp_err_t assign(struct topic *t, int32_t partition)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

        if (partition >= 0)
                rd_kafka_topic_partition_list_add(list, t->name, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_resp_err_t r = rd_kafka_assign(t->consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        return r;
}

/* 1: there is more, 0: this partition is through. */
static int on_message(struct topic *t, int32_t partition, const rd_kafka_message_t *m, struct err *e)
{
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                return m->partition == partition ? 0 : 1;
        if (m->err)
                return unreachable(t, "a record", rd_kafka_message_errstr(m), e);
        if (m->partition != partition)
                return 1;               /* fetched before the assignment changed */
        if (m->offset >= t->ends[partition])
                return 0;
        take(t, m);
        return !t->stopped && m->offset + 1 < t->ends[partition];
}

static int read_partition(struct topic *t, int32_t partition, struct err *e)
{
        int64_t last_ms = now_ms();
        int r = 1;

        if (assign(t, partition) != RD_KAFKA_RESP_ERR_NO_ERROR)
                return unreachable(t, "partitions", "cannot be assigned", e);
        while (r > 0) {
                rd_kafka_message_t *m = rd_kafka_consumer_poll(t->consumer, POLL_MS);
                if (m) {
                        r = on_message(t, partition, m, e);
                        rd_kafka_message_destroy(m);
                        last_ms = now_ms();     /* fn may have taken its time */
                } else if (now_ms() - last_ms > t->config->life.start_timeout_ms) {
                        r = unreachable(t, "records", "nothing comes", e);
                }
        }
        return r;
}

static int pass(struct topic *t, letters_fn *fn, void *arg, struct err *e)
{
        int r = 0;

        t->fn = fn;
        t->arg = arg;
        t->stopped = false;
        for (int32_t p = 0; r == 0 && !t->stopped && p < t->partitions; p++)
                if (t->ends[p] > 0)
                        r = read_partition(t, p, e);
        assign(t, -1);
        return r;
}

/* A partition that is empty ends at 0 here. */
static int ask_ends(struct topic *t, struct err *e)
{
        for (int32_t p = 0; p < t->partitions; p++) {
                int64_t low, high;
                rd_kafka_resp_err_t r = rd_kafka_query_watermark_offsets(t->consumer, t->name, p, &low, &high,
                                                                         (int)t->config->life.start_timeout_ms);
                if (r != RD_KAFKA_RESP_ERR_NO_ERROR)
                        return unreachable(t, "the end", rd_kafka_err2str(r), e);
                t->ends[p] = low < high ? high : 0;
        }
        return 0;
}

static int topic_read(struct letters *ls, letters_fn *fn, void *arg, struct err *e)
{
        struct topic *t = topic_of(ls);
        int r = ask_ends(t, e);

        if (r == 0)
                r = pass(t, NULL, NULL, e);
        return r == 0 ? pass(t, fn, arg, e) : r;
}

/* --- marking ---------------------------------------------------------------------------------- */

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
        struct topic *t = opaque;

        (void)rk;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                t->unmarked--;
        else
                snprintf(t->trouble, sizeof(t->trouble), "%s", rd_kafka_err2str(m->err));
}

static rd_kafka_t *make_client(struct topic *t, rd_kafka_type_t type, const char *const (*own)[2], size_t n, struct err *e)
{
        const struct consumer_config *k = &t->config->kafka;
        rd_kafka_conf_t *conf;
        char why[512];
        int r = kafka_conf_new(k->brokers, &k->security, &k->librdkafka, &conf, e);

        if (r < 0)
                return NULL;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = kafka_property_set(conf, own[i][0], own[i][1], e);
        if (r < 0) {
                rd_kafka_conf_destroy(conf);
                return NULL;
        }
        rd_kafka_conf_set_opaque(conf, t);
        rd_kafka_conf_set_error_cb(conf, on_error);
        if (type == RD_KAFKA_PRODUCER)
                rd_kafka_conf_set_dr_msg_cb(conf, on_report);
        kafka_conf_log(conf);
        rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
        if (!rk) {
                rd_kafka_conf_destroy(conf);
                err_set(e, EINVAL, "kafka: %s", why);
        }
        return rk;
}

static int open_producer(struct topic *t, struct err *e)
{
        char timeout[24];
        const char *const own[][2] = {
                { "acks", "all" },
                { "enable.idempotence", "true" },
                { "message.timeout.ms", timeout },
                { "linger.ms", "5" },
                { "batch.size", "4096" },       /* a topic for letters may take less in one batch than others */
        };

        snprintf(timeout, sizeof(timeout), "%lld", (long long)t->config->life.start_timeout_ms);
        t->producer = make_client(t, RD_KAFKA_PRODUCER, own, ARRAY_LEN(own), e);
        return t->producer ? 0 : -e->code;
}

/* In the letter's own partition and under its key: retention and compaction treat them alike. */
static bool produce_marker(struct topic *t, const struct letter_text *name, const char *key, size_t key_len)
{
        struct buf json = { 0 };
        rd_kafka_headers_t *headers = rd_kafka_headers_new(1);

        letter_put_marker(&json, name, clock_system.wall_ns(&clock_system));
        rd_kafka_header_add(headers, "sluice.redriven", -1, name->p, (ssize_t)name->len);
        rd_kafka_vu_t vu[] = {
                { .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = t->name },
                { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)strtol(name->p, NULL, 10) },
                { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)key, key_len } },
                { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { json.data, json.len } },
                { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK },
                { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
        };
        rd_kafka_error_t *error = rd_kafka_produceva(t->producer, vu, ARRAY_LEN(vu));
        bool taken = error == NULL;

        if (taken)
                t->unmarked++;
        else
                snprintf(t->trouble, sizeof(t->trouble), "%s", rd_kafka_error_string(error));
        if (!taken)
                rd_kafka_headers_destroy(headers);
        rd_kafka_error_destroy(error);
        buf_fini(&json);
        return taken;
}

static int topic_mark(struct letters *ls, const struct batch *b, struct err *e)
{
        struct topic *t = topic_of(ls);
        bool ok = true;

        if (!t->producer && open_producer(t, e) < 0)
                return -e->code;
        t->unmarked = 0;
        for (size_t i = 0; ok && i < b->n; i++) {
                const struct record *r = &b->recs[i];
                if (!letters_stands(r))
                        continue;
                struct letter_text name = letters_recall(b, r);
                if (!letters_is_of_topic(&name))
                        continue;
                ok = produce_marker(t, &name, batch_at(b, r->id), r->id.len);
        }
        rd_kafka_flush(t->producer, (int)t->config->life.start_timeout_ms + POLL_MS);
        return ok && t->unmarked == 0 ? 0 : unreachable(t, "markers", "not acknowledged in time", e);
}

/* --- life ------------------------------------------------------------------------------------- */

static void topic_close(struct letters *ls)
{
        struct topic *t = topic_of(ls);

        if (t->producer)
                rd_kafka_destroy(t->producer);
        if (t->consumer)
                rd_kafka_destroy(t->consumer);
        free(t->ends);
        free(t);
}

static int open_consumer(struct topic *t, struct err *e)
{
        const char *const own[][2] = {
                { "group.id", t->config->kafka.group },         /* named, and never joined */
                { "enable.auto.commit", "false" },
                { "enable.auto.offset.store", "false" },
                { "auto.offset.reset", "earliest" },
                { "enable.partition.eof", "true" },
                { "queued.max.messages.kbytes", "8192" },
                { "fetch.wait.max.ms", "10" },  /* the next partition's fetch waits behind the last one's */
        };

        t->consumer = make_client(t, RD_KAFKA_CONSUMER, own, ARRAY_LEN(own), e);
        if (!t->consumer)
                return -e->code;
        rd_kafka_poll_set_consumer(t->consumer);
        return 0;
}

/* In the list of all topics: a question for one by name may make it come into being. */
static int count_partitions(struct topic *t, struct err *e)
{
        const struct rd_kafka_metadata *all;
        rd_kafka_resp_err_t r = rd_kafka_metadata(t->consumer, 1, NULL, &all, (int)t->config->life.start_timeout_ms);

        if (r != RD_KAFKA_RESP_ERR_NO_ERROR) {
                rd_kafka_message_t *m = rd_kafka_consumer_poll(t->consumer, POLL_MS);   /* what it says of the brokers */
                if (m)
                        rd_kafka_message_destroy(m);
                return unreachable(t, "partitions", rd_kafka_err2str(r), e);
        }
        for (int i = 0; i < all->topic_cnt; i++)
                if (strcmp(all->topics[i].topic, t->name) == 0)
                        t->partitions = all->topics[i].partition_cnt;
        rd_kafka_metadata_destroy(all);
        if (t->partitions == 0)
                return err_set(e, ENOENT, "kafka %s has no topic %s: no dead letter was written to it, or dlq.topic is another",
                               t->config->kafka.brokers, t->name);
        t->ends = xcalloc((size_t)t->partitions, sizeof(*t->ends));
        return 0;
}

static const struct letters_ops ops = { .read = topic_read, .mark = topic_mark, .close = topic_close };

struct letters *letters_open_topic(const struct collector_config *c, struct err *e)
{
        if (!c->kafka.brokers) {
                err_set(e, EINVAL, "kafka.brokers: must be set, in the file (-c) or by --brokers HOST:PORT,...");
                return NULL;
        }
        struct topic *t = xcalloc(1, sizeof(*t));
        t->letters.ops = &ops;
        t->config = c;
        t->name = c->dlq.topic;
        t->letters.place = xasprintf("topic %s", t->name);
        if (open_consumer(t, e) < 0 || count_partitions(t, e) < 0) {
                letters_close(&t->letters);
                return NULL;
        }
        return &t->letters;
}
