/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sinks/elasticsearch.h"

static void add(struct batch *b, const char *dest, const char *id, const char *value)
{
        struct record *r = batch_add(b);

        r->dest = batch_put(b, dest, strlen(dest));
        r->id = batch_put(b, id, strlen(id));
        r->value = batch_put(b, value, strlen(value));
}

static void assert_body(const struct batch *b, size_t n, const char *expected)
{
        struct buf out = { 0 };

        es_body_write(&out, b, n, &(struct es_body_config){ .index = "logs-own-default" });
        assert_string_equal(buf_cstr(&out), expected);
        buf_fini(&out);
}

static void an_action_line_and_the_document_for_each_record(void **state)
{
        struct batch *b = batch_new(0);
        (void)state;

        add(b, "logs-a-default", "s1.x", "{\"a\":1}");
        add(b, "", "s1.y", "{\"a\": 2}");
        add(b, "", "", "{}");
        assert_body(b, 3,
                    "{\"create\":{\"_index\":\"logs-a-default\",\"_id\":\"s1.x\"}}\n{\"a\":1}\n"
                    "{\"create\":{\"_index\":\"logs-own-default\",\"_id\":\"s1.y\"}}\n{\"a\": 2}\n"
                    "{\"create\":{\"_index\":\"logs-own-default\"}}\n{}\n");
        assert_body(b, 1, "{\"create\":{\"_index\":\"logs-a-default\",\"_id\":\"s1.x\"}}\n{\"a\":1}\n");
        batch_free(b);
}

static void pipeline_and_routing_of_a_record_stand_in_its_action(void **state)
{
        struct batch *b = batch_new(0);
        (void)state;

        add(b, "i", "1", "{}");
        batch_header(b, &b->recs[0], es_header_pipeline, "p", 1);
        batch_header(b, &b->recs[0], "other", "x", 1);
        batch_header(b, &b->recs[0], es_header_routing, "a\"b", 3);
        add(b, "i", "", "{}");
        batch_header(b, &b->recs[1], es_header_routing, "r", 1);
        assert_body(b, 2,
                    "{\"create\":{\"_index\":\"i\",\"_id\":\"1\",\"pipeline\":\"p\",\"routing\":\"a\\\"b\"}}"
                    "\n{}\n"
                    "{\"create\":{\"_index\":\"i\",\"routing\":\"r\"}}\n{}\n");
        batch_free(b);
}

static void with_auto_id_no_id_is_sent(void **state)
{
        struct es_body_config config = { .index = "own", .auto_id = true };
        struct batch *b = batch_new(0);
        struct buf out = { 0 };
        (void)state;

        add(b, "a", "s1.x", "{}");
        es_body_write(&out, b, 1, &config);
        assert_string_equal(buf_cstr(&out), "{\"create\":{\"_index\":\"a\"}}\n{}\n");
        buf_fini(&out);
        batch_free(b);
}

static void newlines_in_a_document_become_blanks(void **state)
{
        struct batch *b = batch_new(0);
        (void)state;

        add(b, "i", "1", "\n{\n\n\"a\":\r\n1}\n");
        add(b, "i", "2", "{}");
        assert_body(b, 2,
                    "{\"create\":{\"_index\":\"i\",\"_id\":\"1\"}}\n {  \"a\":\r 1} \n"
                    "{\"create\":{\"_index\":\"i\",\"_id\":\"2\"}}\n{}\n");
        batch_free(b);
}

static void index_and_id_are_escaped(void **state)
{
        struct batch *b = batch_new(0);
        (void)state;

        add(b, "a\"b", "x\n\\", "{}");
        assert_body(b, 1, "{\"create\":{\"_index\":\"a\\\"b\",\"_id\":\"x\\n\\\\\"}}\n{}\n");
        batch_free(b);
}

/* ---- workers --------------------------------------------------------------------------------------- */

enum { JOBS = 40 };

struct bench {
        struct loop *loop;
        struct batch *batches[JOBS];
        struct es_job jobs[JOBS];
        size_t built;
};

