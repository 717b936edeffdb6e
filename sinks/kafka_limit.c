/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_limit.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum {
        REQUEST_MS = 10000,     /* librdkafka waits so long for a broker */
        AGAIN_MS = 2000,        /* after no answer */
        PERIOD_MS = 5000,       /* between two questions that refused records lead to */
        AROUND_VALUE = 1024,    /* head of a record batch and of a record, key and headers */
};

int64_t kafka_limit_value(int64_t limit)
{
        return limit > 2 * AROUND_VALUE ? limit - AROUND_VALUE : limit / 2;
}

int64_t kafka_limit_of(rd_kafka_event_t *event, rd_kafka_resp_err_t *ret_err, const char **ret_why)
{
        size_t n = 0, nentries = 0;

        *ret_err = rd_kafka_event_error(event);
        *ret_why = rd_kafka_event_error_string(event);
        if (*ret_err)
                return -1;
        const rd_kafka_ConfigResource_t **resources =
                rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
        *ret_why = "the answer is empty";
        if (n != 1)
                return -1;
        *ret_err = rd_kafka_ConfigResource_error(resources[0]);
        *ret_why = *ret_err ? rd_kafka_err2str(*ret_err) : "max.message.bytes is not in the answer";
        const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &nentries);
        for (size_t i = 0; !*ret_err && i < nentries; i++) {
                const char *value = rd_kafka_ConfigEntry_value(entries[i]);
                if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0)
                        return strtoll(value, NULL, 10);
        }
        return -1;
}

/* --- asking ---------------------------------------------------------------------------------- */

static void ask(struct kafka_limit *l)
{
        char why[256];

        if (l->client->state != KAFKA_CLIENT_UP || l->under_way)
                return;
        rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, l->topic);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(l->client->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, why, sizeof(why));
        rd_kafka_DescribeConfigs(l->client->rk, &resource, 1, options, l->client->queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ConfigResource_destroy(resource);
        l->under_way = true;
        l->asked_ms = loop_now_ms(l->client->loop);
}

static void on_again(struct timer *t)
{
        ask(t->arg);
}

/* Nobody answers: what waits goes on with what is known. */
static void on_patience(struct timer *t)
{
        struct kafka_limit *l = t->arg;

        *l->asking = false;
}

void kafka_limit_init(struct kafka_limit *l, const struct kafka_limit *with)
{
        *l = *with;
        l->again = (struct timer){ .name = "kafka limit", .fn = on_again, .arg = l };
        l->patience = (struct timer){ .name = "kafka limit patience", .fn = on_patience, .arg = l };
        *l->asking = true;
        timer_arm(l->client->loop, &l->patience, KAFKA_LIMIT_PATIENCE_MS);
}

void kafka_limit_fini(struct kafka_limit *l)
{
        if (!l->client)
                return;
        timer_disarm(l->client->loop, &l->again);
        timer_disarm(l->client->loop, &l->patience);
}

void kafka_limit_started(struct kafka_limit *l)
{
        if (!l->client)
                return;
        l->under_way = false;
        if (l->bytes == 0)
                ask(l);
}

void kafka_limit_ask(struct kafka_limit *l)
{
        if (l->client && loop_now_ms(l->client->loop) - l->asked_ms >= PERIOD_MS)
                ask(l);
}

/* --- the answer ------------------------------------------------------------------------------ */

/* No broker, or none yet that knows of the topic; the others are answers, and stay. */
static bool passes(rd_kafka_resp_err_t err)
{
        switch (err) {
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
                return true;
        default:
                return false;
        }
}

void kafka_limit_answer(struct kafka_limit *l, rd_kafka_event_t *event)
{
        rd_kafka_resp_err_t err;
        const char *why;
        int64_t bytes = kafka_limit_of(event, &err, &why);

        if (!l->client)
                return;
        l->under_way = false;
        if (bytes <= 0 && passes(err)) {
                timer_arm(l->client->loop, &l->again, AGAIN_MS);
                return;
        }
        *l->asking = false;
        timer_disarm(l->client->loop, &l->patience);
        if (bytes <= 0) {
                log_info("kafka", "topic %s: the broker does not tell how large a record may be, so only message.max.bytes "
                                  "bounds it: %s",
                         l->topic, why);
        } else if (bytes != l->bytes) {
                log_info("kafka", "topic %s takes records up to %lld bytes", l->topic, (long long)bytes);
                l->bytes = bytes;
                l->known(l->arg);
        }
}
