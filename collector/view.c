/* SPDX-License-Identifier: Apache-2.0 */
/* view: what the running collector shows over HTTP.  Runs on the loop, reads the parts as they are. */
#include <stdio.h>

#include "collector/client.h"
#include "collector/collector.h"
#include "collector/dead.h"
#include "collector/share.h"
#include "status/life_view.h"
#include "status/page.h"

static const struct stat_row rows[] = {
#define ROW(...) STAT_ROW(struct collector_stats, __VA_ARGS__)
        COLLECTOR_STATS(ROW)
#undef ROW
};

const char *collector_trouble(struct collector *c)
{
        const char *why = sink_trouble(c->index);
        if (!why)
                why = sink_trouble(c->dead);
        if (!why && c->spare)
                why = sink_trouble(c->spare);
        if (!why && c->spare_why.msg[0])
                why = c->spare_why.msg;
        return why ? why : consume_trouble(c->consume);
}

/* Why work waits: a partition that is paused alone says so when no part has more to say. */
static const char *why_it_waits(struct collector *c, char sentence[SHARE_SENTENCE])
{
        const char *why = collector_trouble(c);
        const struct partition *p = why ? NULL : share_oldest(c->consume);

        if (!p)
                return why;
        share_sentence(c->consume, p, NULL, sentence);
        return sentence;
}

static int64_t dropped(const struct collector_stats *s)
{
        return stat_get(&s->dropped_route) + stat_get(&s->dropped_tombstone) + stat_get(&s->dropped_refused) +
               stat_get(&s->dropped_taken_again);
}

static int64_t dead_lettered(const struct collector_stats *s)
{
        return stat_get(&s->dead_rejected) + stat_get(&s->dead_no_index) + stat_get(&s->dead_bad_batch) +
               stat_get(&s->dead_route) + stat_get(&s->dead_parked) +
               stat_get(&s->dead_invalid);
}

int64_t collector_settled(const struct collector *c)
{
        const struct collector_stats *s = &c->stats;
        return stat_get(&s->indexed) + stat_get(&s->duplicate) + dead_lettered(s) + dropped(s);
}

static unsigned get_readyz(void *arg, struct buf *body)
{
        struct collector *c = arg;
        char sentence[SHARE_SENTENCE];

        return life_get_readyz(&c->life, why_it_waits(c, sentence), body);
}

static void put_lags(struct metrics *m, struct collector *c)
{
        const struct partitions *ps = consume_partitions(c->consume);
        struct partition *p;

        for (size_t i = 0; (p = map_next(&ps->map, &i)) != NULL;) {
                struct buf labels = { 0 };
                char id[16];
                int64_t lag = consume_lag(c->consume, p);
                if (lag < 0)
                        continue;       /* not heard of yet */
                snprintf(id, sizeof(id), "%d", p->id);
                metrics_label(&labels, "topic", p->topic);
                metrics_label(&labels, "partition", id);
                metrics_value(m, STAT_GAUGE, "lag_records", buf_cstr(&labels),
                              "Records between what is settled and the end of the partition.", (double)lag);
                buf_fini(&labels);
        }
}

/* The part of the memory that librdkafka fills on its own. */
static void put_fetch_queue(struct metrics *m, const struct collector *c)
{
        struct fetch_limits limits = client_fetch_limits(c->config.memory);

        metrics_value(m, STAT_GAUGE, "fetch_queue_records", NULL, "Records fetched from Kafka and not yet taken.",
                      (double)consume_fetched(c->consume));
        metrics_value(m, STAT_GAUGE, "fetch_queue_limit_records", NULL,
                      "Records at which nothing more is fetched; each broker may have one answer on its way.",
                      (double)limits.records);
        metrics_value(m, STAT_GAUGE, "fetch_queue_limit_bytes", NULL, "Payload at which nothing more is fetched.",
                      (double)limits.payload_bytes);
}

static unsigned get_metrics(void *arg, struct buf *body)
{
        struct collector *c = arg;
        struct metrics m, dead_letters;
        struct stat_group index = c->index->ops->stats(c->index), dead = c->dead->ops->stats(c->dead);
        const int64_t oldest_s = consume_oldest_ms(c->consume) / 1000;

        metrics_begin(&m, body, "sluice_collector_");
        metrics_rows(&m, rows, ARRAY_LEN(rows), &c->stats);
        put_lags(&m, c);
        if (consume_catch_up_s(c->consume) >= 0)
                metrics_value(&m, STAT_GAUGE, "catch_up_seconds", NULL, "Time until the lag is gone, at the rate of late.",
                              (double)consume_catch_up_s(c->consume));
        metrics_value(&m, STAT_GAUGE, "oldest_in_flight_seconds", NULL,
                      "How long the oldest record of a partition has not been settled.",
                      (double)oldest_s);
        put_fetch_queue(&m, c);
        life_put_metrics(&c->life, &m);
        metrics_rows(&m, index.rows, index.nrows, index.base);
        if (dead_in_topic(&c->config.dlq)) {
                metrics_rows(&m, dead.rows, dead.nrows, dead.base);
                if (c->spare)
                        dead = c->spare->ops->stats(c->spare);
        }
        if (!dead_in_topic(&c->config.dlq) || c->spare) {
                metrics_begin(&dead_letters, body, "sluice_collector_dlq_");
                metrics_rows(&dead_letters, dead.rows, dead.nrows, dead.base);
        }
        metrics_process(&m);
        return 200;
}

