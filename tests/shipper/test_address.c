/* SPDX-License-Identifier: Apache-2.0 */
/* Which index a line goes to: by its input, or by the container that its file is of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "shipper/address.h"

static const int64_t NOON_NS = 1795608000ll * 1000000000;       /* 2026-11-25T12:00:00Z */

static struct input_config inputs[2] = { [0].service = (char *)"shop" };

static struct shipper_config with_index(const char *index)
{
        return (struct shipper_config){ .inputs = { inputs, ARRAY_LEN(inputs) },
                                        .host = (char *)"Web-1",
                                        .elasticsearch = { .index = (char *)index } };
}

/* Of one line of each: the same address makes them all, as for a batch. */
static void the_container_s_name_stands_where_the_input_s_service_would(void **state)
{
        static const struct { const char *index; size_t input; const char *container, *name; } cases[] = {
                { "logs-{service.name:generic}-default", 0, NULL, "logs-shop-default" },
                { "logs-{service.name:generic}-default", 1, NULL, "logs-generic-default" },
                { "logs-{service.name:generic}-default", 1, "app", "logs-app-default" },
                { "logs-{service.name:generic}-default", 1, "istio-proxy", "logs-istio_proxy-default" },
                { "logs-{service.name:generic}-default", 1, "App:1", "logs-app_1-default" },
                { "a-{service.name:none}", 1, "istio-proxy", "a-istio-proxy" },
                { "a-{host.name}-{+yyyy.MM.dd}", 1, "app", "a-web_1-2026.11.25" },
                /* A name of which nothing is left: as if the file had none. */
                { "{service.name:generic}", 0, "--", "shop" },
                { "{service.name:generic}", 1, "..", "generic" },
                { "{service.name:generic}", 1, "", "generic" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct shipper_config c = with_index(cases[i].index);
                struct err e = { 0 };
                struct address *a = address_new(&c, &e);
                struct batch *b = batch_new(64);
                assert_non_null(a);
                struct slice s[2];
                for (int twice = 0; twice < 2; twice++)
                        s[twice] = address_put(a, &inputs[cases[i].input], cases[i].container, NOON_NS, b);
                for (int twice = 0; twice < 2; twice++) {
                        assert_int_equal(s[twice].len, strlen(cases[i].name));
                        assert_memory_equal(batch_at(b, s[twice]), cases[i].name, s[twice].len);
                }
                batch_free(b);
                address_free(a);
        }
}

static void an_input_that_has_no_name_is_told_before_a_line_comes(void **state)
{
        static const struct { const char *index, *why; } cases[] = {
                { "{service.name}", "makes no name for inputs.1" },
                { "a-{user.name}", "makes no name for inputs.0" },
                { "a-{topic}", "there is no topic on the way" },
                { "a-{", "elasticsearch.index" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct shipper_config c = with_index(cases[i].index);
                struct err e = { 0 };
                assert_null(address_new(&c, &e));
                assert_non_null(strstr(e.msg, cases[i].why));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_container_s_name_stands_where_the_input_s_service_would),
                cmocka_unit_test(an_input_that_has_no_name_is_told_before_a_line_comes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
