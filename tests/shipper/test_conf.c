/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "shipper/conf.h"

static void each_mistake_about_lines_is_said_with_its_place(void **state)
{
        static const struct { const char *input, *says; } cases[] = {
                { "paths = [ \"/a\" ]; encoding = \"utf-8\"; terminator = \"nul\";", NULL },
                { "paths = [ \"/a\" ]; container = \"auto\"; fields = [ \"env=prod\" ];", NULL },
                { "paths = [ \"/a\" ]; parse = \"json\"; json_at = \"top\";", NULL },
                { "paths = [ \"/a\" ]; encoding = \"utf8\";", "encoding" },
                { "paths = [ \"/a\" ]; terminator = \"\";", "terminator: must have 1 to 64 bytes" },
                { "paths = [ \"/a\" ]; encoding = \"latin-1\"; terminator = \"\xe2\x82\xac\";", "cannot be written in latin-1" },
                { "listen = \"tcp://127.0.0.1:1\"; encoding = \"utf-16\";", "encoding, terminator: are for inputs with paths" },
                { "listen = \"tcp://127.0.0.1:1\"; container = \"cri\";", "container: is for inputs with paths" },
                { "paths = [ \"/a\" ]; container = \"cri\"; encoding = \"latin-1\";", "a container's runtime writes UTF-8 and lf" },
                { "paths = [ \"/a\" ]; container = \"cri\"; fields = [ \"container.name=x\" ];",
                  "fields: \"container.name=x\": container and kubernetes fields are taken from the path" },
                { "paths = [ \"/a\" ]; parse = \"json\"; json_at = \"host\";", "json_at: host is written by Sluice itself" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char inputs[512];
                const char *sets[] = { inputs, "output=\"stdout\"" };
                const struct opt_source source = { .sets = sets, .nsets = ARRAY_LEN(sets) };
                struct shipper_config c;
                struct opt_errors errors = { 0 };
                snprintf(inputs, sizeof(inputs), "inputs=({%s})", cases[i].input);
                int r = opt_load(&shipper_opts, &source, &c, &errors);
                if (!cases[i].says)
                        assert_string_equal(buf_cstr(&errors.text), "");
                else if (!strstr(buf_cstr(&errors.text), cases[i].says))
                        fail_msg("%s: %s", cases[i].input, buf_cstr(&errors.text));
                assert_int_equal(r == 0, !cases[i].says);
                opt_free(&shipper_opts, &c);
                buf_fini(&errors.text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(each_mistake_about_lines_is_said_with_its_place) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
