/* SPDX-License-Identifier: Apache-2.0 */
/* The elasticsearch sink against a fake Elasticsearch.
 * ctest-label: component threads */
#include "sinks/elasticsearch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/fake/fake_es.h"

enum { MAX_RECORDS = 5000, DEADLINE_MS = 20000 };

/* What came back of one record, by its seq. */
struct back {
        unsigned times;
        enum verdict verdict;
        unsigned status;
        char reason[256];
        unsigned order; /* 1: came back in the first done() */
};

struct bench {
        struct fake_es *es, *second;
        struct loop *loop;
        struct es_config config;
        char *urls[2];
        struct sink *sink;
        struct back back[MAX_RECORDS];
        size_t nback;
        unsigned dones, rooms;
        uint64_t next_seq;
};

static void on_done(void *arg, struct batch **b)
{
        struct bench *t = arg;

        t->dones++;
        for (size_t i = 0; i < (*b)->n; i++) {
                const struct record *r = &(*b)->recs[i];
                struct back *k = &t->back[r->seq];

                k->times++;
                k->verdict = r->verdict;
                k->status = r->status;
                k->order = t->dones;
                snprintf(k->reason, sizeof k->reason, "%.*s", (int)r->reason.len, batch_reason(*b, r));
                t->nback++;
        }
        batch_free(*b);
        *b = NULL;
}

static void on_room(void *arg)
{
        ((struct bench *)arg)->rooms++;
}

static int bench_set_up(void **state)
{
        struct bench *t = xcalloc(1, sizeof *t);

        t->es = fake_es_new();
        t->loop = loop_new(&clock_system, NULL);
        t->urls[0] = (char *)fake_es_url(t->es);
        t->config = (struct es_config){
                .urls = { t->urls, 1 },
                .index = "logs-test-default",
                .verify = true,
                .compression = "gzip",
                .compression_level = 1,
                .workers = 1,
                .max_requests = 2,
                .concurrency = 2,
                .probe_timeout_ms = 1000,
                .node_failures = 3,
                .node_requests = 64,
                .connect_timeout_ms = 2000,
                .request_timeout_ms = 5000,
                .retry_base_ms = 5,
                .retry_max_ms = 20,
        };
        *state = t;
        return 0;
}

static int bench_tear_down(void **state)
{
        struct bench *t = *state;

        sink_free(t->sink);
        loop_free(t->loop);
        fake_es_free(t->es);
        fake_es_free(t->second);
        free(t);
        return 0;
}

static void start_with(struct bench *t, size_t max_batches, size_t max_bytes)
{
        struct sink_owner owner = { on_done, on_room, t };
        struct sink_limits limits = { max_batches, max_bytes };
        struct err e = { 0 };

        t->sink = sink_elasticsearch_new(t->loop, &t->config, &owner, &limits, &e);
        if (!t->sink)
                fail_msg("%s", e.msg);
}

static void start(struct bench *t)
{
        start_with(t, 16, 64 << 20);
}

static void add_record(struct bench *t, struct batch *b, const char *id, const char *dest, const char *value)
{
        struct record *r = batch_add(b);

        r->value = batch_put(b, value, strlen(value));
        if (id)
                r->id = batch_put(b, id, strlen(id));
        if (dest)
                r->dest = batch_put(b, dest, strlen(dest));
        r->weight = 1;
        r->seq = t->next_seq++;
}

/* n records with ids id-<seq> and values {"n":<seq>}. */
static void submit_numbered(struct bench *t, size_t n)
{
        struct batch *b = batch_new(0);

        for (size_t i = 0; i < n; i++) {
                char id[32], value[64];
                snprintf(id, sizeof id, "id-%llu", (unsigned long long)t->next_seq);
                snprintf(value, sizeof value, "{\"n\":%llu,\"end\":0}", (unsigned long long)t->next_seq);
                add_record(t, b, id, NULL, value);
        }
        sink_submit(t->sink, &b);
}

static void turn_until_back(struct bench *t, size_t n)
{
        int64_t deadline = loop_now_ms(t->loop) + DEADLINE_MS;

        while (t->nback < n) {
                loop_turn(t->loop, 100);
                if (loop_now_ms(t->loop) > deadline)
                        fail_msg("%zu of %zu records came back; trouble: %s", t->nback, n,
                                 sink_trouble(t->sink));
        }
}

