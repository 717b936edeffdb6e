/* SPDX-License-Identifier: Apache-2.0 */
/* Three layers: a piece is a line of the file, taken apart; pieces make a line of text; lines make an event. */
#include "shipper/weave.h"

#include <stdlib.h>

#include "base/mem.h"
#include "event/timestamp.h"
#include "shipper/multiline.h"

enum { KEEP_BYTES = 64 * 1024 };        /* of memory between two groups */

struct piece {
        size_t at, size;                /* in the group */
        bool unfinished;
        uint32_t repaired;
        struct container_line l;
        int64_t ns;                     /* l.time, where somebody has to know; 0: not known */
};

/* How things stood in the group where a line of text began. */
struct snapshot {
        bool alone;                     /* nothing was open but the event it may belong to */
        size_t ndone, skipped;
        struct frame_skip skip;
};

/* The event under way on one stream. */
struct thread {
        bool open;
        bool partial;                   /* its last line waits for another piece */
        bool skipping;                  /* no event is open: the rest of a truncated line is passed over */
        struct frame event;             /* but for text, len, span, lines, multiline: known at its end */
        struct buf text;
        size_t nlines;                  /* whole lines of text in the event ... */
        size_t before_at, before_len;   /* ... the last of them ... */
        size_t end;                     /* ... and where it ends in the group */
        uint32_t pieces;                /* of those lines */

        struct frame line;              /* the line behind them: at and time of its first piece ... */
        size_t line_at, line_end;       /* ... where it is in text, where its last piece ends in the group */
        uint32_t line_pieces;
        struct snapshot line_start;
        int64_t last_ns;                /* time of its last piece; 0: not known */
};

struct done {
        struct frame f;
        size_t text_at;                 /* in texts, unless f.text is set */
};

struct weave {
        struct thread threads[CONTAINER_NSTREAMS];
        size_t nopen;
        struct done *done;              /* events of the group that have ended */
        size_t ndone, cap, next;
        size_t group;                   /* bytes of it */
        struct frame_skip skip;         /* behind it */
        size_t skipped;
        struct buf texts, decoded, unescaped;
};

struct weave *weave_new(void)
{
        return xcalloc(1, sizeof(struct weave));
}

void weave_free(struct weave *w)
{
        if (!w)
                return;
        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                buf_fini(&w->threads[i].text);
        buf_fini(&w->texts);
        buf_fini(&w->decoded);
        buf_fini(&w->unescaped);
        free(w->done);
        free(w);
}

static void forget(struct buf *b)
{
        if (b->cap > KEEP_BYTES)
                buf_fini(b);
        buf_reset(b);
}

void weave_reset(struct weave *w)
{
        for (int i = 0; i < CONTAINER_NSTREAMS; i++) {
                w->threads[i].open = false;
                forget(&w->threads[i].text);
        }
        forget(&w->texts);
        forget(&w->decoded);
        forget(&w->unescaped);
        w->nopen = w->ndone = w->next = 0;
}

/* --- events that end --------------------------------------------------------------------------- */

static struct done *push(struct weave *w)
{
        if (w->ndone == w->cap) {
                w->cap = w->cap ? 2 * w->cap : 16;
                w->done = xrealloc(w->done, w->cap * sizeof(*w->done));
        }
        w->done[w->ndone] = (struct done){ 0 };
        return &w->done[w->ndone++];
}

static bool search_says_begin(const struct framing *how, const struct thread *t)
{
        const char *text = buf_cstr((struct buf *)&t->text);

        return multiline_begins(how->multiline, text + t->before_at, t->before_len, text + t->line_at,
                                t->text.len - t->line_at);
}

/* The first `len` bytes of the thread's text are an event. */
static struct done *push_event(struct weave *w, const struct thread *t, size_t len)
{
        struct done *d = push(w);

        d->f = t->event;
        d->text_at = w->texts.len;
        d->f.len = len;
        d->f.span = t->end - t->event.at;
        d->f.lines = t->pieces;
        d->f.multiline = t->nlines > 1;
        buf_put(&w->texts, t->text.data, len);
        return d;
}

