/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/deliver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/dead.h"
#include "collector/letter.h"
#include "collector/parcels.h"

/* What record.meta holds; a dead letter has its time in a header and its cause here instead. */
enum { OFFSET, TIMESTAMP, CAUSE = TIMESTAMP };
enum cause { REFUSED, NO_INDEX, BAD_BATCH, ROUTED, PARKED, INVALID };
static const char *const cause_name[] = { [REFUSED] = "rejected", [NO_INDEX] = "no_index", [BAD_BATCH] = "bad_batch",
                                          [ROUTED] = "route",     [PARKED] = "parked",     [INVALID] = "invalid" };

struct deliver {
        struct loop *loop;
        const struct collector_config *config;
        struct collector_stats *stats;
        struct deliver_hooks hooks;
        struct decoder *decoder;        /* owned */
        struct sink *index, *dead;      /* borrowed */
        struct sink *spare;             /* borrowed; NULL: not needed yet */
        size_t high;                    /* mark for held bytes */
        size_t charged;                 /* to partitions: what records need, without the room that batches have left */

        struct batch *open;             /* owned; to the index */
        size_t last_bytes, last_records; /* of the batch before it */
        struct batch *dead_open;        /* owned; to the dead letters */
        struct batch *spare_open;       /* owned; letters that their topic refused */
        struct parcels parcels;         /* what will become many documents */
        struct timer batch_timer;       /* batch_time after the first record of `open` */
        bool due;                       /* it fired, or someone asked: send what is open */
        bool paused;
};

/* --- whose bytes ------------------------------------------------------------------------------ */

/* As batch_bytes counts a record, without what its batch has only once. */
static size_t cost(const struct record *r)
{
        return r->value.len + r->id.len + r->dest.len + sizeof(*r) + BATCH_RECORD_OVERHEAD;
}

static void charge(struct deliver *d, const struct record *r)
{
        struct partition *p = r->origin;
        p->bytes += cost(r);
        d->charged += cost(r);
}

static void discharge(struct deliver *d, const struct record *r)
{
        struct partition *p = r->origin;

        CHECK(p->bytes >= cost(r));
        p->bytes -= cost(r);
        d->charged -= cost(r);
}

/* --- dead letters ---------------------------------------------------------------------------- */

static int64_t wall_ms(const struct deliver *d)
{
        const struct clock *clock = loop_clock(d->loop);
        return clock->wall_ns(clock) / 1000000;
}

static struct letter_text text_of(const struct batch *b, struct slice s)
{
        return (struct letter_text){ batch_at(b, s), s.len };
}

/* name: one of those that the sink compares by address.  Empty: there is no such header. */
static struct letter_text header_of(const struct batch *b, const struct record *r, const char *name)
{
        for (unsigned i = 0; i < r->nheaders; i++)
                if (b->headers[r->first_header + i].name == name)
                        return text_of(b, b->headers[r->first_header + i].value);
        return (struct letter_text){ "", 0 };
}

/* The document as it is, why, and where it came from; its origin and entry go along. */
static void to_dead_letters(struct deliver *d, struct batch *from, const struct record *r, enum cause cause,
                            const char *reason, size_t reason_len)
{
        const struct partition *p = r->origin;

        if (!d->dead_open)
                d->dead_open = batch_new(r->value.len + 512);
        int64_t now_ms = wall_ms(d);
        const struct letter l = { .reason = { cause_name[cause], strlen(cause_name[cause]) },
                                  .status = r->status,
                                  .error = { reason, reason_len },
                                  .index = text_of(from, r->dest),
                                  .id = text_of(from, r->id),
                                  .pipeline = header_of(from, r, es_header_pipeline),
                                  .routing = header_of(from, r, es_header_routing),
                                  .topic = { p->topic, strlen(p->topic) },
                                  .partition = p->id,
                                  .offset = r->meta[OFFSET],
                                  .timestamp_ms = r->meta[TIMESTAMP],
                                  .first_seen_ms = now_ms - (loop_now_ms(d->loop) - from->opened_ms),
                                  .refused_ms = now_ms,
                                  .document = text_of(from, r->value) };
        struct record *dead = dead_in_topic(&d->config->dlq) ? letter_put_record(d->dead_open, &l) :
                                                               letter_put_line(d->dead_open, &l);
        dead->weight = r->weight;
        dead->origin = r->origin;
        dead->seq = r->seq;
        dead->meta[OFFSET] = r->meta[OFFSET];
        dead->meta[CAUSE] = cause;
        discharge(d, r);
        charge(d, dead);
        log_warn("deliver", "document refused: topic=%s partition=%d offset=%" PRId64 " index=%.*s status=%u reason=\"%.*s\"",
                 p->topic, p->id, r->meta[OFFSET], (int)r->dest.len, batch_at(from, r->dest), r->status, (int)reason_len,
                 reason);
}

