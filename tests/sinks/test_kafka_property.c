/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sinks/kafka_property.h"

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

                if (kafka_property_check(good[i], &e) < 0)
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
                assert_int_equal(kafka_property_check(bad[i].property, &e), -EINVAL);
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

                assert_int_equal(kafka_property_check(bad[i].property, &e), -EINVAL);
                if (strstr(e.msg, bad[i].message) == NULL)
                        fail_msg("%s: %s", bad[i].property, e.msg);
                assert_null(strstr(e.msg, "secret"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(harmless_properties_pass),
                cmocka_unit_test(promise_breaking_properties_are_refused_with_the_reason),
                cmocka_unit_test(malformed_and_unknown_properties_are_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