/* Turns until trouble() says something that holds all of it. */
static void turn_until_trouble(struct bench *t, const char *part)
{
        int64_t deadline = loop_now_ms(t->loop) + DEADLINE_MS;
        const char *said = NULL;

        while (!(said = sink_trouble(t->sink)) || !strstr(said, part)) {
                loop_turn(t->loop, 100);
                if (loop_now_ms(t->loop) > deadline)
                        fail_msg("trouble: %s", said ? said : "none");
        }
}

static void assert_each_once(struct bench *t, size_t n, enum verdict verdict)
{
        assert_int_equal(t->nback, n);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(t->back[i].times, 1);
                assert_int_equal(t->back[i].verdict, verdict);
        }
}

static int64_t counter(struct bench *t, const char *name, const char *labels)
{
        struct stat_group g = t->sink->ops->stats(t->sink);

        for (size_t i = 0; i < g.nrows; i++) {
                const struct stat_row *row = &g.rows[i];
                if (strcmp(row->name, name) != 0 ||
                    (labels && (!row->labels || strcmp(row->labels, labels) != 0)))
                        continue;
                if (row->kind == STAT_HISTOGRAM)
                        return (int64_t)((const struct hist *)((const char *)g.base + row->offset))->count;
                return stat_get((const struct stat_value *)((const char *)g.base + row->offset));
        }
        fail_msg("no row %s{%s}", name, labels ? labels : "");
        return 0;
}

static int64_t requests(struct bench *t, const char *result)
{
        return counter(t, "elasticsearch_requests_total", result);
}

static int64_t documents(struct bench *t, const char *outcome)
{
        return counter(t, "elasticsearch_bulk_documents_total", outcome);
}

/* ---- what goes well ------------------------------------------------------------------------------- */

static void every_document_stands_in_the_index_under_its_id(void **state)
{
        struct bench *t = *state;

        start(t);
        submit_numbered(t, 1000);
        submit_numbered(t, 1);
        turn_until_back(t, 1001);
        assert_each_once(t, 1001, VERDICT_DONE);
        assert_int_equal(fake_es_docs(t->es, "logs-test-default"), 1001);
        char *doc = fake_es_doc(t->es, "logs-test-default", "id-777");
        assert_string_equal(doc, "{\"n\":777,\"end\":0}");
        free(doc);
        assert_null(sink_trouble(t->sink));
        assert_int_equal(requests(t, "result=\"ok\""), 2);
        assert_int_equal(documents(t, "outcome=\"indexed\""), 1001);
        assert_int_equal(counter(t, "elasticsearch_request_seconds", NULL), 2);
        assert_int_equal(counter(t, "elasticsearch_requests_in_flight", NULL), 0);
        assert_int_equal(counter(t, "elasticsearch_bodies", NULL), 0);
        assert_true(counter(t, "elasticsearch_sent_bytes_total", NULL) <
                    counter(t, "elasticsearch_body_bytes_total", NULL) / 4);
}

static void dest_is_the_index_and_a_record_without_id_gets_one_from_the_server(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);

        start(t);
        add_record(t, b, NULL, "logs-a-default", "{\"a\":1}");
        add_record(t, b, NULL, "logs-a-default", "{\"a\":1}");
        add_record(t, b, "x", NULL, "{\"a\":2}");
        sink_submit(t->sink, &b);
        turn_until_back(t, 3);
        assert_each_once(t, 3, VERDICT_DONE);
        assert_int_equal(fake_es_docs(t->es, "logs-a-default"), 2);
        assert_int_equal(fake_es_docs(t->es, "logs-test-default"), 1);
}

static void with_id_auto_a_known_id_is_no_duplicate(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);

        t->config.id = ES_ID_AUTO;
        start(t);
        add_record(t, b, "x", NULL, "{\"a\":1}");
        add_record(t, b, "x", NULL, "{\"a\":1}");
        sink_submit(t->sink, &b);
        turn_until_back(t, 2);
        assert_each_once(t, 2, VERDICT_DONE);
        assert_int_equal(fake_es_docs(t->es, "logs-test-default"), 2);
}

static void the_pipeline_is_named_with_every_bulk(void **state)
{
        struct bench *t = *state;

        t->config.pipeline = "logs-nginx.access-1.20.0";
        start(t);
        submit_numbered(t, 1);
        turn_until_back(t, 1);
        char *head = fake_es_last_request(t->es);
        assert_non_null(strstr(head, "failure_store&pipeline=logs-nginx.access-1.20.0 HTTP/1.1\r\n"));
        free(head);
}

