/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/topics.h"
#include "sinks/kafka_conf.h"
#include "sinks/kafka_property.h"

enum {
        DESTROY_S = 5,                  /* for librdkafka to end its threads */
        MAX_FETCHED = 256 << 20,        /* bytes in librdkafka's queue that are enough for any rate */
};

static const char *const fetch_defaults[] = {
        "fetch.max.bytes=262144",
        "fetch.message.max.bytes=262144",
        "fetch.wait.max.ms=100",
};

struct fetch_limits client_fetch_limits(int64_t memory)
{
        int64_t share = memory / FETCHED_PART < MAX_FETCHED ? memory / FETCHED_PART : MAX_FETCHED;
        return (struct fetch_limits){ .payload_bytes = share / 5 * 3, .records = share / 5 * 2 / RECORD_OVERHEAD };
}

static int set_properties(struct consume *c, rd_kafka_conf_t *conf, struct err *e)
{
        const struct consumer_config *k = &c->config->kafka;
        struct fetch_limits limits = client_fetch_limits(c->config->memory);
        char session[32], kib[32], records[32];

        snprintf(session, sizeof(session), "%lld", (long long)k->session_timeout_ms);
        snprintf(kib, sizeof(kib), "%lld", (long long)limits.payload_bytes >> 10);
        snprintf(records, sizeof(records), "%lld", (long long)limits.records);
        const char *const own[][2] = {
                { "group.id", k->group },
                { "enable.auto.commit", "false" },
                { "enable.auto.offset.store", "false" },
                { "auto.offset.reset", "error" },
                { "partition.assignment.strategy",
                  k->assignment == ASSIGN_COOPERATIVE ? "cooperative-sticky" : "range" },
                { "session.timeout.ms", session },
                { "heartbeat.interval.ms", "1000" },    /* that a rebalance goes on is heard in one */
                /* Of a consumer only a lower bound of fetch.max.bytes: a larger record still arrives. */
                { "message.max.bytes", "65536" },
                { "queued.max.messages.kbytes", kib },
                { "queued.min.messages", records },
                { "enable.partition.eof", "true" },     /* tells of offsets that hold no record */
        };
        for (size_t i = 0; i < ARRAY_LEN(own); i++) {
                int r = kafka_property_set(conf, own[i][0], own[i][1], e);
                if (r < 0)
                        return r;
        }
        if (k->group_instance_id && k->group_instance_id[0]) {
                int r = kafka_property_set(conf, "group.instance.id", k->group_instance_id, e);
                if (r < 0)
                        return r;
        }
        rd_kafka_conf_set_opaque(conf, c);
        rd_kafka_conf_set_rebalance_cb(conf, group_on_rebalance);
        rd_kafka_conf_set_offset_commit_cb(conf, group_on_commit);
        rd_kafka_conf_set_error_cb(conf, consume_on_error);
        kafka_conf_log(conf);
        return 0;
}

/* --- are we joining? -------------------------------------------------------------------------- */

enum { JOIN_GROUP = 11, HEARTBEAT = 12, SYNC_GROUP = 14 };      /* API keys */

static rd_kafka_resp_err_t on_sent(rd_kafka_t *rk, int fd, const char *broker, int32_t id, int16_t key, int16_t version,
                                   int32_t number, size_t size, void *opaque)
{
        struct joining *j = opaque;

        (void)rk, (void)fd, (void)broker, (void)id, (void)version, (void)number, (void)size;
        if (key == JOIN_GROUP)
                atomic_store(&j->on, true);
        else if (key == HEARTBEAT)      /* only a member that has joined has a heart: an answer got lost */
                atomic_store(&j->on, false);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_answered(rd_kafka_t *rk, int fd, const char *broker, int32_t id, int16_t key,
                                       int16_t version, int32_t number, size_t size, int64_t rtt, rd_kafka_resp_err_t err,
                                       void *opaque)
{
        struct joining *j = opaque;

        (void)rk, (void)fd, (void)broker, (void)id, (void)version, (void)number, (void)size, (void)rtt, (void)err;
        if (key == SYNC_GROUP)
                atomic_store(&j->on, false);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *why, size_t size)
{
        rd_kafka_resp_err_t err = rd_kafka_interceptor_add_on_request_sent(rk, "joining", on_sent, opaque);

        (void)conf, (void)why, (void)size;
        return err ? err : rd_kafka_interceptor_add_on_response_received(rk, "joining", on_answered, opaque);
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
        int r = kafka_conf_new(c->config->kafka.brokers, &c->config->kafka.security, &all, &conf, e);
        free(all.v);
        if (r < 0)
                return r;
        r = set_properties(c, conf, e);
        if (r < 0) {
                rd_kafka_conf_destroy(conf);
                return r;
        }
        c->joining = xcalloc(1, sizeof(*c->joining));
        rd_kafka_conf_interceptor_add_on_new(conf, "joining", on_new, c->joining);
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
        rd_kafka_resp_err_t r = rd_kafka_metadata(c->rk, 1, NULL, &all, (int)c->config->life.start_timeout_ms);

        if (r != RD_KAFKA_RESP_ERR_NO_ERROR) {
                rd_kafka_topic_partition_list_destroy(list);
                return err_set(e, EHOSTUNREACH, "no answer from kafka %s: %s", c->config->kafka.brokers, rd_kafka_err2str(r));
        }
        for (int t = 0; t < all->topic_cnt; t++)
                if (topics_mean(topics, all->topics[t].topic))
                        for (int p = 0; p < all->topics[t].partition_cnt; p++)
                                rd_kafka_topic_partition_list_add(list, all->topics[t].topic, p)->offset =
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

int client_open(struct consume *c, struct err *e)
{
        int r = make_client(c, e);

        if (r < 0)
                return r;
        return c->config->life.dry_run ? take_all(c, e) : subscribe(c, e);
}

static void *destroy(void *rk)
{
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return NULL;
}

/* librdkafka 2.0 may never come back from it, seen with a topic that was deleted and made anew. */
static bool destroy_in_time(rd_kafka_t *rk)
{
        pthread_t thread;
        struct timespec deadline;

        if (pthread_create(&thread, NULL, destroy, rk) != 0) {
                destroy(rk);
                return true;
        }
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += DESTROY_S;
        if (pthread_timedjoin_np(thread, NULL, &deadline) == 0)
                return true;
        log_warn("consume", "librdkafka does not end its consumer; going on without it");
        pthread_detach(thread);
        return false;
}

/* librdkafka 2.0 aborts when it ends a member that has joined and got no assignment yet: its sticky assignor insists
 * on a state that only the first assignment makes (rd_kafka_sticky_assignor_state_destroy).  Such a client has left
 * its group and is given up as it is; the process is about to end, or begins a new one. */
static bool may_destroy(const struct consume *c)
{
        return c->assigned || !c->joined || c->config->kafka.assignment != ASSIGN_COOPERATIVE;
}

void client_bury(struct consume *c)
{
        bool over = !c->rk || (may_destroy(c) && destroy_in_time(c->rk));

        if (over)
                free(c->joining);       /* else its threads still write there */
        c->joining = NULL;
        c->rk = NULL;
}
