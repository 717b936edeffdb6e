/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/frame.h"

#include <string.h>

#include "event/encoding.h"
#include "shipper/multiline.h"
#include "shipper/weave.h"

bool line_next(const char *p, const char *end, size_t known, struct frame *ret)
{
        size_t n = (size_t)(end - p);
        if (known >= n)
                return false;

        const char *lf = memchr(p + known, '\n', n - known);
        if (!lf)
                return false;
        size_t len = (size_t)(lf - p), size = len + 1;
        if (len > 0 && p[len - 1] == '\r')
                len--;
        *ret = (struct frame){ .text = p, .len = len, .span = size, .size = size, .lines = 1 };
        return true;
}

/* The same, and a last line that has no terminator when none will come. */
static bool line_or_rest(const char *p, const char *end, bool final, struct frame *ret)
{
        size_t n = (size_t)(end - p);

        if (line_next(p, end, 0, ret))
                return true;
        if (!final || n == 0)
                return false;
        *ret = (struct frame){ .text = p, .len = n, .span = n, .size = n, .lines = 1, .unfinished = true };
        return true;
}

static bool join_lines(const struct framing *how, const char *p, const char *end, struct frame *ret)
{
        struct frame event, line, before;

        if (!line_or_rest(p, end, how->final, &event)) {
                ret->unfinished = p < end;
                return false;
        }
        for (before = event; !event.unfinished; before = line) {
                const char *next = p + event.size;
                if (!line_or_rest(next, end, how->final, &line)) {
                        ret->unfinished = next < end;
                        if (!how->final && (size_t)(end - p) <= how->max_bytes)
                                return false;
                        break;          /* all there is, or the next line is too long to belong to it */
                }
                if (event.lines >= how->max_lines || event.size + line.size > how->max_bytes ||
                    multiline_begins(how->multiline, before.text, before.len, line.text, line.len))
                        break;
                event.len = (size_t)(line.text + line.len - p);
                event.size += line.size;
                event.lines++;
                event.multiline = true;
                event.unfinished = line.unfinished;
        }
        event.span = event.size;
        *ret = event;
        return true;
}

/* A mark at the beginning of a file is no part of its first line. */
static void pass_over_mark(struct frame *f)
{
        size_t mark = encoding_mark(ENCODING_UTF8, f->text, f->len);

        f->text += mark;
        f->len -= mark;
}

static bool next_event(const struct framing *how, const char *p, const char *end, size_t known, struct frame *ret)
{
        if (how->multiline)
                return join_lines(how, p, end, ret);
        if (line_next(p, end, known, ret) || (how->final && line_or_rest(p, end, true, ret)))
                return true;
        ret->unfinished = p < end;
        return false;
}

bool frame_next(const struct framing *how, const char *p, const char *end, size_t known, struct frame *ret)
{
        if (how->weaving)
                return weave_next(how, p, end, known, ret);
        if (!next_event(how, p, end, known, ret))
                return false;
        if (p == how->start && how->offset == 0)
                pass_over_mark(ret);
        return true;
}

void frame_long(const struct framing *how, const char *p, size_t keep, size_t size, size_t end_len, struct frame *ret)
{
        if (how->weaving) {
                weave_long(how, p, keep, size, end_len, ret);
                return;
        }
        *ret = (struct frame){ .text = p, .len = keep, .span = size, .size = size, .cut = size - end_len - keep, .lines = 1,
                               .unfinished = end_len == 0 };
        if (how->offset == 0)
                pass_over_mark(ret);
}
