/* SPDX-License-Identifier: Apache-2.0 */
/* ctest-label: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "base/buf.h"
#include "base/log.h"

static struct clock_fake fake;
static FILE *out; /* a file that log writes to and the test reads; forgotten at exit */

static void set(enum log_level min, enum log_format format)
{
        if (out != NULL)
                fclose(out);
        out = tmpfile();
        assert_non_null(out);
        log_setup(min, format, fileno(out));
        log_use_clock(&fake.clock);
        clock_fake_advance(&fake, 10 * LOG_PERIOD_MS);
}

static const char *written(void)
{
        static char text[1 << 20];
        ssize_t n = pread(fileno(out), text, sizeof(text) - 1, 0);

        assert_true(n >= 0);
        text[n] = '\0';
        return text;
}

static size_t lines(void)
{
        size_t n = 0;

        for (const char *p = written(); (p = strchr(p, '\n')) != NULL; p++)
                n++;
        return n;
}

static void text_line_has_time_level_component_and_message(void **state)
{
        (void)state;
        clock_fake_init(&fake);
        set(LOG_INFO, LOG_TEXT);
        fake.wall = INT64_C(1795428000) * 1000000000 + 123456789;
        log_warn("tail", "truncated: path=%s was=%d now=%d", "/a", 9, 0);
        assert_string_equal(written(),
                            "2026-11-23T10:00:00.123Z warn  tail  truncated: path=/a was=9 now=0\n");
}

static void levels_below_the_minimum_are_silent(void **state)
{
        (void)state;
        set(LOG_WARN, LOG_TEXT);
        log_debug("t", "silent debug");
        log_info("t", "silent info");
        log_error("t", "loud error");
        assert_false(log_wants(LOG_INFO));
        assert_true(log_wants(LOG_WARN));
        assert_int_equal(lines(), 1);
        assert_non_null(strstr(written(), " error t  loud error\n"));
}

static void a_control_character_cannot_forge_a_line(void **state)
{
        (void)state;
        set(LOG_INFO, LOG_TEXT);
        log_info("t", "path=%s", "a\nb\x1b[31m\x7f");
        assert_int_equal(lines(), 1);
        assert_non_null(strstr(written(), "path=a\\x0ab\\x1b[31m\\x7f\n"));
}

static void json_line_is_json_whatever_the_message(void **state)
{
        yajl_handle h = yajl_alloc(NULL, NULL, NULL);
        const char *text;

        (void)state;
        set(LOG_INFO, LOG_JSON);
        log_info("t", "bytes %s", "\"\\\n\xff\xc3");
        text = written();
        assert_int_equal(lines(), 1);
        assert_non_null(
                strstr(text, "\"log.level\":\"info\",\"log.logger\":\"t\",\"message\":\"bytes \\\"\\\\\\n"));
        assert_int_equal(yajl_parse(h, (const unsigned char *)text, strlen(text)), yajl_status_ok);
        assert_int_equal(yajl_complete_parse(h), yajl_status_ok);
        yajl_free(h);
}

static void a_long_message_is_cut_and_stays_one_line(void **state)
{
        char *big = malloc(100001);

        (void)state;
        memset(big, 'x', 100000);
        big[100000] = '\0';
        set(LOG_INFO, LOG_TEXT);
        log_info("t", "big: %s", big);
        free(big);
        assert_int_equal(lines(), 1);
        assert_in_range(strlen(written()), 2000, 2200);
}

static void say(int n)
{
        log_warn("t", "number %d", n);
}

static void the_same_text_is_printed_once_a_period_and_counted(void **state)
{
        (void)state;
        set(LOG_INFO, LOG_TEXT);
        for (int i = 0; i < 100; i++)
                say(7);
        assert_int_equal(lines(), 1);
        clock_fake_advance(&fake, LOG_PERIOD_MS - 1);
        say(7);
        assert_int_equal(lines(), 1);
        clock_fake_advance(&fake, 1);
        say(7);
        assert_int_equal(lines(), 2);
        assert_non_null(strstr(written(), "number 7 (100 more like this)\n"));
}

static void one_site_prints_its_burst_and_no_more(void **state)
{
        (void)state;
        set(LOG_INFO, LOG_TEXT);
        for (int i = 0; i < 1000; i++)
                say(i);
        assert_int_equal(lines(), LOG_BURST);
        log_warn("t", "another site is not held back");
        assert_int_equal(lines(), LOG_BURST + 1);
        clock_fake_advance(&fake, LOG_PERIOD_MS);
        say(5000);
        assert_non_null(strstr(written(), "number 5000 (990 more like this)\n"));
        say(5001);
        assert_non_null(strstr(written(), "number 5001\n"));
}

static void flush_speaks_for_a_site_that_fell_silent(void **state)
{
        (void)state;
        set(LOG_INFO, LOG_TEXT);
        for (int i = 0; i < 5; i++)
                say(8);
        log_flush_repeats();
        assert_int_equal(lines(), 1);
        clock_fake_advance(&fake, LOG_PERIOD_MS);
        log_flush_repeats();
        assert_int_equal(lines(), 2);
        assert_non_null(strstr(written(), " warn  t  number 8 (3 more like this)\n"));
        log_flush_repeats();
        assert_int_equal(lines(), 2);
}

static void debug_lines_are_never_held_back(void **state)
{
        (void)state;
        set(LOG_DEBUG, LOG_TEXT);
        for (int i = 0; i < 50; i++)
                log_debug("t", "the same");
        assert_int_equal(lines(), 50);
}

static void *chatter(void *arg)
{
        for (int i = 0; i < 300; i++) {
                log_debug("t", "thread %d says %d and a tail so that the line has some length", *(int *)arg,
                          i);
                say(i);
        }
        return NULL;
}

/* Whatever is held back: lines printed plus the numbers they tell are all that was said. */
static void threads_share_the_log_and_lose_no_count(void **state)
{
        pthread_t threads[4];
        int names[4], printed = 0, held = 0, debug = 0;

        (void)state;
        set(LOG_DEBUG, LOG_TEXT);
        for (int i = 0; i < 4; i++) {
                names[i] = i;
                assert_int_equal(pthread_create(&threads[i], NULL, chatter, &names[i]), 0);
        }
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        clock_fake_advance(&fake, LOG_PERIOD_MS);
        log_flush_repeats();
        for (const char *p = written(), *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
                char line[300];
                const char *more;

                assert_in_range(end - p, 20, 200);
                snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
                assert_non_null(strstr(line, "Z "));
                debug += strstr(line, "debug t  thread ") != NULL;
                printed += strstr(line, "warn  t  number ") != NULL;
                more = strchr(line, '(');
                held += more != NULL ? atoi(more + 1) : 0;
        }
        assert_int_equal(debug, 1200);
        assert_int_equal(printed + held, 1200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_line_has_time_level_component_and_message),
                cmocka_unit_test(levels_below_the_minimum_are_silent),
                cmocka_unit_test(a_control_character_cannot_forge_a_line),
                cmocka_unit_test(json_line_is_json_whatever_the_message),
                cmocka_unit_test(a_long_message_is_cut_and_stays_one_line),
                cmocka_unit_test(the_same_text_is_printed_once_a_period_and_counted),
                cmocka_unit_test(one_site_prints_its_burst_and_no_more),
                cmocka_unit_test(flush_speaks_for_a_site_that_fell_silent),
                cmocka_unit_test(debug_lines_are_never_held_back),
                cmocka_unit_test(threads_share_the_log_and_lose_no_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
