/* SPDX-License-Identifier: Apache-2.0 */
/* floor-shipper: what a shipper cannot do without, with nothing around it.
 *
 *      file --mmap--> newline by memchr --> escape byte by byte into the same event --> malloc'ed record --> librdkafka
 *
 * No positions, no acknowledgement per line, no bound but librdkafka's own.  The client has the settings of
 * sluice-shipper.  When every record is acknowledged it says how many, and ends with its
 * standard input.
 *
 *      floor-shipper BROKERS TOPIC FILE
 */
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static uint64_t acked;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
        (void)rk;
        (void)opaque;
        if (m->err) {
                fprintf(stderr, "floor-shipper: %s\n", rd_kafka_err2str(m->err));
                exit(1);
        }
        acked++;
}

static rd_kafka_t *make_client(const char *brokers)
{
        static const char *const settings[][2] = {
                { "linger.ms", "1" },
                { "compression.codec", "lz4" },
                { "acks", "all" },
                { "enable.idempotence", "true" },
                { "message.timeout.ms", "0" },
                { "partitioner", "murmur2_random" },
                { "queue.buffering.max.messages", "50000" },
        };
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char why[512];

        rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
                if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) != RD_KAFKA_CONF_OK) {
                        fprintf(stderr, "floor-shipper: %s\n", why);
                        exit(1);
                }
        }
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        return rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
}

static void put_id(char *out, uint64_t offset)
{
        uint8_t input[25] = { 'L' };
        XXH128_canonical_t digest;
        uint32_t bits = 0;
        int nbits = 0;

        memcpy(input + 17, &offset, 8);
        XXH128_canonicalFromHash(&digest, XXH3_128bits(input, sizeof(input)));
        for (int i = 0; i < 16; i++) {
                bits = bits << 8 | digest.digest[i];
                for (nbits += 8; nbits >= 6; nbits -= 6)
                        *out++ = alphabet[bits >> (nbits - 6) & 63];
        }
        *out = alphabet[bits << (6 - nbits) & 63];
}

static char *put(char *to, const char *p, size_t n)
{
        memcpy(to, p, n);
        return to + n;
}

static char *puts_at(char *to, const char *s)
{
        return put(to, s, strlen(s));
}

static char *put_number(char *to, uint64_t n)
{
        char digits[20], *p = digits + sizeof(digits);

        do {
                *--p = (char)('0' + n % 10);
                n /= 10;
        } while (n > 0);
        return put(to, p, (size_t)(digits + sizeof(digits) - p));
}

static char *escape(char *to, const char *p, size_t n)
{
        static const char hex[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)p[i];
                if (c == '"' || c == '\\') {
                        *to++ = '\\';
                        *to++ = (char)c;
                } else if (c < 0x20) {
                        to = put(to, "\\u00", 4);
                        *to++ = hex[c >> 4];
                        *to++ = hex[c & 15];
                } else {
                        *to++ = (char)c;
                }
        }
        return to;
}

struct stream {
        char before[512], after[512]; /* what stands between message and offset, and behind it; the same for all lines */
};

static size_t write_event(char *to, const struct stream *s, const char *time, uint64_t offset, const char *line, size_t n)
{
        char *start = to;

        to = puts_at(to, "{\"@timestamp\":\"");
        to = put(to, time, 24);
        to = puts_at(to, "\",\"event\":{\"id\":\"s1.");
        put_id(to, offset);
        to = puts_at(to + 22, "\"},\"message\":\"");
        to = escape(to, line, n);
        to = puts_at(to, s->before);
        to = put_number(to, offset);
        return (size_t)(puts_at(to, s->after) - start);
}

static struct stream make_stream(const char *path)
{
        struct stream s;

        snprintf(s.before, sizeof(s.before), "\",\"log\":{\"file\":{\"path\":\"%s\",\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\"},\"offset\":",
                 path);
        snprintf(s.after, sizeof(s.after), "},\"service\":{\"name\":\"bench\"},\"host\":{\"name\":\"bench-host\"}}");
        return s;
}

static void format_now(char out[32])
{
        struct timespec now;
        struct tm tm;
        size_t n;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(out + n, 32 - n, ".%03dZ", (int)(now.tv_nsec / 1000000) % 1000);
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *event, size_t len)
{
        while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_FREE, event, len, "bench-host", 10, NULL) < 0) {
                if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                        fprintf(stderr, "floor-shipper: %s\n", rd_kafka_err2str(rd_kafka_last_error()));
                        exit(1);
                }
                rd_kafka_poll(rk, 10);
        }
}

int main(int argc, char **argv)
{
        struct stat st;
        int fd = argc < 4 ? -1 : open(argv[3], O_RDONLY);
        uint64_t sent = 0;
        char time[32];

        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
                fprintf(stderr, "usage: floor-shipper BROKERS TOPIC FILE\n");
                return 64;
        }
        const struct stream stream = make_stream(argv[3]);
        const char *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        const char *end = text + st.st_size;
        rd_kafka_t *rk = text == MAP_FAILED ? NULL : make_client(argv[1]);
        if (!rk) {
                fprintf(stderr, "floor-shipper: cannot start\n");
                return 1;
        }
        rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
        for (const char *p = text, *lf; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
                size_t n = (size_t)(lf - p);
                char *event = malloc(6 * n + sizeof(stream) + 128);
                if (sent++ % 1000 == 0) {
                        format_now(time);
                        rd_kafka_poll(rk, 0);
                }
                produce(rk, topic, event, write_event(event, &stream, time, (uint64_t)(p - text), p, n));
        }
        while (acked < sent)
                rd_kafka_poll(rk, 100);
        printf("%llu\n", (unsigned long long)acked);
        fflush(stdout);
        (void)getchar(); /* whoever measures looks now, and closes our input */
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(rk);
        return 0;
}
