/* SPDX-License-Identifier: Apache-2.0 */
/* The elasticsearch sink meets a hostile Elasticsearch.  After each scenario the documents that are stored are
 * exactly those that should be, and each record came back once.
 * ctest-label: component */
#include "sinks/elasticsearch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/fake/fake_es.h"

enum { MAX_RECORDS = 20000, DEADLINE_MS = 20000, MAX_NODES = 3 };

struct world {
        struct fake_es *es[MAX_NODES];
        char *urls[MAX_NODES];
        struct loop *loop;
        struct es_config config;
        struct sink *sink;
        uint8_t times[MAX_RECORDS], verdict[MAX_RECORDS];
        size_t sent, nback;
};

static void on_done(void *arg, struct batch **b)
{
        struct world *w = arg;

        for (size_t i = 0; i < (*b)->n; i++) {
                const struct record *r = &(*b)->recs[i];
                w->times[r->seq]++;
                w->verdict[r->seq] = r->verdict;
                w->nback++;
        }
        batch_free(*b);
        *b = NULL;
}

static void on_room(void *arg)
{
        (void)arg;
}

static int set_up(void **state)
{
        struct world *w = xcalloc(1, sizeof *w);

        w->loop = loop_new(&clock_system, NULL);
        for (int i = 0; i < MAX_NODES; i++) {
                w->es[i] = fake_es_new();
                w->urls[i] = (char *)fake_es_url(w->es[i]);
        }
        w->config = (struct es_config){
                .urls = { w->urls, 1 },
                .index = "logs",
                .verify = true,
                .compression = "gzip",
                .compression_level = 1,
                .workers = 1,
                .max_requests = 8,
                .node_failures = 3,
                .node_requests = 64,
                .connect_timeout_ms = 1000,
                .request_timeout_ms = 3000,
                .probe_timeout_ms = 100,
                .retry_base_ms = 5,
                .retry_max_ms = 30,
        };
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        sink_free(w->sink);
        loop_free(w->loop);
        for (int i = 0; i < MAX_NODES; i++)
                fake_es_free(w->es[i]);
        free(w);
        return 0;
}

static void start(struct world *w)
{
        struct sink_owner owner = { on_done, on_room, w };
        struct sink_limits limits = { 64, 8 << 20 };
        struct err e = { 0 };

        w->sink = sink_elasticsearch_new(w->loop, &w->config, &owner, &limits, &e);
        if (!w->sink)
                fail_msg("%s", e.msg);
}

static bool is_poison(size_t seq, size_t every)
{
        return every > 0 && seq % every == every / 2;
}

/* n records "id-SEQ" of about size bytes; one of every `poison` (0: none) holds that word. */
static void submit(struct world *w, size_t n, size_t size, size_t poison)
{
        struct batch *b = batch_new(0);
        char *pad = xmalloc(size + 1);

        while (!sink_has_room(w->sink))
                loop_turn(w->loop, 20);
        memset(pad, 'x', size);
        pad[size] = '\0';
        for (size_t i = 0; i < n; i++) {
                struct record *r = batch_add(b);
                char *value = xasprintf("{\"n\":%zu,\"%s\":\"%s\"}", w->sent,
                                        is_poison(w->sent, poison) ? "poison" : "pad", pad);
                char *id = xasprintf("id-%zu", w->sent);

                r->value = batch_put(b, value, strlen(value));
                r->id = batch_put(b, id, strlen(id));
                r->weight = 1;
                r->seq = w->sent++;
                free(value);
                free(id);
        }
        free(pad);
        sink_submit(w->sink, &b);
}

static void turn_until(struct world *w, size_t nback)
{
        int64_t deadline = loop_now_ms(w->loop) + DEADLINE_MS;

        while (w->nback < nback) {
                loop_turn(w->loop, 50);
                if (loop_now_ms(w->loop) > deadline)
                        fail_msg("%zu of %zu came back: %s", w->nback, nback, sink_trouble(w->sink));
        }
}

static void turn_for(struct world *w, int64_t ms)
{
        int64_t end = loop_now_ms(w->loop) + ms;

        while (loop_now_ms(w->loop) < end)
                loop_turn(w->loop, 20);
}

