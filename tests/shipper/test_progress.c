/* SPDX-License-Identifier: Apache-2.0 */
/* The line that --once shows on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "shipper/progress.h"

static void the_line_says_how_much_how_fast_and_how_long(void **state)
{
        static const struct { struct progress_facts f; const char *expect; } cases[] = {
                { { .done = 0, .total = 0 }, "100%  0 B of 0 B  0 lines  0 B/s" },
                { { .done = 0, .total = 2048 }, "  0%  0 B of 2.0 KiB  0 lines  0 B/s  waiting" },
                { { .done = 1 << 20, .total = 4 << 20, .lines = 9, .elapsed_ms = 1000 },
                  " 25%  1.0 MiB of 4.0 MiB  9 lines  1.0 MiB/s  0:04 left" },
                { { .done = 3 << 20, .total = 4 << 20, .lines = 9, .before = 2 << 20, .elapsed_ms = 100000 },
                  " 75%  3.0 MiB of 4.0 MiB  9 lines  10.2 KiB/s  1:41 left" },
                { { .done = 4 << 20, .total = 4 << 20, .lines = 9, .elapsed_ms = 2000 },
                  "100%  4.0 MiB of 4.0 MiB  9 lines  2.0 MiB/s" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct buf b = { 0 };
                progress_put(&b, &cases[i].f);
                assert_string_equal(buf_cstr(&b), cases[i].expect);
                buf_fini(&b);
        }
}

static void a_pipe_gets_nothing(void **state)
{
        const struct progress_facts f = { .done = 1, .total = 2 };
        int fd[2];
        char byte;

        (void)state;
        assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
        progress_draw(fd[1], &f, true);
        assert_int_equal(read(fd[0], &byte, 1), -1);
        close(fd[0]);
        close(fd[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_line_says_how_much_how_fast_and_how_long),
                cmocka_unit_test(a_pipe_gets_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
