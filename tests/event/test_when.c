/* SPDX-License-Identifier: Apache-2.0 */
#include "event/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mem.h"

static const char event[] = "{\"log\":{\"level\":\"debug\"},\"status\":500,\"ok\":true,\"none\":null,"
                            "\"port\":\"8080\",\"text\":\"it\\\"s \\u00e4\","
                            "\"list\":[\"debug\"],\"ratio\":0.50,\"empty\":\"\"}";

static bool says(const char *condition)
{
        struct fields f = { 0 };
        struct err e = { 0 };
        struct scan_value v[SCAN_PATHS] = { 0 };
        struct when *w = when_new(condition, &f, &e);

        if (!w)
                fail_msg("%s", e.msg);
        assert_int_equal(scan_json(event, strlen(event), f.path, f.n, v, NULL), SCAN_IS_OBJECT);
        bool said = when_holds(w, v);
        when_free(w);
        fields_fini(&f);
        return said;
}

static void conditions_say_what_they_mean(void **state)
{
        static const struct {
                const char *condition;
                bool said;
        } cases[] = {
                { "log.level == debug", true },
                { "log.level==debug", true },
                { "log.level == 'debug'", true },
                { "log.level != debug", false },
                { "log.level == Debug", false },
                { "log.level in (info, debug)", true },
                { "log.level in (info)", false },
                { "log.level ~ '^de'", true },
                { "log.level ~ '^(warn|error)$'", false },
                { "log.level !~ '^(warn|error)$'", true },
                { "log.level", true },
                { "!log.level", false },
                { "none", false },
                { "nothing", false },
                { "empty", true },
                { "empty == ''", true },
                { "list", true },
                { "list == debug", false },
                { "list != debug", true },
                { "nothing == x", false },
                { "nothing != x", true },
                { "nothing < 5", false },
                { "nothing !~ x", true },
                { "status == 500", true },
                { "status == 500.0", true },
                { "status >= 500", true },
                { "status > 500", false },
                { "status < 501", true },
                { "status <= 499.9", false },
                { "status >= -1", true },
                { "ratio == .5", true },
                { "port >= 1024", true },
                { "port == 8080.0", false },
                { "log.level < 5", false },
                { "ok == true", true },
                { "text == 'it\"s \xc3\xa4'", true },
                { "text ~ '\"s'", true },
                { "status == 500 && log.level == debug", true },
                { "status == 1 && log.level == debug || ok == true", true },
                { "ok == true || status == 1 && log.level == info", true },
                { "(ok == true || status == 1) && log.level == info", false },
                { "!(ok == true) || !!status", true },
                { "in == x", false },
                { "input", false },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (says(cases[i].condition) != cases[i].said)
                        fail_msg("%s", cases[i].condition);
}

static void mistakes_are_refused_with_their_place(void **state)
{
        static const struct {
                const char *condition, *why;
        } cases[] = {
                { "", "a field is missing at \"its end\"" },
                { "log.level = debug", "an operator is missing at \"= debug\"" },
                { "log.level ==", "a value is missing" },
                { "log.level == 'debug", "the closing ' is missing" },
                { "(log.level == debug", "a ) is missing" },
                { "log.level in debug", "( is missing" },
                { "log.level in (debug", "a ) is missing" },
                { "log.level == debug &&", "a field is missing" },
                { "log.level == debug warn", "an operator is missing at \"warn\"" },
                { "status > many", "must be a number" },
                { "message ~ '('", "missing closing parenthesis" },
                { "((((((((((((((((((a))))))))))))))))))", "nested too deeply" },
                { "!!!!!!!!!!!!!!!!!!a", "nested too deeply" },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct fields f = { 0 };
                struct err e = { 0 };
                assert_null(when_new(cases[i].condition, &f, &e));
                if (!strstr(e.msg, cases[i].why))
                        fail_msg("%s: %s", cases[i].condition, e.msg);
                fields_fini(&f);
        }
}

static void a_condition_is_bounded(void **state)
{
        struct fields f = { 0 };
        struct err e = { 0 };
        struct buf b = { 0 };
        (void)state;

        buf_puts(&b, "a");
        for (int i = 0; i < WHEN_NODES; i++)
                buf_puts(&b, " || a");
        assert_null(when_new(buf_cstr(&b), &f, &e));
        assert_non_null(strstr(e.msg, "too many parts"));
        assert_int_equal(f.n, 1);
        buf_reset(&b);
        buf_puts(&b, "a");
        for (int i = 0; i < SCAN_PATHS; i++)
                buf_printf(&b, " || a%d", i);
        assert_null(when_new(buf_cstr(&b), &f, &e));
        assert_non_null(strstr(e.msg, "fields are looked at"));
        buf_fini(&b);
        fields_fini(&f);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(conditions_say_what_they_mean),
                cmocka_unit_test(mistakes_are_refused_with_their_place),
                cmocka_unit_test(a_condition_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