static void on_built(void *arg, struct es_job *job)
{
        struct bench *t = arg;

        assert_true(job >= t->jobs && job < t->jobs + JOBS);
        t->built++;
}

static int set_up(void **state)
{
        struct bench *t = xcalloc(1, sizeof *t);

        t->loop = loop_new(&clock_system, NULL);
        for (size_t i = 0; i < JOBS; i++) {
                t->batches[i] = batch_new(0);
                for (size_t k = 0; k <= i * 10; k++) {
                        char value[64];
                        snprintf(value, sizeof value, "{\"job\":%zu,\"k\":%zu}", i, k);
                        add(t->batches[i], "index", "id", value);
                }
                t->jobs[i].batch = t->batches[i];
                t->jobs[i].n = t->batches[i]->n;
        }
        *state = t;
        return 0;
}

static int tear_down(void **state)
{
        struct bench *t = *state;

        for (size_t i = 0; i < JOBS; i++) {
                es_job_drop(&t->jobs[i]);
                batch_free(t->batches[i]);
        }
        loop_free(t->loop);
        free(t);
        return 0;
}

static struct es_builder *start(struct bench *t, int level, unsigned workers)
{
        struct es_body_config config = { .index = "own", .level = level };
        struct err e;
        struct es_builder *b = es_builder_new(t->loop, &config, workers, JOBS, on_built, t, &e);

        assert_non_null(b);
        for (size_t i = 0; i < JOBS; i++)
                es_builder_add(b, &t->jobs[i]);
        return b;
}

static void turn_until_built(struct bench *t, size_t n)
{
        int64_t deadline = loop_now_ms(t->loop) + 20000;

        while (t->built < n) {
                loop_turn(t->loop, 100);
                assert_true(loop_now_ms(t->loop) < deadline);
        }
}

static void assert_inflates_to(const struct es_job *job, const struct buf *expected)
{
        char *out = xmalloc(expected->len + 1);
        z_stream z = { .next_in = (Bytef *)job->body,
                       .avail_in = (uInt)job->len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)expected->len + 1 };

        assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.total_out, expected->len);
        assert_memory_equal(out, expected->data, expected->len);
        inflateEnd(&z);
        free(out);
}

static void several_workers_compress_every_body(void **state)
{
        struct bench *t = *state;
        struct es_builder *b = start(t, 1, 3);

        turn_until_built(t, JOBS);
        for (size_t i = 0; i < JOBS; i++) {
                struct buf expected = { 0 };
                es_body_write(&expected, t->batches[i], t->batches[i]->n,
                              &(struct es_body_config){ .index = "own" });
                assert_int_equal(t->jobs[i].raw_len, expected.len);
                assert_inflates_to(&t->jobs[i], &expected);
                buf_fini(&expected);
        }
        es_builder_free(b);
}

static void level_zero_does_not_compress(void **state)
{
        struct bench *t = *state;
        struct es_builder *b = start(t, 0, 1);

        turn_until_built(t, JOBS);
        assert_int_equal(t->jobs[3].len, t->jobs[3].raw_len);
        assert_memory_equal(t->jobs[3].body, "{\"create\":{\"_index\":\"index\"", 27);
        es_builder_free(b);
}

static void after_stop_nothing_is_inside_and_nobody_is_called(void **state)
{
        struct bench *t = *state;
        struct es_builder *b = start(t, 1, 2);

        es_builder_stop(b);
        loop_turn(t->loop, 0);
        assert_int_equal(t->built, 0);
        es_builder_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_action_line_and_the_document_for_each_record),
                cmocka_unit_test(pipeline_and_routing_of_a_record_stand_in_its_action),
                cmocka_unit_test(with_auto_id_no_id_is_sent),
                cmocka_unit_test(newlines_in_a_document_become_blanks),
                cmocka_unit_test(index_and_id_are_escaped),
                cmocka_unit_test_setup_teardown(several_workers_compress_every_body, set_up, tear_down),
                cmocka_unit_test_setup_teardown(level_zero_does_not_compress, set_up, tear_down),
                cmocka_unit_test_setup_teardown(after_stop_nothing_is_inside_and_nobody_is_called, set_up,
                                                tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
