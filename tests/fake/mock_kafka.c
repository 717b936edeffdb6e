/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/mock_kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

static void no_log(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
        (void)rk, (void)level, (void)fac, (void)buf; /* tests break connections on purpose */
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
        CHECK(rd_kafka_conf_set(conf, name, value, NULL, 0) == RD_KAFKA_CONF_OK);
}

static int64_t now_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

struct mock_kafka *mock_kafka_new(int brokers)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char count[16];
        snprintf(count, sizeof count, "%d", brokers);
        set(conf, "test.mock.num.brokers", count);
        set(conf, "linger.ms", "0");
        rd_kafka_conf_set_log_cb(conf, no_log);

        struct mock_kafka *k = xcalloc(1, sizeof *k);
        k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
        CHECK(k->rk);
        k->cluster = rd_kafka_handle_mock_cluster(k->rk);
        CHECK(k->cluster);
        k->bootstrap = rd_kafka_mock_cluster_bootstraps(k->cluster);
        return k;
}

void mock_kafka_free(struct mock_kafka *k)
{
        if (!k)
                return;
        rd_kafka_destroy(k->rk);
        free(k);
}

void mock_kafka_topic(struct mock_kafka *k, const char *topic, int partitions)
{
        CHECK(rd_kafka_mock_topic_create(k->cluster, topic, partitions, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* ---- reading -------------------------------------------------------------------------------- */

static char *copy(const void *p, size_t n)
{
        if (!p)
                return NULL;
        char *s = xmalloc(n + 1);
        memcpy(s, p, n);
        s[n] = '\0';
        return s;
}

static void copy_headers(struct mock_record *r, const rd_kafka_message_t *m)
{
        rd_kafka_headers_t *headers;
        if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
                return;
        const char *name;
        const void *value;
        size_t len;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
                CHECK(r->nheaders < MOCK_HEADERS);
                r->headers[r->nheaders++] = (struct mock_header){ xstrdup(name), copy(value, len), len };
        }
}

static void add(struct mock_records *to, const rd_kafka_message_t *m)
{
        if ((to->n & (to->n - 1)) == 0) /* full at each power of two */
                to->v = xrealloc(to->v, (to->n > 0 ? to->n * 2 : 1) * sizeof *to->v);
        struct mock_record *r = &to->v[to->n++];
        *r = (struct mock_record){
                .partition = m->partition,
                .offset = m->offset,
                .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
                .key = copy(m->key, m->key_len),
                .key_len = m->key_len,
                .value = copy(m->payload, m->len),
                .value_len = m->len,
        };
        copy_headers(r, m);
}

static int by_position(const void *a, const void *b)
{
        const struct mock_record *x = a, *y = b;
        if (x->partition != y->partition)
                return x->partition < y->partition ? -1 : 1;
        return (x->offset > y->offset) - (x->offset < y->offset);
}

static rd_kafka_t *new_reader(struct mock_kafka *k)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "bootstrap.servers", k->bootstrap);
        set(conf, "group.id", "mock-kafka-reader");
        set(conf, "enable.auto.commit", "false");
        set(conf, "enable.partition.eof", "true");
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "fetch.wait.max.ms", "10");
        rd_kafka_conf_set_log_cb(conf, no_log);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
        CHECK(rk);
        return rk;
}

/* Assigns every partition from its beginning; how many there are. */
static size_t assign_all(rd_kafka_t *rk, const char *topic)
{
        rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
        const rd_kafka_metadata_t *meta;
        CHECK(rd_kafka_metadata(rk, 0, t, &meta, MOCK_KAFKA_DEADLINE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
        CHECK(meta->topic_cnt == 1);
        int n = meta->topics[0].partition_cnt;
        rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(n);
        for (int i = 0; i < n; i++)
                rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
        CHECK(n == 0 || rd_kafka_assign(rk, all) == RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_topic_partition_list_destroy(all);
        rd_kafka_metadata_destroy(meta);
        rd_kafka_topic_destroy(t);
        return (size_t)n;
}

struct mock_records mock_kafka_read(struct mock_kafka *k, const char *topic)
{
        struct mock_records got = { 0 };
        rd_kafka_t *rk = new_reader(k);
        size_t open = assign_all(rk, topic);
        for (int64_t deadline = now_ms() + MOCK_KAFKA_DEADLINE_MS; open > 0;) {
                CHECK(now_ms() < deadline);
                rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
                if (!m)
                        continue;
                if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                        open--;
                else if (!m->err)
                        add(&got, m);
                rd_kafka_message_destroy(m);
        }
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        if (got.n > 0)
                qsort(got.v, got.n, sizeof *got.v, by_position);
        return got;
}

struct mock_records mock_kafka_wait(struct mock_kafka *k, const char *topic, size_t n)
{
        for (int64_t deadline = now_ms() + MOCK_KAFKA_DEADLINE_MS;;) {
                struct mock_records got = mock_kafka_read(k, topic);
                if (got.n >= n)
                        return got;
                mock_records_free(&got);
                CHECK(now_ms() < deadline);
        }
}

void mock_records_free(struct mock_records *r)
{
        for (size_t i = 0; i < r->n; i++) {
                for (size_t h = 0; h < r->v[i].nheaders; h++) {
                        free(r->v[i].headers[h].name);
                        free(r->v[i].headers[h].value);
                }
                free(r->v[i].key);
                free(r->v[i].value);
        }
        free(r->v);
        *r = (struct mock_records){ 0 };
}

const char *mock_record_header(const struct mock_record *r, const char *name)
{
        for (size_t i = 0; i < r->nheaders; i++)
                if (strcmp(r->headers[i].name, name) == 0)
                        return r->headers[i].value;
        return NULL;
}

/* ---- putting in ----------------------------------------------------------------------------- */

void mock_kafka_put(struct mock_kafka *k, const char *topic, const struct mock_record *r)
{
        rd_kafka_vu_t vu[6 + MOCK_HEADERS] = {
                { .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic },
                { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition },
                { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { r->key, r->key_len } },
                { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { r->value, r->value_len } },
                { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
                { .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->timestamp_ms },
        };
        size_t n = 6;
        CHECK(r->nheaders <= MOCK_HEADERS);
        for (size_t i = 0; i < r->nheaders; i++) {
                vu[n].vtype = RD_KAFKA_VTYPE_HEADER;
                vu[n].u.header.name = r->headers[i].name;
                vu[n].u.header.val = r->headers[i].value;
                vu[n++].u.header.size = (ssize_t)r->headers[i].len;
        }
        rd_kafka_error_t *error = rd_kafka_produceva(k->rk, vu, n);
        CHECK(!error);
        CHECK(rd_kafka_flush(k->rk, MOCK_KAFKA_DEADLINE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
}
