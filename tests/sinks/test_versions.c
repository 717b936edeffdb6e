/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sinks/versions.h"

static void every_library_has_a_line_with_a_dotted_number(void **state)
{
        static const char *const libraries[] = { "librdkafka", "libcurl",    "yajl",          "lz4",
                                                 "libconfig",  "libdeflate", "libmicrohttpd", "xxhash",
                                                 "pcre2",      "zlib",       "zstd" };
        char *text = xstrdup(versions_text()), *rest = text, *line;
        size_t n = 0;

        (void)state;
        for (; (line = strsep(&rest, "\n")) != NULL; n++) {
                assert_true(n < ARRAY_LEN(libraries));
                size_t len = strlen(libraries[n]);
                assert_int_equal(strncmp(line, libraries[n], len), 0);
                assert_int_equal(line[len], ' ');
                const char *number = line + len + 1;
                assert_true(isdigit((unsigned char)number[0]));
                assert_non_null(strchr(number, '.'));
                assert_int_not_equal(strcmp(number, "0.0.0"), 0);
        }
        assert_int_equal(n, ARRAY_LEN(libraries));
        free(text);
}

static void the_number_is_that_of_the_loaded_library(void **state)
{
        char *line = xasprintf("librdkafka %s\n", rd_kafka_version_str());

        (void)state;
        assert_non_null(strstr(versions_text(), line));
        free(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_library_has_a_line_with_a_dotted_number),
                cmocka_unit_test(the_number_is_that_of_the_loaded_library),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