static void settled(struct deliver *d, const struct record *r, struct stat_value *outcome)
{
        stat_count(outcome, 1);
        stat_count(&d->stats->in_flight, -1);
        discharge(d, r);
        d->hooks.settle(d->hooks.arg, r->origin, r->seq);
}

/* Not settled when its sink closed: it is taken from Kafka once more. */
static void give_back(struct deliver *d, size_t n)
{
        stat_add(&d->stats->dropped_taken_again, (int64_t)n);
        stat_add(&d->stats->in_flight, -(int64_t)n);
}

static struct stat_value *dead_count(struct deliver *d, enum cause cause)
{
        struct stat_value *const counts[] = { [REFUSED] = &d->stats->dead_rejected,
                                              [NO_INDEX] = &d->stats->dead_no_index,
                                              [BAD_BATCH] = &d->stats->dead_bad_batch,
                                              [ROUTED] = &d->stats->dead_route,
                                              [PARKED] = &d->stats->dead_parked,
                                              [INVALID] = &d->stats->dead_invalid };
        return counts[cause];
}

/* Too large for the topic, say: the same letter, as a line of a file. */
static void to_spare(struct deliver *d, struct batch *from, const struct record *r)
{
        struct incoming_header headers[LETTER_HEADERS];
        struct letter l;

        CHECK(r->nheaders <= LETTER_HEADERS);
        for (unsigned i = 0; i < r->nheaders; i++) {
                const struct header *h = &from->headers[r->first_header + i];
                headers[i] = (struct incoming_header){ h->name, batch_at(from, h->value), h->value.len };
        }
        CHECK(letter_read_headers(headers, r->nheaders, &l));
        l.id = text_of(from, r->key);
        l.document = text_of(from, r->value);
        l.refused_ms = wall_ms(d);
        if (!d->spare_open)
                d->spare_open = batch_new(r->value.len + 512);
        struct record *line = letter_put_line(d->spare_open, &l);
        line->weight = r->weight;
        line->origin = r->origin;
        line->seq = r->seq;
        line->meta[OFFSET] = r->meta[OFFSET];
        line->meta[CAUSE] = r->meta[CAUSE];
        discharge(d, r);
        charge(d, line);
        log_warn("deliver", "dead letter refused by its topic, written to a file: offset=%" PRId64 " reason=\"%.*s\"",
                 r->meta[OFFSET], (int)r->reason.len, batch_reason(from, r));
}

static void submit_spare(struct deliver *d)
{
        if (!d->spare_open)
                return;
        if (!d->spare)
                d->spare = d->hooks.spare(d->hooks.arg);
        if (d->spare && sink_has_room(d->spare))
                sink_submit(d->spare, &d->spare_open);
}

/* Of the topic, and of files. */
static void dead_answered(struct deliver *d, struct batch **bp, bool topic)
{
        struct batch *b = *bp;

        *bp = NULL;
        for (size_t i = 0; i < b->n; i++) {
                const struct record *r = &b->recs[i];
                if (r->verdict == VERDICT_RETRY) {
                        give_back(d, 1);
                } else if (r->verdict == VERDICT_REJECT && topic) {
                        to_spare(d, b, r);
                } else if (r->verdict == VERDICT_REJECT) {
                        log_error("deliver", "dead letter refused, document dropped: offset=%" PRId64 " reason=\"%.*s\"",
                                  r->meta[OFFSET], (int)r->reason.len, batch_reason(b, r));
                        settled(d, r, &d->stats->dropped_refused);
                } else {
                        settled(d, r, dead_count(d, (enum cause)r->meta[CAUSE]));
                }
        }
        batch_free(b);
}

