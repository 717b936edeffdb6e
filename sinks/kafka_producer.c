/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_producer.h"

#include <stdio.h>

#include "base/check.h"
#include "sinks/kafka_conf.h"
#include "sinks/kafka_property.h"

struct property {
        const char *name, *value;
};

static int set_all(rd_kafka_conf_t *conf, const struct property *p, size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                int r = kafka_property_set(conf, p[i].name, p[i].value, e);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the user may change. */
static int set_defaults(rd_kafka_conf_t *conf, const struct kafka_config *c, struct err *e)
{
        char linger[32];
        const struct property defaults[] = {
                { "linger.ms", linger },
                { "compression.codec", kafka_codecs[c->compression] },
                /* As the Java clients place keys. */
                { "partitioner", "murmur2_random" },
                /* The broker judges what is too large.  Above its socket.request.max.bytes (100 MiB) it would cut the
                 * connection instead of answering. */
                { "message.max.bytes", "67108864" },
                /* A missing topic is reported after so long; the records are kept and tried again here. */
                { "topic.metadata.propagation.max.ms", "5000" },
        };

        snprintf(linger, sizeof(linger), "%lld", (long long)c->linger_ms);
        return set_all(conf, defaults, ARRAY_LEN(defaults), e);
}

/* What the promises need.  The library's queue limits are its maxima: the sink's own limits bound what is inside. */
static int set_promises(rd_kafka_conf_t *conf, struct err *e)
{
        static const struct property promises[] = {
                { "acks", "all" },
                { "enable.idempotence", "true" },
                { "message.timeout.ms", "0" },
                { "queue.buffering.max.messages", "10000000" },
                { "queue.buffering.max.kbytes", "2147483647" },
        };

        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
        return set_all(conf, promises, ARRAY_LEN(promises), e);
}

int kafka_producer_confs(const struct kafka_config *c, rd_kafka_conf_t **ret_many, rd_kafka_conf_t **ret_alone, struct err *e)
{
        static const struct property alone[] = {
                { "batch.num.messages", "1" },
                { "linger.ms", "0" },
        };
        rd_kafka_conf_t *conf;
        int r = kafka_conf_new(c->brokers, &c->security, NULL, &conf, e);

        if (r < 0)
                return r;
        *ret_many = conf;
        if ((r = set_defaults(conf, c, e)) < 0 || (r = kafka_conf_apply(conf, &c->librdkafka, e)) < 0 ||
            (r = set_promises(conf, e)) < 0)
                return r;
        *ret_alone = rd_kafka_conf_dup(conf);
        return set_all(*ret_alone, alone, ARRAY_LEN(alone), e);
}
