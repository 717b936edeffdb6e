/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "event/archive.h"
#include "shipper/multiline.h"
#include "shipper/weave.h"

enum { READ_BYTES = 128 * 1024 };       /* one file's share of a pass */

/* What an input says of its lines. */
struct input_lines {
        struct multiline *multiline;            /* owned; NULL: every line is an event */
        struct weaving weaving[2];              /* for UTF-16 of either order; else both are the same */
        bool plain;                             /* weaving is not needed */
};

struct reader {
        const struct shipper_config *config;    /* borrowed */
        struct shipper_stats *stats;            /* borrowed */
        struct ship *ship;                      /* borrowed */
        struct input_lines *inputs;             /* owned, in the order of the configuration */
        size_t ninputs;
        struct weave *weave;                    /* owned; NULL: no input needs it */
        char *memory;                           /* owned: MARK_BYTES, then buffer */
        char *buffer;                           /* READ_BYTES plus the longest line */
};

static void make_weaving(const struct input_config *in, enum encoding unmarked, struct weaving *ret)
{
        enum encoding encoding = (enum encoding)in->encoding;
        struct err e = { 0 };

        CHECK(line_end_init(&ret->end, in->terminator, encoding == ENCODING_UTF16 ? unmarked : encoding, &e) == 0);
        ret->container = (enum container_format)in->container;
        ret->partial_timeout_ms = in->partial_timeout_ms;
        ret->multiline_timeout_ms = in->multiline.timeout_ms;
}

static void make_inputs(struct reader *r)
{
        const struct input_config *inputs = r->config->inputs.v;
        struct err e = { 0 };

        r->ninputs = r->config->inputs.n;
        r->inputs = xcalloc(r->ninputs + 1, sizeof(*r->inputs));
        for (size_t i = 0; i < r->ninputs; i++) {       /* the configuration's check has made them before */
                struct input_lines *in = &r->inputs[i];
                CHECK(multiline_new(&inputs[i].multiline, &in->multiline, &e) == 0);
                make_weaving(&inputs[i], ENCODING_UTF16LE, &in->weaving[0]);
                make_weaving(&inputs[i], ENCODING_UTF16BE, &in->weaving[1]);
                in->plain = line_end_is_plain(&in->weaving[0].end) && inputs[i].container == CONTAINER_NONE;
                if (!in->plain && !r->weave)
                        r->weave = weave_new();
        }
}

struct reader *reader_new(const struct shipper_config *config, struct shipper_stats *stats, struct ship *ship)
{
        struct reader *r = xcalloc(1, sizeof(*r));

        r->config = config;
        r->stats = stats;
        r->ship = ship;
        r->memory = xmalloc(MARK_BYTES + (size_t)config->max_line_bytes + 1 + READ_BYTES);
        r->buffer = r->memory + MARK_BYTES;
        make_inputs(r);
        return r;
}

void reader_free(struct reader *r)
{
        if (!r)
                return;
        for (size_t i = 0; i < r->ninputs; i++)
                multiline_free(r->inputs[i].multiline);
        free(r->inputs);
        weave_free(r->weave);
        free(r->memory);
        free(r);
}

/* The source: n bytes of f from offset, fewer only at its end.  -EAGAIN: an archive is on its way there. */
static ssize_t source(struct reader *r, struct file *f, int64_t offset, char *to, size_t n)
{
        ssize_t got;

        if (f->packed) {
                got = archive_read(f->packed->archive, offset, to, n);
        } else {
                do
                        got = pread(f->fd, to, n, offset);
                while (got < 0 && errno == EINTR);
                got = got < 0 ? -errno : got;
        }
        if (got < 0 && got != -EAGAIN) {
                stat_inc(&r->stats->file_errors);
                log_warn("tail", "cannot be read: path=%s offset=%lld error=\"%s\"", f->path, (long long)offset,
                         strerror((int)-got));
        }
        return got;
}

/* n bytes from f->read into the buffer, and what stands before them in front of it: that must be what stood there when
 * it was read.  -ESTALE: it is not, the file was cut and has grown again. */
static ssize_t fetch(struct reader *r, struct file *f, size_t n)
{
        size_t back = mark_len(f->read);
        ssize_t got = source(r, f, f->read - (int64_t)back, r->buffer - back, back + n);

        if (got < 0)
                return got;
        if ((size_t)got < back || (f->marks.last.at == f->read && !mark_fits(&f->marks.last, r->buffer)))
                return -ESTALE;
        return got - (ssize_t)back;
}

static enum read_outcome failed(ssize_t r, int64_t *budget)
{
        if (r == -EAGAIN)
                *budget -= ARCHIVE_STEP;
        return r == -EAGAIN ? READ_MORE : r == -ESTALE ? READ_CUT : READ_FAILED;
}

