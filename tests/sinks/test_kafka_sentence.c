/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>


#include "base/check.h"
#include "sinks/kafka_sentence.h"

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
                cmocka_unit_test(sentence_names_the_broker_and_the_cause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
