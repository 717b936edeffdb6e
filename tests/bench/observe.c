/* SPDX-License-Identifier: Apache-2.0 */
/* observe: an outside consumer that notes when each record could be read.
 *
 * For each record with n=WRITER-NUMBER in it, one line "NUMBER NANOSECONDS" (wall clock) on standard output, until RECORDS of
 * them were seen or nothing came for 10 s.  "ready" is the first line, once every partition is at its end.
 *
 *      observe BROKERS TOPIC RECORDS
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
        char why[256];

        if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
                fprintf(stderr, "observe: %s\n", why);
                exit(1);
        }
}

static int assign(rd_kafka_t *rk, const char *name)
{
        rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
        const rd_kafka_metadata_t *meta;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
        int n = 0;

        if (rd_kafka_metadata(rk, 0, topic, &meta, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
                for (n = 0; n < meta->topics[0].partition_cnt; n++)
                        rd_kafka_topic_partition_list_add(list, name, n)->offset = RD_KAFKA_OFFSET_END;
                rd_kafka_metadata_destroy(meta);
        }
        rd_kafka_assign(rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_topic_destroy(topic);
        return n;
}

static long long now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int note(const rd_kafka_message_t *m)
{
        const char *tag = memmem(m->payload, m->len, "n=", 2);
        const char *dash = tag ? memchr(tag, '-', m->len - (size_t)(tag - (const char *)m->payload)) : NULL;

        if (dash)
                printf("%llu %lld\n", strtoull(dash + 1, NULL, 10), now_ns());
        return dash != NULL;
}

int main(int argc, char **argv)
{
        if (argc < 4) {
                fprintf(stderr, "usage: observe BROKERS TOPIC RECORDS\n");
                return 64;
        }
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char why[256];

        set(conf, "bootstrap.servers", argv[1]);
        set(conf, "group.id", "observe");
        set(conf, "enable.auto.commit", "false");
        set(conf, "enable.partition.eof", "true");
        set(conf, "fetch.wait.max.ms", "10");
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        int to_end = assign(rk, argv[2]), left = atoi(argv[3]);
        long long last = now_ns();
        while (left > 0 && now_ns() - last < 10000000000) {
                rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
                if (!m)
                        continue;
                if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && --to_end == 0) {
                        puts("ready");
                        fflush(stdout);
                        last = now_ns();
                }
                if (!m->err) {
                        left -= note(m);
                        last = now_ns();
                }
                rd_kafka_message_destroy(m);
        }
        return left > 0;
}
