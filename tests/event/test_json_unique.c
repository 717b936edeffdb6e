/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "event/json_unique.h"
#include "event/scan.h"

static void the_first_of_a_name_stays(void **state)
{
        static const struct {
                const char *text, *want;
                size_t doubles;
        } cases[] = {
                { "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"\\u0061\":3}", "{\"a\":1,\"b\":{\"c\":1}}", 2 },
                { "{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}", 0 },
                { " { \"a\" : [ 1 , { \"b\" : 2 , \"b\" : [ ] } ] , \"a\" : {} } ", "{\"a\":[1,{\"b\":2}]}",
                  2 },
                { "{\"a\":\"}\\\"\",\"b\":-1.5e3,\"c\":null}", "{\"a\":\"}\\\"\",\"b\":-1.5e3,\"c\":null}",
                  0 },
                { "{}", "{}", 0 },
                { "[]", "[]", 0 },
                { "12", "12", 0 },
                { "{\"\":1,\"\":2}", "{\"\":1}", 1 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct buf b = { 0 };
                assert_int_equal(json_unique(&b, cases[i].text, strlen(cases[i].text)), cases[i].doubles);
                assert_string_equal(buf_cstr(&b), cases[i].want);
                buf_fini(&b);
        }
}

/* Short names in many objects: none is taken for one of another object, by this or by the scan that comes before. */
static void names_of_different_objects_are_different(void **state)
{
        struct buf text = { 0 }, out = { 0 };
        struct scan_info info;

        (void)state;
        buf_putc(&text, '[');
        for (int i = 0; i < 5000; i++)
                buf_printf(&text, "%s{\"%c\":0,\"%c%c\":1,\"%c%c%c\":2,\"%d\":3}", i ? "," : "", 'a' + i % 26,
                           'a' + i % 7, 'a' + i % 26, 'a' + i % 3, 'a' + i % 5, 'a' + i % 26, i);
        buf_putc(&text, ']');
        assert_int_equal(json_unique(&out, text.data, text.len), 0);
        assert_int_equal(out.len, text.len);
        assert_memory_equal(out.data, text.data, text.len);
        assert_int_equal(scan_json_doubles("{\"a\":{\"b\":1},\"b\":{\"a\":2}}", 25, NULL, 0, NULL, &info),
                         SCAN_IS_OBJECT);
        assert_false(info.maybe_double);
        assert_int_equal(scan_json_doubles("{\"a\":{\"b\":1,\"b\":2}}", 19, NULL, 0, NULL, &info),
                         SCAN_IS_OBJECT);
        assert_true(info.maybe_double);
        buf_fini(&text);
        buf_fini(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_of_a_name_stays),
                cmocka_unit_test(names_of_different_objects_are_different),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
