/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a program of ours, and --health of both.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sinks/http_get.h"
#include "tests/fake/child.h"
#include "tests/fake/raw_server.h"

#define ALIVE "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nalive\n"
#define BROKEN "HTTP/1.1 200 OK\r\nContent-Length: 60\r\nConnection: close\r\n\r\nalive\n"
#define ILL "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\nConnection: close\r\n\r\nill\n"

enum { SOON_MS = 300, LATE_MS = 20000 };

static void the_url_is_where_the_program_can_be_reached(void **state)
{
        static const struct { const char *http, *url, *error; } cases[] = {
                { "127.0.0.1:9600", "http://127.0.0.1:9600/healthz", NULL },
                { "10.1.2.3:9600", "http://10.1.2.3:9600/healthz", NULL },
                { "0.0.0.0:9601", "http://127.0.0.1:9601/healthz", NULL },
                { ":9601", "http://127.0.0.1:9601/healthz", NULL },
                { "[::]:9601", "http://[::1]:9601/healthz", NULL },
                { "[::1]:9601", "http://[::1]:9601/healthz", NULL },
                { "127.0.0.1:0", NULL, "give it a port" },
                { "", NULL, "http is off" },
                { NULL, NULL, "http is off" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct err e = { 0 };
                char *url = health_url(cases[i].http, "/healthz", &e);
                if (cases[i].url)
                        assert_string_equal(url, cases[i].url);
                else
                        assert_non_null(strstr(e.msg, cases[i].error));
                assert_int_equal(url == NULL, cases[i].url == NULL);
                free(url);
        }
}

static void an_answer_is_whole_or_an_error(void **state)
{
        static const struct { const char *reply; int64_t timeout_ms; int code; unsigned status; const char *text; } cases[] = {
                { ALIVE, LATE_MS, 0, 200, "alive\n" },
                { ILL, LATE_MS, 0, 500, "ill\n" },
                { BROKEN, LATE_MS, -EPROTO, 0, "broke off" },
                { NULL, SOON_MS, -ETIMEDOUT, 0, "no answer in time" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *reply = cases[i].reply;
                struct raw_server *server = raw_server_new(reply, reply ? strlen(reply) : 0);
                char *url = xasprintf("http://%s/status", raw_server_address(server));
                struct buf body = { 0 };
                struct err e = { 0 };
                unsigned status = 0;

                assert_int_equal(http_get(url, cases[i].timeout_ms, &body, &status, &e), cases[i].code);
                assert_int_equal(status, cases[i].status);
                assert_non_null(strstr(cases[i].code ? e.msg : buf_cstr(&body), cases[i].text));
                buf_fini(&body);
                free(url);
                raw_server_free(server);
        }
}

static int health_of(const char *program, const char *address, const char *setting)
{
        const char *const args[] = { "--http", address, setting ? "--set" : "--health", setting ? setting : NULL,
                                     setting ? "--health" : NULL, NULL };
        return child_run(program, args, "/dev/null", "/dev/null");
}

/* No broker, no input is named: who asks for health need not say more than where. */
static void health_is_an_exit_code_of_both_programs(void **state)
{
        static const char *const programs[] = { "sluice-shipper", "sluice-collector" };
        static const struct { const char *reply; int code; } cases[] = { { ALIVE, 0 }, { ILL, 1 }, { BROKEN, 1 } };

        (void)state;
        for (size_t p = 0; p < 2; p++) {
                for (size_t i = 0; i < 3; i++) {
                        struct raw_server *server = raw_server_new(cases[i].reply, strlen(cases[i].reply));
                        assert_int_equal(health_of(programs[p], raw_server_address(server), NULL), cases[i].code);
                        raw_server_free(server);
                }
                assert_int_equal(health_of(programs[p], "127.0.0.1:1", NULL), 1);
                assert_int_equal(health_of(programs[p], "127.0.0.1:1", "nonsense=1"), 78);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_url_is_where_the_program_can_be_reached),
                cmocka_unit_test(an_answer_is_whole_or_an_error),
                cmocka_unit_test(health_is_an_exit_code_of_both_programs),
        };
        return cmocka_run_group_tests_name("sinks/http_get", tests, NULL, NULL);
}
