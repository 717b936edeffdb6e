/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "event/level.h"

static void names_of_loggers_become_one_name(void **state)
{
        static const struct {
                const char *text, *want;
        } cases[] = {
                { "WARNING", "warn" }, { "warn", "warn" },     { "Wrn", "warn" },
                { "W", "warn" },       { "INFO", "info" },     { "INFO ", "info" },
                { "inf", "info" },     { "[info]", "info" },   { "error:", "error" },
                { "SEVERE", "error" }, { "ERR", "error" },     { "FINEST", "trace" },
                { "dpanic", "panic" }, { "CRIT", "critical" }, { "emerg", "emergency" },
                { "fatal", "fatal" },  { "notice", "notice" }, { "alert", "alert" },
                { "10", "trace" },     { "30", "info" },       { "60", "fatal" },
                { "<3>", "error" },    { "0", "emergency" },   { "7", "debug" },
                { "8", NULL },         { "35", NULL },         { "70", NULL },
                { "", NULL },          { " ", NULL },          { "[]", NULL },
                { "warnings", NULL },  { "informatio", NULL }, { "hello", NULL },
                { "[warn", NULL },     { "[ WARN ]", "warn" }, { "-", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *got = level_name(cases[i].text, strlen(cases[i].text));
                if ((got == NULL) != (cases[i].want == NULL) || (got && strcmp(got, cases[i].want) != 0))
                        fail_msg("\"%s\" is %s", cases[i].text, got ? got : "nothing");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_of_loggers_become_one_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
