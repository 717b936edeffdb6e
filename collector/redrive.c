/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/redrive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "collector/dlq_print.h"
#include "event/scan.h"
#include "event/template.h"

enum {
        BATCH_BYTES = 1 << 20,
        BATCH_RECORDS = 1000,
        BATCHES = 4,
        TURN_MS = 100,
        REFUSALS_SHOWN = 10,
        NUMBER = 0,                     /* in record.meta: the letter's number, as dlq show counts */
};

struct redrive {
        const struct collector_config *config;  /* borrowed, as all three */
        struct letters *letters;
        const struct dlq_filter *filter;
        struct loop *loop;              /* owned */
        struct sink *sink;              /* owned; NULL: a dry run */
        struct template *index;         /* owned; for letters that have no index name */
        struct buf name;
        struct batch *open;             /* owned */
        struct batch *answered;         /* owned; to be marked, linked by item.next */

        int64_t number;                 /* of the letter that was read last */
        int64_t meant, indexed, duplicate, refused, waiting;
        int64_t progress_ms;            /* when an answer came last */
        struct err error;               /* of what ended it early */
        int result;
};

/* --- answers ---------------------------------------------------------------------------------- */

static void refuse(struct redrive *r, int64_t number, const char *why, size_t len)
{
        if (r->refused++ < REFUSALS_SHOWN) {
                printf("#%" PRId64 " is refused again: ", number);
                dlq_print_text(why, len);
                putchar('\n');
        }
}

static void count(struct redrive *r, const struct batch *b, const struct record *rec)
{
        switch ((enum verdict)rec->verdict) {
        case VERDICT_DONE:
                r->indexed++;
                break;
        case VERDICT_DUPLICATE:
                r->duplicate++;
                break;
        case VERDICT_REJECT:
                refuse(r, rec->meta[NUMBER], batch_reason(b, rec), rec->reason.len);
                break;
        case VERDICT_PARK:              /* nobody set a limit here */
        case VERDICT_RETRY:             /* the sink was closed before there was an answer: it stays open */
        case VERDICT_NONE:
                break;
        }
        r->waiting--;
}

static void on_done(void *arg, struct batch **b)
{
        struct redrive *r = arg;

        for (size_t i = 0; i < (*b)->n; i++)
                count(r, *b, &(*b)->recs[i]);
        r->progress_ms = loop_now_ms(r->loop);
        (*b)->item.next = r->answered ? &r->answered->item : NULL;
        r->answered = *b;
        *b = NULL;
}

static void on_room(void *arg)
{
        (void)arg;                      /* who waits for it turns the loop */
}

static void mark_answered(struct redrive *r)
{
        while (r->answered) {
                struct batch *b = r->answered;
                r->answered = b->item.next ? container_of(b->item.next, struct batch, item) : NULL;
                if (r->result == 0)
                        r->result = letters_mark(r->letters, b, &r->error);
                batch_free(b);
        }
}