static void requests_carry_the_headers_they_should_and_never_expect(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);
        char *big = xmalloc(3 << 20);

        t->config.api_key = "c2VjcmV0";
        t->config.compression = "none";
        start(t);
        memset(big, 'a', (3 << 20) - 1);
        memcpy(big, "{\"m\":\"", 6);
        memcpy(big + (3 << 20) - 3, "\"}", 3);
        add_record(t, b, "big", NULL, big);
        free(big);
        sink_submit(t->sink, &b);
        turn_until_back(t, 1);
        assert_each_once(t, 1, VERDICT_DONE);
        char *head = fake_es_last_request(t->es);
        assert_non_null(strstr(head, "POST /_bulk?filter_path=errors,items.*.status,"));
        assert_non_null(strstr(head, "User-Agent: sluice/" SLUICE_VERSION "\r\n"));
        assert_non_null(strstr(head, "Authorization: ApiKey c2VjcmV0\r\n"));
        assert_non_null(strstr(head, "Content-Type: application/x-ndjson\r\n"));
        assert_null(strstr(head, "Content-Encoding"));
        assert_null(strcasestr(head, "Expect:"));
        free(head);
}

static void basic_authentication_is_sent(void **state)
{
        struct bench *t = *state;

        t->config.username = "sluice";
        t->config.password = "secret";
        start(t);
        submit_numbered(t, 1);
        turn_until_back(t, 1);
        char *head = fake_es_last_request(t->es);
        assert_non_null(strstr(head, "Authorization: Basic c2x1aWNlOnNlY3JldA==\r\n"));
        assert_non_null(strstr(head, "Content-Encoding: gzip\r\n"));
        free(head);
}

static void connections_are_kept_and_requests_bounded(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .delay_ms = 20 });
        for (int i = 0; i < 12; i++)
                submit_numbered(t, 3);
        turn_until_back(t, 36);
        assert_each_once(t, 36, VERDICT_DONE);
        struct fake_es_counts counts = fake_es_counts(t->es);
        assert_int_equal(counts.bulks, 12);
        assert_int_equal(counts.most_at_once, 2);
        assert_in_range(counts.connections, 1, 2);
}

/* ---- verdicts on documents ------------------------------------------------------------------------- */

static void one_bulk_with_mapping_error_duplicate_and_429_has_three_outcomes(void **state)
{
        struct bench *t = *state;

        start(t);
        submit_numbered(t, 1); /* id-0 stands there already */
        turn_until_back(t, 1);
        fake_es_doc_rule(t->es,
                         &(struct fake_es_doc_rule){ .contains = "\"bad\"",
                                                     .status = 400,
                                                     .type = "document_parsing_exception",
                                                     .reason = "failed to parse field [n] of type [long]" });
        fake_es_doc_rule(t->es, &(struct fake_es_doc_rule){ .contains = "\"busy\"",
                                                            .times = 3,
                                                            .status = 429,
                                                            .type = "es_rejected_execution_exception",
                                                            .reason = "queue full" });
        struct batch *b = batch_new(0);
        add_record(t, b, "id-0", NULL, "{\"n\":0}");
        add_record(t, b, "id-1", NULL, "{\"n\":\"bad\"}");
        add_record(t, b, "id-2", NULL, "{\"n\":\"busy\"}");
        add_record(t, b, "id-3", NULL, "{\"n\":3}");
        sink_submit(t->sink, &b);
        turn_until_back(t, 5);

        assert_int_equal(t->back[1].verdict, VERDICT_DUPLICATE);
        assert_int_equal(t->back[2].verdict, VERDICT_REJECT);
        assert_int_equal(t->back[2].status, 400);
        assert_string_equal(t->back[2].reason,
                            "document_parsing_exception: failed to parse field [n] of type [long]");
        assert_int_equal(t->back[3].verdict, VERDICT_DONE);
        assert_int_equal(t->back[4].verdict, VERDICT_DONE);
        for (int i = 0; i < 5; i++)
                assert_int_equal(t->back[i].times, 1);
        /* What was settled did not wait for what was not, and only that was sent again. */
        assert_int_equal(t->back[4].order, 2);
        assert_int_equal(t->back[3].order, 3);
        assert_int_equal(fake_es_counts(t->es).actions, 1 + 4 + 3);
        assert_int_equal(documents(t, "outcome=\"indexed\""), 3);
        assert_int_equal(documents(t, "outcome=\"duplicate\""), 1);
        assert_int_equal(documents(t, "outcome=\"rejected\""), 1);
        assert_int_equal(documents(t, "outcome=\"again\""), 3);
        assert_int_equal(counter(t, "elasticsearch_retries_total", NULL), 3);
}