/* The input that the file belongs to; NULL: none of the configuration's. */
static const struct input_lines *lines_of(const struct reader *r, const struct file *f)
{
        const struct input_config *inputs = r->config->inputs.v;
        size_t i = (size_t)(f->input - inputs);

        return i < r->ninputs ? &r->inputs[i] : NULL;
}

/* NULL: its lines are UTF-8, end at LF and stand there as they are. */
static const struct weaving *weaving_of(const struct reader *r, const struct file *f)
{
        const struct input_lines *in = lines_of(r, f);

        return !in || in->plain ? NULL : &in->weaving[f->encoding == ENCODING_UTF16BE];
}

static struct frame_skip skip_of(const struct file *f)
{
        return f->hold ? f->hold->skip : (struct frame_skip){ 0 };
}

static struct framing framing_of(const struct reader *r, const struct file *f, bool final)
{
        const struct input_lines *in = lines_of(r, f);

        return (struct framing){ .multiline = in ? in->multiline : NULL,
                                 .max_bytes = (size_t)r->config->max_line_bytes,
                                 .max_lines = (size_t)f->input->multiline.max_lines,
                                 .final = final,
                                 .start = r->buffer,
                                 .offset = f->read,
                                 .weaving = weaving_of(r, f),
                                 .weave = r->weave,
                                 .skip = skip_of(f) };
}

/* Which of the two orders UTF-16 has; until two bytes are there to tell it, that of a file without a mark. */
static void know_encoding(struct reader *r, struct file *f)
{
        char first[2] = "";

        if (f->encoding_known)
                return;
        f->encoding_known = f->input->encoding != ENCODING_UTF16 || source(r, f, 0, first, sizeof(first)) == sizeof(first);
        f->encoding = (uint8_t)encoding_by_mark((enum encoding)f->input->encoding, first);
}

/* The position to store stays where it is held, and goes on with the first frame behind what is passed over. */
static struct frame held_back(const struct file *f, const struct frame *frame)
{
        struct frame held = *frame;

        held.at += (size_t)(f->read - f->hold->at);
        held.size = frame->size > 0 && frame->skip.streams == 0 ? (size_t)(f->read - f->hold->at) + frame->size : 0;
        return held;
}

static void hold(struct file *f, const struct frame_skip *skip)
{
        if (!f->hold) {
                f->hold = xcalloc(1, sizeof(*f->hold));
                f->hold->at = f->read;
        }
        f->hold->skip = *skip;
}

static void release(struct file *f)
{
        free(f->hold);
        f->hold = NULL;
}

static void ship_frame(struct reader *r, struct file *f, const struct frame *frame, size_t limit)
{
        struct frame held;
        int64_t position = f->read;

        if (frame->skip.streams != 0 && frame->size > 0)
                hold(f, &frame->skip);
        if (f->hold) {
                held = held_back(f, frame);
                position = f->hold->at;
                frame = &held;
        }
        if (frame->text)
                ship_line(r->ship, f, position, frame, limit);
        else if (frame->size > 0)
                ship_pass(r->ship, f, position + (int64_t)frame->size, frame->size);
        if (frame->skipped > 0)
                stat_add(&r->stats->bytes_cut, (int64_t)frame->skipped);
        if (f->hold && frame->size > 0)
                release(f);
}

static void ship_one(struct reader *r, struct file *f, const struct frame *frame, size_t limit)
{
        ship_frame(r, f, frame, limit);
        f->read += (int64_t)frame->size;
        if (f->scanned < f->read)
                f->scanned = f->read;
        if (f->size < f->read)
                f->size = f->read;
}

/* Ships the whole events among the n bytes that start at f->read; false when there was no room for all. */
static bool frame(struct reader *r, struct file *f, size_t n, bool final)
{
        const char *p = r->buffer, *end = p + n;
        struct frame event = { 0 };
        size_t known = (size_t)(f->scanned - f->read);
        struct framing how = framing_of(r, f, final);
        bool room = true, inside = false;       /* inside: the frame before had size 0, they are not parted */

        if (how.weaving)
                weave_reset(r->weave);
        while (frame_next(&how, p, end, known, &event) && (inside || (room = ship_has_room(r->ship)))) {
                ship_one(r, f, &event, (size_t)r->config->max_line_bytes);
                p += event.size;
                known = 0;
                inside = event.size == 0;
                how.skip = skip_of(f);
        }
        f->partial = room && event.unfinished && p < end;
        if (room && f->scanned < f->read + (end - p))
                f->scanned = f->read + (end - p);
        if (p > r->buffer)
                marks_read(&f->marks, mark_of(p, f->read));
        return room;
}

