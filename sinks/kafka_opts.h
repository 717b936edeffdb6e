/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_opts: the settings of the kafka sink. */
#ifndef SLUICE_SINKS_KAFKA_OPTS_H
#define SLUICE_SINKS_KAFKA_OPTS_H

#include "config/opt.h"
#include "sinks/kafka_security.h"

enum kafka_codec { KAFKA_LZ4, KAFKA_NONE, KAFKA_GZIP, KAFKA_SNAPPY, KAFKA_ZSTD };
extern const char *const kafka_codecs[];        /* their names, NULL at the end */

struct kafka_config {
        char *brokers;                  /* "host:port,host:port" */
        char *topic;
        int64_t linger_ms;
        int64_t compression;            /* enum kafka_codec */
        struct kafka_security security;
        struct strlist librdkafka;      /* "name=value": passed through, promise-breaking ones refused */
        bool ask_limit;                 /* no setting: ask the broker what the topic takes, for sink.max_value */
};
extern const struct opt_table kafka_producer_opts;      /* rows of struct kafka_config */

#endif