/* The line behind those of the event is the first of another. */
static void begin_with_line(struct thread *t)
{
        size_t len = t->text.len - t->line_at;

        if (len > 0)
                memmove(t->text.data, t->text.data + t->line_at, len);
        t->text.len = len;
        t->event = t->line;
        t->nlines = t->pieces = 0;
        t->line_at = 0;
}

/* The last line of text is whole, or as whole as it will be.  True: it began an event, and the one before it has ended. */
static bool end_line(struct weave *w, const struct framing *how, struct thread *t)
{
        bool begins = t->nlines > 0 && (t->nlines >= how->max_lines || search_says_begin(how, t));

        t->partial = false;
        if (begins) {
                push_event(w, t, t->line_at - 1);
                begin_with_line(t);
        }
        t->nlines++;
        t->before_at = t->line_at;
        t->before_len = t->text.len - t->line_at;
        t->end = t->line_end;
        t->pieces += t->line_pieces;
        return begins;
}

enum ending { ENDS_WHOLE, ENDS_EARLY, ENDS_AT_BOUND };

static void end_event(struct weave *w, const struct framing *how, struct thread *t, enum ending why)
{
        bool partial = t->partial;

        if (partial)
                end_line(w, how, t);
        struct done *d = push_event(w, t, t->text.len);
        d->f.unfinished |= partial;
        if (partial && why == ENDS_AT_BOUND) {
                d->f.truncated = true;
                t->skipping = true;
                w->skip.last_ns = t->last_ns;
        }
        t->open = false;
        w->nopen--;
}

/* The open events in the order in which they began: the first that began at or behind `at`; NULL: none. */
static struct thread *next_open(struct weave *w, size_t at)
{
        struct thread *next = NULL;

        for (int i = 0; i < CONTAINER_NSTREAMS; i++) {
                struct thread *t = &w->threads[i];
                if (t->open && t->event.at >= at && (!next || t->event.at < next->event.at))
                        next = t;
        }
        return next;
}

static void end_all(struct weave *w, const struct framing *how, enum ending why)
{
        struct thread *t;

        while ((t = next_open(w, 0)) != NULL)
                end_event(w, how, t, why);
}

/* Half-way to the bound the stream that holds the others up is ended, so that these keep their events in one piece. */
static void end_oldest(struct weave *w, const struct framing *how)
{
        struct thread *t = next_open(w, 0);

        if (t && !t->partial)
                end_event(w, how, t, ENDS_WHOLE);
}

static bool is_over(int64_t now_ns, int64_t *last_ns, int64_t timeout_ms)
{
        if (*last_ns == 0)
                *last_ns = now_ns;      /* nobody knows since when; from now on then */
        return timeout_ms > 0 && now_ns - *last_ns > timeout_ms * 1000000;
}

static void end_stale(struct weave *w, const struct framing *how, int64_t now_ns)
{
        const struct weaving *c = how->weaving;
        size_t at;

        if (now_ns == 0)
                return;
        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                if (w->threads[i].skipping && is_over(now_ns, &w->skip.last_ns, c->partial_timeout_ms))
                        w->threads[i].skipping = false;
        for (struct thread *t = next_open(w, 0); t; t = next_open(w, at + 1)) {
                at = t->event.at;
                if (is_over(now_ns, &t->last_ns, t->partial ? c->partial_timeout_ms : c->multiline_timeout_ms))
                        end_event(w, how, t, ENDS_EARLY);
        }
}

/* --- pieces -------------------------------------------------------------------------------------- */

static uint8_t skip_bits(const struct weave *w)
{
        uint8_t bits = 0;

        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                bits |= (uint8_t)(w->threads[i].skipping << i);
        return bits;
}

static void set_skip(struct weave *w, const struct frame_skip *skip)
{
        w->skip = *skip;
        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                w->threads[i].skipping = skip->streams >> i & 1;
}

/* What stands in the bytes of a line, decoded and unwrapped. */
static void take_apart(const struct framing *how, const char *q, size_t len, struct piece *ret)
{
        const struct weaving *c = how->weaving;
        struct weave *w = how->weave;
        int64_t offset = how->offset + (q - how->start);
        size_t mark = offset == 0 ? encoding_mark(c->end.encoding, q, len) : 0;

        q += mark;
        len -= mark;
        ret->l = (struct container_line){ .stream = CONTAINER_OTHER, .text = q, .len = len };
        if (c->end.encoding != ENCODING_UTF8) {
                buf_reset(&w->decoded);
                ret->repaired = (uint32_t)encoding_decode(c->end.encoding, offset & 1, &w->decoded, q, len);
                ret->l.text = buf_cstr(&w->decoded);
                ret->l.len = w->decoded.len;
        } else if (c->container != CONTAINER_NONE) {
                container_line(c->container, q, len, &w->unescaped, &ret->l);
        }
}