static void dead_done(void *arg, struct batch **bp)
{
        struct deliver *d = arg;
        dead_answered(d, bp, dead_in_topic(&d->config->dlq));
}

static void spare_done(void *arg, struct batch **bp)
{
        dead_answered(arg, bp, false);
}

/* --- verdicts -------------------------------------------------------------------------------- */

static void index_done(void *arg, struct batch **bp)
{
        struct deliver *d = arg;
        struct batch *b = *bp;

        *bp = NULL;
        for (size_t i = 0; i < b->n; i++) {
                const struct record *r = &b->recs[i];
                switch ((enum verdict)r->verdict) {
                case VERDICT_DONE:
                        settled(d, r, &d->stats->indexed);
                        break;
                case VERDICT_DUPLICATE:
                        settled(d, r, &d->stats->duplicate);
                        break;
                case VERDICT_REJECT:
                case VERDICT_PARK:
                        to_dead_letters(d, b, r, r->verdict == VERDICT_PARK ? PARKED : REFUSED, batch_reason(b, r), r->reason.len);
                        break;
                case VERDICT_RETRY:
                        give_back(d, 1);
                        break;
                case VERDICT_NONE:
                        CHECK(r->verdict != VERDICT_NONE);
                }
        }
        batch_free(b);
}

/* --- taking ---------------------------------------------------------------------------------- */

static size_t held(const struct deliver *d)
{
        return d->index->bytes + d->dead->bytes + (d->open ? batch_bytes(d->open) : 0) +
               (d->dead_open ? batch_bytes(d->dead_open) : 0) + (d->spare ? d->spare->bytes : 0) +
               (d->spare_open ? batch_bytes(d->spare_open) : 0) + parcels_bytes(&d->parcels);
}

static bool full(const struct deliver *d)
{
        return d->open && ((int64_t)d->open->data.len >= d->config->batch_bytes ||
                           (int64_t)d->open->n >= d->config->batch_records);
}

/* As large as the last one was: to grow is to copy. */
static void open_batch(struct deliver *d)
{
        size_t least = (size_t)d->config->batch_bytes / 16, like_last = d->last_bytes + d->last_bytes / 8;

        d->open = batch_new(like_last > least ? like_last : least);
        batch_expect(d->open, d->last_records + d->last_records / 8);
}

static void submit_open(struct deliver *d)
{
        if (!d->open || !sink_has_room(d->index))
                return;
        timer_disarm(d->loop, &d->batch_timer);
        d->due = false;
        d->last_bytes = d->open->data.len;
        d->last_records = d->open->n;
        sink_submit(d->index, &d->open);
}

/* Bytes of memory for a byte that is charged.  Little says nothing: most of it is the batch that is being filled. */
static double scale(const struct deliver *d, size_t bytes)
{
        return d->charged > 0 && bytes > d->high / 4 ? (double)bytes / (double)d->charged : 1;
}

/* What waiting partitions hold does not become less for now: the others resume at half of what is left to them. */
static size_t low_mark(const struct deliver *d, size_t bytes)
{
        double waiting = (double)d->hooks.waiting(d->hooks.arg) * scale(d, bytes);
        size_t low = (d->high + (size_t)waiting) / 2;
        return low < d->high ? low : d->high - 1;
}

static void watch_budget(struct deliver *d)
{
        size_t bytes = held(d);

        stat_set(&d->stats->held_bytes, (int64_t)bytes);
        /* A full batch that found no room is the same as a full budget. */
        bool stuck = full(d) && !sink_has_room(d->index);
        if (!d->paused && (stuck || bytes >= d->high)) {
                d->paused = true;
                d->hooks.pause(d->hooks.arg);
        } else if (d->paused && !stuck && bytes <= low_mark(d, bytes)) {
                d->paused = false;
                d->hooks.resume(d->hooks.arg);
        }
}

