/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-devbroker: a Kafka cluster in one small process, for a machine without Java.
 *
 *      sluice-devbroker TOPIC PARTITIONS       prints its bootstrap servers on one line, runs until SIGTERM or SIGINT
 *
 * It is librdkafka's mock cluster: loopback only, a free port, nothing on disk.  A partition keeps about 5 MB and then
 * drops its oldest records, read or not: whoever writes to it must not run far ahead of whoever reads. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { MAX_PARTITIONS = 1000 };

static rd_kafka_t *new_client(void)
{
        char why[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        /* Errors only: not that this client has no broker itself. */
        rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
        if (!rk)
                fprintf(stderr, "sluice-devbroker: %s\n", why);
        return rk;
}

static rd_kafka_mock_cluster_t *new_cluster(rd_kafka_t *rk, const char *topic, int partitions)
{
        rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
        if (!cluster) {
                fputs("sluice-devbroker: cannot listen on 127.0.0.1\n", stderr);
                return NULL;
        }
        rd_kafka_resp_err_t r = rd_kafka_mock_topic_create(cluster, topic, partitions, 1);
        if (r != RD_KAFKA_RESP_ERR_NO_ERROR) {
                fprintf(stderr, "sluice-devbroker: topic %s: %s\n", topic, rd_kafka_err2str(r));
                rd_kafka_mock_cluster_destroy(cluster);
                return NULL;
        }
        return cluster;
}

/* 0 when the argument is no number of partitions. */
static int partition_count(const char *text)
{
        char *end;
        long n = strtol(text, &end, 10);
        return *end == '\0' && n >= 1 && n <= MAX_PARTITIONS ? (int)n : 0;
}

int main(int argc, char **argv)
{
        int partitions = argc == 3 ? partition_count(argv[2]) : 0;
        if (partitions == 0) {
                fputs("usage: sluice-devbroker TOPIC PARTITIONS\n", stderr);
                return EX_USAGE;
        }
        /* Before the library makes its threads, which inherit the mask: only sigwait takes these. */
        sigset_t ends;
        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGINT);
        sigprocmask(SIG_BLOCK, &ends, NULL);

        rd_kafka_t *rk = new_client();
        rd_kafka_mock_cluster_t *cluster = rk ? new_cluster(rk, argv[1], partitions) : NULL;
        if (cluster) {
                int taken;
                puts(rd_kafka_mock_cluster_bootstraps(cluster));
                fflush(stdout);
                sigwait(&ends, &taken);
                rd_kafka_mock_cluster_destroy(cluster);
        }
        if (rk)
                rd_kafka_destroy(rk);
        return cluster ? EX_OK : EX_UNAVAILABLE;
}