static int64_t time_of(const struct container_line *l)
{
        int64_t ns;

        return l->time && timestamp_parse(l->time, l->time_len, &ns) == 0 ? ns : 0;
}

/* known: bytes at q in which no line ends. */
static bool next_piece(const struct framing *how, const char *p, const char *q, const char *end, size_t known,
                       struct piece *ret)
{
        const struct line_end *le = &how->weaving->end;
        size_t unit = encoding_unit(le->encoding), back = le->len - 1 + (unit - 1);
        const char *from = known > back ? q + (known - back) : q;
        bool odd = encoding_is_utf16(le->encoding) && ((how->offset + (from - how->start)) & 1);
        const char *at = line_end_find(le, from, end, odd);

        if (!at && (!how->final || q == end))
                return false;
        *ret = (struct piece){ .at = (size_t)(q - p) };
        ret->unfinished = !at;
        ret->size = (size_t)((at ? at + le->len : end) - q);
        take_apart(how, q, at ? line_end_trim(le, q, at) : (size_t)(end - q), ret);
        if (ret->unfinished)
                ret->l.partial = false;
        if (how->multiline || ret->l.partial || how->weave->nopen > 0 || skip_bits(how->weave))
                ret->ns = time_of(&ret->l);
        return true;
}

static struct frame first_frame(const struct framing *how, const struct piece *p)
{
        return (struct frame){ .at = p->at,
                               .repaired = p->repaired,
                               .unfinished = p->unfinished,
                               .foreign = how->weaving->container != CONTAINER_NONE && p->l.stream == CONTAINER_OTHER,
                               .stream = container_stream_names[p->l.stream],
                               .time = p->l.time,
                               .time_len = p->l.time_len };
}

/* The piece is an event, and nothing else is open: its text stays where it is. */
static void push_alone(struct weave *w, const struct framing *how, const struct piece *p)
{
        struct done *d = push(w);

        d->f = first_frame(how, p);
        d->f.text = p->l.text;
        d->f.len = p->l.len;
        d->f.span = p->size;
        d->f.lines = 1;
}

static void begin_line(struct weave *w, const struct framing *how, struct thread *t, const struct piece *p)
{
        if (!t->open) {
                t->open = true;
                w->nopen++;
                buf_reset(&t->text);
                t->event = first_frame(how, p);
                t->nlines = t->pieces = 0;
        } else {
                buf_putc(&t->text, '\n');
        }
        t->line = first_frame(how, p);
        t->line_at = t->text.len;
        t->line_pieces = 0;
        t->line_start = (struct snapshot){ .alone = w->nopen == 1, .ndone = w->ndone, .skipped = w->skipped,
                                           .skip = { skip_bits(w), w->skip.last_ns } };
}

/* An event has ended where its thread's last line begins, and nothing else was open there: so does the group.  What came
 * behind that place is read again, as the next one. */
static size_t end_group_before(struct weave *w, struct thread *t)
{
        const struct snapshot *s = &t->line_start;

        w->done[s->ndone] = w->done[w->ndone - 1];
        w->ndone = s->ndone + 1;
        w->skipped = s->skipped;
        set_skip(w, &s->skip);
        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                w->threads[i].open = false;
        w->nopen = 0;
        return t->line.at;
}