static void a_blocked_index_waits_and_does_not_hold_up_another(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);

        start(t);
        fake_es_doc_rule(t->es,
                         &(struct fake_es_doc_rule){
                                 .index = "full",
                                 .status = 403,
                                 .type = "cluster_block_exception",
                                 .reason = "index [full] blocked by: [FORBIDDEN/12/index read-only]" });
        add_record(t, b, "a", "full", "{}");
        add_record(t, b, "b", "fine", "{}");
        sink_submit(t->sink, &b);
        turn_until_back(t, 1);
        assert_int_equal(t->back[1].verdict, VERDICT_DONE);
        turn_until_trouble(t, "index full: 403 cluster_block_exception");
        submit_numbered(t, 10);
        turn_until_back(t, 11);
        assert_int_equal(t->back[0].times, 0);
        fake_es_clear_rules(t->es);
        turn_until_back(t, 12);
        assert_each_once(t, 12, VERDICT_DONE);
        assert_null(sink_trouble(t->sink));
}

static void a_security_item_and_a_missing_pipeline_wait_for_the_operator(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_doc_rule(t->es, &(struct fake_es_doc_rule){
                                        .status = 403,
                                        .times = 2,
                                        .type = "security_exception",
                                        .reason = "action [indices:data/write/bulk] is unauthorized" });
        fake_es_doc_rule(t->es,
                         &(struct fake_es_doc_rule){ .status = 400,
                                                     .type = "illegal_argument_exception",
                                                     .reason = "pipeline with id [enrich] does not exist" });
        submit_numbered(t, 2);
        turn_until_trouble(t, "security_exception: action [indices:data/write/bulk] is unauthorized; grant");
        turn_until_trouble(t, "pipeline with id [enrich] does not exist; create the ingest pipeline");
        fake_es_clear_rules(t->es);
        turn_until_back(t, 2);
        assert_each_once(t, 2, VERDICT_DONE);
}

static void a_document_with_5xx_is_rejected_the_tenth_time_when_others_pass(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);

        start(t);
        add_record(t, b, "a", NULL, "[1,2]");
        sink_submit(t->sink, &b);
        while (t->nback < 1 || t->back[0].times == 0) {
                if (sink_has_room(t->sink))
                        submit_numbered(t, 1);
                loop_turn(t->loop, 100);
                assert_true(t->next_seq < 4000);
        }
        assert_int_equal(t->back[0].verdict, VERDICT_REJECT);
        assert_int_equal(t->back[0].status, 500);
        assert_non_null(strstr(t->back[0].reason, "not_x_content_exception: "));
        assert_int_equal(documents(t, "outcome=\"rejected\""), 1);
        assert_true(documents(t, "outcome=\"again\"") >= 9);
}

/* Ten documents, of which one a round passes, in front of one that never does: its place in the
 * bulk changes ten times, its strikes go with it. */
static void strikes_stay_with_their_document(void **state)
{
        static const char *const marks[] = { "d0x", "d1x", "d2x", "d3x", "d4x",
                                             "d5x", "d6x", "d7x", "d8x", "d9x" };
        struct bench *t = *state;
        struct batch *b = batch_new(0);

        start(t);
        for (unsigned i = 0; i < 10; i++) {
                char value[32];
                snprintf(value, sizeof value, "{\"m\":\"%s\"}", marks[i]);
                add_record(t, b, marks[i], NULL, value);
                if (i > 0)
                        fake_es_doc_rule(t->es, &(struct fake_es_doc_rule){ .contains = marks[i],
                                                                            .times = i,
                                                                            .status = 429,
                                                                            .type = "busy" });
        }
        add_record(t, b, "bad", NULL, "[]");
        sink_submit(t->sink, &b);
        turn_until_back(t, 11);
        assert_int_equal(t->back[10].verdict, VERDICT_REJECT);
        assert_int_equal(fake_es_counts(t->es).bulks, 10);
        assert_int_equal(fake_es_counts(t->es).actions, 11 + 10 + 9 + 8 + 7 + 6 + 5 + 4 + 3 + 2);
}

static void a_document_with_5xx_waits_as_long_as_nothing_passes(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_doc_rule(t->es, &(struct fake_es_doc_rule){
                                        .status = 500, .type = "exception", .reason = "all broken" });
        submit_numbered(t, 3);
        while (fake_es_counts(t->es).bulks < 15)
                loop_turn(t->loop, 100);
        assert_int_equal(t->nback, 0);
        fake_es_clear_rules(t->es);
        turn_until_back(t, 3);
        assert_each_once(t, 3, VERDICT_DONE);
}

/* ---- whole requests ---------------------------------------------------------------------------------- */

