/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_probe.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sinks/kafka_conf.h"
#include "sinks/kafka_property.h"
#include "sinks/kafka_sentence.h"
#include "sinks/kafka_limit.h"

enum {
        FIRST_WAIT_MS =
                250, /* between looks at what went wrong; doubles, so that a slow answer fits in one */
        SIDE_QUESTION_MS = 5000 /* for what is nice to know */
};

struct kafka_probe {
        struct report *report;                    /* borrowed */
        rd_kafka_t *rk;                           /* owned */
        rd_kafka_queue_t *answers;                /* owned */
        const struct rd_kafka_metadata *metadata; /* owned */
        int64_t deadline_ms;

        /* of the error callback */
        char why[512];
        bool all_down, not_permitted;
};

static int64_t now_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

static int left_ms(const struct kafka_probe *p, int64_t most)
{
        int64_t left = p->deadline_ms - now_ms();

        return (int)(left < 1 ? 1 : left > most ? most : left);
}

/* --- the connection -------------------------------------------------------------------------- */

static void on_error(rd_kafka_t *rk, int err, const char *text, void *arg)
{
        struct kafka_probe *p = arg;
        (void)rk;

        if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
                p->all_down = true;
                return;
        }
        if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
                p->not_permitted = true;
        kafka_sentence(text, p->why, sizeof(p->why));
}

/* All that it would say comes out as lines of the report. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
        (void)rk, (void)level, (void)facility, (void)text;
}

/* A consumer, since a producer has every topic that it hears of created; without a group it reads nothing. */
static rd_kafka_t *open_handle(struct kafka_probe *p, const struct kafka_place *place, struct err *e)
{
        rd_kafka_conf_t *conf;
        char why[512];

        if (kafka_conf_new(place->brokers, place->security, place->properties, &conf, e) < 0)
                return NULL;
        /* It joins none; but librdkafka crashes when it is asked for a group's offsets, has none of its own and finds
         * the coordinator loading (librdkafka issue 5040). */
        if (place->group && kafka_property_set(conf, "group.id", place->group, e) < 0) {
                rd_kafka_conf_destroy(conf);
                return NULL;
        }
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_log_cb(conf, on_log);
        rd_kafka_conf_set_opaque(conf, p);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        if (!rk) {
                rd_kafka_conf_destroy(conf);
                err_set(e, EINVAL, "librdkafka: %s", why);
        }
        return rk;
}

/* Until an answer, or until every broker was tried and failed: that will not be better by waiting for it here. */
static rd_kafka_resp_err_t fetch_metadata(struct kafka_probe *p)
{
        rd_kafka_resp_err_t err;
        int64_t wait = FIRST_WAIT_MS;

        do {
                err = rd_kafka_metadata(p->rk, 1, NULL, &p->metadata, left_ms(p, wait));
                while (rd_kafka_poll(p->rk, 0) > 0)
                        ;
                wait *= 2;
        } while (err && !p->all_down && !p->not_permitted && now_ms() < p->deadline_ms);
        return err;
}

static const char *advice(const struct kafka_probe *p)
{
        if (p->not_permitted)
                return "look at sasl, username and password in kafka.security";
        if (strstr(p->why, "resolve"))
                return "look at kafka.brokers and at the name service";
        if (strstr(p->why, "refused"))
                return "nothing listens there: is the broker up, is the port in kafka.brokers right?";
        if (strstr(p->why, "SSL") || strstr(p->why, "ssl"))
                return "look at tls and the certificates in kafka.security";
        return "look at kafka.brokers, at the network, and whether this port wants TLS, a user, or neither (kafka.security)";
}

static void tell_unreachable(struct kafka_probe *p, const char *subject, rd_kafka_resp_err_t err)
{
        if (!p->why[0])
                snprintf(p->why, sizeof(p->why), "no broker answers: %s", rd_kafka_err2str(err));
        report_fail(p->report, p->not_permitted ? EX_NOPERM : EX_UNAVAILABLE, subject, "%s; %s", p->why,
                    advice(p));
}

/* The round trip is that of a second question: the first one's time is mostly connecting. */
static void tell_cluster(struct kafka_probe *p, const char *subject)
{
        const struct rd_kafka_metadata *again = NULL;
        char *id = rd_kafka_clusterid(p->rk, left_ms(p, SIDE_QUESTION_MS));
        int64_t begun = now_ms();
        rd_kafka_resp_err_t err = rd_kafka_metadata(p->rk, 1, NULL, &again, left_ms(p, SIDE_QUESTION_MS));
        long long took = (long long)(now_ms() - begun);
        int n = p->metadata->broker_cnt;

        if (err)
                report_warn(p->report, subject, "answered once, then no more: %s", rd_kafka_err2str(err));
        else
                report_ok(p->report, subject, "%d broker%s, cluster %s, %lld ms", n, n == 1 ? "" : "s",
                          id ? id : "without a name", took);
        if (again)
                rd_kafka_metadata_destroy(again);
        rd_kafka_mem_free(p->rk, id);
}

