/* SPDX-License-Identifier: Apache-2.0 */
/* es_control against a simulated store: one queue, a rate, a base latency, and a longest wait beyond which it
 * answers 429.  Time is a number, so an hour takes milliseconds. */
#include "sinks/es_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/check.h"

enum { MAX_SENT = 64, BULK = 1 << 20 };

struct store {
        double rate;       /* bytes a second */
        double base_s;     /* of a request that meets nobody */
        double patience_s; /* waits longer than this are refused; 0: never */
        double noise;      /* 0.3: each answer takes up to 30% more or less */
        double free_at;    /* when what it took on is done */
};

struct world {
        struct es_control c;
        struct store store;
        double now;
        struct {
                double done_at;
                struct es_sample s;
        } sent[MAX_SENT];
        unsigned nsent;
        double taken, offered, latency_sum, retry_at;
        unsigned answers, refused, steps[ES_STEP_LOOK + 1];
};

static int64_t ms(double seconds)
{
        return (int64_t)(seconds * 1000);
}

static double noisy(const struct store *st, double s)
{
        return s * (1 + st->noise * ((double)(random_u64() % 2001) / 1000 - 1));
}

static void send_one(struct world *w)
{
        struct store *st = &w->store;
        size_t limit = es_control_bytes(&w->c), bytes = limit < BULK ? limit : BULK;
        double start = st->free_at > w->now ? st->free_at : w->now;
        struct es_sample s = { .sent_ms = ms(w->now), .bytes = bytes, .cut = bytes < BULK };

        w->offered += (double)bytes;
        if (st->patience_s > 0 && start - w->now > st->patience_s) {
                s.load = ES_LOAD_REFUSED;
                s.seconds = 0.002;
        } else {
                st->free_at = start + (double)bytes / st->rate;
                s.seconds = noisy(st, st->free_at - w->now + st->base_s);
        }
        w->sent[w->nsent].s = s;
        w->sent[w->nsent].done_at = w->now + s.seconds;
        w->nsent++;
        w->sent[w->nsent - 1].s.crowded = w->nsent >= es_control_requests(&w->c);
}

static void answer(struct world *w, unsigned i)
{
        struct es_sample s = w->sent[i].s;

        s.now_ms = ms(w->now);
        w->sent[i] = w->sent[--w->nsent];
        w->steps[es_control_sample(&w->c, &s)]++;
        w->answers++;
        if (s.load == ES_LOAD_NONE) {
                w->taken += (double)s.bytes;
                w->latency_sum += s.seconds;
        } else {
                w->refused++;
                w->retry_at = w->now + 0.05; /* a backoff */
        }
}

static void run(struct world *w, double seconds)
{
        double end = w->now + seconds;

        w->taken = w->offered = w->latency_sum = 0;
        w->answers = w->refused = 0;
        while (w->now < end) {
                while (w->nsent < es_control_requests(&w->c) && w->now >= w->retry_at)
                        send_one(w);
                unsigned first = 0;
                for (unsigned i = 1; i < w->nsent; i++)
                        if (w->sent[i].done_at < w->sent[first].done_at)
                                first = i;
                if (w->nsent == 0) {
                        w->now = w->retry_at;
                        continue;
                }
                if (w->sent[first].done_at > w->now)
                        w->now = w->sent[first].done_at;
                answer(w, first);
        }
}

static struct world world(const struct store *store, const struct es_control_config *config)
{
        struct world w = { .store = *store };

        random_seed(11);
        es_control_init(&w.c, config);
        return w;
}

static const struct es_control_config adaptive = { .max_requests = 32 };

static void it_finds_what_the_store_can_take_and_keeps_its_latency_low(void **state)
{
        static const struct store stores[] = {
                { .rate = 20e6, .base_s = 0.05 },
                { .rate = 5e6, .base_s = 0.2 },
                { .rate = 100e6, .base_s = 0.1 },
                { .rate = 20e6, .base_s = 0.05, .noise = 0.3 },
                { .rate = 20e6, .base_s = 0.05, .patience_s = 0.5 },
                { .rate = 1e6, .base_s = 0.01 },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
                struct world w = world(&stores[i], &adaptive);
                double alone_s = stores[i].base_s + BULK / stores[i].rate;

                run(&w, 30);
                run(&w, 600);
                if (w.taken / 600 < 0.9 * stores[i].rate)
                        fail_msg("store %zu: took %.0f of %.0f a second, %u requests", i, w.taken / 600,
                                 stores[i].rate, es_control_requests(&w.c));
                if (w.latency_sum / w.answers > 3 * alone_s)
                        fail_msg("store %zu: %.3f s a request, alone it takes %.3f", i,
                                 w.latency_sum / w.answers, alone_s);
        }
}

static void refusals_stay_few(void **state)
{
        const struct store store = { .rate = 20e6, .base_s = 0.02, .patience_s = 0.02 };
        struct world w = world(&store, &adaptive);
        (void)state;

        run(&w, 30);
        run(&w, 300);
        assert_true(w.steps[ES_STEP_REFUSED] > 0);
        assert_true(w.refused * 5 < w.answers);
}

static void it_follows_a_store_that_becomes_slower_and_recovers(void **state)
{
        struct world w = world(&(struct store){ .rate = 40e6, .base_s = 0.1 }, &adaptive);
        (void)state;

        run(&w, 60);
        w.store.rate = 4e6;
        run(&w, 90);
        run(&w, 60);
        assert_true(w.taken / 60 > 0.9 * 4e6);
        assert_true(w.latency_sum / w.answers < 3 * (0.1 + BULK / 4e6));
        w.store.rate = 40e6;
        run(&w, 90);
        run(&w, 60);
        assert_true(w.taken / 60 > 0.9 * 40e6);
}