static void too_large_a_bulk_is_halved_and_only_too_large_a_document_rejected(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);
        char big[4000];

        start(t);
        memset(big, 'x', sizeof big);
        memcpy(big, "{\"m\":\"", 6);
        memcpy(big + sizeof big - 3, "\"}", 3);
        fake_es_max_body(t->es, 1500);
        for (int i = 0; i < 40; i++) {
                char id[16];
                snprintf(id, sizeof id, "i%d", i);
                add_record(t, b, id, NULL, i == 17 ? big : "{\"small\":1}");
        }
        sink_submit(t->sink, &b);
        turn_until_back(t, 40);
        for (int i = 0; i < 40; i++) {
                assert_int_equal(t->back[i].times, 1);
                assert_int_equal(t->back[i].verdict, i == 17 ? VERDICT_REJECT : VERDICT_DONE);
        }
        assert_int_equal(t->back[17].status, 413);
        assert_int_equal(fake_es_docs(t->es, NULL), 39);
        assert_true(requests(t, "result=\"too_large\"") > 0);
        assert_null(sink_trouble(t->sink));
}

static void a_400_for_the_whole_bulk_finds_its_culprit(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .contains = "{\"n\":66,",
                                                                    .status = 400,
                                                                    .type = "x_content_parse_exception",
                                                                    .reason = "Duplicate field" });
        submit_numbered(t, 100);
        turn_until_back(t, 100);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(t->back[i].times, 1);
                assert_int_equal(t->back[i].verdict, i == 66 ? VERDICT_REJECT : VERDICT_DONE);
        }
        assert_int_equal(t->back[66].status, 400);
        assert_string_equal(t->back[66].reason, "x_content_parse_exception: Duplicate field");
        assert_true(fake_es_counts(t->es).bulks < 30);
        assert_true(requests(t, "result=\"refused\"") > 0);
}

static void a_400_that_is_not_elasticsearchs_accuses_no_document(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es,
                             &(struct fake_es_request_rule){
                                     .times = 3,
                                     .status = 400,
                                     .content_type = "text/html",
                                     .body = "<html>The plain HTTP request was sent to HTTPS port</html>" });
        submit_numbered(t, 1);
        turn_until_back(t, 1);
        assert_each_once(t, 1, VERDICT_DONE);
}

static void refused_credentials_wait_and_say_what_to_do(void **state)
{
        struct bench *t = *state;
        char expected[256];

        start(t);
        fake_es_request_rule(
                t->es, &(struct fake_es_request_rule){ .status = 401,
                                                       .type = "security_exception",
                                                       .reason = "missing authentication credentials" });
        submit_numbered(t, 1);
        snprintf(expected, sizeof expected,
                 "%s answers 401 security_exception: missing authentication credentials; "
                 "check username and password, or api_key",
                 fake_es_url(t->es));
        turn_until_trouble(t, expected);
        assert_int_equal(t->nback, 0);
        fake_es_clear_rules(t->es);
        turn_until_back(t, 1);
        assert_each_once(t, 1, VERDICT_DONE);
        assert_null(sink_trouble(t->sink));
}

static void a_redirect_is_not_followed(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){
                                            .status = 307, .body = "moved", .location = "/elsewhere" });
        submit_numbered(t, 1);
        turn_until_trouble(t, "answers 307; redirects are not followed");
        struct fake_es_counts counts = fake_es_counts(t->es);
        assert_int_equal(counts.requests, counts.bulks);
        fake_es_clear_rules(t->es);
        turn_until_back(t, 1);
}

static void a_large_bulk_whose_connection_breaks_again_and_again_is_halved(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .min_bytes = 3000, .hang_up = true });
        submit_numbered(t, 100);
        turn_until_back(t, 100);
        assert_each_once(t, 100, VERDICT_DONE);
        assert_in_range(fake_es_counts(t->es).largest_actions, 10, 50);
}

static void plain_text_where_tls_should_be_is_told(void **state)
{
        struct bench *t = *state;
        char url[64];

        snprintf(url, sizeof url, "https%s", fake_es_url(t->es) + 4);
        t->urls[0] = url;
        start(t);
        submit_numbered(t, 1);
        turn_until_trouble(t, "SSL");
        sink_close(t->sink);
        assert_each_once(t, 1, VERDICT_RETRY);
        assert_non_null(strstr(t->back[0].reason, "SSL"));
}