static void until_trouble(struct world *w, const char *part)
{
        int64_t deadline = loop_now_ms(w->loop) + DEADLINE_MS;
        const char *why;

        while (!(why = sink_trouble(w->sink)) || !strstr(why, part)) {
                loop_turn(w->loop, 50);
                if (loop_now_ms(w->loop) > deadline)
                        fail_msg("trouble is %s", why);
        }
}

static int64_t stat(struct world *w, const char *name, const char *labels)
{
        struct stat_group g = w->sink->ops->stats(w->sink);

        for (size_t i = 0; i < g.nrows; i++)
                if (strcmp(g.rows[i].name, name) == 0 &&
                    (!labels || (g.rows[i].labels && strcmp(g.rows[i].labels, labels) == 0)))
                        return stat_get((const struct stat_value *)((const char *)g.base + g.rows[i].offset));
        fail_msg("no row %s", name);
        return 0;
}

static size_t copies(struct world *w, size_t seq)
{
        char id[32];
        size_t n = 0;

        snprintf(id, sizeof id, "id-%zu", seq);
        for (int i = 0; i < MAX_NODES; i++) {
                char *doc = fake_es_doc(w->es[i], "logs", id);
                n += doc != NULL;
                free(doc);
        }
        return n;
}

/* Each record came back once; each stands in the store, but for the poison, which is refused.  (The fakes know
 * nothing of each other: with several, one that was sent twice may stand on two.) */
static void assert_exact(struct world *w, size_t poison)
{
        assert_int_equal(w->nback, w->sent);
        for (size_t i = 0; i < w->sent; i++) {
                bool bad = is_poison(i, poison);

                assert_int_equal(w->times[i], 1);
                if (bad)
                        assert_int_equal(w->verdict[i], VERDICT_REJECT);
                else
                        assert_true(w->verdict[i] == VERDICT_DONE || w->verdict[i] == VERDICT_DUPLICATE);
                if (w->config.urls.n == 1)
                        assert_int_equal(copies(w, i), bad ? 0 : 1);
                else
                        assert_true(copies(w, i) >= 1);
        }
        assert_null(sink_trouble(w->sink));
}

/* ---- load --------------------------------------------------------------------------------------------- */

static void three_of_ten_items_429_for_a_while(void **state)
{
        struct world *w = *state;

        start(w);
        fake_es_doc_rule(w->es[0], &(struct fake_es_doc_rule){ .percent = 30,
                                                               .times = 600,
                                                               .status = 429,
                                                               .type = "es_rejected_execution_exception",
                                                               .reason = "queue full" });
        for (int i = 0; i < 20; i++)
                submit(w, 100, 10, 0);
        turn_until(w, 2000);
        assert_exact(w, 0);
        assert_int_equal(fake_es_counts(w->es[0]).created, 2000);
        assert_int_equal(fake_es_counts(w->es[0]).conflicts, 0);
        assert_true(stat(w, "elasticsearch_eased_total", "sign=\"refused\"") > 0);
}

/* The header as the fake gives it, in seconds or as a date, and nothing arrives before its time. */
static void all_refused(struct world *w, const struct fake_es_request_rule *rule, int64_t at_least_ms)
{
        start(w);
        fake_es_request_rule(w->es[0], rule);
        for (int i = 0; i < 5; i++)
                submit(w, 10, 10, 0);
        until_trouble(w, "429");
        unsigned bulks = fake_es_counts(w->es[0]).bulks;
        turn_for(w, at_least_ms);
        assert_int_equal(fake_es_counts(w->es[0]).bulks, bulks);
        fake_es_clear_rules(w->es[0]);
        turn_until(w, 50);
        assert_exact(w, 0);
}

static void all_429_with_retry_after_in_seconds(void **state)
{
        all_refused(*state, &(struct fake_es_request_rule){ .status = 429, .retry_after_s = 2 }, 1500);
}

static void all_429_with_retry_after_as_a_date(void **state)
{
        time_t then = time(NULL) + 3;
        struct tm tm;
        char date[64];

        gmtime_r(&then, &tm);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        all_refused(*state, &(struct fake_es_request_rule){ .status = 429, .retry_after = date }, 1200);
}