static void drop_if_empty(struct deliver *d)
{
        if (d->open->n > 0)
                return;
        batch_free(d->open);
        d->open = NULL;
}

static void send_unindexable(struct deliver *d, enum cause cause, const char *why)
{
        struct record *r = &d->open->recs[d->open->n - 1];

        to_dead_letters(d, d->open, r, cause, why, strlen(why));
        batch_undo_add(d->open, r->value.off);
        drop_if_empty(d);
}

static void begin_batch(struct deliver *d)
{
        if (d->open)
                return;
        open_batch(d);
        d->open->opened_ms = loop_now_ms(d->loop);
        timer_arm(d->loop, &d->batch_timer, d->config->batch_time_ms);
}

static void came_from(struct deliver *d, struct partition *p, uint64_t seq, const struct incoming *in)
{
        struct record *r = &d->open->recs[d->open->n - 1];

        r->origin = p;
        r->seq = seq;
        r->meta[OFFSET] = in->offset;
        r->meta[TIMESTAMP] = in->timestamp_ms;
        charge(d, r);
}

static void take_document(struct deliver *d, struct partition *p, uint64_t seq, const struct incoming *in)
{
        begin_batch(d);
        enum decode_end how = decode(d->decoder, in, d->open);
        if (how == DECODE_DROP) {
                drop_if_empty(d);
                stat_inc(&d->stats->dropped_route);
                stat_add(&d->stats->in_flight, -1);
                d->hooks.settle(d->hooks.arg, p, seq);
                return;
        }
        came_from(d, p, seq, in);
        if (how == DECODE_DEAD)
                send_unindexable(d, ROUTED, decode_why(d->decoder));
        else if (how == DECODE_INVALID)
                send_unindexable(d, INVALID, decode_why(d->decoder));
        else if (how == DECODE_NO_INDEX && collector_output(d->config) == OUTPUT_ELASTICSEARCH)
                send_unindexable(d, NO_INDEX, "no index name: a field of the template is missing");
        if (full(d)) {
                submit_open(d);
                watch_budget(d);        /* within a turn much can arrive: stop it as soon as it is too much */
        }
}

/* --- records of many documents --------------------------------------------------------------- */

/* The record as it is becomes a dead letter. */
static void refuse_parcel(struct deliver *d, const char *why)
{
        const struct parcel *parcel = d->parcels.first;

        begin_batch(d);
        decode_nothing(d->decoder, &parcel->in, d->open);
        came_from(d, parcel->partition, parcel->seq, &parcel->in);
        send_unindexable(d, BAD_BATCH, why);
}

/* False: it is none, and done with. */
static bool open_parcel(struct deliver *d)
{
        const struct parcel *parcel = d->parcels.first;
        struct err e = { 0 };

        if (parcels_open(&d->parcels, &e) < 0) {
                refuse_parcel(d, e.msg);
                return false;
        }
        uint32_t more = parcel->lines - 1;
        stat_inc(&d->stats->batches);
        stat_add(&d->stats->consumed, more);
        stat_add(&d->stats->in_flight, more);
        partition_share(parcel->partition, parcel->seq, parcel->lines);
        return true;
}

static bool has_room(struct deliver *d)
{
        return held(d) < d->high && !(full(d) && !sink_has_room(d->index));
}

/* Makes documents of what waits, as far as there is room for them. */
static void expand(struct deliver *d)
{
        size_t repaired;
        struct incoming doc;

        while (parcels_any(&d->parcels) && has_room(d)) {
                const struct parcel *parcel = d->parcels.first;
                bool ok = parcel->lines > 0 || open_parcel(d);
                while (ok && has_room(d) && parcels_next(&d->parcels, &doc, &repaired)) {
                        if (repaired > 0)
                                stat_inc(&d->stats->utf8_repaired);
                        take_document(d, parcel->partition, parcel->seq, &doc);
                }
                if (!ok || parcel->left == 0)
                        parcels_drop(&d->parcels);
        }
}

/* --- what comes ------------------------------------------------------------------------------ */