/* A fault that passes: afterwards all stand there once, and none was accused. */
static void survives(struct bench *t, const struct fake_es_request_rule *rule, const char *result)
{
        start(t);
        fake_es_request_rule(t->es, rule);
        submit_numbered(t, 50);
        turn_until_back(t, 50);
        for (size_t i = 0; i < 50; i++) {
                assert_int_equal(t->back[i].times, 1);
                assert_true(t->back[i].verdict == VERDICT_DONE || t->back[i].verdict == VERDICT_DUPLICATE);
        }
        assert_int_equal(fake_es_docs(t->es, NULL), 50);
        assert_int_equal(requests(t, result), rule->times);
        assert_int_equal(counter(t, "elasticsearch_retries_total", NULL), rule->times);
        assert_null(sink_trouble(t->sink));
}

static void a_closed_connection_is_survived(void **state)
{
        survives(*state, &(struct fake_es_request_rule){ .times = 2, .hang_up = true },
                 "result=\"connection\"");
}

static void a_lost_answer_makes_duplicates_that_are_no_error(void **state)
{
        struct bench *t = *state;

        survives(t, &(struct fake_es_request_rule){ .times = 1, .lose_answer = true },
                 "result=\"connection\"");
        assert_int_equal(documents(t, "outcome=\"duplicate\""), 50);
}

static void an_answer_cut_in_the_middle_is_survived(void **state)
{
        survives(*state, &(struct fake_es_request_rule){ .times = 2, .cut_after = 300 },
                 "result=\"bad_answer\"");
}

static void an_answer_cut_but_framed_as_whole_is_survived(void **state)
{
        survives(*state, &(struct fake_es_request_rule){ .times = 2, .cut_after = 300, .cut_clean = true },
                 "result=\"bad_answer\"");
}

static void an_html_page_with_200_is_survived(void **state)
{
        survives(*state,
                 &(struct fake_es_request_rule){ .times = 2,
                                                 .status = 200,
                                                 .body = "<html>Welcome</html>",
                                                 .content_type = "text/html" },
                 "result=\"bad_answer\"");
}

static void a_foreign_json_with_200_is_survived(void **state)
{
        survives(*state, &(struct fake_es_request_rule){ .times = 2, .status = 200, .body = "{\"ok\":true}" },
                 "result=\"bad_answer\"");
}

static void an_answer_with_errors_and_too_few_items_is_survived(void **state)
{
        survives(*state,
                 &(struct fake_es_request_rule){
                         .times = 2,
                         .status = 200,
                         .body = "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}}]}" },
                 "result=\"bad_answer\"");
}

static void a_502_is_survived(void **state)
{
        survives(*state,
                 &(struct fake_es_request_rule){ .times = 3,
                                                 .status = 502,
                                                 .body = "<html>Bad Gateway</html>",
                                                 .content_type = "text/html" },
                 "result=\"server_error\"");
}

static void a_429_for_the_whole_request_is_survived(void **state)
{
        survives(*state,
                 &(struct fake_es_request_rule){ .times = 3,
                                                 .status = 429,
                                                 .type = "circuit_breaking_exception",
                                                 .reason = "Data too large" },
                 "result=\"throttled\"");
}

static void errors_false_settles_all_whatever_the_items_hold(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){
                                            .status = 200, .body = "{\"errors\":false,\"took\":1}" });
        submit_numbered(t, 20);
        turn_until_back(t, 20);
        assert_each_once(t, 20, VERDICT_DONE);
}

static void the_failure_store_is_an_outcome_of_its_own(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es,
                             &(struct fake_es_request_rule){
                                     .status = 200,
                                     .body = "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},"
                                             "{\"create\":{\"status\":201,\"failure_store\":\"used\"}}]}" });
        submit_numbered(t, 2);
        turn_until_back(t, 2);
        assert_each_once(t, 2, VERDICT_DONE);
        assert_int_equal(documents(t, "outcome=\"indexed\""), 1);
        assert_int_equal(documents(t, "outcome=\"failure_store\""), 1);
}

static void retry_after_is_honoured(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .times = 1,
                                                                    .status = 503,
                                                                    .retry_after_s = 1,
                                                                    .type = "unavailable",
                                                                    .reason = "later" });
        submit_numbered(t, 1);
        turn_until_trouble(t, "answers 503");
        int64_t since_ms = loop_now_ms(t->loop);
        turn_until_back(t, 1);
        assert_in_range(loop_now_ms(t->loop) - since_ms, 900, 10000);
}

