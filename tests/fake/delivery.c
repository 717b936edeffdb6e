/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/delivery.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

static void on_settle(void *arg, struct partition *p, uint64_t seq)
{
        (void)arg;
        partition_settle(p, seq);
}

static void on_pause(void *arg)
{
        struct delivery *d = arg;

        assert_false(d->paused);
        d->paused = true;
        d->pauses++;
}

static void on_resume(void *arg)
{
        struct delivery *d = arg;

        assert_true(d->paused);
        d->paused = false;
}

static struct sink *on_spare(void *arg)
{
        return ((struct delivery *)arg)->spare;
}

static size_t on_waiting(void *arg)
{
        return ((struct delivery *)arg)->waiting;
}

/* --- life ------------------------------------------------------------------------------------ */

struct delivery *delivery_new(void)
{
        struct delivery *d = xcalloc(1, sizeof(*d));
        struct err e = { 0 };

        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        d->config.elasticsearch.index = (char *)"logs-{service.name:generic}-default";
        d->config.dlq.topic = (char *)"dead";
        d->config.batch_bytes = 64 * 1024;
        d->config.batch_records = 10;
        d->config.batch_time_ms = 20;
        d->limits = (struct sink_limits){ .max_batches = 8, .max_bytes = 1 << 20 };
        d->loop = loop_new(&clock_system, &e);
        d->p = partition_new("logs", DELIVERY_PARTITION, 0);
        return d;
}

void delivery_build(struct delivery *d)
{
        const struct deliver_hooks hooks = { on_settle, on_pause, on_resume, on_waiting, on_spare, d };
        struct err e = { 0 };

        delivery_demolish(d);
        d->deliver = deliver_new(d->loop, &d->config, &d->stats, &hooks, &e);
        struct sink_owner index = deliver_index_owner(d->deliver), dead = deliver_dead_owner(d->deliver);
        d->index = sink_held_new(d->loop, &index, &d->limits);
        d->dead = sink_held_new(d->loop, &dead, &d->limits);
        deliver_set_sinks(d->deliver, d->index, d->dead, DELIVERY_BUDGET);
}

void delivery_demolish(struct delivery *d)
{
        sink_free(d->index);
        sink_free(d->dead);
        sink_free(d->spare);
        deliver_free(d->deliver);
        d->index = d->dead = d->spare = NULL;
        d->deliver = NULL;
}

void delivery_free(struct delivery *d)
{
        delivery_check_ledger(d);
        delivery_demolish(d);
        delivery_check_ledger(d);
        assert_int_equal(stat_get(&d->stats.in_flight), 0);
        loop_free(d->loop);
        d->p->held = 0;
        partition_free(d->p);
        free(d);
}

/* --- what happens ---------------------------------------------------------------------------- */

void delivery_take(struct delivery *d, const void *payload, size_t len, const struct incoming_header *headers,
                   size_t nheaders)
{
        const struct incoming in = { .cluster = "c",
                                     .topic = "logs",
                                     .partition = DELIVERY_PARTITION,
                                     .offset = d->p->next,
                                     .timestamp_ms = 1700000000000,
                                     .payload = payload,
                                     .len = len,
                                     .headers = headers,
                                     .nheaders = nheaders };

        deliver_take(d->deliver, d->p, partition_take(d->p, in.offset), &in);
}

void delivery_flush(struct delivery *d)
{
        deliver_flush(d->deliver);
        deliver_turn(d->deliver);
}

void delivery_check_ledger(const struct delivery *d)
{
        const struct collector_stats *s = &d->stats;

        assert_int_equal(stat_get(&s->consumed),
                         stat_get(&s->indexed) + stat_get(&s->duplicate) + stat_get(&s->dead_rejected) +
                                 stat_get(&s->dead_no_index) + stat_get(&s->dead_bad_batch) +
                                 stat_get(&s->dead_parked) + stat_get(&s->dead_invalid) +
                                 stat_get(&s->dropped_tombstone) + stat_get(&s->dropped_refused) +
                                 stat_get(&s->dropped_taken_again) + stat_get(&s->in_flight));
}
