/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of an index that takes no writes: they wait, or are given up after the owner's limit.
 * ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sinks/elasticsearch.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/submitter.h"

enum { PARK_MS = 300, DOCS = 20 };

struct world {
        struct fake_es *es;
        struct submitter *s;
};

static struct world *start(int64_t park_after_ms)
{
        static const struct sink_limits limits = { 16, 1 << 20 };
        struct world *w = xcalloc(1, sizeof(*w));

        w->es = fake_es_new();
        char *url = xasprintf("urls=[\"%s\"]", fake_es_url(w->es));
        const char *const sets[] = { url, "index=\"free\"", "retry_base=\"1 ms\"", "retry_max=\"10 ms\"" };
        const struct opt_source source = { .sets = sets, .nsets = ARRAY_LEN(sets) };
        struct opt_errors errors = { 0 };
        struct es_config c;
        struct err e = { 0 };

        assert_int_equal(opt_load(&es_opts, &source, &c, &errors), 0);
        c.park_after_ms = park_after_ms;
        w->s = submitter_new();
        struct sink_owner owner = submitter_owner(w->s);
        w->s->sink = sink_elasticsearch_new(w->s->loop, &c, &owner, &limits, &e);
        assert_non_null(w->s->sink);
        fake_es_doc_rule(w->es, &(struct fake_es_doc_rule){ .index = "full",
                                                            .status = 403,
                                                            .type = "cluster_block_exception",
                                                            .reason = "index [full] blocked by: read-only" });
        opt_free(&es_opts, &c);
        free(url);
        return w;
}

static void end(struct world *w)
{
        submitter_free(w->s);
        fake_es_free(w->es);
        free(w);
}

/* Every second document is for the blocked index. */
static void send_mixed(struct world *w)
{
        struct batch *b = submitter_batch(w->s, DOCS, 10);

        b->opened_ms = loop_now_ms(w->s->loop);
        struct slice full = batch_put(b, "full", 4);
        for (size_t i = 0; i < b->n; i += 2)
                b->recs[i].dest = full;
        submitter_submit(w->s, &b);
}

static void they_are_given_up_after_the_limit_and_not_before(void **state)
{
        struct world *w = start(PARK_MS);
        int64_t begun = loop_now_ms(w->s->loop);
        (void)state;

        send_mixed(w);
        submitter_wait_trouble(w->s, "cluster_block_exception");
        submitter_wait(w->s, DOCS / 2);
        assert_int_equal(w->s->count[VERDICT_DONE], DOCS / 2);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_PARK], DOCS / 2);
        assert_true(loop_now_ms(w->s->loop) - begun >= PARK_MS);
        assert_int_equal(w->s->status, 403);
        assert_non_null(strstr(w->s->reason, "index full: 403 cluster_block_exception"));
        end(w);
}

static void without_a_limit_they_wait_for_the_release(void **state)
{
        struct world *w = start(0);
        (void)state;

        send_mixed(w);
        submitter_wait(w->s, DOCS / 2);
        submitter_turns(w->s, PARK_MS / 3);
        assert_int_equal(w->s->back, DOCS / 2);
        fake_es_clear_rules(w->es);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], DOCS);
        end(w);
}

/* Load, and what an operator has to mend, is not the index's matter: those are never given up. */
static void only_a_blocked_index_parks(void **state)
{
        struct world *w = start(1);
        (void)state;

        fake_es_clear_rules(w->es);
        fake_es_doc_rule(w->es, &(struct fake_es_doc_rule){ .index = "full",
                                                            .times = 30,
                                                            .status = 429,
                                                            .type = "es_rejected_execution_exception" });
        fake_es_doc_rule(w->es,
                         &(struct fake_es_doc_rule){
                                 .index = "full", .times = 30, .status = 403, .type = "security_exception" });
        send_mixed(w);
        submitter_wait_all(w->s);
        assert_int_equal(w->s->count[VERDICT_DONE], DOCS);
        end(w);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(they_are_given_up_after_the_limit_and_not_before),
                cmocka_unit_test(without_a_limit_they_wait_for_the_release),
                cmocka_unit_test(only_a_blocked_index_parks),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
