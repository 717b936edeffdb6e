/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sinks/elasticsearch.h"

/* The errors of the settings given, one a line; "" when there are none. Fills c. */
static const char *load(const char *const *sets, size_t n, struct es_config *c, struct opt_errors *errors)
{
        struct opt_source source = { .sets = sets, .nsets = n };

        *errors = (struct opt_errors){ 0 };
        int r = opt_load(&es_opts, &source, c, errors);
        assert_int_equal(r<0, errors->count> 0);
        return buf_cstr(&errors->text);
}

static void defaults_are_a_whole_configuration(void **state)
{
        struct opt_errors errors;
        struct es_config c;
        (void)state;

        assert_string_equal(load(NULL, 0, &c, &errors), "");
        assert_int_equal(c.urls.n, 1);
        assert_string_equal(c.urls.v[0], "http://127.0.0.1:9200");
        assert_string_equal(c.index, ES_DEFAULT_INDEX);
        assert_string_equal(c.compression, "gzip");
        assert_int_equal(c.compression_level, 1);
        assert_true(c.verify);
        assert_null(c.username);
        assert_null(c.pipeline);
        assert_int_equal(c.id, ES_ID_EVENT);
        assert_null(c.id_field);
        assert_int_equal(c.request_timeout_ms, 60000);
        opt_free(&es_opts, &c);
        buf_fini(&errors.text);
}

static void assert_complains(const char *const *sets, size_t n, const char *part)
{
        struct opt_errors errors;
        struct es_config c;
        const char *text = load(sets, n, &c, &errors);

        if (!strstr(text, part))
                fail_msg("\"%s\" is not in: %s", part, text);
        buf_fini(&errors.text);
}

#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void what_does_not_fit_together_is_told(void **state)
{
        (void)state;
        assert_complains((const char *[]){ "urls=[\"es1:9200\"]" }, 1,
                         "\"es1:9200\" must begin with http://");
        assert_complains((const char *[]){ "urls=[\"http://u:secret@es1\"]" }, 1,
                         "\"es1\" must not hold credentials");
        assert_complains((const char *[]){ "compression=\"zip\"" }, 1, "neither gzip nor none");
        assert_complains((const char *[]){ "compression=\"zstd\"" }, 1, "answers 400 to zstd; gzip or none");
        assert_complains((const char *[]){ "username=\"a\"" }, 1, "one without the other");
        assert_complains((const char *[]){ "api_key=\"a\"", "username=\"a\"", "password=\"b\"" }, 3,
                         "api_key: excludes");
        assert_complains((const char *[]){ "retry_base=\"5 s\"", "retry_max=\"1 s\"" }, 2,
                         "must not be less");
        assert_complains((const char *[]){ "ca_fingerprint=\"12:34\"" }, 1, "64 hexadecimal digits");
        assert_complains((const char *[]){ "ca_fingerprint=\"" DIGITS "\"", "ca_file=\"x\"" }, 2,
                         "excludes ca_file");
        assert_complains((const char *[]){ "ca_fingerprint=\"" DIGITS "\"", "verify=false" }, 2,
                         "means nothing");
        assert_complains((const char *[]){ "client_key=\"x\"" }, 1, "without client_cert");
        assert_complains((const char *[]){ "proxy=\"http://u:p@x\"" }, 1, "use proxy_auth");
        assert_complains((const char *[]){ "api_key=\"file:/nowhere/x\"" }, 1, "/nowhere/x");
        assert_complains((const char *[]){ "pipeline=\"a&b\"" }, 1, "pipeline: \"a&b\" is no name");
        assert_complains((const char *[]){ "pipeline=\"\"" }, 1, "pipeline: \"\" is no name");
        assert_complains((const char *[]){ "id=\"Auto\"" }, 1, "auto");
        assert_complains((const char *[]){ "routing=\"\"" }, 1, "routing: must name a field");
        assert_complains((const char *[]){ "id_field=\"\"" }, 1, "id_field: must name a field");
        assert_complains((const char *[]){ "id=\"auto\"", "id_field=\"a.b\"" }, 2, "id_field: means nothing");
        assert_complains((const char *[]){ "manage_template=\"on\"", "index=\"{topic}\"" }, 2,
                         "manage_template: on is for an index that begins with a fixed name");
        assert_complains((const char *[]){ "workers=0" }, 1, "workers");
}

static void a_flag_names_several_nodes_at_once_and_may_come_again(void **state)
{
        const struct opt_flag flags[] = {
                { &es_opts.rows[0], "urls", "http://es1:9200,http://es2:9200" },
                { &es_opts.rows[0], "urls", "http://es3:9200" },
        };
        struct opt_errors errors = { 0 };
        struct es_config c;
        (void)state;

        assert_string_equal(es_opts.rows[0].flag, "url");
        int r = opt_load(&es_opts, &(struct opt_source){ .flags = flags, .nflags = ARRAY_LEN(flags) }, &c,
                         &errors);
        assert_string_equal(buf_cstr(&errors.text), "");
        assert_int_equal(r, 0);
        assert_int_equal(c.urls.n, 3);
        for (size_t i = 0; i < c.urls.n; i++) {
                char url[64];
                snprintf(url, sizeof(url), "http://es%zu:9200", i + 1);
                assert_string_equal(c.urls.v[i], url);
        }
        opt_free(&es_opts, &c);
        buf_fini(&errors.text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_are_a_whole_configuration),
                cmocka_unit_test(what_does_not_fit_together_is_told),
                cmocka_unit_test(a_flag_names_several_nodes_at_once_and_may_come_again),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