static void a_flood_stage_block_eases_nothing_and_others_pass(void **state)
{
        struct world *w = *state;

        start(w);
        fake_es_doc_rule(w->es[0],
                         &(struct fake_es_doc_rule){ .contains = "poison",
                                                     .status = 429,
                                                     .type = "cluster_block_exception",
                                                     .reason = "disk usage exceeded flood-stage watermark" });
        for (int i = 0; i < 10; i++)
                submit(w, 100, 10, 10);
        turn_until(w, 900);
        until_trouble(w, "flood-stage");
        turn_for(w, 100);
        assert_int_equal(w->nback, 900);
        assert_int_equal(stat(w, "elasticsearch_eased_total", "sign=\"refused\""), 0);
        fake_es_clear_rules(w->es[0]);
        turn_until(w, 1000);
        assert_exact(w, 0);
}

/* ---- nodes -------------------------------------------------------------------------------------------- */

static void one_of_three_nodes_accepts_and_never_answers(void **state)
{
        struct world *w = *state;

        w->config.urls.n = 3;
        w->config.request_timeout_ms = 300;
        start(w);
        fake_es_request_rule(w->es[0], &(struct fake_es_request_rule){ .never = true });
        fake_es_request_rule(w->es[0], &(struct fake_es_request_rule){ .path = "/", .never = true });
        size_t sent = 0;
        while (stat(w, "elasticsearch_node_breaks_total", NULL) == 0) {
                if (sent++ < 300)
                        submit(w, 10, 10, 0);
                loop_turn(w->loop, 20);
        }
        /* Open: bulks do not wait for it any more. */
        unsigned bulks = fake_es_counts(w->es[0]).bulks;
        for (int i = 0; i < 30; i++)
                submit(w, 10, 10, 0);
        turn_until(w, w->sent);
        assert_exact(w, 0);
        assert_in_range(fake_es_counts(w->es[0]).bulks, bulks, bulks + 1);
        while (stat(w, "elasticsearch_node_probes_total", "result=\"failed\"") == 0)
                loop_turn(w->loop, 20);
        /* And it comes back when it answers. */
        fake_es_clear_rules(w->es[0]);
        while (stat(w, "elasticsearch_nodes", "breaker=\"closed\"") < 3)
                loop_turn(w->loop, 20);
}

static void a_node_that_flaps_loses_nothing(void **state)
{
        struct world *w = *state;

        w->config.urls.n = 2;
        start(w);
        for (int i = 0; i < 20; i++) {
                if (i % 2)
                        fake_es_up(w->es[0]);
                else
                        fake_es_down(w->es[0]);
                for (int k = 0; k < 3; k++)
                        submit(w, 20, 10, 0);
                turn_for(w, 20);
        }
        turn_until(w, w->sent);
        assert_exact(w, 0);
}

static void all_nodes_down_is_a_state_that_is_told(void **state)
{
        struct world *w = *state;

        w->config.urls.n = 3;
        start(w);
        for (int i = 0; i < 3; i++)
                fake_es_down(w->es[i]);
        submit(w, 10, 10, 0);
        until_trouble(w, "none of the 3 nodes can be used");
        assert_int_equal(stat(w, "elasticsearch_nodes", "breaker=\"closed\""), 0);
        for (int i = 0; i < 3; i++)
                fake_es_up(w->es[i]);
        turn_until(w, 10);
        assert_exact(w, 0);
}

static void a_kept_connection_that_died_is_no_strike_and_no_wait(void **state)
{
        struct world *w = *state;

        w->config.retry_base_ms = w->config.retry_max_ms = 3600000; /* a retry would never come */
        start(w);
        fake_es_request_rule(w->es[0],
                             &(struct fake_es_request_rule){ .skip = 1, .times = 1, .hang_up = true });
        submit(w, 10, 10, 0);
        turn_until(w, 10);
        submit(w, 10, 10, 0);
        turn_until(w, 20);
        assert_exact(w, 0);
        assert_int_equal(fake_es_counts(w->es[0]).connections, 2);
        assert_int_equal(stat(w, "elasticsearch_retries_total", NULL), 0);
}