static void retry_after_of_an_answer_with_items_is_honoured_too(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es,
                             &(struct fake_es_request_rule){
                                     .times = 1,
                                     .status = 200,
                                     .retry_after_s = 1,
                                     .body = "{\"errors\":true,\"items\":[{\"create\":{\"status\":429}}]}" });
        submit_numbered(t, 1);
        turn_until_trouble(t, "429");
        int64_t since_ms = loop_now_ms(t->loop);
        turn_until_back(t, 1);
        assert_in_range(loop_now_ms(t->loop) - since_ms, 900, 10000);
}

static void what_somebody_must_mend_is_said_before_what_mends_itself(void **state)
{
        struct bench *t = *state;
        struct batch *b = batch_new(0);

        t->config.retry_base_ms = t->config.retry_max_ms = 3600000;
        start(t);
        fake_es_doc_rule(
                t->es, &(struct fake_es_doc_rule){ .contains = "{\"n\":0,", .status = 429, .type = "busy" });
        fake_es_doc_rule(t->es, &(struct fake_es_doc_rule){
                                        .contains = "locked", .status = 403, .type = "security_exception" });
        submit_numbered(t, 1);
        turn_until_trouble(t, "429 busy");
        add_record(t, b, "x", NULL, "{\"locked\":1}");
        sink_submit(t->sink, &b);
        turn_until_trouble(t, "403 security_exception");
}

static void a_failed_node_gets_no_requests_while_it_rests(void **state)
{
        struct bench *t = *state;

        random_seed(1); /* its rest is one of the longer ones */
        t->second = fake_es_new();
        t->urls[1] = (char *)fake_es_url(t->second);
        t->config.urls.n = 2;
        t->config.node_failures = 1;
        t->config.retry_base_ms = t->config.retry_max_ms = 60000;
        start_with(t, 64, 64 << 20);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .status = 502, .body = "" });
        for (int i = 0; i < 20; i++)
                submit_numbered(t, 1);
        turn_until_back(t, 19);
        turn_until_trouble(t, "502");           /* the other node may have been much faster */
        assert_int_equal(fake_es_counts(t->es).bulks, 1);
        assert_int_equal(fake_es_docs(t->second, NULL), 19);
}

static void a_node_that_never_answers_is_given_up_for_another(void **state)
{
        struct bench *t = *state;

        t->second = fake_es_new();
        t->urls[1] = (char *)fake_es_url(t->second);
        t->config.urls.n = 2;
        t->config.request_timeout_ms = 200;
        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .never = true });
        for (int i = 0; i < 8; i++)
                submit_numbered(t, 2);
        turn_until_back(t, 16);
        assert_each_once(t, 16, VERDICT_DONE);
        assert_int_equal(fake_es_docs(t->second, NULL), 16);
        assert_true(requests(t, "result=\"timeout\"") > 0);
}

static void a_cluster_that_is_down_is_waited_for(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_down(t->es);
        submit_numbered(t, 5);
        turn_until_trouble(t, fake_es_url(t->es));
        assert_non_null(strstr(sink_trouble(t->sink), "connect"));
        assert_int_equal(t->nback, 0);
        fake_es_up(t->es);
        turn_until_back(t, 5);
        assert_each_once(t, 5, VERDICT_DONE);
}

/* ---- bounds and the end -------------------------------------------------------------------------------- */

static void room_is_told_after_there_was_none(void **state)
{
        struct bench *t = *state;

        start_with(t, 2, 64 << 20);
        submit_numbered(t, 1);
        assert_true(sink_has_room(t->sink));
        submit_numbered(t, 1);
        assert_false(sink_has_room(t->sink));
        turn_until_back(t, 2);
        assert_int_equal(t->rooms, 1);
        assert_true(sink_has_room(t->sink));
}

static void bodies_are_bounded_while_a_node_hangs(void **state)
{
        struct bench *t = *state;

        start(t);
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .never = true });
        for (int i = 0; i < 16; i++)
                submit_numbered(t, 1);
        while (fake_es_counts(t->es).bulks < 2)
                loop_turn(t->loop, 100);
        for (int i = 0; i < 10; i++)
                loop_turn(t->loop, 5);
        assert_int_equal(counter(t, "elasticsearch_requests_in_flight", NULL), 2);
        assert_int_equal(counter(t, "elasticsearch_bodies", NULL), 3);
}

