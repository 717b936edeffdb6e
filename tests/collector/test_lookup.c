/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of the answer to a search.  Asking is tests/e2e/test_audit.py's, any bytes are tests/fuzz/fuzz_http_body.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/lookup.h"

static void count(void *arg, const struct lookup_hit *hit)
{
        assert_non_null(hit->id);
        ++*(size_t *)arg;
}

static void assert_read(unsigned status, const char *body, int code, size_t hits)
{
        const struct lookup_answer a = { "http://es1:9200", "logs", status, body, strlen(body) };
        struct err e = { 0 };
        size_t n = 0;

        int r = lookup_read(&a, count, &n, &e);
        if (r != code || n != hits)
                fail_msg("%u %.60s: %d with %zu hits, not %d with %zu: %s", status, body, r, n, code, hits, e.msg);
}

static void an_answer_is_its_hits_or_the_reason_why_it_is_none(void **state)
{
        (void)state;
        assert_read(200, "{\"_shards\":{\"total\":1,\"failed\":0},\"hits\":{\"total\":{\"value\":2},\"hits\":[{\"_id\":\"a\"},{\"_id\":\"b\"}]}}", 0, 2);
        assert_read(200, "{\"_shards\":{\"total\":1,\"failed\":0},\"hits\":{\"total\":{\"value\":0}}}", 0, 0);
        assert_read(200, "{\"_shards\":{\"total\":0},\"hits\":{\"total\":{\"value\":0}}}", -ENOENT, 0);
        assert_read(403, "{\"error\":{\"type\":\"security_exception\",\"reason\":\"no\"}}", -EACCES, 0);
        assert_read(404, "{}", -ENOENT, 0);
        assert_read(200, "<html>", -EPROTO, 0);
        assert_read(200, "{}", -EPROTO, 0);
}

/* What some shards did not say is not missing. */
static void half_an_answer_is_none(void **state)
{
        (void)state;
        assert_read(200, "{\"timed_out\":true,\"_shards\":{\"total\":2,\"failed\":0},\"hits\":{\"hits\":[{\"_id\":\"a\"}]}}", -EHOSTUNREACH, 0);
        assert_read(200, "{\"_shards\":{\"total\":2,\"failed\":1},\"hits\":{\"hits\":[{\"_id\":\"a\"}]}}", -EHOSTUNREACH, 0);
        assert_read(200, "{\"_shards\":{\"total\":2,\"failed\":1},\"hits\":{\"total\":{\"value\":0}}}", -EHOSTUNREACH, 0);
}

/* A parser that frees by recursion would end the stack. */
static void nesting_without_end_is_no_answer(void **state)
{
        enum { DEEP = 4 << 20 };
        char *deep = xmalloc(5 + 2 * (size_t)DEEP + 2);
        (void)state;

        memcpy(deep, "{\"a\":", 5);
        memset(deep + 5, '[', DEEP);
        memset(deep + 5 + DEEP, ']', DEEP);
        memcpy(deep + 5 + 2 * (size_t)DEEP, "}", 2);
        assert_read(200, deep, -EPROTO, 0);
        free(deep);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_is_its_hits_or_the_reason_why_it_is_none),
                cmocka_unit_test(half_an_answer_is_none),
                cmocka_unit_test(nesting_without_end_is_no_answer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