/* One turn; false when there is no use in waiting any longer. */
static bool wait_a_turn(struct redrive *r)
{
        loop_turn(r->loop, TURN_MS);
        mark_answered(r);
        if (r->result == 0 && loop_now_ms(r->loop) - r->progress_ms > r->config->life.start_timeout_ms) {
                const char *why = sink_trouble(r->sink);
                r->result = err_set(&r->error, ETIMEDOUT, "no answer within start_timeout: %s; what was not answered stays open",
                                    why ? why : "the cluster does not answer");
        }
        return r->result == 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void submit(struct redrive *r)
{
        if (!r->open)
                return;
        while (!sink_has_room(r->sink))
                if (!wait_a_turn(r))
                        return;
        if (r->waiting == 0)
                r->progress_ms = loop_now_ms(r->loop);
        r->waiting += (int64_t)r->open->n;
        sink_submit(r->sink, &r->open);
}

/* The letter's own, or what the configuration makes of the document now. */
static bool find_index(struct redrive *r, const struct letter *l)
{
        const char *const *paths;
        struct scan_value values[SCAN_PATHS] = { 0 };
        char topic[256];
        size_t n = template_paths(r->index, &paths);

        buf_reset(&r->name);
        buf_put(&r->name, l->index.p, l->index.len);
        if (l->index.len > 0)
                return true;
        snprintf(topic, sizeof(topic), "%.*s", (int)l->topic.len, l->topic.p);
        return scan_json(l->document.p, l->document.len, paths, n, values, NULL) == SCAN_IS_OBJECT &&
               template_expand(r->index, values, topic, l->timestamp_ms * 1000000, &r->name);
}

static const char *fault_of(struct redrive *r, const struct letter *l)
{
        if (scan_json(l->document.p, l->document.len, NULL, 0, NULL, NULL) != SCAN_IS_OBJECT)
                return "it is no JSON object";
        return find_index(r, l) ? NULL : "still no index name: a field of the template is missing";
}

static void add(struct redrive *r, const struct letter *l)
{
        if (!r->open)
                r->open = batch_new(BATCH_BYTES / 8);
        struct slice value = batch_put(r->open, l->document.p, l->document.len);
        struct slice id = batch_put(r->open, l->id.p, l->id.len);
        struct slice dest = batch_put(r->open, r->name.data, r->name.len);
        struct record *rec = batch_add(r->open);
        rec->value = value;
        rec->id = id;
        rec->dest = dest;
        rec->weight = 1;
        rec->meta[NUMBER] = r->number;
        letters_remember(r->open, rec, l);
        if (l->pipeline.len > 0)
                batch_header(r->open, rec, es_header_pipeline, l->pipeline.p, l->pipeline.len);
        if (l->routing.len > 0)
                batch_header(r->open, rec, es_header_routing, l->routing.p, l->routing.len);
}

static void print_plan(const struct redrive *r, const struct letter *l)
{
        if (r->meant > r->config->life.dry_run)
                return;
        printf("#%" PRId64 " would be created: index %.*s, _id ", r->number, (int)r->name.len, r->name.data);
        dlq_print_text(l->id.p, l->id.len);
        putchar('\n');
}

static bool redrive_letter(void *arg, const struct letter *l)
{
        struct redrive *r = arg;

        r->number++;
        if (l->redriven || !dlq_fits(r->filter, l))
                return true;
        const char *fault = fault_of(r, l);
        if (fault) {
                refuse(r, r->number, fault, strlen(fault));
                return true;
        }
        r->meant++;
        if (!r->sink) {
                print_plan(r, l);
                return true;
        }
        add(r, l);
        if (r->open->n >= BATCH_RECORDS || r->open->data.len >= BATCH_BYTES)
                submit(r);
        return r->result == 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int set_up(struct redrive *r)
{
        struct es_config es = r->config->elasticsearch;
        const struct sink_owner owner = { .done = on_done, .room = on_room, .arg = r };
        const struct sink_limits limits = { .max_batches = BATCHES, .max_bytes = BATCHES * BATCH_BYTES };

        if (collector_output(r->config) != OUTPUT_ELASTICSEARCH)
                return err_set(&r->error, EINVAL, "dlq redrive sends to Elasticsearch, and output is %s",
                               output_names[collector_output(r->config)]);
        r->index = template_new(es.index, &r->error);
        if (!r->index)
                return err_prefix(&r->error, "elasticsearch.index");
        if (r->config->life.dry_run)
                return 0;
        r->loop = loop_new(&clock_system, &r->error);
        if (!r->loop)
                return -r->error.code;
        es.id = ES_ID_EVENT;            /* under an id of the server's, what is sent twice stands twice */
        r->sink = sink_elasticsearch_new(r->loop, &es, &owner, &limits, &r->error);
        return r->sink ? 0 : -r->error.code;
}

static void finish(struct redrive *r)
{
        if (r->result == 0 && r->sink)
                submit(r);
        while (r->result == 0 && r->waiting > 0 && wait_a_turn(r))
                ;
        if (r->sink)
                sink_close(r->sink);
        mark_answered(r);
}

static void tear_down(struct redrive *r)
{
        sink_free(r->sink);
        loop_free(r->loop);
        template_free(r->index);
        buf_fini(&r->name);
        batch_free(r->open);
}

static void tell(const struct redrive *r)
{
        if (!r->sink)
                printf("%" PRId64 " of %" PRId64 " dead letters in %s would be sent again\n", r->meant, r->number, r->letters->place);
        else
                printf("%" PRId64 " redriven: %" PRId64 " indexed, %" PRId64 " stood there already\n", r->indexed + r->duplicate,
                       r->indexed, r->duplicate);
        if (r->refused > 0)
                printf("%" PRId64 " refused again, they stay open\n", r->refused);
}

int redrive_letters(const struct collector_config *c, struct letters *ls, const struct dlq_filter *f)
{
        struct redrive r = { .config = c, .letters = ls, .filter = f };

        r.result = set_up(&r);
        if (r.result == 0) {
                int read = letters_read(ls, redrive_letter, &r, &r.error);
                finish(&r);
                if (r.result == 0)
                        r.result = read;
                tell(&r);
        }
        tear_down(&r);
        if (r.result < 0)
                return dlq_fail(r.result, &r.error);
        return r.refused > 0 ? EX_DATAERR : EX_OK;
}