static void an_old_connection_is_not_used_again(void **state)
{
        struct world *w = *state;

        w->config.connection_life_ms = 1000;
        start(w);
        submit(w, 1, 10, 0);
        turn_until(w, 1);
        submit(w, 1, 10, 0);
        turn_until(w, 2);
        assert_int_equal(fake_es_counts(w->es[0]).connections, 1);
        turn_for(w, 2100);
        submit(w, 1, 10, 0);
        turn_until(w, 3);
        assert_int_equal(fake_es_counts(w->es[0]).connections, 2);
}

/* ---- answers and requests ------------------------------------------------------------------------------ */

static void answers_cut_at_every_tenth_byte(void **state)
{
        struct world *w = *state;

        start(w);
        for (size_t cut = 10; cut < 330; cut += 10) {
                fake_es_request_rule(w->es[0], &(struct fake_es_request_rule){
                                                       .times = 1, .cut_after = cut, .cut_clean = cut % 20 });
                submit(w, 10, 10, 0);
                turn_until(w, w->sent);
                fake_es_clear_rules(w->es[0]);
        }
        assert_exact(w, 0);
        assert_true(stat(w, "elasticsearch_requests_total", "result=\"bad_answer\"") > 20);
}

static void what_is_larger_than_the_server_takes_is_learned_once(void **state)
{
        struct world *w = *state;

        start(w);
        fake_es_max_body(w->es[0], 1 << 20);
        for (int i = 0; i < 10; i++) {
                submit(w, 40, 60000, 0); /* 2.4 MB */
                turn_until(w, w->sent);
        }
        assert_exact(w, 0);
        assert_in_range(stat(w, "elasticsearch_requests_total", "result=\"too_large\""), 1, 3);
}

static void a_poison_document_in_each_of_a_hundred_bulks(void **state)
{
        struct world *w = *state;

        start(w);
        fake_es_request_rule(w->es[0], &(struct fake_es_request_rule){ .contains = "poison",
                                                                       .status = 400,
                                                                       .type = "x_content_parse_exception",
                                                                       .reason = "Duplicate field" });
        for (int i = 0; i < 100; i++) {
                submit(w, 20, 10, 20);
        }
        turn_until(w, 2000);
        assert_exact(w, 20);
}

static void a_server_that_refuses_every_document_is_not_believed_for_long(void **state)
{
        struct world *w = *state;

        start(w);
        fake_es_request_rule(w->es[0], &(struct fake_es_request_rule){
                                               .status = 400, .type = "odd_exception", .reason = "go away" });
        submit(w, 100, 10, 0);
        turn_until(w, 10);
        until_trouble(w, "go away");
        turn_for(w, 200);
        assert_int_equal(w->nback, 10); /* were refused; the others wait */
        fake_es_clear_rules(w->es[0]);
        turn_until(w, 100);
        assert_int_equal(fake_es_docs(w->es[0], NULL), 90);
}

static void credentials_revoked_and_restored(void **state)
{
        struct world *w = *state;

        start(w);
        submit(w, 10, 10, 0);
        turn_until(w, 10);
        fake_es_request_rule(w->es[0], &(struct fake_es_request_rule){ .status = 401,
                                                                       .type = "security_exception",
                                                                       .reason = "unable to authenticate" });
        for (int i = 0; i < 10; i++)
                submit(w, 10, 10, 0);
        until_trouble(w, "401 security_exception");
        turn_for(w, 200);
        assert_int_equal(w->nback, 10);
        assert_int_equal(stat(w, "elasticsearch_node_breaks_total", NULL), 0);
        fake_es_clear_rules(w->es[0]);
        turn_until(w, 110);
        assert_exact(w, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(three_of_ten_items_429_for_a_while),
                T(all_429_with_retry_after_in_seconds),
                T(all_429_with_retry_after_as_a_date),
                T(a_flood_stage_block_eases_nothing_and_others_pass),
                T(one_of_three_nodes_accepts_and_never_answers),
                T(a_node_that_flaps_loses_nothing),
                T(all_nodes_down_is_a_state_that_is_told),
                T(a_kept_connection_that_died_is_no_strike_and_no_wait),
                T(an_old_connection_is_not_used_again),
                T(answers_cut_at_every_tenth_byte),
                T(what_is_larger_than_the_server_takes_is_learned_once),
                T(a_poison_document_in_each_of_a_hundred_bulks),
                T(a_server_that_refuses_every_document_is_not_believed_for_long),
                T(credentials_revoked_and_restored),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
