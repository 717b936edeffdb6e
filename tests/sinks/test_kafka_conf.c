/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "sinks/kafka.h"
#include "sinks/kafka_conf.h"
#include "sinks/kafka_property.h"

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
                assert_int_equal(kafka_property_set(conf, "compression.codec", kafka_codecs[n], &e), 0);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(users_property_wins_over_the_default),
                cmocka_unit_test(refused_property_makes_no_conf),
                cmocka_unit_test(table_check_finds_every_mistake_at_once),
                cmocka_unit_test(each_codec_is_one_that_librdkafka_has),
                cmocka_unit_test(a_codec_that_is_none_is_told_with_those_that_are),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
