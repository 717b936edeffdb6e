/* SPDX-License-Identifier: Apache-2.0 */
/* view: what the running shipper shows over HTTP.  Runs on the loop, reads the parts as they are. */
#include <stdio.h>

#include "shipper/shipper.h"
#include "status/life_view.h"
#include "status/page.h"

static const struct stat_row rows[] = {
#define ROW(...) STAT_ROW(struct shipper_stats, __VA_ARGS__)
        SHIPPER_STATS(ROW)
#undef ROW
};

const char *shipper_trouble(struct shipper *s)
{
        const char *why = sink_trouble(s->sink), *full = sources_trouble(s->sources);

        if (!why)
                why = tail_trouble(s->tail);
        if (!why || !full)
                return why ? why : full;
        snprintf(s->trouble, sizeof(s->trouble), "%s; %s", why, full);
        return s->trouble;
}

int64_t shipper_dropped(const struct shipper *s)
{
        return stat_get(&s->stats.dropped_rejected) + stat_get(&s->stats.dropped_read_again) +
               stat_get(&s->stats.dropped_filtered) + stat_get(&s->stats.dropped_rate_limited);
}

static unsigned get_readyz(void *arg, struct buf *body)
{
        struct shipper *s = arg;

        return life_get_readyz(&s->life, shipper_trouble(s), body);
}

static unsigned get_metrics(void *arg, struct buf *body)
{
        struct shipper *s = arg;
        struct metrics m;
        struct stat_group g = s->sink->ops->stats(s->sink);

        metrics_begin(&m, body, "sluice_shipper_");
        metrics_rows(&m, rows, ARRAY_LEN(rows), &s->stats);
        metrics_value(&m, STAT_GAUGE, "lag_bytes", NULL, "Bytes seen in files and not yet acknowledged.",
                      (double)tail_lag_bytes(s->tail));
        life_put_metrics(&s->life, &m);
        metrics_rows(&m, g.rows, g.nrows, g.base);
        metrics_process(&m);
        return 200;
}

static void show_file(void *arg, const struct file *f)
{
        struct json_out *w = arg;
        int64_t committed = ackwin_committed(&f->window);

        json_open(w, NULL, '{');
        json_str(w, "path", f->path);
        json_str(w, "state", file_state_text[f->state]);
        json_int(w, "inode", (int64_t)f->inode);
        json_int(w, "generation", f->generation);
        json_bool(w, "rotated", f->rotated);
        json_bool(w, "open", f->fd >= 0);
        json_bool(w, "deleted", f->deleted);
        json_int(w, "size", f->size);
        json_int(w, "read", f->read);
        json_int(w, "acked", committed);
        json_int(w, "lag", f->size > committed ? f->size - committed : 0);
        json_close(w, '}');
}

static void show_source(void *arg, const struct listener_view *v)
{
        struct json_out *w = arg;

        json_open(w, NULL, '{');
        json_str(w, "listen", v->name);
        json_int(w, "connections", (int64_t)v->connections);
        json_int(w, "ring_bytes", v->ring_bytes);
        json_int(w, "ring_size", v->ring_size);
        json_bool(w, "full", v->full);
        json_close(w, '}');
}

static void show_ledger(struct json_out *w, struct shipper *s)
{
        json_open(w, "ledger", '{');
        json_int(w, "lines_read", stat_get(&s->stats.lines_read));
        json_int(w, "lines_acked", stat_get(&s->stats.lines_acked));
        json_int(w, "lines_dropped", shipper_dropped(s));
        json_int(w, "lines_in_flight", stat_get(&s->stats.lines_in_flight));
        json_close(w, '}');
}

static unsigned get_status(void *arg, struct buf *body)
{
        struct shipper *s = arg;
        struct json_out w = { .b = body };
        const char *trouble = shipper_trouble(s);

        json_open(&w, NULL, '{');
        life_put_status(&s->life, trouble, trouble, &w);
        show_ledger(&w, s);
        json_int(&w, "held_bytes", stat_get(&s->stats.held_bytes));
        json_int(&w, "budget_bytes", stat_get(&s->stats.budget_bytes));
        json_int(&w, "directories_unwatched", stat_get(&s->stats.dirs_unwatched));
        json_int(&w, "files_open", stat_get(&s->stats.files_open));
        json_int(&w, "files_open_limit", stat_get(&s->stats.files_open_limit));
        json_int(&w, "files_ignored", stat_get(&s->stats.files_ignored));
        json_int(&w, "lag_bytes", tail_lag_bytes(s->tail));
        json_open(&w, "sources", '[');
        sources_each(s->sources, show_source, &w);
        json_close(&w, ']');
        json_open(&w, "files", '[');
        tail_each(s->tail, show_file, &w);
        json_close(&w, ']');
        json_close(&w, '}');
        buf_putc(body, '\n');
        return 200;
}

const struct http_route shipper_routes[] = {
        { "/healthz", "text/plain; charset=utf-8", life_get_healthz },
        { "/readyz", "text/plain; charset=utf-8", get_readyz },
        { "/metrics", "text/plain; version=0.0.4; charset=utf-8", get_metrics },
        { "/status", "application/json", get_status },
        { "/", "text/html; charset=utf-8", page_get },
        { NULL, NULL, NULL },
};