/* ---- single rules ------------------------------------------------------------------------------------ */

static enum es_step tell(struct es_control *c, int64_t sent_ms, double seconds, size_t bytes,
                         enum es_load load)
{
        return es_control_sample(c, &(struct es_sample){ .sent_ms = sent_ms,
                                                         .now_ms = sent_ms + ms(seconds),
                                                         .seconds = seconds,
                                                         .bytes = bytes,
                                                         .load = load,
                                                         .crowded = true });
}

static void one_storm_is_one_step_down(void **state)
{
        struct es_control c;
        (void)state;

        es_control_init(&c, &adaptive);
        c.requests = 16;
        for (int i = 0; i < 16; i++)
                tell(&c, 1000, 0.1, BULK, ES_LOAD_REFUSED);
        assert_int_equal(es_control_requests(&c), 8);
        tell(&c, 2000, 0.1, BULK, ES_LOAD_REFUSED);
        assert_int_equal(es_control_requests(&c), 4);
        assert_true(es_control_bytes(&c) == ES_BYTES_MAX);
}

static void bytes_go_down_when_one_request_is_too_many_and_after_a_timeout(void **state)
{
        struct es_control c;
        (void)state;

        es_control_init(&c, &adaptive);
        c.requests = 1;
        tell(&c, 1000, 0.1, BULK, ES_LOAD_REFUSED);
        assert_int_equal(es_control_bytes(&c), BULK / 2);
        for (int i = 2; i < 20; i++)
                tell(&c, i * 1000, 0.1, es_control_bytes(&c), ES_LOAD_REFUSED);
        assert_int_equal(es_control_bytes(&c), ES_BYTES_MIN);
        assert_int_equal(es_control_requests(&c), 1);

        es_control_init(&c, &adaptive);
        c.requests = 8;
        tell(&c, 1000, 60, BULK, ES_LOAD_TIMEOUT);
        assert_int_equal(es_control_bytes(&c), BULK / 2);
        assert_int_equal(es_control_requests(&c), 4);
}

static void bytes_come_back_before_requests(void **state)
{
        struct es_control c;
        (void)state;

        es_control_init(&c, &adaptive);
        c.requests = 1;
        c.bytes = ES_BYTES_MIN;
        c.looking = 0;
        struct es_sample s = { .seconds = 0.05, .bytes = ES_BYTES_MIN, .crowded = true, .cut = true };
        assert_int_equal(es_control_sample(&c, &s), ES_STEP_UP);
        assert_true(es_control_bytes(&c) > ES_BYTES_MIN);
        assert_int_equal(es_control_requests(&c), 1);
}

static void a_limit_that_is_not_reached_does_not_grow(void **state)
{
        struct es_control c;
        (void)state;

        es_control_init(&c, &adaptive);
        for (int i = 1; i < 100; i++)
                es_control_sample(&c, &(struct es_sample){ .sent_ms = i * 100,
                                                           .now_ms = i * 100 + 50,
                                                           .seconds = 0.05,
                                                           .bytes = BULK });
        assert_int_equal(es_control_requests(&c), 1);
}

static void small_bulks_of_a_quiet_hour_do_not_make_full_ones_slow(void **state)
{
        struct es_control c;
        (void)state;

        es_control_init(&c, &adaptive);
        c.requests = 8;
        for (int i = 1; i < 50; i++)
                tell(&c, i * 100, 0.003, 2000, ES_LOAD_NONE);
        for (int i = 50; i < 100; i++)
                assert_int_not_equal(tell(&c, i * 100, 0.3, BULK, ES_LOAD_NONE), ES_STEP_SLOW);
}

static void fixed_values_stay(void **state)
{
        const struct es_control_config fixed = { .max_requests = 4,
                                                 .fixed_requests = 4,
                                                 .fixed_bytes = 5000 };
        struct es_control c;
        (void)state;

        es_control_init(&c, &fixed);
        for (int i = 1; i < 50; i++)
                tell(&c, i * 1000, 0.1, 5000, i % 2 ? ES_LOAD_TIMEOUT : ES_LOAD_REFUSED);
        assert_int_equal(es_control_requests(&c), 4);
        assert_int_equal(es_control_bytes(&c), 5000);
}

static void what_is_too_large_is_remembered_for_a_while(void **state)
{
        struct es_control c;
        (void)state;

        es_control_init(&c, &adaptive);
        es_control_too_large(&c, 0, 4 << 20);
        assert_int_equal(es_control_bytes(&c), 2 << 20);
        es_control_too_large(&c, 0, 2 << 20);
        assert_int_equal(es_control_bytes(&c), 1 << 20);
        tell(&c, 599000, 0.1, 1000, ES_LOAD_NONE);
        assert_int_equal(es_control_bytes(&c), 1 << 20);
        tell(&c, 601000, 0.1, 1000, ES_LOAD_NONE);
        assert_true(es_control_bytes(&c) > 4 << 20);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_finds_what_the_store_can_take_and_keeps_its_latency_low),
                cmocka_unit_test(refusals_stay_few),
                cmocka_unit_test(it_follows_a_store_that_becomes_slower_and_recovers),
                cmocka_unit_test(one_storm_is_one_step_down),
                cmocka_unit_test(bytes_go_down_when_one_request_is_too_many_and_after_a_timeout),
                cmocka_unit_test(bytes_come_back_before_requests),
                cmocka_unit_test(a_limit_that_is_not_reached_does_not_grow),
                cmocka_unit_test(small_bulks_of_a_quiet_hour_do_not_make_full_ones_slow),
                cmocka_unit_test(fixed_values_stay),
                cmocka_unit_test(what_is_too_large_is_remembered_for_a_while),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
