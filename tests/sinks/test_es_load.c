/* SPDX-License-Identifier: Apache-2.0 */
/* A steady state under a store that takes half of what is offered.
 * With SLUICE_SAMPLES=FILE it runs 30 s, the store is twice as slow in the middle third, and what is seen ten times
 * a second goes there as CSV: tests/bench/control draws it.
 * ctest-label: component */
#include "sinks/elasticsearch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/fake/fake_es.h"

enum {
        RATE = 4000000, /* bytes a second that the store takes */
        BASE_MS = 20,
        PATIENCE_MS = 400,
        DOCS = 100,
        DOC_BYTES = 1000,  /* about */
        ACTION_BYTES = 44, /* of a document, about: the store takes the whole body */
        IDS = 1000,        /* the same again and again, so that the fake's memory is flat too */
        SAMPLE_MS = 100,
};

struct load {
        struct fake_es *es;
        struct loop *loop;
        struct sink *sink;
        FILE *samples;
        int64_t begun_ms;
        double taken, offered; /* bytes */
        uint64_t next;
        size_t most_bytes;
        int64_t most_bodies;
        double sampled_taken;
        int64_t sampled_ms;
};

static void on_done(void *arg, struct batch **b)
{
        struct load *l = arg;

        for (size_t i = 0; i < (*b)->n; i++) {
                const struct record *r = &(*b)->recs[i];
                if (r->verdict == VERDICT_DONE || r->verdict == VERDICT_DUPLICATE)
                        l->taken += r->value.len + ACTION_BYTES;
        }
        batch_free(*b);
        *b = NULL;
}

static void on_room(void *arg)
{
        (void)arg;
}

static void submit(struct load *l)
{
        struct batch *b = batch_new(0);
        char pad[DOC_BYTES], value[DOC_BYTES + 64], id[32];

        memset(pad, 'x', sizeof pad);
        for (int i = 0; i < DOCS; i++) {
                struct record *r = batch_add(b);
                int n = snprintf(value, sizeof value, "{\"m\":\"%.*s\"}", DOC_BYTES - 110, pad);
                int k = snprintf(id, sizeof id, "id-%llu", (unsigned long long)(l->next++ % IDS));
                r->value = batch_put(b, value, (size_t)n);
                r->id = batch_put(b, id, (size_t)k);
                r->weight = 1;
        }
        sink_submit(l->sink, &b);
}

static const void *row(struct load *l, const char *name)
{
        struct stat_group g = l->sink->ops->stats(l->sink);

        for (size_t i = 0; i < g.nrows; i++)
                if (strcmp(g.rows[i].name, name) == 0)
                        return (const char *)g.base + g.rows[i].offset;
        fail_msg("no row %s", name);
        return NULL;
}

static void look(struct load *l)
{
        int64_t now_ms = loop_now_ms(l->loop), bodies = stat_get(row(l, "elasticsearch_bodies"));

        if (l->sink->bytes > l->most_bytes)
                l->most_bytes = l->sink->bytes;
        if (bodies > l->most_bodies)
                l->most_bodies = bodies;
        if (now_ms - l->sampled_ms < SAMPLE_MS)
                return;
        double seconds = (double)(now_ms - l->sampled_ms) / 1000;
        if (l->samples)
                fprintf(l->samples, "%.3f,%.0f,%.0f,%lld\n", (double)(now_ms - l->begun_ms) / 1000,
                        2.0 * RATE, (l->taken - l->sampled_taken) / seconds,
                        (long long)stat_get(row(l, "elasticsearch_concurrency")));
        l->sampled_taken = l->taken;
        l->sampled_ms = now_ms;
}

/* Offers twice what the store takes, as far as there is room. */
static void run(struct load *l, double seconds)
{
        int64_t from_ms = loop_now_ms(l->loop), end_ms = from_ms + (int64_t)(seconds * 1000);

        l->offered = 0;
        while (loop_now_ms(l->loop) < end_ms) {
                double due = 2.0 * RATE * (double)(loop_now_ms(l->loop) - from_ms) / 1000;
                while (l->offered < due) {
                        l->offered += DOCS * DOC_BYTES;
                        if (sink_has_room(l->sink))
                                submit(l);
                }
                loop_turn(l->loop, 10);
                look(l);
        }
}

static void a_store_that_takes_half_is_kept_busy_and_not_flooded(void **state)
{
        static char *url;
        const char *samples = getenv("SLUICE_SAMPLES");
        struct load l = { .es = fake_es_new(), .loop = loop_new(&clock_system, NULL) };
        struct sink_owner owner = { on_done, on_room, &l };
        struct sink_limits limits = { 64, 8 << 20 };
        struct err e = { 0 };
        (void)state;

        url = (char *)fake_es_url(l.es);
        const struct es_config config = { .urls = { &url, 1 },
                                          .index = "logs",
                                          .compression = "none",
                                          .workers = 1,
                                          .max_requests = 32,
                                          .node_failures = 3,
                                          .node_requests = 64,
                                          .connect_timeout_ms = 5000,
                                          .request_timeout_ms = 5000,
                                          .probe_timeout_ms = 1000,
                                          .retry_base_ms = 50,
                                          .retry_max_ms = 1000 };
        fake_es_pace(l.es, RATE, BASE_MS, PATIENCE_MS);
        l.sink = sink_elasticsearch_new(l.loop, &config, &owner, &limits, &e);
        assert_non_null(l.sink);
        l.begun_ms = l.sampled_ms = loop_now_ms(l.loop);
        if (samples) {
                l.samples = fopen(samples, "w");
                assert_non_null(l.samples);
                fprintf(l.samples, "seconds,offered,taken,concurrency\n");
                run(&l, 10);
                fake_es_pace(l.es, RATE / 2.0, BASE_MS, PATIENCE_MS);
                run(&l, 10);
                fake_es_pace(l.es, RATE, BASE_MS, PATIENCE_MS);
                run(&l, 5);
        } else {
                run(&l, 2);
        }
        /* The steady state. */
        const struct hist *h = row(&l, "elasticsearch_request_seconds");
        double seconds = samples ? 5 : 4, taken = l.taken, sum = h->sum, count = (double)h->count;
        run(&l, seconds);
        double rate = (l.taken - taken) / seconds, mean_s = (h->sum - sum) / ((double)h->count - count);
        double alone_s = BASE_MS / 1000.0 + (double)DOCS * DOC_BYTES / RATE;
        if (rate < 0.9 * RATE || mean_s > 3 * alone_s)
                fail_msg("takes %.0f of %d bytes a second, %.3f s a request (alone %.3f), %lld at a time",
                         rate, RATE, mean_s, alone_s,
                         (long long)stat_get(row(&l, "elasticsearch_concurrency")));
        assert_true(l.most_bytes <= limits.max_bytes + 2 * DOCS * (DOC_BYTES + 1000));
        assert_true(l.most_bodies <= config.max_requests + config.workers);
        sink_free(l.sink);
        if (l.samples)
                fclose(l.samples);
        loop_free(l.loop);
        fake_es_free(l.es);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_store_that_takes_half_is_kept_busy_and_not_flooded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
