/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_round.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct es_kept {
        uint8_t verdict;     /* enum es_verdict; 0 is ES_DONE */
        uint16_t status;     /* 0: the answer did not say */
        struct slice reason; /* in reasons */
};

/* ---- while the answer arrives ---------------------------------------------------------------------- */

static struct slice remember(struct es_round *r, const struct es_error *error)
{
        size_t start = r->reasons.len;

        buf_printf(&r->reasons, "%s: %s", error->type, error->reason);
        return (struct slice){ (uint32_t)start, (uint32_t)(r->reasons.len - start) };
}

static char *why_waits(const struct es_round *r, const struct es_item *item)
{
        const struct record *rec = &r->batch->recs[item->index];
        const char *advice = es_advice(item->status, item->error);
        bool own = rec->dest.len > 0;

        return xasprintf("%s: index %.*s: %u %s: %s%s%s", r->node,
                         own ? (int)rec->dest.len : (int)strlen(r->index),
                         own ? batch_at(r->batch, rec->dest) : r->index, item->status, item->error->type,
                         item->error->reason, advice ? "; " : "", advice ? advice : "");
}

static void on_item(void *round, const struct es_item *item)
{
        struct es_round *r = round;
        struct es_kept *k = &r->kept[item->index];
        enum es_verdict v = es_verdict_item(item);

        k->verdict = (uint8_t)v;
        k->status = (uint16_t)item->status;
        if (v == ES_REJECT || v == ES_STRIKE)
                k->reason = remember(r, item->error);
        if (es_verdict_waits(v) && v > r->worst) {
                r->worst = v;
                free(r->why);
                r->why = why_waits(r, item);
        }
}

void es_round_init(struct es_round *r, const struct batch *b, size_t n, const char *node, const char *index)
{
        *r = (struct es_round){ .batch = b, .n = n, .node = node, .index = index };
        r->kept = xcalloc(n, sizeof *r->kept);
        buf_init(&r->reasons, ES_REASONS_MAX);
        es_answer_init(&r->answer, n, on_item, r);
}

void es_round_fini(struct es_round *r)
{
        es_answer_fini(&r->answer);
        buf_fini(&r->reasons);
        free(r->kept);
        free(r->why);
        *r = (struct es_round){ 0 };
}

bool es_round_feed(struct es_round *r, const char *p, size_t n)
{
        if (es_answer_feed(&r->answer, p, n))
                return true;
        r->foreign_bytes += n;
        return r->foreign_bytes <= ES_FOREIGN_MAX;
}

/* ---- at its end ------------------------------------------------------------------------------------- */

enum es_request_verdict es_round_end(struct es_round *r, const struct http_result *result)
{
        r->whole = es_answer_end(&r->answer);
        if (result->status == 0)
                return ES_REQUEST_NEXT_NODE;
        enum es_request_verdict v = es_verdict_request(result->status, es_round_error(r));
        bool believed = result->end == HTTP_COMPLETE && es_answer_complete(&r->answer, r->n);
        return v == ES_REQUEST_ANSWERED && !believed ? ES_REQUEST_NEXT_NODE : v;
}

const struct es_error *es_round_error(const struct es_round *r)
{
        static const struct es_error none;

        return r->whole ? &r->answer.error : &none;
}

struct es_outcome es_round_outcome(const struct es_round *r, size_t i)
{
        static const char not_kept[] = "its reason was not kept, too many in one answer";
        const struct es_kept *k = &r->kept[i];
        struct es_outcome o = { .verdict = k->verdict, .status = k->status ? k->status : 200 };

        /* The flag decides, whatever the items hold. */
        if (!r->answer.errors && o.verdict != ES_FAILURE_STORE)
                return (struct es_outcome){ .verdict = ES_DONE, .status = 200 };
        if (o.verdict == ES_REJECT || o.verdict == ES_STRIKE) {
                o.reason = k->reason.len ? r->reasons.data + k->reason.off : not_kept;
                o.reason_len = k->reason.len ? k->reason.len : sizeof not_kept - 1;
        }
        return o;
}

bool es_round_any_passed(const struct es_round *r)
{
        return es_round_any(r, ES_DONE) || es_round_any(r, ES_FAILURE_STORE) || es_round_any(r, ES_DUPLICATE);
}

bool es_round_any(const struct es_round *r, enum es_verdict v)
{
        for (size_t i = 0; i < r->n; i++)
                if (r->kept[i].verdict == v)
                        return true;
        return false;
}

static const char *why_not_believed(const struct es_round *r, const struct http_result *result)
{
        if (result->end != HTTP_COMPLETE)
                return result->error;
        return r->answer.fault ? r->answer.fault : "not one item for each action";
}

char *es_round_why_failed(const struct es_round *r, const struct http_result *result)
{
        const struct es_error *error = es_round_error(r);
        const char *advice = es_advice(result->status, error);

        if (result->status == 0)
                return xasprintf("%s: %s", r->node, result->error);
        if (result->status == 200)
                return xasprintf("%s answers 200 without a whole bulk answer (%s)", r->node,
                                 why_not_believed(r, result));
        return xasprintf("%s answers %u%s%s%s%s%s%s", r->node, result->status, error->type[0] ? " " : "",
                         error->type, error->reason[0] ? ": " : "", error->reason, advice ? "; " : "",
                         advice ? advice : "");
}
