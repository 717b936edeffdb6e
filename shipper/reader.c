/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { READ_BYTES = 128 * 1024 };       /* one file's share of a pass */

struct reader {
        const struct shipper_config *config;    /* borrowed */
        struct shipper_stats *stats;            /* borrowed */
        struct ship *ship;                      /* borrowed */
        struct multiline **multilines;          /* owned, one for each input; NULL: every line is an event */
        size_t nmultilines;
        char *memory;                           /* owned: MARK_BYTES, then buffer */
        char *buffer;                           /* READ_BYTES plus the longest line */
};

static void make_multilines(struct reader *r)
{
        const struct input_config *inputs = r->config->inputs.v;
        struct err e = { 0 };

        r->nmultilines = r->config->inputs.n;
        r->multilines = xcalloc(r->nmultilines + 1, sizeof(struct multiline *));
        for (size_t i = 0; i < r->nmultilines; i++)     /* the configuration's check has made them before */
                CHECK(multiline_new(&inputs[i].multiline, &r->multilines[i], &e) == 0);
}

struct reader *reader_new(const struct shipper_config *config, struct shipper_stats *stats, struct ship *ship)
{
        struct reader *r = xcalloc(1, sizeof(*r));

        r->config = config;
        r->stats = stats;
        r->ship = ship;
        r->memory = xmalloc(MARK_BYTES + (size_t)config->max_line_bytes + 1 + READ_BYTES);
        r->buffer = r->memory + MARK_BYTES;
        make_multilines(r);
        return r;
}

void reader_free(struct reader *r)
{
        if (!r)
                return;
        for (size_t i = 0; i < r->nmultilines; i++)
                multiline_free(r->multilines[i]);
        free(r->multilines);
        free(r->memory);
        free(r);
}

/* The source: n bytes of f from offset, fewer only at its end. */
static ssize_t source(struct reader *r, struct file *f, int64_t offset, char *to, size_t n)
{
        ssize_t got;

        do
                got = pread(f->fd, to, n, offset);
        while (got < 0 && errno == EINTR);
        if (got < 0) {
                got = -errno;
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

static enum read_outcome failed(ssize_t r)
{
        return r == -ESTALE ? READ_CUT : READ_FAILED;
}

/* Of the input that the file belongs to; made at the start, in the order of the configuration. */
static struct framing framing_of(const struct reader *r, const struct file *f, bool final)
{
        const struct input_config *inputs = r->config->inputs.v;
        size_t i = (size_t)(f->input - inputs);

        return (struct framing){ .multiline = i < r->nmultilines ? r->multilines[i] : NULL,
                                 .max_bytes = (size_t)r->config->max_line_bytes,
                                 .max_lines = (size_t)f->input->multiline.max_lines,
                                 .final = final };
}

static void ship_one(struct reader *r, struct file *f, const struct frame *frame, size_t limit)
{
        ship_line(r->ship, f, f->read, frame, limit);
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
        struct frame event;
        size_t known = (size_t)(f->scanned - f->read);
        const struct framing how = framing_of(r, f, final);
        bool room = true;

        while (frame_next(&how, p, end, known, &event) && (room = ship_has_room(r->ship))) {
                ship_one(r, f, &event, (size_t)r->config->max_line_bytes);
                p += event.size;
                known = 0;
        }
        f->partial = p < end && end[-1] != '\n';
        if (room && f->scanned < f->read + (end - p))
                f->scanned = f->read + (end - p);
        if (p > r->buffer)
                marks_read(&f->marks, mark_of(p, f->read));
        return room;
}

/* Nobody will finish a line of which more is there than is kept. */
static void ship_long(struct reader *r, struct file *f, size_t keep)
{
        size_t size = (size_t)(f->scanned - f->read);
        struct frame line = { .text = r->buffer, .len = keep, .span = size, .size = size, .cut = size - keep, .lines = 1,
                              .unfinished = true };

        ship_one(r, f, &line, keep);
}

bool reader_ship_unfinished(struct reader *r, struct file *f)
{
        size_t longest = (size_t)r->config->max_line_bytes;
        size_t size = (size_t)(f->scanned - f->read);
        bool is_long = size > longest;
        ssize_t n = fetch(r, f, is_long ? longest : size);

        if (n <= 0)
                return true;
        if (!f->named) {
                file_name(f, r->config->host, r->buffer, (size_t)n);
                file_make_stream(f, r->config->host);
        }
        if (!is_long)
                return frame(r, f, (size_t)n, true);
        ship_long(r, f, longest);
        return true;
}

static void name_file(struct reader *r, struct file *f, size_t n)
{
        if (f->named || (n < IDENT_HEAD && !memchr(r->buffer, '\n', n)))
                return;                 /* the head is not whole yet */
        file_name(f, r->config->host, r->buffer, n);
        file_make_stream(f, r->config->host);
}

static enum read_outcome read_lines(struct reader *r, struct file *f, int64_t *budget)
{
        size_t want = (size_t)(f->scanned - f->read) + READ_BYTES;
        ssize_t n = fetch(r, f, want);

        if (n < 0)
                return failed(n);
        if (n == 0)
                return READ_END;
        if (f->read == 0 && !file_head_fits(f, r->buffer, (size_t)n))
                return READ_CUT;
        *budget -= n;
        name_file(r, f, (size_t)n);
        if (f->size < f->read + n)
                f->size = f->read + n;
        return frame(r, f, (size_t)n, false) && (size_t)n < want ? READ_END : READ_MORE;
}

/* The line at f->read is longer than a line may be: look for its end without keeping it. */
static enum read_outcome read_long_line(struct reader *r, struct file *f, int64_t *budget)
{
        size_t keep = (size_t)r->config->max_line_bytes;
        char *scratch = r->buffer + keep + 1;

        while (*budget > 0) {
                ssize_t n = source(r, f, f->scanned, scratch, READ_BYTES);
                if (n < 0)
                        return READ_FAILED;
                *budget -= n;
                const char *lf = memchr(scratch, '\n', (size_t)n);
                if (lf) {
                        size_t size = (size_t)(f->scanned - f->read + (lf - scratch) + 1);
                        if ((n = fetch(r, f, keep)) != (ssize_t)keep)
                                return n < 0 ? failed(n) : READ_CUT;
                        struct frame line = { .text = r->buffer, .len = keep, .span = size, .size = size,
                                              .cut = size - 1 - keep, .lines = 1 };
                        ship_one(r, f, &line, keep);
                        return READ_MORE;
                }
                f->scanned += n;
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
