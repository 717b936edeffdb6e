/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "shipper/container.h"

#define T "2026-11-23T10:00:00.123456789Z"
#define D(log, stream) "{\"log\":\"" log "\",\"stream\":\"" stream "\",\"time\":\"" T "\"}"

static void each_line_is_taken_apart(void **state)
{
        enum { OUT = CONTAINER_STDOUT, ERR = CONTAINER_STDERR, NOT = CONTAINER_OTHER };
        static const struct {
                enum container_format format;
                const char *in;
                int stream;
                const char *text;       /* NULL: the line itself */
                bool partial;
        } cases[] = {
                { CONTAINER_CRI, T " stdout F hello world", OUT, "hello world", false },
                { CONTAINER_CRI, T " stderr P half", ERR, "half", true },
                { CONTAINER_CRI, T " stdout F ", OUT, "", false },
                { CONTAINER_CRI, T " stdout F", OUT, "", false },
                { CONTAINER_CRI, T " stdout F  two blanks", OUT, " two blanks", false },
                { CONTAINER_CRI, T " stdout F a\r", OUT, "a", false },
                { CONTAINER_CRI, T " stdout P a\r", OUT, "a\r", true },
                { CONTAINER_CRI, T " stdout F:tag text", OUT, "text", false },
                { CONTAINER_CRI, T " stdout P:a:b text", OUT, "text", true },
                { CONTAINER_CRI, "2026-11-23T10:00:00.1+02:00 stdout F x", OUT, "x", false },
                { CONTAINER_CRI, T " stdin F x", NOT, NULL, false },
                { CONTAINER_CRI, T " stdout X x", NOT, NULL, false },
                { CONTAINER_CRI, T " stdout Full x", NOT, NULL, false },
                { CONTAINER_CRI, T " stdout", NOT, NULL, false },
                { CONTAINER_CRI, T, NOT, NULL, false },
                { CONTAINER_CRI, "123 stdout F no time", NOT, NULL, false },
                { CONTAINER_CRI, "", NOT, NULL, false },
                { CONTAINER_CRI, "plain text", NOT, NULL, false },
                { CONTAINER_CRI, "plain text\r", NOT, "plain text", false },
                { CONTAINER_CRI, D("x\\n", "stdout"), NOT, NULL, false },
                { CONTAINER_DOCKER, D("hello\\n", "stdout"), OUT, "hello", false },
                { CONTAINER_DOCKER, D("hello\\r\\n", "stderr"), ERR, "hello", false },
                { CONTAINER_DOCKER, D("half", "stdout"), OUT, "half", true },
                { CONTAINER_DOCKER, D("", "stdout"), OUT, "", true },
                { CONTAINER_DOCKER, D("\\n", "stdout"), OUT, "", false },
                { CONTAINER_DOCKER, D("a\\\\n", "stdout"), OUT, "a\\n", true },
                { CONTAINER_DOCKER, D("a\\\\\\n", "stdout"), OUT, "a\\", false },
                { CONTAINER_DOCKER, D("say \\\"\\u003chi\\u003e\\\"\\n", "stdout"), OUT, "say \"<hi>\"", false },
                { CONTAINER_DOCKER, "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"},\"time\":\"" T "\"}", OUT, "x",
                  false },
                { CONTAINER_DOCKER, "{\"log\":\"x\\n\",\"stream\":\"stdout\"}", NOT, NULL, false },
                { CONTAINER_DOCKER, "{\"log\":\"x\\n\",\"stream\":\"stdo", NOT, NULL, false },
                { CONTAINER_DOCKER, "{\"log\":1,\"stream\":\"stdout\",\"time\":\"" T "\"}", NOT, NULL, false },
                { CONTAINER_DOCKER, T " stdout F x", NOT, NULL, false },
                { CONTAINER_AUTO, T " stdout F x", OUT, "x", false },
                { CONTAINER_AUTO, D("x\\n", "stderr"), ERR, "x", false },
                { CONTAINER_AUTO, "[]", NOT, NULL, false },
        };
        struct buf scratch = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *in = cases[i].in, *want = cases[i].text ? cases[i].text : in;
                struct container_line l;
                container_line(cases[i].format, in, strlen(in), &scratch, &l);
                assert_int_equal(l.stream, cases[i].stream);
                assert_int_equal(l.partial, cases[i].partial);
                assert_int_equal(l.len, strlen(want));
                assert_memory_equal(l.text, want, l.len);
                assert_true((l.time != NULL) == (l.stream != CONTAINER_OTHER));
                if (l.time && strncmp(l.time, T, strlen(T)) == 0)
                        assert_int_equal(l.time_len, strlen(T));
        }
        buf_fini(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(each_line_is_taken_apart) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
