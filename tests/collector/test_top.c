/* SPDX-License-Identifier: Apache-2.0 */
/* What a frame of `top` says, and that it keeps to the window whatever it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/top.h"

static const char collector_before[] =
        "{\"program\":\"sluice-collector\",\"version\":\"0.1.0\",\"ready\":true,\"why_not\":null,\"trouble\":null,\"ledger\":{"
        "\"records_consumed\":1000,\"records_indexed\":900,\"records_in_flight\":100},\"held_bytes\":1048576,\"budget_bytes\":4194304,"
        "\"paused\":false,\"partitions\":[{\"topic\":\"logs\",\"partition\":0,\"state\":\"ours\",\"settled\":500,\"lag\":3000},"
        "{\"topic\":\"logs\",\"partition\":1,\"state\":\"ours\",\"settled\":400,\"lag\":9000}]}";
static const char collector_now[] =
        "{\"program\":\"sluice-collector\",\"version\":\"0.1.0\",\"ready\":false,\"why_not\":\"es1 hangs\",\"trouble\":\"http://es1:9200: "
        "nobody answers\",\"ledger\":{\"records_consumed\":1235567,\"records_indexed\":3900,\"records_in_flight\":100},\"held_bytes\":2097152,"
        "\"budget_bytes\":4194304,\"paused\":true,\"partitions\":[{\"topic\":\"logs\",\"partition\":0,\"state\":\"ours\",\"settled\":1500,"
        "\"lag\":2000},{\"topic\":\"logs\",\"partition\":1,\"state\":\"ours\",\"settled\":2400,\"lag\":7000}]}";
static const char shipper_now[] =
        "{\"program\":\"sluice-shipper\",\"version\":\"0.1.0\",\"ready\":true,\"trouble\":null,\"ledger\":{\"lines_read\":7},\"held_bytes\":0,"
        "\"budget_bytes\":16777216,\"files\":[{\"path\":\"/var/log/\\u001b[2Ja.log\",\"state\":\"open\",\"inode\":5,\"acked\":2048,\"lag\":1536}]}";

static char *frame_of(const struct top_look *look)
{
        struct buf b = { 0 };

        top_frame(look, &b);
        buf_putc(&b, '\0');
        return b.data;
}

static void has(const char *frame, const char *part)
{
        if (!strstr(frame, part))
                fail_msg("not in the frame: %s\n%s", part, frame);
}

static void a_collector_s_frame_has_rates_lag_memory_and_trouble(void **state)
{
        const struct top_look look = { .url = "http://c:9601/status", .now = collector_now, .before = collector_before, .seconds = 2,
                                       .width = 120, .height = 40 };
        char *frame = frame_of(&look);

        (void)state;
        has(frame, "sluice-collector 0.1.0  http://c:9601/status  NOT READY, paused\n");
        has(frame, "waiting: http://es1:9200: nobody answers\n");
        has(frame, "records_consumed                  1,235,567        617,284\n");
        has(frame, "records_indexed                       3,900          1,500\n");
        has(frame, "2.0 MiB of 4.0 MiB  ##########..........\n");
        has(frame, "lag                                   9,000  gone in about 6 s\n");
        has(frame, "         7,000          1,000            2,400  logs 1  (ours)\n");
        assert_true(strstr(frame, "logs 1") < strstr(frame, "logs 0"));         /* most lag first */
        free(frame);
}

static void a_shipper_s_frame_lists_files_and_shows_no_control_characters(void **state)
{
        const struct top_look look = { .url = "u", .now = shipper_now, .width = 120, .height = 40 };
        char *frame = frame_of(&look);

        (void)state;
        has(frame, "       1.5 KiB              -          2.0 KiB  /var/log/?[2Ja.log  (open)\n");
        has(frame, "lines_read                                7              -\n");
        assert_null(strchr(frame, '\x1b'));
        free(frame);
}

static void a_counter_that_begins_again_has_no_rate(void **state)
{
        const struct top_look look = { .url = "u", .now = collector_before, .before = collector_now, .seconds = 1, .width = 120,
                                       .height = 40 };
        char *frame = frame_of(&look);

        (void)state;
        has(frame, "records_consumed                      1,000              -\n");
        has(frame, "lag                                  12,000  growing\n");
        free(frame);
}

