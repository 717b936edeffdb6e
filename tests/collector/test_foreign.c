/* SPDX-License-Identifier: Apache-2.0 */
/* Each tests/data/foreign/NAME.json (or .txt) becomes NAME.expected.json, and docs/foreign-records.md shows both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "base/buf.h"
#include "collector/decode.h"
#include "event/shape_rules.h"

#define DATA "tests/data/foreign/"

static struct collector_stats stats;

static void read_file(const char *path, struct buf *ret)
{
        FILE *f = fopen(path, "r");
        char block[4096];
        size_t n;

        if (!f)
                fail_msg("no file %s", path);
        while ((n = fread(block, 1, sizeof(block), f)) > 0)
                buf_put(ret, block, n);
        fclose(f);
        if (ret->len && ret->data[ret->len - 1] == '\n') /* ends the file, not the record */
                ret->len--;
}

/* The document, as a text; ret_dest: where it goes. */
static void decode_text(const char *text, size_t len, struct buf *ret_doc, struct buf *ret_dest)
{
        struct err e = { 0 };
        struct decoder *d = decode_new("{service.name:-}/{host.name:-}/{+yyyy}", NULL, &stats, &e);
        struct batch *b = batch_new(0);
        const struct incoming in = {
                .cluster = "c", .topic = "logs", .timestamp_ms = 1700000000123, .payload = text, .len = len
        };

        assert_non_null(d);
        decode(d, &in, b);
        buf_put(ret_doc, batch_at(b, b->recs[0].value), b->recs[0].value.len);
        buf_put(ret_dest, batch_at(b, b->recs[0].dest), b->recs[0].dest.len);
        batch_free(b);
        decode_free(d);
}

static const char *document_of(const char *text)
{
        static struct buf doc;
        struct buf dest = { 0 };

        buf_reset(&doc);
        decode_text(text, strlen(text), &doc, &dest);
        buf_fini(&dest);
        return buf_cstr(&doc);
}

/* yajl keeps double keys apart, so that they can be counted. */
static void assert_is_clean(const char *path, const char *doc)
{
        char why[256];
        yajl_val v = yajl_tree_parse(doc, why, sizeof(why));

        if (!YAJL_IS_OBJECT(v))
                fail_msg("%s: %s: %s", path, why, doc);
        for (size_t i = 0; i < YAJL_GET_OBJECT(v)->len; i++)
                for (size_t k = 0; k < i; k++)
                        if (strcmp(YAJL_GET_OBJECT(v)->keys[i], YAJL_GET_OBJECT(v)->keys[k]) == 0)
                                fail_msg("%s: %s twice: %s", path, YAJL_GET_OBJECT(v)->keys[i], doc);
        yajl_tree_free(v);
}

static char *expected_path(const char *path)
{
        static char out[256];

        snprintf(out, sizeof(out), "%.*s.expected.json", (int)(strrchr(path, '.') - path), path);
        return out;
}

static void assert_becomes(const char *path)
{
        struct buf in = { 0 }, want = { 0 }, doc = { 0 }, dest = { 0 };

        read_file(path, &in);
        decode_text(in.data, in.len, &doc, &dest);
        assert_is_clean(path, buf_cstr(&doc));
        read_file(expected_path(path), &want);
        if (strcmp(buf_cstr(&doc), buf_cstr(&want)) != 0)
                fail_msg("%s became\n%s\nand not\n%s", path, buf_cstr(&doc), buf_cstr(&want));

        /* Whoever reads it again has nothing to change. */
        struct buf again = { 0 };
        decode_text(doc.data, doc.len, &again, &dest);
        assert_string_equal(buf_cstr(&again), buf_cstr(&doc));

        buf_fini(&in);
        buf_fini(&want);
        buf_fini(&doc);
        buf_fini(&dest);
        buf_fini(&again);
}