/* What stands before an @ has no business there, and might be a password. */
static char *subject_of(const char *brokers)
{
        const char *at = strrchr(brokers, '@');
        return xasprintf("kafka %s", at ? at + 1 : brokers);
}

static bool ask_cluster(struct kafka_probe *p, const struct kafka_place *place)
{
        struct err e = { 0 };
        char *subject = subject_of(place->brokers);

        p->rk = open_handle(p, place, &e);
        if (!p->rk) {
                report_fail(p->report, EX_CONFIG, subject, "%s", e.msg);
        } else {
                p->answers = rd_kafka_queue_new(p->rk);
                rd_kafka_resp_err_t err = fetch_metadata(p);
                if (err)
                        tell_unreachable(p, subject, err);
                else
                        tell_cluster(p, subject);
        }
        if (place->security && kafka_security_is_open(place->security))
                report_warn(p->report, subject, "the password of %s goes over the network as it is: set tls in kafka.security",
                            place->security->username);
        free(subject);
        return p->metadata != NULL;
}

struct kafka_probe *kafka_probe_new(const struct kafka_place *place, int64_t timeout_ms, struct report *report)
{
        struct kafka_probe *p = xcalloc(1, sizeof(*p));

        p->report = report;
        p->deadline_ms = now_ms() + timeout_ms;
        if (ask_cluster(p, place))
                return p;
        kafka_probe_free(p);
        return NULL;
}

void kafka_probe_free(struct kafka_probe *p)
{
        if (!p)
                return;
        if (p->metadata)
                rd_kafka_metadata_destroy(p->metadata);
        if (p->answers)
                rd_kafka_queue_destroy(p->answers);
        if (p->rk)
                rd_kafka_destroy(p->rk);
        free(p);
}

/* --- a topic ---------------------------------------------------------------------------------- */

static const struct rd_kafka_metadata_topic *find(const struct kafka_probe *p, const char *topic)
{
        for (int i = 0; i < p->metadata->topic_cnt; i++)
                if (strcmp(p->metadata->topics[i].topic, topic) == 0)
                        return &p->metadata->topics[i];
        return NULL;
}

const char *kafka_probe_name(const struct kafka_probe *p, int i)
{
        return i < p->metadata->topic_cnt ? p->metadata->topics[i].topic : NULL;
}

bool kafka_probe_has(const struct kafka_probe *p, const char *topic)
{
        return find(p, topic) != NULL;
}

static rd_kafka_AdminOptions_t *options(struct kafka_probe *p, rd_kafka_admin_op_t op)
{
        char why[256];
        rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(p->rk, op);
        int ms = left_ms(p, SIDE_QUESTION_MS);

        rd_kafka_resp_err_t err = rd_kafka_AdminOptions_set_request_timeout(o, ms, why, sizeof(why));
        CHECK(err == RD_KAFKA_RESP_ERR_NO_ERROR);
        return o;
}

/* max.message.bytes, or -1: the broker does not tell, which may be a matter of rights. */
static int64_t ask_limit(struct kafka_probe *p, const char *topic)
{
        rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
        rd_kafka_AdminOptions_t *o = options(p, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        int64_t limit = -1;
        rd_kafka_resp_err_t err;
        const char *why;

        rd_kafka_DescribeConfigs(p->rk, &resource, 1, o, p->answers);
        rd_kafka_event_t *event = rd_kafka_queue_poll(p->answers, -1); /* the request has a timeout */
        if (event)
                limit = kafka_limit_of(event, &err, &why);
        rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(o);
        rd_kafka_ConfigResource_destroy(resource);
        return limit;
}

static int leaderless(const struct rd_kafka_metadata_topic *t)
{
        int n = 0;

        for (int i = 0; i < t->partition_cnt; i++)
                n += t->partitions[i].leader < 0;
        return n;
}

static void tell_topic(struct kafka_probe *p, const char *subject, const struct rd_kafka_metadata_topic *t,
                       int64_t largest_record)
{
        int64_t limit = largest_record > 0 && leaderless(t) == 0 ? ask_limit(p, t->topic) : 0;
        int n = t->partition_cnt;
        const char *s = n == 1 ? "" : "s";

        if (leaderless(t) > 0)
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "%d of %d partition%s without a leader: "
                            "brokers of the cluster are down",
                            leaderless(t), n, s);
        else if (largest_record == 0)
                report_ok(p->report, subject, "%d partition%s", n, s);
        else if (limit < 0)
                report_ok(p->report, subject, "%d partition%s, largest record not told", n, s);
        else if (limit < largest_record)
                report_warn(p->report, subject,
                            "%d partition%s, records up to %lld bytes: lines that would make one of up to %lld bytes, as the "
                            "settings allow, are cut; raise the topic's max.message.bytes",
                            n, s, (long long)limit, (long long)largest_record);
        else
                report_ok(p->report, subject, "%d partition%s, records up to %lld bytes", n, s,
                          (long long)limit);
}