static void a_frame_fits_every_window(void **state)
{
        (void)state;
        for (int height = 1; height < 30; height++)
                for (int width = 1; width < 100; width += 7) {
                        const struct top_look look = { .url = "http://c:9601/status", .now = collector_now, .before = collector_before,
                                                       .seconds = 1, .fault = "it does not answer any more, which is a long sentence",
                                                       .width = width, .height = height };
                        char *frame = frame_of(&look);
                        int lines = 0;
                        for (char *p = frame, *end; (end = strchr(p, '\n')) != NULL; p = end + 1, lines++)
                                assert_true(end - p <= width);
                        assert_true(lines < height || lines == 0);
                        free(frame);
                }
}

static void what_is_cut_off_is_counted(void **state)
{
        struct buf many = { 0 };

        (void)state;
        buf_puts(&many, "{\"program\":\"sluice-collector\",\"ready\":true,\"partitions\":[");
        for (int i = 0; i < 100; i++)
                buf_printf(&many, "%s{\"topic\":\"t\",\"partition\":%d,\"lag\":%d}", i ? "," : "", i, i);
        buf_puts(&many, "]}");
        const struct top_look look = { .url = "u", .now = buf_cstr(&many), .width = 80, .height = 20, .colour = true };
        char *frame = frame_of(&look);
        has(frame, "t 99 ");
        has(frame, " more with less lag");
        int lines = 0, more = atoi(strstr(frame, "and ") + 4), rows = 0;
        for (const char *p = frame; (p = strchr(p, '\n')) != NULL; p++)
                lines++;
        for (const char *p = frame; (p = strstr(p, "  t ")) != NULL; p++)
                rows++;
        assert_int_equal(lines, 19);
        assert_int_equal(rows + more, 100);
        free(frame);
        buf_fini(&many);
}

static void what_is_no_status_says_so(void **state)
{
        static const char *const texts[] = { "", "<html>", "{}", "[]", "{\"program\":7}", "{\"program\":\"nginx\"}",
                                             "{\"program\":\"sluice-collector\",\"ledger\":7,\"partitions\":{\"a\":1}}" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                const struct top_look look = { .url = "http://c/status", .now = texts[i], .width = 80, .height = 20 };
                char *frame = frame_of(&look);
                if (i + 1 < ARRAY_LEN(texts))
                        has(frame, "http://c/status: answers, but not as a collector or shipper does");
                free(frame);
        }
        const struct top_look look = { .url = "u", .fault = "nobody answers", .width = 80, .height = 20 };
        char *frame = frame_of(&look);
        has(frame, "no answer: nobody answers\n");
        free(frame);
}

/* A parser that frees by recursion would end the stack. */
static void nesting_without_end_is_no_status(void **state)
{
        enum { DEEP = 4 << 20 };
        static const char head[] = "{\"program\":\"sluice-collector\",\"x\":";
        char *deep = xmalloc(sizeof(head) + 2 * (size_t)DEEP + 2), *at = deep + sizeof(head) - 1;
        (void)state;

        memcpy(deep, head, sizeof(head));
        memset(at, '[', DEEP);
        memset(at + DEEP, ']', DEEP);
        memcpy(at + 2 * (size_t)DEEP, "}", 2);
        const struct top_look look = { .url = "http://x", .now = deep, .before = deep, .seconds = 1, .width = 80, .height = 24 };
        char *frame = frame_of(&look);
        has(frame, "answers, but not as a collector or shipper does");
        free(frame);
        free(deep);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_collector_s_frame_has_rates_lag_memory_and_trouble),
                cmocka_unit_test(a_shipper_s_frame_lists_files_and_shows_no_control_characters),
                cmocka_unit_test(a_counter_that_begins_again_has_no_rate),
                cmocka_unit_test(a_frame_fits_every_window),
                cmocka_unit_test(what_is_cut_off_is_counted),
                cmocka_unit_test(what_is_no_status_says_so),
                cmocka_unit_test(nesting_without_end_is_no_status),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
