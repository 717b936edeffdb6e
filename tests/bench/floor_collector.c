/* SPDX-License-Identifier: Apache-2.0 */
/* floor-collector: what a collector cannot do without, with nothing around it.
 *
 *      librdkafka --> action line + the record's value --> gzip by libdeflate, level 1 --> libcurl POST --> "errors":false
 *
 * One thread.  It looks for the id where sluice-shipper writes it and believes the first bytes of the answer; nothing is
 * proved to be JSON, nothing is tried again, no offset is committed.
 *
 *      floor-collector BROKERS TOPIC URL RECORDS [plain]           plain: not compressed
 */
#include <curl/curl.h>
#include <libdeflate.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BULK_BYTES = 1 << 20, BULK_RECORDS = 5000, ROOM = 4 << 20, AT_ONCE = 1000 };

struct floor {
        CURL *curl;
        struct libdeflate_compressor *gzip;     /* NULL: plain */
        char *body, *packed;
        size_t len, records, answered;
        char answer[32];
};

static void die(const char *what)
{
        fprintf(stderr, "floor-collector: %s\n", what);
        exit(1);
}

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
        struct floor *f = arg;
        size_t room = sizeof(f->answer) - 1 - f->answered, some = size * n < room ? size * n : room;

        memcpy(f->answer + f->answered, p, some);
        f->answered += some;
        return size * n;
}

static void post(struct floor *f)
{
        const char *body = f->body;
        size_t len = f->len;

        if (f->gzip) {
                len = libdeflate_gzip_compress(f->gzip, f->body, f->len, f->packed, ROOM + 1024);
                body = f->packed;
        }
        memset(f->answer, 0, sizeof(f->answer));
        f->answered = 0;
        curl_easy_setopt(f->curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(f->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        if (curl_easy_perform(f->curl) != CURLE_OK || strncmp(f->answer, "{\"errors\":false", 15) != 0)
                die("the endpoint did not take a bulk");
        f->len = f->records = 0;
}

static void add(struct floor *f, const char *p, size_t n)
{
        static const char index[] = "{\"create\":{\"_index\":\"logs-bench-default\",\"_id\":\"";

        if (n < 81 || f->len + n + 128 > ROOM)
                die("not one of our records");
        memcpy(f->body + f->len, index, sizeof(index) - 1);
        f->len += sizeof(index) - 1;
        memcpy(f->body + f->len, p + 56, 25);
        memcpy(f->body + f->len + 25, "\"}}\n", 4);
        f->len += 29;
        memcpy(f->body + f->len, p, n);
        f->len += n;
        f->body[f->len++] = '\n';
        if (++f->records == BULK_RECORDS || f->len >= BULK_BYTES)
                post(f);
}

static rd_kafka_t *make_client(const char *brokers)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char why[512];

        rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
        rd_kafka_conf_set(conf, "group.id", "floor", why, sizeof(why));
        rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof(why));
        return rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
}

/* All partitions of the topic, without a group. */
static void assign(rd_kafka_t *rk, const char *name)
{
        rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
        const rd_kafka_metadata_t *meta;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

        if (rd_kafka_metadata(rk, 0, topic, &meta, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR)
                die("no metadata");
        for (int i = 0; i < meta->topics[0].partition_cnt; i++)
                rd_kafka_topic_partition_list_add(list, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(rk, list);
        rd_kafka_poll_set_consumer(rk);
        rd_kafka_metadata_destroy(meta);
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_topic_destroy(topic);
}

static void consume(rd_kafka_t *rk, struct floor *f, unsigned long long wanted)
{
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
        rd_kafka_message_t *some[AT_ONCE];

        for (unsigned long long taken = 0; taken < wanted;) {
                ssize_t n = rd_kafka_consume_batch_queue(queue, 100, some, AT_ONCE);
                for (ssize_t i = 0; i < n; i++) {
                        if (!some[i]->err && taken < wanted) {
                                add(f, some[i]->payload, some[i]->len);
                                taken++;
                        }
                        rd_kafka_message_destroy(some[i]);
                }
        }
        if (f->records > 0)
                post(f);
        rd_kafka_queue_destroy(queue);
}

int main(int argc, char **argv)
{
        if (argc < 5) {
                fprintf(stderr, "usage: floor-collector BROKERS TOPIC URL RECORDS [plain]\n");
                return 64;
        }
        bool plain = argc > 5 && strcmp(argv[5], "plain") == 0;
        struct floor f = { .curl = curl_easy_init(),
                           .gzip = plain ? NULL : libdeflate_alloc_compressor(1),
                           .body = malloc(ROOM),
                           .packed = malloc(ROOM + 1024) };
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");

        headers = curl_slist_append(headers, "Expect:");
        if (!plain)
                headers = curl_slist_append(headers, "Content-Encoding: gzip");
        curl_easy_setopt(f.curl, CURLOPT_URL, argv[3]);
        curl_easy_setopt(f.curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(f.curl, CURLOPT_WRITEFUNCTION, on_answer);
        curl_easy_setopt(f.curl, CURLOPT_WRITEDATA, &f);
        rd_kafka_t *rk = make_client(argv[1]);
        if (!rk)
                die("cannot start");
        assign(rk, argv[2]);
        consume(rk, &f, strtoull(argv[4], NULL, 10));
        printf("%s\n", argv[4]);
        fflush(stdout);
        (void)getchar(); /* whoever measures looks now, and closes our input */
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
        curl_easy_cleanup(f.curl);
        curl_slist_free_all(headers);
        libdeflate_free_compressor(f.gzip);
        free(f.body);
        free(f.packed);
        return 0;
}