void kafka_probe_topic(struct kafka_probe *p, const char *topic, int64_t largest_record)
{
        char *subject = xasprintf("topic %s", topic);
        const struct rd_kafka_metadata_topic *t = find(p, topic);

        if (!t)
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "does not exist on the cluster, or is hidden from this "
                            "user: create it, or let the broker make it at the first record");
        else if (t->err)
                report_fail(p->report, EX_UNAVAILABLE, subject, "%s", rd_kafka_err2str(t->err));
        else
                tell_topic(p, subject, t, largest_record);
        free(subject);
}

/* --- the group -------------------------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *partitions_of(const struct kafka_probe *p,
                                                      const struct strlist *topics)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

        for (size_t i = 0; i < topics->n; i++) {
                const struct rd_kafka_metadata_topic *t = find(p, topics->v[i]);
                for (int k = 0; t && k < t->partition_cnt; k++)
                        rd_kafka_topic_partition_list_add(list, t->topic, t->partitions[k].id);
        }
        return list;
}

struct lag {
        long long records;
        int with_offset, unknown;
};

static void add_lag(struct kafka_probe *p, const rd_kafka_topic_partition_t *tp, struct lag *lag)
{
        int64_t low, high;

        if (tp->err || rd_kafka_query_watermark_offsets(p->rk, tp->topic, tp->partition, &low, &high,
                                                        left_ms(p, SIDE_QUESTION_MS))) {
                lag->unknown++;
                return;
        }
        int64_t from = tp->offset >= 0 ? tp->offset : low;
        lag->with_offset += tp->offset >= 0;
        lag->records += high > from ? high - from : 0;
}

static void tell_lag(struct kafka_probe *p, const char *subject,
                     const rd_kafka_topic_partition_list_t *offsets)
{
        struct lag lag = { 0 };

        for (int i = 0; i < offsets->cnt; i++)
                add_lag(p, &offsets->elems[i], &lag);
        if (lag.unknown > 0)
                report_warn(p->report, subject, "position of %d partitions not told", lag.unknown);
        else if (lag.with_offset == 0)
                report_ok(p->report, subject, "has committed nothing yet: would begin with %lld records",
                          lag.records);
        else
                report_ok(p->report, subject, "%lld records behind", lag.records);
}

/* By the admin protocol, which any number of others may use without the group's members noticing. */
void kafka_probe_group(struct kafka_probe *p, const char *group, const struct strlist *topics)
{
        char *subject = xasprintf("group %s", group);
        rd_kafka_topic_partition_list_t *list = partitions_of(p, topics);
        rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, list);
        rd_kafka_AdminOptions_t *o = options(p, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
        size_t n = 0;

        if (list->cnt == 0)
                goto out;
        rd_kafka_ListConsumerGroupOffsets(p->rk, &request, 1, o, p->answers);
        rd_kafka_event_t *event = rd_kafka_queue_poll(p->answers, -1); /* the request has a timeout */
        rd_kafka_resp_err_t err = rd_kafka_event_error(event);
        const rd_kafka_group_result_t **groups = NULL;
        if (!err)
                groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                        rd_kafka_event_ListConsumerGroupOffsets_result(event), &n);
        if (err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
                report_fail(p->report, EX_NOPERM, subject, "%s: this user needs READ on the group",
                            rd_kafka_err2str(err));
        else if (err || n != 1 || rd_kafka_group_result_error(groups[0]))
                report_warn(p->report, subject, "position not told%s%s", err ? ": " : "",
                            err ? rd_kafka_err2str(err) : "");
        else
                tell_lag(p, subject, rd_kafka_group_result_partitions(groups[0]));
        rd_kafka_event_destroy(event);
out:
        rd_kafka_AdminOptions_destroy(o);
        rd_kafka_ListConsumerGroupOffsets_destroy(request);
        rd_kafka_topic_partition_list_destroy(list);
        free(subject);
}