void deliver_take(struct deliver *d, struct partition *p, uint64_t seq, const struct incoming *in)
{
        stat_count(&d->stats->consumed, 1);
        stat_count(&d->stats->consumed_bytes, (int64_t)in->len);
        if (!in->payload) {
                stat_inc(&d->stats->dropped_tombstone);
                d->hooks.settle(d->hooks.arg, p, seq);
                return;
        }
        stat_count(&d->stats->in_flight, 1);
        if (!pack_is(in->payload, in->len)) {
                take_document(d, p, seq, in);
                return;
        }
        parcels_put(&d->parcels, p, seq, in);
        expand(d);
        watch_budget(d);
}

void deliver_flush(struct deliver *d)
{
        expand(d);
        d->due = d->open != NULL;
        submit_open(d);
}

void deliver_turn(struct deliver *d)
{
        expand(d);
        if (d->due || full(d))
                submit_open(d);
        if (d->dead_open && sink_has_room(d->dead))
                sink_submit(d->dead, &d->dead_open);
        submit_spare(d);
        watch_budget(d);
}

bool deliver_paused(const struct deliver *d)
{
        return d->paused;
}

size_t deliver_chargeable(const struct deliver *d)
{
        return (size_t)((double)d->high / scale(d, held(d)));
}

bool deliver_crowded(const struct deliver *d)
{
        return d->index->batches >= d->index->limits.max_batches / 2;
}

bool deliver_idle(const struct deliver *d)
{
        return stat_get(&d->stats->in_flight) == 0;
}

static void batch_due(struct timer *t)
{
        struct deliver *d = t->arg;
        deliver_flush(d);
}

static void room(void *arg)
{
        struct deliver *d = arg;
        loop_wake(d->loop);             /* the end of the turn does what is due */
}

/* --- life ------------------------------------------------------------------------------------ */

struct deliver *deliver_new(struct loop *l, const struct collector_config *config, struct collector_stats *stats,
                            const struct deliver_hooks *hooks, struct err *e)
{
        struct decoder *decoder = decode_new(config->elasticsearch.index,
                                             config->elasticsearch.id_field, stats, e);

        if (!decoder)
                return NULL;
        decode_set_labels(decoder, &config->kafka.headers);
        decode_set_invalid(decoder, (enum on_invalid)config->on_invalid);
        if (decode_set_routing(decoder, config->elasticsearch.routing, e) < 0 ||
            decode_set_process(decoder, &config->process, e) < 0 || decode_set_routes(decoder, &config->routes, e) < 0) {
                decode_free(decoder);
                return NULL;
        }
        struct deliver *d = xcalloc(1, sizeof(*d));
        d->loop = l;
        d->config = config;
        d->stats = stats;
        d->hooks = *hooks;
        d->decoder = decoder;
        parcels_init(&d->parcels);
        d->batch_timer = (struct timer){ .name = "batch", .fn = batch_due, .arg = d };
        return d;
}

void deliver_free(struct deliver *d)
{
        if (!d)
                return;
        timer_disarm(d->loop, &d->batch_timer);
        give_back(d, (d->open ? d->open->n : 0) + (d->dead_open ? d->dead_open->n : 0) +
                             (d->spare_open ? d->spare_open->n : 0) + parcels_left(&d->parcels));
        parcels_fini(&d->parcels);
        decode_free(d->decoder);
        batch_free(d->open);
        batch_free(d->dead_open);
        batch_free(d->spare_open);
        free(d);
}

struct sink_owner deliver_index_owner(struct deliver *d)
{
        return (struct sink_owner){ .done = index_done, .room = room, .arg = d };
}

struct sink_owner deliver_dead_owner(struct deliver *d)
{
        return (struct sink_owner){ .done = dead_done, .room = room, .arg = d };
}

struct sink_owner deliver_spare_owner(struct deliver *d)
{
        return (struct sink_owner){ .done = spare_done, .room = room, .arg = d };
}

void deliver_set_sinks(struct deliver *d, struct sink *index, struct sink *dead, size_t budget)
{
        d->index = index;
        d->dead = dead;
        d->high = budget;
        stat_set(&d->stats->budget_bytes, (int64_t)budget);
}