static void show_partition(struct json_out *w, struct collector *c, const struct partition *p)
{
        char sentence[SHARE_SENTENCE];

        if (p->alone)
                share_sentence(c->consume, p, sink_trouble(c->index), sentence);
        json_open(w, NULL, '{');
        json_str(w, "topic", p->topic);
        json_int(w, "partition", p->id);
        json_str(w, "state", p->alone ? "paused, waits for its oldest record" : partition_state_text[p->state]);
        json_str(w, "paused", p->alone ? sentence : NULL);
        json_int(w, "next", p->next);
        json_int(w, "settled", ackwin_committed(&p->window));
        json_int(w, "committed", p->stored);
        json_int(w, "held", (int64_t)p->held);
        json_int(w, "lag", consume_lag(c->consume, p));
        json_close(w, '}');
}

/* Named: what has not been settled for five minutes. */
static void show_overdue(struct json_out *w, struct collector *c, const struct partition *p)
{
        if (!p->overdue)
                return;
        json_open(w, NULL, '{');
        json_str(w, "topic", p->topic);
        json_int(w, "partition", p->id);
        json_int(w, "offset", ackwin_committed(&p->window));
        json_int(w, "held", (int64_t)p->held);
        json_int(w, "seconds", partition_stands_ms(p, loop_now_ms(c->life.loop)) / 1000);
        json_close(w, '}');
}

static void show_all_overdue(struct json_out *w, struct collector *c)
{
        const struct partitions *ps = consume_partitions(c->consume);
        struct partition *p;
        size_t n;
        const struct partition *const *gone = consume_gone(c->consume, &n);

        json_open(w, "overdue", '[');
        for (size_t i = 0; (p = map_next(&ps->map, &i)) != NULL;)
                show_overdue(w, c, p);
        for (size_t i = 0; i < n; i++)
                show_overdue(w, c, gone[i]);
        json_close(w, ']');
}

static void show_lag(struct json_out *w, const struct collector *c)
{
        json_int(w, "lag", consume_total_lag(c->consume));
        if (consume_catch_up_s(c->consume) >= 0)
                json_int(w, "catch_up_seconds", consume_catch_up_s(c->consume));
        else
                json_str(w, "catch_up_seconds", NULL);
}

static void show_ledger(struct json_out *w, const struct collector_stats *s)
{
        json_open(w, "ledger", '{');
        json_int(w, "records_consumed", stat_get(&s->consumed));
        json_int(w, "records_indexed", stat_get(&s->indexed));
        json_int(w, "records_duplicate", stat_get(&s->duplicate));
        json_int(w, "records_dead_lettered", dead_lettered(s));
        json_int(w, "records_dropped", dropped(s));
        json_int(w, "records_in_flight", stat_get(&s->in_flight));
        json_close(w, '}');
}

static unsigned get_status(void *arg, struct buf *body)
{
        struct collector *c = arg;
        struct json_out w = { .b = body };
        const struct partitions *ps = consume_partitions(c->consume);
        char sentence[SHARE_SENTENCE];
        struct partition *p;

        json_open(&w, NULL, '{');
        life_put_status(&c->life, why_it_waits(c, sentence), collector_trouble(c), &w);
        show_ledger(&w, &c->stats);
        json_int(&w, "held_bytes", stat_get(&c->stats.held_bytes));
        json_int(&w, "budget_bytes", stat_get(&c->stats.budget_bytes));
        json_bool(&w, "paused", consume_paused(c->consume));
        show_lag(&w, c);
        show_all_overdue(&w, c);
        json_open(&w, "partitions", '[');
        for (size_t i = 0; (p = map_next(&ps->map, &i)) != NULL;)
                show_partition(&w, c, p);
        json_close(&w, ']');
        json_close(&w, '}');
        buf_putc(body, '\n');
        return 200;
}

const struct http_route collector_routes[] = {
        { "/healthz", "text/plain; charset=utf-8", life_get_healthz },
        { "/readyz", "text/plain; charset=utf-8", get_readyz },
        { "/metrics", "text/plain; version=0.0.4; charset=utf-8", get_metrics },
        { "/status", "application/json", get_status },
        { "/", "text/html; charset=utf-8", page_get },
        { NULL, NULL, NULL },
};
