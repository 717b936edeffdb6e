/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_opts.h"

#include "sinks/kafka_conf.h"

const char *const kafka_codecs[] = { [KAFKA_LZ4] = "lz4",       [KAFKA_NONE] = "none", [KAFKA_GZIP] = "gzip",
                                     [KAFKA_SNAPPY] = "snappy", [KAFKA_ZSTD] = "zstd", NULL };

/* linger: the first record of a request waits so long for others.  1 ms keeps the way to the broker under 4 ms at
 * 1,000 lines a second; when more comes, five requests in flight fill up the batches by themselves. */
static const struct opt opts[] = {
        { "brokers", OPT_STRING, offsetof(struct kafka_config, brokers), .flag = "brokers",
          .flag_arg = "HOST:PORT,...", .help = "Kafka brokers to start from" },
        { "topic", OPT_STRING, offsetof(struct kafka_config, topic), .flag = "topic", .flag_arg = "NAME",
          .help = "topic that records go to" },
        { "linger", OPT_DURATION, offsetof(struct kafka_config, linger_ms), .def = "1 ms", .min = 0,
          .max = 60000, .help = "how long a record waits for others to be sent with it" },
        { "compression", OPT_CHOICE, offsetof(struct kafka_config, compression), .def = "lz4",
          .choices = kafka_codecs, .help = "of what is sent; consumers undo it by themselves" },
        { "security", OPT_TABLE, offsetof(struct kafka_config, security), .table = &kafka_security_opts,
          .help = "TLS, and the user" },
        { "librdkafka", OPT_LIST, offsetof(struct kafka_config, librdkafka),
          .help = "properties of librdkafka, each \"name=value\"" },
};

static void check_opts(const void *conf, struct opt_errors *errors)
{
        const struct kafka_config *c = conf;

        kafka_conf_check_all(c->brokers, &c->librdkafka, errors);
}

const struct opt_table kafka_producer_opts = { opts, ARRAY_LEN(opts), sizeof(struct kafka_config),
                                               check_opts };
