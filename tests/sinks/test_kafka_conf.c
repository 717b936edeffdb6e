/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sinks/kafka.h"
#include "sinks/kafka_conf.h"

static void harmless_properties_pass(void **state)
{
        static const char *const good[] = {
                "linger.ms=5",
                " linger.ms = 5",
                "acks=all",
                "acks=-1",
                "request.required.acks=all",
                "enable.idempotence=true",
                "enable.idempotence=TRUE",
                "max.in.flight=1",
                "max.in.flight=5",
                "compression.codec=zstd",
                "sasl.password=a=b",
                "security.protocol=sasl_ssl",
                "message.max.bytes=2000000",
                "auto.offset.reset=error",
                "enable.auto.commit=false",
                "session.timeout.ms=6000",
                "batch.size=16384",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                struct err e = { 0 };

                if (kafka_conf_check(good[i], &e) < 0)
                        fail_msg("%s: %s", good[i], e.msg);
        }
}

static void promise_breaking_properties_are_refused_with_the_reason(void **state)
{
        static const struct {
                const char *property, *reason;
        } bad[] = {
                { "acks=1", "only when all in-sync replicas have it" },
                { "acks=0", "anything but all|-1" },
                { "acks=", "anything but all|-1" },
                { "request.required.acks=1", "only when all in-sync replicas have it" },
                { "enable.idempotence=false", "stores records twice" },
                { "max.in.flight=6", "above 5" },
                { "max.in.flight.requests.per.connection=50", "above 5" },
                { "message.timeout.ms=1000", "tried again until the broker has them" },
                { "delivery.timeout.ms=1000", "tried again until the broker has them" },
                { "retries=0", "tried again until the broker has them" },
                { "message.send.max.retries=0", "tried again until the broker has them" },
                { "delivery.report.only.error=true", "acknowledgement moves the stored position" },
                { "enable.gapless.guarantee=true", "would stop all others" },
                { "transactional.id=x", "not by transactions" },
                { "enable.auto.commit=true", "never by time" },
                { "enable.auto.offset.store=true", "never at delivery" },
                { "auto.offset.reset=latest", "never jumped over" },
                { "queue.buffering.max.messages=10", "setting memory" },
                { "queue.buffering.max.kbytes=10", "setting memory" },
                { "queue.buffering.max.ms=10", "old name of linger.ms" },
                { "queued.min.messages=10", "setting memory" },
                { "queued.max.messages.kbytes=10", "setting memory" },
                { "bootstrap.servers=a", "brokers" },
                { "metadata.broker.list=a", "brokers" },
                { "group.id=a", "group" },
                { "log.queue=true", "the program's log" },
                { "test.mock.num.brokers=1", "a broker that is none" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                char name[64];
                struct err e = { 0 };

                snprintf(name, sizeof(name), "%.*s cannot be set", (int)strcspn(bad[i].property, "="),
                         bad[i].property);
                assert_int_equal(kafka_conf_check(bad[i].property, &e), -EINVAL);
                if (strstr(e.msg, name) == NULL || strstr(e.msg, bad[i].reason) == NULL)
                        fail_msg("%s: %s", bad[i].property, e.msg);
        }
}

static void malformed_and_unknown_properties_are_named(void **state)
{
        static const struct {
                const char *property, *message;
        } bad[] = {
                { "linger.ms", "linger.ms: not of the form name=value" },
                { "sasl.password secret", "sasl.password: not of the form name=value" },
                { "=5", "without a name" },
                { "lingr.ms=5", "lingr.ms: librdkafka " },
                { "linger.ms=soon", "linger.ms: " },
                { "dr_cb=1", "dr_cb: " },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err e = { 0 };

                assert_int_equal(kafka_conf_check(bad[i].property, &e), -EINVAL);
                if (strstr(e.msg, bad[i].message) == NULL)
                        fail_msg("%s: %s", bad[i].property, e.msg);
                assert_null(strstr(e.msg, "secret"));
        }
}

static void assert_value(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
        char text[256];
        size_t size = sizeof(text);

        assert_int_equal(rd_kafka_conf_get(conf, name, text, &size), RD_KAFKA_CONF_OK);
        assert_string_equal(text, value);
}

static void users_property_wins_over_the_default(void **state)
{
        char *v[] = { "client.id=mine", "reconnect.backoff.max.ms=5000" };
        const struct strlist properties = { v, ARRAY_LEN(v) };
        rd_kafka_conf_t *conf;
        struct err e;

        (void)state;
        assert_int_equal(kafka_conf_new("a:1,b:2", NULL, &properties, &conf, &e), 0);
        assert_value(conf, "bootstrap.servers", "a:1,b:2");
        assert_value(conf, "client.id", "mine");
        assert_value(conf, "reconnect.backoff.max.ms", "5000");
        assert_value(conf, "log.connection.close", "false");
        rd_kafka_conf_destroy(conf);
}

static void refused_property_makes_no_conf(void **state)
{
        char *v[] = { "client.id=mine", "acks=1" };
        const struct strlist properties = { v, ARRAY_LEN(v) };
        rd_kafka_conf_t *conf = NULL;
        struct err e;

        (void)state;
        assert_int_equal(kafka_conf_new("a:1", NULL, &properties, &conf, &e), -EINVAL);
        assert_null(conf);
}

static void table_check_finds_every_mistake_at_once(void **state)
{
        char brokers[] = "shop:password@kafka:9092", *v[] = { "acks=1", "linger.ms=2", "nonsense=1" };
        const struct kafka_config c = { .brokers = brokers, .librdkafka = { v, ARRAY_LEN(v) } };
        struct opt_errors errors = { 0 };

        (void)state;
        kafka_producer_opts.check(&c, &errors);
        assert_int_equal(errors.count, 3);
        assert_non_null(strstr(buf_cstr(&errors.text), "brokers: must not hold credentials"));
        assert_null(strstr(buf_cstr(&errors.text), "password@"));
        assert_non_null(strstr(buf_cstr(&errors.text), "acks"));
        assert_non_null(strstr(buf_cstr(&errors.text), "nonsense"));
        buf_fini(&errors.text);
}

static void each_codec_is_one_that_librdkafka_has(void **state)
{
        size_t n = 0;

        (void)state;
        for (; kafka_codecs[n]; n++) {
                rd_kafka_conf_t *conf = rd_kafka_conf_new();
                struct err e = { 0 };
                assert_int_equal(kafka_conf_set(conf, "compression.codec", kafka_codecs[n], &e), 0);
                rd_kafka_conf_destroy(conf);
        }
        assert_int_equal(n, 5);
}

static void a_codec_that_is_none_is_told_with_those_that_are(void **state)
{
        const char *sets[] = { "compression=\"lz5\"" };
        const struct opt_source source = { .sets = sets, .nsets = 1 };
        struct opt_errors errors = { 0 };
        struct kafka_config c;

        (void)state;
        assert_int_equal(opt_load(&kafka_producer_opts, &source, &c, &errors), -EINVAL);
        assert_int_equal(errors.count, 1);
        assert_non_null(strstr(buf_cstr(&errors.text), "lz4"));
        assert_non_null(strstr(buf_cstr(&errors.text), "zstd"));
        buf_fini(&errors.text);
}

static void sentence_names_the_broker_and_the_cause(void **state)
{
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "sasl_ssl://kafka:9093/1: Connect to ipv4#10.0.0.1:9093 failed: Connection refused (after "
                  "2ms in state CONNECT)",
                  "kafka broker kafka:9093 cannot be reached: Connection refused" },
                { "kafka:9092/bootstrap: Failed to resolve 'kafka:9092': Name or service not known (after "
                  "3ms in state CONNECT)",
                  "kafka broker kafka:9092 cannot be reached: Failed to resolve 'kafka:9092': Name or "
                  "service not known" },
                { "Failed to acquire idempotence PID from broker kafka:9092/1: Broker: Cluster authorization "
                  "failed",
                  "kafka: Failed to acquire idempotence PID from broker kafka:9092/1: Broker: Cluster "
                  "authorization failed" },
                { "sasl_ssl://kafka:9093/bootstrap: SASL authentication error: Authentication failed: Invalid username or "
                  "password (after 301ms in state AUTH_REQ)",
                  "kafka broker kafka:9093 refuses the credentials: Authentication failed: Invalid username or password" },
                { "ssl://kafka:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify "
                  "failed: broker certificate could not be verified, verify that ssl.ca.location is correctly "
                  "configured (after 5ms in state SSL_HANDSHAKE)",
                  "kafka broker kafka:9093 cannot be reached: its certificate is signed by no authority that is trusted, or "
                  "for another name (ca_file, brokers)" },
                { "3/3 brokers are down", "kafka: 3/3 brokers are down" },
        };
        char sentence[256], cut[12];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                kafka_sentence(cases[i].text, sentence, sizeof(sentence));
                assert_string_equal(sentence, cases[i].sentence);
        }
        kafka_sentence(cases[0].text, cut, sizeof(cut));
        assert_string_equal(cut, "kafka broke");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(harmless_properties_pass),
                cmocka_unit_test(promise_breaking_properties_are_refused_with_the_reason),
                cmocka_unit_test(malformed_and_unknown_properties_are_named),
                cmocka_unit_test(users_property_wins_over_the_default),
                cmocka_unit_test(refused_property_makes_no_conf),
                cmocka_unit_test(table_check_finds_every_mistake_at_once),
                cmocka_unit_test(each_codec_is_one_that_librdkafka_has),
                cmocka_unit_test(a_codec_that_is_none_is_told_with_those_that_are),
                cmocka_unit_test(sentence_names_the_broker_and_the_cause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
