/* SPDX-License-Identifier: Apache-2.0 */
#include "event/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define MAX_CHANGES 4

struct change {
        const char *path, *json;
}; /* json NULL: dropped */

static void changes_find_their_place(void **state)
{
        static const struct {
                const char *before, *after;
                struct change changes[MAX_CHANGES];
        } cases[] = {
                { "{\"a\":1}", "{\"a\":1}", { { 0 } } },
                { "{}", "{\"a\":1}", { { "a", "1" } } },
                { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":\"x\"}", { { "a", "\"x\"" } } },
                { "{\"log\":{\"level\":\"INFO\",\"a\":1},\"m\":\"x\"}",
                  "{\"log\":{\"a\":1,\"level\":\"info\"},\"trace\":{\"id\":\"4\"}}",
                  { { "log.level", "\"info\"" }, { "m", NULL }, { "trace.id", "\"4\"" } } },
                { "{\"log.level\":\"INFO\"}",
                  "{\"log\":{\"level\":\"info\"}}",
                  { { "log.level", "\"info\"" } } },
                { "{\"log.level\":1,\"log\":{\"x\":1}}",
                  "{\"log\":{\"x\":1,\"level\":2}}",
                  { { "log.level", "2" } } },
                { "{}",
                  "{\"a\":{\"b\":1,\"c.d\":2},\"e\":3}",
                  { { "a.b", "1" }, { "e", "3" }, { "a.c.d", "2" } } },
                { "{\"a\":{\"b\":{\"c\":1}}}",
                  "{\"a\":{\"b\":{\"d\":2}}}",
                  { { "a.b.c", NULL }, { "a.b.d", "2" } } },
                { "{\"a\":\"text\"}", "{\"a\":\"text\"}", { { "a.b", "1" } } },
                { "{\"a\":null}", "{\"a\":{\"b\":1}}", { { "a.b", "1" } } },
                { "{\"a\":[1,{\"b\":2}]}", "{\"a\":[1,{\"b\":2}]}", { { "a.b", NULL } } },
                { "{\"a\":{\"b\":1},\"c\":2}", "{\"c\":2}", { { "a", NULL } } },
                { "{\"a\":1}", "{\"a\":3}", { { "a", "2" }, { "a", "3" } } },
                { "{\"ab\":1}", "{\"ab\":1}", { { "a", NULL }, { "ab.c", NULL } } },
                { " {\n\"a\" : 1 , \"b\":[ ] }", "{\"b\":[ ],\"c\":{}}", { { "a", NULL }, { "c", "{}" } } },
        };
        struct edit *e = edit_new();
        struct buf b = { 0 };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                edit_reset(e);
                buf_reset(&b);
                for (size_t k = 0; k < MAX_CHANGES && cases[i].changes[k].path; k++) {
                        const struct change *c = &cases[i].changes[k];
                        if (c->json)
                                edit_set(e, c->path, strlen(c->path), c->json, strlen(c->json));
                        else
                                edit_drop(e, c->path, strlen(c->path));
                }
                edit_run(e, cases[i].before, strlen(cases[i].before), &b);
                assert_string_equal(buf_cstr(&b), cases[i].after);
        }
        buf_fini(&b);
        edit_free(e);
}

static void members_are_set_below_a_root(void **state)
{
        struct edit *e = edit_new();
        struct buf members = { 0 }, b = { 0 };
        (void)state;

        buf_puts(&members, "\"a\":\"x\\\"y\",\"b\":{\"c\":[1]}");
        edit_set_members(e, "labels", 6, &members);
        edit_set_members(e, "", 0, &members);
        edit_run(e, "{\"labels\":{\"a\":0,\"z\":1}}", 24, &b);
        assert_string_equal(buf_cstr(&b), "{\"labels\":{\"z\":1,\"a\":\"x\\\"y\",\"b\":{\"c\":[1]}},\"a\":"
                                          "\"x\\\"y\",\"b\":{\"c\":[1]}}");
        buf_fini(&members);
        buf_fini(&b);
        edit_free(e);
}

static void an_object_of_too_many_members_stays_as_it_is(void **state)
{
        struct edit *e = edit_new();
        struct buf text = { 0 }, b = { 0 };
        (void)state;

        buf_puts(&text, "{\"a\":{\"k\":0");
        for (int i = 0; i < EDIT_MEMBERS; i++)
                buf_printf(&text, ",\"k%d\":1", i);
        buf_puts(&text, "},\"m\":1}");
        edit_set(e, "a.x", 3, "1", 1);
        edit_drop(e, "m", 1);
        edit_run(e, text.data, text.len, &b);
        assert_memory_equal(b.data, text.data, text.len - strlen(",\"m\":1}"));
        assert_int_equal(b.len, text.len - strlen(",\"m\":1"));
        buf_fini(&text);
        buf_fini(&b);
        edit_free(e);
}

static void redaction_leaves_keys_and_the_time_alone(void **state)
{
        static char *what[] = { (char *)"secret", (char *)"[0-9]{4}" };
        const struct redact_config c = { .what = { what, 2 } };
        static const char before[] =
                "{\"@timestamp\":\"2026-11-23\",\"secret\":\"a "
                "\\\"secret\\\"\",\"n\":[12345,-1.5],\"o\":{\"p\":\"12345\\u0041\"},\"t\":true}";
        struct redact *r = NULL;
        struct err e = { 0 };
        struct buf b = { 0 };
        (void)state;

        assert_int_equal(redact_new(&c, &r, &e), 0);
        assert_int_equal(edit_redact(r, before, strlen(before), &b), 3);
        assert_string_equal(
                buf_cstr(&b),
                "{\"@timestamp\":\"2026-11-23\",\"secret\":\"a "
                "\\\"[redacted]\\\"\",\"n\":[null,-1.5],\"o\":{\"p\":\"[redacted]5A\"},\"t\":true}");
        buf_fini(&b);
        redact_free(r);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_find_their_place),
                cmocka_unit_test(members_are_set_below_a_root),
                cmocka_unit_test(an_object_of_too_many_members_stays_as_it_is),
                cmocka_unit_test(redaction_leaves_keys_and_the_time_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
