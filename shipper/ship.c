/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/ship.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "event/filter.h"
#include "event/timestamp.h"
#include "shipper/origin.h"
#include "shipper/packer.h"
#include "shipper/rate.h"

enum {
        BATCH_BYTES = 256 * 1024, /* of events: a batch is handed on when it holds so much */
        FIRST_BYTES = 4 * 1024,   /* what a batch starts with */
        BEHIND_BATCHES = 64, /* with so many inside the output is behind: a batch waits until it is full */
        STREAM_MEMBER = 32,  /* ,"stream":"stdout" */
        BEHIND_PACKS = 8,    /* likewise in the batch format ... */
        COMPANY_MS = 5,      /* ... where lines wait so long for company, unless nothing is inside */
};

struct ship_input {
        struct parser *parser; /* owned; NULL: its lines are text */
        struct filter *filter; /* owned; NULL: all of them are wanted */
        struct redact *redact; /* owned; NULL: nothing has to go */
        struct rate rate;
};

struct ship {
        struct loop *loop;
        struct shipper_stats *stats;
        struct ship_hooks hooks;
        struct sink *sink;                  /* borrowed */
        struct batch *open;                 /* owned; mostly NULL between turns */
        bool packs;                         /* batch format */
        struct packers packers;
        struct timer company;
        bool waited;                        /* it fired since the last record went */
        struct file *key_of;                /* whose key was put last into open ... */
        struct slice key;                   /* ... and where */
        const struct input_config *configs; /* borrowed; those of inputs, in their order */
        struct ship_input *inputs;          /* owned */
        size_t ninputs;
        struct address *address;            /* borrowed; NULL: records need none */
        const struct input_config *dest_of; /* likewise: the input whose index was put last ... */
        const char *dest_service;           /* ... and the service of the file */
        struct slice dest;
        int64_t read_ns; /* wall time of this turn: its lines were read just now */
        bool new_turn;   /* read_ns is of the turn before */
        size_t max_record; /* bytes of a value; 0: any */
        struct origin origin;
        size_t last_bytes; /* of the last batch: a hint for the next */
        size_t lent;       /* taken off the sink's max_bytes */
};

static void done(void *arg, struct batch **bp);
static void give_back(struct ship *s, uint32_t lines);

/* The end of this turn sends what is open. */
static void company_is_over(struct timer *t)
{
        struct ship *s = t->arg;
        s->waited = true;
}

static void room(void *arg)
{
        struct ship *s = arg;
        s->hooks.room(s->hooks.arg);
}

struct ship *ship_new(struct loop *l, struct shipper_stats *stats, const struct ship_hooks *hooks)
{
        struct ship *s = xcalloc(1, sizeof(*s));

        s->loop = l;
        s->stats = stats;
        s->hooks = *hooks;
        s->last_bytes = FIRST_BYTES;
        s->new_turn = true;
        packers_init(&s->packers);
        s->company = (struct timer){ .name = "company", .fn = company_is_over, .arg = s };
        return s;
}

void ship_use_batches(struct ship *s, size_t record_bytes)
{
        s->packs = true;
        packers_set_limit(&s->packers, record_bytes);
}

static void free_inputs(struct ship *s)
{
        for (size_t i = 0; i < s->ninputs; i++) {
                parser_free(s->inputs[i].parser);
                filter_free(s->inputs[i].filter);
                redact_free(s->inputs[i].redact);
        }
        free(s->inputs);
        s->inputs = NULL;
        s->ninputs = 0;
}

