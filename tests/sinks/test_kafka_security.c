/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "sinks/kafka_conf.h"
#include "sinks/kafka_security.h"

static char *text(const char *s)
{
        return (char *)s;
}

static void assert_property(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
        char is[128];
        size_t size = sizeof(is);

        assert_int_equal(rd_kafka_conf_get(conf, name, is, &size), RD_KAFKA_CONF_OK);
        assert_string_equal(is, value);
}

static void the_table_becomes_the_protocol_and_the_mechanism(void **state)
{
        static const struct { bool tls; enum kafka_sasl sasl; const char *protocol, *mechanism; } cases[] = {
                { false, KAFKA_SASL_NONE, "plaintext", NULL },
                { true, KAFKA_SASL_NONE, "ssl", NULL },
                { false, KAFKA_SASL_SCRAM_256, "sasl_plaintext", "SCRAM-SHA-256" },
                { true, KAFKA_SASL_SCRAM_512, "sasl_ssl", "SCRAM-SHA-512" },
                { true, KAFKA_SASL_PLAIN, "sasl_ssl", "PLAIN" },
        };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct kafka_security s = { .tls = cases[i].tls, .sasl = cases[i].sasl, .username = text("u"),
                                                  .password = text("p") };
                rd_kafka_conf_t *conf;
                assert_int_equal(kafka_conf_new("a:1", &s, NULL, &conf, &e), 0);
                assert_property(conf, "security.protocol", cases[i].protocol);
                if (cases[i].mechanism)
                        assert_property(conf, "sasl.mechanism", cases[i].mechanism);
                rd_kafka_conf_destroy(conf);
        }
}

static void a_property_of_the_user_wins(void **state)
{
        const struct kafka_security s = { .tls = true };
        char *v[] = { text("security.protocol=sasl_ssl") };
        const struct strlist properties = { v, 1 };
        rd_kafka_conf_t *conf;
        struct err e;

        (void)state;
        assert_int_equal(kafka_conf_new("a:1", &s, &properties, &conf, &e), 0);
        assert_property(conf, "security.protocol", "sasl_ssl");
        rd_kafka_conf_destroy(conf);
}

static void what_does_not_go_together_is_said_without_a_secret(void **state)
{
        static const struct { struct kafka_security s; const char *sentence; } cases[] = {
                { { .sasl = KAFKA_SASL_PLAIN, .username = (char *)"u" }, "sasl: plain needs a password" },
                { { .sasl = KAFKA_SASL_SCRAM_256, .password = (char *)"hush" }, "sasl: scram-sha-256 needs a username" },
                { { .password = (char *)"hush" }, "password: without sasl nobody is shown it" },
                { { .ca_file = (char *)"/dev/null" }, "tls: must be true" },
                { { .tls = true, .client_cert = (char *)"/dev/null" }, "client_cert: needs a client_key" },
                { { .tls = true, .ca_file = (char *)"/nowhere/ca.pem" }, "ca_file: /nowhere/ca.pem: No such file" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct opt_errors errors = { 0 };
                kafka_security_opts.check(&cases[i].s, &errors);
                assert_non_null(strstr(buf_cstr(&errors.text), cases[i].sentence));
                assert_null(strstr(buf_cstr(&errors.text), "hush"));
                buf_fini(&errors.text);
        }
}

static void a_password_in_the_open_is_known(void **state)
{
        (void)state;
        assert_true(kafka_security_is_open(&(struct kafka_security){ .sasl = KAFKA_SASL_PLAIN }));
        assert_false(kafka_security_is_open(&(struct kafka_security){ .sasl = KAFKA_SASL_PLAIN, .tls = true }));
        assert_false(kafka_security_is_open(&(struct kafka_security){ .sasl = KAFKA_SASL_SCRAM_256 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_becomes_the_protocol_and_the_mechanism),
                cmocka_unit_test(a_property_of_the_user_wins),
                cmocka_unit_test(what_does_not_go_together_is_said_without_a_secret),
                cmocka_unit_test(a_password_in_the_open_is_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