static void close_hands_back_what_is_left_in_whatever_state(void **state)
{
        struct bench *t = *state;

        t->config.retry_base_ms = t->config.retry_max_ms = 60000;
        start(t);
        submit_numbered(t, 10);
        turn_until_back(t, 10);
        fake_es_doc_rule(t->es, &(struct fake_es_doc_rule){ .contains = "\"n\":12,",
                                                            .status = 429,
                                                            .type = "es_rejected_execution_exception",
                                                            .reason = "queue full" });
        fake_es_request_rule(t->es, &(struct fake_es_request_rule){ .skip = 1, .never = true });
        submit_numbered(t, 10);
        turn_until_back(t, 19);     /* n 12 waits */
        for (int i = 0; i < 8; i++) /* two are sent, others built, built just now, queued */
                submit_numbered(t, 10);
        while (fake_es_counts(t->es).bulks < 4)
                loop_turn(t->loop, 100);
        sink_close(t->sink);
        assert_int_equal(t->nback, 100);
        for (size_t i = 0; i < 100; i++) {
                assert_int_equal(t->back[i].times, 1);
                assert_int_equal(t->back[i].verdict, i < 20 && i != 12 ? VERDICT_DONE : VERDICT_RETRY);
        }
        assert_false(sink_has_room(t->sink));
}

static void close_right_after_submit_hands_all_back(void **state)
{
        struct bench *t = *state;

        t->config.workers = 3;
        start(t);
        for (int i = 0; i < 10; i++)
                submit_numbered(t, 100);
        sink_close(t->sink);
        assert_each_once(t, 1000, VERDICT_RETRY);
}

static void a_bad_address_is_refused_with_the_reason(void **state)
{
        struct bench *t = *state;
        struct sink_owner owner = { on_done, on_room, t };
        struct sink_limits limits = { 1, 1 };
        struct err e = { 0 };

        t->urls[0] = (char *)"http://user:secret@es1:9200";
        assert_null(sink_elasticsearch_new(t->loop, &t->config, &owner, &limits, &e));
        assert_non_null(strstr(e.msg, "must not hold credentials"));
        assert_null(strstr(e.msg, "secret"));
        t->urls[0] = (char *)"es1:9200";
        assert_null(sink_elasticsearch_new(t->loop, &t->config, &owner, &limits, &e));
        assert_non_null(strstr(e.msg, "must begin with http"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(every_document_stands_in_the_index_under_its_id),
                T(dest_is_the_index_and_a_record_without_id_gets_one_from_the_server),
                T(with_id_auto_a_known_id_is_no_duplicate),
                T(the_pipeline_is_named_with_every_bulk),
                T(requests_carry_the_headers_they_should_and_never_expect),
                T(basic_authentication_is_sent),
                T(connections_are_kept_and_requests_bounded),
                T(one_bulk_with_mapping_error_duplicate_and_429_has_three_outcomes),
                T(a_blocked_index_waits_and_does_not_hold_up_another),
                T(a_security_item_and_a_missing_pipeline_wait_for_the_operator),
                T(a_document_with_5xx_is_rejected_the_tenth_time_when_others_pass),
                T(strikes_stay_with_their_document),
                T(a_document_with_5xx_waits_as_long_as_nothing_passes),
                T(too_large_a_bulk_is_halved_and_only_too_large_a_document_rejected),
                T(a_400_for_the_whole_bulk_finds_its_culprit),
                T(a_400_that_is_not_elasticsearchs_accuses_no_document),
                T(refused_credentials_wait_and_say_what_to_do),
                T(a_redirect_is_not_followed),
                T(a_large_bulk_whose_connection_breaks_again_and_again_is_halved),
                T(plain_text_where_tls_should_be_is_told),
                T(a_closed_connection_is_survived),
                T(a_lost_answer_makes_duplicates_that_are_no_error),
                T(an_answer_cut_in_the_middle_is_survived),
                T(an_answer_cut_but_framed_as_whole_is_survived),
                T(an_html_page_with_200_is_survived),
                T(a_foreign_json_with_200_is_survived),
                T(an_answer_with_errors_and_too_few_items_is_survived),
                T(a_502_is_survived),
                T(a_429_for_the_whole_request_is_survived),
                T(errors_false_settles_all_whatever_the_items_hold),
                T(the_failure_store_is_an_outcome_of_its_own),
                T(retry_after_is_honoured),
                T(retry_after_of_an_answer_with_items_is_honoured_too),
                T(what_somebody_must_mend_is_said_before_what_mends_itself),
                T(a_failed_node_gets_no_requests_while_it_rests),
                T(a_node_that_never_answers_is_given_up_for_another),
                T(a_cluster_that_is_down_is_waited_for),
                T(room_is_told_after_there_was_none),
                T(bodies_are_bounded_while_a_node_hangs),
                T(close_hands_back_what_is_left_in_whatever_state),
                T(close_right_after_submit_hands_all_back),
                T(a_bad_address_is_refused_with_the_reason),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