int ship_set_inputs(struct ship *s, const struct tablelist *inputs, struct err *e)
{
        free_inputs(s);
        s->configs = inputs->v;
        s->inputs = xcalloc(inputs->n, sizeof(*s->inputs));
        s->ninputs = inputs->n;
        for (size_t i = 0; i < inputs->n; i++) {
                const struct input_config *c = &s->configs[i];
                struct ship_input *in = &s->inputs[i];
                int r = parser_new(&c->parse, &in->parser, e);
                if (r == 0)
                        r = filter_new(&c->include, &c->exclude, &in->filter, e);
                if (r == 0)
                        r = redact_new(&c->redact, &in->redact, e);
                if (r == 0)
                        r = rate_init(&in->rate, c->rate_limit, c->rate_burst, c->rate_sample, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

void ship_free(struct ship *s)
{
        if (!s)
                return;
        for (size_t i = 0; s->open && i < s->open->n; i++)
                give_back(s, s->open->recs[i].weight);
        for (struct packer *p = NULL; (p = packers_next_open(&s->packers, p)) != NULL;)
                give_back(s, p->weight);
        batch_free(s->open);
        timer_disarm(s->loop, &s->company);
        packers_fini(&s->packers);
        origin_fini(&s->origin);
        free_inputs(s);
        free(s);
}

struct sink_owner ship_owner(struct ship *s)
{
        return (struct sink_owner){ .done = done, .room = room, .arg = s };
}

void ship_set_sink(struct ship *s, struct sink *sink)
{
        s->sink = sink;
        stat_set(&s->stats->budget_bytes, (int64_t)sink->limits.max_bytes);
}

void ship_set_address(struct ship *s, struct address *a)
{
        s->address = a;
}

static bool any_open(const struct ship *s)
{
        return s->open || s->packers.bytes > 0;
}

static void update_held(struct ship *s)
{
        stat_set(&s->stats->held_bytes,
                 (int64_t)(s->sink->bytes + (s->open ? batch_bytes(s->open) : 0) + s->packers.bytes));
}

bool ship_has_room(struct ship *s)
{
        if (s->sink->asking)
                return false;
        if (any_open(s) && (!s->open || s->open->data.len < BATCH_BYTES))
                return true;
        if (sink_has_room(s->sink))
                return true;
        stat_inc(&s->stats->reading_stopped);
        return false;
}

/* A quarter stays, whatever is asked for: lines have to go on. */
void ship_lend(struct ship *s, size_t bytes)
{
        struct sink_limits *limits = &s->sink->limits;

        limits->max_bytes += s->lent;
        size_t most = limits->max_bytes - limits->max_bytes / 4;
        s->lent = bytes < most ? bytes : most;
        limits->max_bytes -= s->lent;
        stat_set(&s->stats->budget_bytes, (int64_t)limits->max_bytes);
}

static struct slice key_for(struct ship *s, struct file *f)
{
        if (s->key_of != f) {
                char text[IDENT_FILE_TEXT];
                ident_text(&f->key, text);
                s->key = batch_put(s->open, text, sizeof(text));
                s->key_of = f;
        }
        return s->key;
}

static void put_address(struct ship *s, const struct file *f, struct record *r)
{
        if (s->dest_of != f->input || s->dest_service != f->service) {
                s->dest = address_put(s->address, f->input, f->service, s->read_ns, s->open);
                s->dest_of = f->input;
                s->dest_service = f->service;
        }
        r->dest = s->dest;
        r->id = (struct slice){ r->value.off + (uint32_t)event_id_at(batch_at(s->open, r->value)),
                                IDENT_LINE_TEXT };
}

/* It may come, or change, at any time. */
static void learn_limit(struct ship *s)
{
        if (s->sink->max_value == s->max_record)
                return;
        s->max_record = s->sink->max_value;
        if (s->packs)
                packers_set_limit(&s->packers, s->max_record);
}

static void begin_turn(struct ship *s)
{
        if (!s->new_turn)
                return;
        s->read_ns = loop_clock(s->loop)->wall_ns(loop_clock(s->loop));
        s->dest_of = NULL; /* an index may have the date in its name */
        s->new_turn = false;
        learn_limit(s);
}

static void begin_batch(struct ship *s)
{
        if (s->open)
                return;
        s->open = batch_new(s->last_bytes);
        s->key_of = NULL;
        s->dest_of = NULL;
}

static void submit(struct ship *s)
{
        s->last_bytes = s->open->data.len < FIRST_BYTES ? FIRST_BYTES : s->open->data.len;
        batch_fit(s->open);
        sink_submit(s->sink, &s->open);
        update_held(s);
}

static void count_parsed(struct ship *s, const struct parsed *p)
{
        static const size_t faults[PARSE_NFAULTS] = {
                [PARSE_NOT_JSON] = offsetof(struct shipper_stats, unparsed_json),
                [PARSE_NOT_LOGFMT] = offsetof(struct shipper_stats, unparsed_logfmt),
                [PARSE_NO_MATCH] = offsetof(struct shipper_stats, unparsed_no_match),
                [PARSE_GAVE_UP] = offsetof(struct shipper_stats, unparsed_gave_up),
                [PARSE_TOO_MANY] = offsetof(struct shipper_stats, unparsed_too_many),
        };

        if (p->fault != PARSE_FINE)
                stat_inc((struct stat_value *)((char *)s->stats + faults[p->fault]));
        if (p->bad_time)
                stat_inc(&s->stats->bad_times);
        if (p->doubles)
                stat_add(&s->stats->double_keys, (int64_t)p->doubles);
        if (p->repaired)
                stat_add(&s->stats->utf8_repaired, (int64_t)p->repaired);
}

/* NULL: its lines go as they are. */
static struct ship_input *input_of(struct ship *s, const struct file *f)
{
        size_t i = s->inputs ? (size_t)(f->input - s->configs) : 0;

        return i < s->ninputs ? &s->inputs[i] : NULL;
}

/* The line is done with: its position moves on with those before it. */
static void drop(struct ship *s, struct file *f, int64_t position, const struct frame *frame,
                 struct stat_value *reason)
{
        stat_add(&s->stats->lines_read, frame->lines);
        stat_add(&s->stats->bytes_read, (int64_t)frame->size);
        stat_add(reason, frame->lines);
        if (ackwin_skip(&f->window, position + (int64_t)frame->size))
                s->hooks.settled(s->hooks.arg, f);
}

/* NULL: it goes on; else what counts it. */
static struct stat_value *why_not(struct ship *s, struct ship_input *in, const struct event_line *event)
{
        if (in->filter && !filter_wants(in->filter, event->text, event->len))
                return &s->stats->dropped_filtered;
        return rate_take(&in->rate, loop_now_ms(s->loop)) ? NULL : &s->stats->dropped_rate_limited;
}

/* NULL: nothing is to be looked for in the lines of this input. */
static const struct parsed *parse(struct ship *s, struct ship_input *in, const struct file *f, struct event_line *event)
{
        const struct parsed *p;

        if (!in || !in->parser)
                return NULL;
        p = parser_run(in->parser, &f->stream, event);
        count_parsed(s, p);
        event->parts = &p->parts;
        if (p->has_time)
                event->wall_ns = p->time_ns;
        return p;
}

static void put_header(struct batch *b, struct record *r, const char *name, const char *value, size_t len)
{
        if (len > 0)
                batch_header(b, r, name, value, len);
}

static void put_headers(struct batch *b, struct record *r, const struct trace_headers *h)
{
        put_header(b, r, "traceparent", h->traceparent, h->traceparent_len);
        put_header(b, r, "trace_id", h->trace_id, h->trace_id_len);
        put_header(b, r, "span_id", h->span_id, h->span_id_len);
        put_header(b, r, "user_id", h->user_id, h->user_id_len);
}

/* What is left of a record for the text when everything else of the event is in it. */
static size_t room_in_record(const struct ship *s, const struct file *f, const struct event_line *event)
{
        size_t rest = event_max_size(&f->stream, 0) + (event->stream ? STREAM_MEMBER : 0) +
                      (event->parts ? event_parts_max(event->parts) : 0);

        return s->max_record > rest ? s->max_record - rest : 0;
}

/* Cuts the text, where it becomes the message, to what goes into limit bytes as JSON, and into a record. What was found in
 * the line is given up when the record has no room for it: then the line is text.  Returns how much was cut off. */
static size_t fit(struct ship *s, const struct file *f, struct event_line *event, size_t limit)
{
        size_t whole = event->len, room = s->max_record > 0 ? room_in_record(s, f, event) : SIZE_MAX;

        if (room == 0 && event->parts) {
                stat_inc(&s->stats->unparsed_too_large);
                event->parts = NULL;
                room = room_in_record(s, f, event);
        }
        if (event->parts && (event->parts->message || event->parts->no_message))
                return 0;
        event->len = json_fit(event->text, whole, room < limit ? room : limit);
        return whole - event->len;
}

static void submit_full(struct ship *s)
{
        if (s->open->data.len >= BATCH_BYTES && sink_has_room(s->sink))
                submit(s);
}

static void close_pack(struct ship *s, struct packer *p)
{
        begin_batch(s);
        struct slice key = key_for(s, p->file);
        packers_close(&s->packers, p, s->open)->key = key;
        submit_full(s);
}

static void close_packs(struct ship *s)
{
        for (struct packer *p = NULL; (p = packers_next_open(&s->packers, p)) != NULL;)
                close_pack(s, p);
}

/* False: it is too large for the batch format, and nothing of its file is open any more. */
static bool pack_line(struct ship *s, struct file *f, int64_t end, const struct event_line *event, uint32_t lines,
                      size_t *ret_repaired)
{
        struct packer *p = packers_of(&s->packers, f);
        bool added = packers_add(&s->packers, p, f, end, event, lines, ret_repaired);

        if (!added && p->file) {
                close_pack(s, p);
                added = packers_add(&s->packers, p, f, end, event, lines, ret_repaired);
        }
        if (packers_full(&s->packers))
                close_packs(s);
        return added;
}

static size_t add_record(struct ship *s, struct file *f, int64_t end, const struct event_line *event, uint32_t lines,
                         const struct parsed *parsed)
{
        begin_batch(s);
        struct slice key = key_for(s, f);
        size_t start = s->open->data.len;
        size_t repaired = event_write(&s->open->data, &f->stream, event);
        struct record *r = batch_add(s->open);

        r->value = batch_since(s->open, start);
        r->key = key;
        r->weight = lines;
        r->origin = f;
        if (parsed)
                put_headers(s->open, r, &parsed->headers);
        if (s->address)
                put_address(s, f, r);
        CHECK(ackwin_open(&f->window, end, &r->seq) == 0);
        return repaired;
}

/* What a container's runtime wrote before the text. */
static void take_runtime(struct ship *s, const struct frame *frame, struct event_line *event)
{
        static const struct event_parts precise = { .precise = true };

        if (frame->foreign)
                stat_inc(&s->stats->unparsed_container);
        else if (timestamp_parse(frame->time, frame->time_len, &event->wall_ns) == 0)
                event->parts = &precise;
        else
                stat_inc(&s->stats->bad_times);
}

void ship_line(struct ship *s, struct file *f, int64_t position, const struct frame *frame, size_t limit)
{
        begin_turn(s);
        struct event_line event = {
                .wall_ns = s->read_ns,
                .offset = (uint64_t)position + frame->at,
                .span = frame->lines > 1 || frame->unfinished ? frame->span : 0,
                .text = frame->text,
                .len = frame->len,
                .flags = frame->multiline ? EVENT_MULTILINE : 0,
                .stream = frame->stream,
        };
        if (frame->stream || frame->foreign)
                take_runtime(s, frame, &event);
        if (f->input->listen)
                origin_apply(&s->origin, f->input, &event);
        struct ship_input *in = input_of(s, f);
        struct stat_value *reason = in ? why_not(s, in, &event) : NULL;
        if (reason) {
                drop(s, f, position, frame, reason);
                return;
        }
        if (in && in->redact)
                stat_add(&s->stats->redacted, (int64_t)redact_run(in->redact, &event.text, &event.len));
        const struct parsed *parsed = parse(s, in, f, &event);
        size_t cut = frame->cut + fit(s, f, &event, limit), repaired;
        int64_t end = position + (int64_t)frame->size;
        if (cut > 0 || frame->truncated)
                event.flags |= EVENT_TRUNCATED;
        if (!s->packs || !pack_line(s, f, end, &event, frame->lines, &repaired))
                repaired = add_record(s, f, end, &event, frame->lines, parsed);

        stat_count(&s->stats->lines_read, frame->lines);
        stat_count(&s->stats->lines_in_flight, frame->lines);
        stat_count(&s->stats->bytes_read, (int64_t)frame->size);
        stat_count(&s->stats->utf8_repaired, (int64_t)repaired + frame->repaired);
        if (event.flags & EVENT_TRUNCATED) {
                stat_inc(&s->stats->lines_truncated);
                stat_add(&s->stats->bytes_cut, (int64_t)cut);
        }
        if (s->open)
                submit_full(s);
}

void ship_pass(struct ship *s, struct file *f, int64_t position, size_t size)
{
        stat_add(&s->stats->bytes_read, (int64_t)size);
        if (ackwin_skip(&f->window, position))
                s->hooks.settled(s->hooks.arg, f);
}

void ship_part(struct ship *s)
{
        close_packs(s);
}

/* One record of ten lines costs little more than one of one, so lines give others the time that an answer takes. */
static bool waits_for_company(struct ship *s)
{
        if (s->sink->batches == 0 || s->waited)
                return false;
        if (!timer_armed(&s->company) && s->sink->batches < BEHIND_PACKS)
                timer_arm(s->loop, &s->company, COMPANY_MS);
        return true;
}

static void send_open(struct ship *s)
{
        if (s->sink->batches >= (s->packs ? BEHIND_PACKS : BEHIND_BATCHES) || !sink_has_room(s->sink) ||
            (s->packs && waits_for_company(s)))
                return;
        s->waited = false;
        timer_disarm(s->loop, &s->company);
        close_packs(s);
        if (s->open && sink_has_room(s->sink))
                submit(s);
}

void ship_flush(struct ship *s)
{
        s->new_turn = true;
        if (!any_open(s))
                return;
        send_open(s);
        update_held(s);
}

bool ship_idle(const struct ship *s)
{
        return !any_open(s) && stat_get(&s->stats->lines_in_flight) == 0;
}

/* --- verdicts -------------------------------------------------------------------------------- */

static void settle(struct ship *s, struct batch *b, struct record *r)
{
        struct file *f = r->origin;

        if (r->verdict == VERDICT_REJECT) {
                log_warn("ship",
                         "line dropped, the output will never take it: path=%s status=%u reason=\"%.*s\"",
                         f->path, r->status, (int)r->reason.len, batch_reason(b, r));
                stat_add(&s->stats->dropped_rejected, r->weight);
        } else {
                stat_count(&s->stats->lines_acked, r->weight);
        }
        stat_count(&s->stats->lines_in_flight, -(int64_t)r->weight);
        ackwin_ack(&f->window, r->seq);
        s->hooks.settled(s->hooks.arg, f);
}

/* A refusal of many lines is none of each: the two halves try again, down to the line that cannot go. */
static bool divide(struct ship *s, const struct batch *b, const struct record *r)
{
        struct file *f = r->origin;

        if (!s->packs)
                return false;
        begin_batch(s);
        size_t n = s->open->n;
        if (!packer_divide(b, r, s->open)) {
                if (n == 0) {
                        batch_free(s->open);
                        s->open = NULL;
                }
                return false;
        }
        struct slice key = key_for(s, f);
        s->open->recs[n].key = s->open->recs[n + 1].key = key;
        stat_inc(&s->stats->divided);
        log_warn("ship", "refused, goes again in halves: path=%s lines=%u bytes=%u status=%u reason=\"%.*s\"", f->path,
                 r->weight, r->value.len, r->status, (int)r->reason.len, batch_reason(b, r));
        return true;
}

/* Its position stays: whoever reads the file next reads it again. */
static void give_back(struct ship *s, uint32_t lines)
{
        stat_add(&s->stats->dropped_read_again, lines);
        stat_add(&s->stats->lines_in_flight, -(int64_t)lines);
}

static void done(void *arg, struct batch **bp)
{
        struct ship *s = arg;
        struct batch *b = *bp;

        *bp = NULL;
        for (size_t i = 0; i < b->n; i++) {
                CHECK(b->recs[i].verdict != VERDICT_NONE);
                if (b->recs[i].verdict == VERDICT_RETRY)
                        give_back(s, b->recs[i].weight);
                else if (b->recs[i].verdict != VERDICT_REJECT || !divide(s, b, &b->recs[i]))
                        settle(s, b, &b->recs[i]);
        }
        batch_free(b);
        update_held(s);
        if (any_open(s))
                loop_wake(s->loop); /* it may go now */
}