/* Returns where the group goes on. */
static size_t weave_in(struct weave *w, const struct framing *how, const struct piece *p)
{
        struct thread *t = &w->threads[p->l.stream];

        if (t->skipping) {
                w->skipped += p->size;
                w->skip.last_ns = p->ns;
                t->skipping = p->l.partial;
                return p->at + p->size;
        }
        if (!how->multiline && !p->l.partial && w->nopen == 0) {
                push_alone(w, how, p);
                return p->at + p->size;
        }
        if (!t->open || !t->partial)
                begin_line(w, how, t, p);
        buf_put(&t->text, p->l.text, p->l.len);
        t->line_end = p->at + p->size;
        t->line_pieces++;
        t->partial = p->l.partial;
        t->last_ns = p->ns;
        if (t->partial)
                return p->at + p->size;
        if (end_line(w, how, t) && t->line_start.alone)
                return end_group_before(w, t);
        t->event.unfinished = p->unfinished;
        if (t->nlines > 1 || t->line_pieces > 1)
                t->event.repaired += p->repaired;
        if (!how->multiline)
                end_event(w, how, t, ENDS_WHOLE);
        return p->at + p->size;
}

/* --- groups -------------------------------------------------------------------------------------- */

static bool line_is_open(const struct weave *w)
{
        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                if (w->threads[i].open && w->threads[i].partial)
                        return true;
        return false;
}

static void begin_group(struct weave *w, const struct framing *how)
{
        w->ndone = w->next = w->skipped = w->nopen = 0;
        for (int i = 0; i < CONTAINER_NSTREAMS; i++)
                w->threads[i].open = false;
        buf_reset(&w->texts);
        set_skip(w, &how->skip);
}

/* Ends what has to end before the piece comes.  True: the group ends here. */
static bool make_way(struct weave *w, const struct framing *how, const struct piece *p)
{
        size_t bytes = p->at + p->size;

        if (bytes > how->max_bytes || w->ndone >= WEAVE_EVENTS)
                end_all(w, how, ENDS_AT_BOUND);
        else if (w->nopen > 1 && (bytes > how->max_bytes / 2 || w->ndone >= WEAVE_EVENTS / 2))
                end_oldest(w, how);
        end_stale(w, how, p->ns);
        return w->nopen == 0;
}

/* False: more is needed; then nothing has happened. */
static bool gather(const struct framing *how, const char *p, const char *end, size_t known, bool *ret_unfinished)
{
        struct weave *w = how->weave;
        const char *q = p;
        struct piece piece;

        begin_group(w, how);
        if (how->multiline || how->weaving->container != CONTAINER_NONE)
                known = 0;              /* of a group, not of a line */
        do {
                if (!next_piece(how, p, q, end, q == p ? known : 0, &piece)) {
                        bool bound = q > p && (size_t)(end - p) > how->max_bytes;
                        if (q == p || (!how->final && !bound)) {
                                *ret_unfinished = q < end || line_is_open(w);
                                return false;
                        }
                        end_all(w, how, bound ? ENDS_AT_BOUND : ENDS_EARLY);
                        break;
                }
                if (q == p)
                        end_stale(w, how, piece.ns);
                else if (make_way(w, how, &piece))
                        break;
                q = p + weave_in(w, how, &piece);
        } while (w->nopen > 0);
        w->group = (size_t)(q - p);
        w->skip.streams = skip_bits(w);
        return true;
}

static void take(struct weave *w, struct frame *ret)
{
        struct done *d = &w->done[w->next++];

        *ret = d->f;
        if (!ret->text && ret->lines > 0)
                ret->text = buf_cstr(&w->texts) + d->text_at;
        if (w->next < w->ndone)
                return;
        ret->size = w->group;
        ret->skipped = w->skipped;
        ret->skip = w->skip;
}

bool weave_next(const struct framing *how, const char *p, const char *end, size_t known, struct frame *ret)
{
        struct weave *w = how->weave;

        if (w->next == w->ndone) {
                if (!gather(how, p, end, known, &ret->unfinished))
                        return false;
                if (w->ndone == 0)
                        (void)push(w);
        }
        take(w, ret);
        return true;
}

void weave_long(const struct framing *how, const char *p, size_t keep, size_t size, size_t end_len, struct frame *ret)
{
        size_t whole = encoding_whole(how->weaving->end.encoding, p, keep);
        struct piece piece = { .size = size };

        weave_reset(how->weave);
        take_apart(how, p, whole, &piece);
        *ret = first_frame(how, &piece);
        ret->text = piece.l.text;
        ret->len = piece.l.len;
        ret->span = ret->size = size;
        ret->cut = size - end_len - whole;
        ret->lines = 1;
        ret->unfinished = end_len == 0;
        ret->skip = how->skip;
}