static size_t for_each_record(void (*check)(const char *path))
{
        glob_t found;
        size_t n = 0;

        assert_int_equal(glob(DATA "*.json", 0, NULL, &found), 0);
        assert_int_equal(glob(DATA "*.txt", GLOB_APPEND, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                if (strstr(found.gl_pathv[i], ".expected."))
                        continue;
                check(found.gl_pathv[i]);
                n++;
        }
        globfree(&found);
        return n;
}

static void every_shape_becomes_the_expected_document(void **state)
{
        (void)state;
        assert_true(for_each_record(assert_becomes) >= 16);
}

static void assert_is_shown(const char *path)
{
        static struct buf page;
        struct buf in = { 0 }, want = { 0 };

        buf_reset(&page);
        read_file("docs/foreign-records.md", &page);
        read_file(path, &in);
        read_file(expected_path(path), &want);
        if (!strstr(buf_cstr(&page), buf_cstr(&in)) || !strstr(buf_cstr(&page), buf_cstr(&want)))
                fail_msg("docs/foreign-records.md does not show %s", path);
        buf_fini(&page);
        buf_fini(&in);
        buf_fini(&want);
}

static void the_page_shows_every_example(void **state)
{
        (void)state;
        (void)for_each_record(assert_is_shown);
}

static void each_shape_is_counted_under_its_name(void **state)
{
        static const struct {
                const char *path;
                struct stat_value *counter;
        } cases[] = {
                { DATA "filebeat.json", &stats.foreign_filebeat },
                { DATA "filebeat-6.json", &stats.foreign_filebeat },
                { DATA "fluent-bit.json", &stats.foreign_fluent_bit },
                { DATA "fluent-bit-date.json", &stats.foreign_fluent_bit },
                { DATA "vector.json", &stats.foreign_vector },
                { DATA "logstash.json", &stats.foreign_logstash },
                { DATA "docker.json", &stats.foreign_docker },
                { DATA "gelf.json", &stats.foreign_gelf },
                { DATA "journald.json", &stats.foreign_journald },
                { DATA "json.json", &stats.foreign_json },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct buf in = { 0 };
                int64_t before = stat_get(cases[i].counter);
                read_file(cases[i].path, &in);
                document_of(buf_cstr(&in));
                if (stat_get(cases[i].counter) != before + 1)
                        fail_msg("%s is not counted", cases[i].path);
                buf_fini(&in);
        }
}

static void the_index_is_made_from_the_document(void **state)
{
        static const char event[] = "{\"service\":\"shop\",\"host\":\"web-1\",\"ts\":1795428000}";
        struct buf doc = { 0 }, dest = { 0 };

        (void)state;
        decode_text(event, sizeof(event) - 1, &doc, &dest);
        assert_string_equal(buf_cstr(&dest), "shop_web-1_2026");
        buf_fini(&doc);
        buf_fini(&dest);
}

static void the_first_of_a_double_key_stays(void **state)
{
        int64_t before = stat_get(&stats.double_keys);

        (void)state;
        assert_string_equal(
                document_of("{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"a\":1,\"a\":2,\"\\u0061\":3}"),
                "{\"@timestamp\":\"2026-11-23T10:00:00Z\",\"a\":1}");
        assert_int_equal(stat_get(&stats.double_keys), before + 2);
}

#define T "{\"@timestamp\":\"2026-11-23T10:00:00Z\","

static void a_case_becomes_its_document(void **state)
{
        static const char *const cases[][2] = {
                { T "\"a\":1}", T "\"a\":1}" },
                { T "\"host\":{\"name\":\"x\"},\"hostname\":\"y\"}",
                  T "\"host\":{\"name\":\"x\"},\"hostname\":\"y\"}" },
                { T "\"hostname\":\"y\",\"host\":\"x\"}", T "\"hostname\":\"y\",\"host\":{\"name\":\"x\"}}" },
                { T "\"host.name\":\"x\",\"host\":\"y\"}",
                  T "\"host.name\":\"x\",\"labels\":{\"host\":\"y\"}}" },
                { T "\"trace\":{ },\"trace_id\":\"7\"}", T "\"trace\":{\"id\":\"7\"}}" },
                { T "\"trace\":{\"x\":1},\"trace_id\":\"7\"}", T "\"trace\":{\"id\":\"7\",\"x\":1}}" },
                { T "\"trace\":null,\"trace_id\":\"7\"}", T "\"trace\":{\"id\":\"7\"}}" },
                { T "\"host\":[\"a\",\"b\"]}", T "\"host\":{\"name\":[\"a\",\"b\"]}}" },
                { T "\"host\":[{\"name\":\"a\"}]}", T "\"host\":[{\"name\":\"a\"}]}" },
                { T "\"ho\\u0073t\":\"x\"}", T "\"host\":{\"name\":\"x\"}}" },
                { T "\"message\":{\"a\":1}}", T "\"message\":\"{\\\"a\\\":1}\"}" },
                { T "\"labels\":\"x\"}", T "\"labels\":{\"labels\":\"x\"}}" },
                { T "\"_id\":{}}", T "\"_id_\":{}}" },
                { T "\"log\":{\"file\":{\"id\":1}},\"source\":\"/a\"}",
                  T "\"log\":{\"file.path\":\"/a\",\"file\":{\"id\":1}}}" },
                { T "\"ecs\":{\"version\":\"8\"},\"level\":\"x\",\"trace_id\":\"7\"}",
                  T "\"ecs\":{\"version\":\"8\"},\"level\":\"x\",\"trace_id\":\"7\"}" },
                { "{\"@timestamp\":null,\"a\":1}", "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"a\":1}" },
                { "{\"ts\":1795428000}", "{\"@timestamp\":\"2026-11-23T10:00:00.000Z\"}" },
                { "{\"ts\":1.795428e9}", "{\"@timestamp\":\"2026-11-23T10:00:00.000Z\"}" },
                { "{\"ts\":1795428000123}", "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\"}" },
                { "{\"ts\":\"1795428000123456789\"}", "{\"@timestamp\":\"2026-11-23T10:00:00.123456789Z\"}" },
                { "{\"ts\":\"2026-11-23 10:00:00Z\"}", "{\"@timestamp\":\"2026-11-23T10:00:00.000Z\"}" },
                { "{\"ts\":-1}", "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"ts\":-1}" },
                { T "\"log\":\"\"}", T "\"message\":\"\"}" },
                { "{\"ts\":1.7e13}", "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"ts\":1.7e13}" },
                { "{\"ts\":1e999}", "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"ts\":1e999}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *doc = document_of(cases[i][0]);
                if (strcmp(doc, cases[i][1]) != 0)
                        fail_msg("%s became\n%s and not\n%s", cases[i][0], doc, cases[i][1]);
        }
}

static void an_object_too_wide_for_an_index_is_text(void **state)
{
        struct buf b = { 0 };

        (void)state;
        buf_putc(&b, '{');
        for (int i = 0; i <= SHAPE_MEMBERS; i++)
                buf_printf(&b, "%s\"k%d\":%d", i ? "," : "", i, i);
        buf_putc(&b, '}');
        assert_non_null(strstr(document_of(buf_cstr(&b)), "\"message\":\"{\\\"k0\\\":0,"));
        buf_fini(&b);
}

/* A row may not make an object where a scalar of that name could stay beside it. */
static void assert_roots_are_cleared(const struct shape_rules *rules)
{
        for (size_t i = 0; i < rules->n; i++) {
                const char *to = rules->rows[i].to;
                size_t root = to ? strcspn(to, ".") : 0;
                unsigned cleared = 0;
                if (!to || !to[root])
                        continue;
                for (size_t k = 0; k < shape_common.n; k++) {
                        const struct shape_rule *row = &shape_common.rows[k];
                        if (strlen(row->key) == root && memcmp(row->key, to, root) == 0 &&
                            row->flags & R_MUST)
                                cleared |= row->takes;
                }
                if ((cleared & V_SCALAR) != V_SCALAR)
                        fail_msg("%s: a scalar may stay where its object is made", to);
        }
}

static void every_object_that_a_rule_makes_is_one_no_scalar_stays_at(void **state)
{
        (void)state;
        assert_roots_are_cleared(&shape_common);
        for (size_t i = 0; i < shape_nknown; i++)
                assert_roots_are_cleared(&shape_known[i].rules);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_shape_becomes_the_expected_document),
                cmocka_unit_test(the_page_shows_every_example),
                cmocka_unit_test(each_shape_is_counted_under_its_name),
                cmocka_unit_test(the_index_is_made_from_the_document),
                cmocka_unit_test(the_first_of_a_double_key_stays),
                cmocka_unit_test(a_case_becomes_its_document),
                cmocka_unit_test(an_object_too_wide_for_an_index_is_text),
                cmocka_unit_test(every_object_that_a_rule_makes_is_one_no_scalar_stays_at),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