/* Nobody will finish a line of which more is there than is kept. */
static void ship_long(struct reader *r, struct file *f, size_t keep, size_t size, size_t end_len)
{
        const struct framing how = framing_of(r, f, false);
        struct frame line;

        frame_long(&how, r->buffer, keep, size, end_len, &line);
        ship_one(r, f, &line, keep);
}

/* final: nothing comes behind the n bytes. */
static void name_file(struct reader *r, struct file *f, size_t n, bool final)
{
        if (f->named || (!final && !file_head_is_whole(f, r->buffer, n)))
                return;
        file_name(f, r->config->host, r->buffer, n);
        file_make_stream(f, r->config->host);
}

/* The rest of a line that was cut will not come. */
static void end_hold(struct reader *r, struct file *f)
{
        ship_pass(r->ship, f, f->read, (size_t)(f->read - f->hold->at));
        release(f);
}

bool reader_ship_unfinished(struct reader *r, struct file *f)
{
        size_t longest = (size_t)r->config->max_line_bytes;
        size_t size = (size_t)(f->scanned - f->read);
        bool is_long = size > longest;

        if (f->hold && size == 0) {
                end_hold(r, f);
                return true;
        }
        ssize_t n = fetch(r, f, is_long ? longest : size);
        if (n <= 0)
                return true;
        know_encoding(r, f);
        name_file(r, f, (size_t)n, true);
        if (!is_long)
                return frame(r, f, (size_t)n, true);
        ship_long(r, f, longest, size, 0);
        return true;
}

static enum read_outcome read_lines(struct reader *r, struct file *f, int64_t *budget)
{
        size_t want = (size_t)(f->scanned - f->read) + READ_BYTES;
        ssize_t n = fetch(r, f, want);

        if (n < 0)
                return failed(n, budget);
        if (n == 0)
                return READ_END;
        if (f->read == 0 && !file_head_fits(f, r->buffer, (size_t)n))
                return READ_CUT;
        *budget -= n;
        know_encoding(r, f);
        name_file(r, f, (size_t)n, false);
        if (f->size < f->read + n)
                f->size = f->read + n;
        return frame(r, f, (size_t)n, false) && (size_t)n < want ? READ_END : READ_MORE;
}

/* Where in the n bytes from offset on a line ends; NULL: nowhere. *ret_len: of what ends it. */
static const char *find_end(const struct reader *r, const struct file *f, int64_t offset, const char *p, size_t n,
                            size_t *ret_len)
{
        const struct weaving *w = weaving_of(r, f);

        *ret_len = w ? w->end.len : 1;
        return w ? line_end_find(&w->end, p, p + n, encoding_is_utf16(w->end.encoding) && offset & 1) : memchr(p, '\n', n);
}

/* What stands at the end of the bytes before may be the first part of a terminator. */
static size_t overlap(const struct reader *r, const struct file *f)
{
        const struct weaving *w = weaving_of(r, f);

        return w ? w->end.len - 1 : 0;
}

/* The line at f->read is longer than a line may be: look for its end without keeping it. */
static enum read_outcome read_long_line(struct reader *r, struct file *f, int64_t *budget)
{
        size_t keep = (size_t)r->config->max_line_bytes, back = overlap(r, f), end_len;
        char *scratch = r->buffer + keep + 1;
        size_t before = mark_len(f->read);

        if (f->packed)
                archive_keep(f->packed->archive, f->read - (int64_t)before, before + keep);
        while (*budget > 0) {
                int64_t from = f->scanned - (int64_t)back;
                ssize_t n = source(r, f, from, scratch, READ_BYTES);
                if (n < 0)
                        return failed(n, budget);
                *budget -= n;
                const char *end = find_end(r, f, from, scratch, (size_t)n, &end_len);
                if (end) {
                        size_t size = (size_t)(from - f->read) + (size_t)(end - scratch) + end_len;
                        if ((n = fetch(r, f, keep)) != (ssize_t)keep)
                                return n < 0 ? failed(n, budget) : READ_CUT;
                        ship_long(r, f, keep, size, end_len);
                        return READ_MORE;
                }
                if (from + n > f->scanned)
                        f->scanned = from + n;
                if (n < READ_BYTES)
                        return READ_END;
        }
        return READ_MORE;
}

enum read_outcome reader_read(struct reader *r, struct file *f, int64_t *budget)
{
        bool is_long = f->scanned - f->read > r->config->max_line_bytes;

        if (f->cut)
                return READ_CUT;
        if (f->spent)
                return READ_END;
        return is_long ? read_long_line(r, f, budget) : read_lines(r, f, budget);
}
