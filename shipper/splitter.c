/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/splitter.h"

enum { COUNT_DIGITS_MAX = 9, KEEP_BYTES = 4096 };

static size_t without_line_end(const char *p, size_t n)
{
        if (n > 0 && p[n - 1] == '\n')
                n--;
        return n > 0 && p[n - 1] == '\r' ? n - 1 : n;
}

static void emit(struct splitter *s, const char *p, size_t n, splitter_fn *fn, void *arg)
{
        size_t skipped = s->skipped;

        s->state = SPLIT_START;
        s->skipped = 0;
        if (n > s->max_bytes) {
                skipped += n - s->max_bytes;
                n = s->max_bytes;
        }
        fn(arg, p, skipped ? n : without_line_end(p, n), skipped);
}

static void emit_held(struct splitter *s, splitter_fn *fn, void *arg)
{
        emit(s, s->held.data ? s->held.data : "", s->held.len, fn, arg);
        if (s->held.cap > KEEP_BYTES)
                buf_fini(&s->held);
        buf_reset(&s->held);
}

static void hold(struct splitter *s, const char *p, size_t n)
{
        size_t room = s->held.len < s->max_bytes ? s->max_bytes - s->held.len : 0;
        size_t fits = n < room ? n : room;

        buf_put(&s->held, p, fits);
        s->skipped += n - fits;
}

/* Each of these takes some of the bytes and says how many; one that takes none has changed the state. */

static size_t start(struct splitter *s, const char *p)
{
        bool count = s->mode != SPLIT_LINES && *p >= '1' && *p <= '9';

        s->state = count ? SPLIT_COUNT : SPLIT_LINE;
        return 0;
}

static void begin_octets(struct splitter *s, size_t digits)
{
        s->need = 0;
        for (size_t i = 0; i < digits; i++)
                s->need = s->need * 10 + (size_t)(s->held.data[i] - '0');
        buf_reset(&s->held);
        s->state = SPLIT_OCTET;
}

/* held: the digits so far, and the blank behind them. */
static size_t count(struct splitter *s, const char *p)
{
        bool blank = s->held.len > 0 && s->held.data[s->held.len - 1] == ' ';
        bool digit = *p >= '0' && *p <= '9';

        if (blank && (*p == '<' || s->mode == SPLIT_OCTETS)) {
                begin_octets(s, s->held.len - 1);
                return 0;
        }
        if (!blank && (*p == ' ' || (digit && s->held.len < COUNT_DIGITS_MAX))) {
                buf_putc(&s->held, *p);
                return 1;
        }
        s->state = SPLIT_LINE;
        return 0;
}

static size_t line(struct splitter *s, const char *p, size_t n, splitter_fn *fn, void *arg)
{
        const char *lf = memchr(p, '\n', n);
        size_t len = lf ? (size_t)(lf - p) : n;

        if (lf && s->held.len == 0 && s->skipped == 0) {
                emit(s, p, len, fn, arg);
        } else {
                hold(s, p, len);
                if (lf)
                        emit_held(s, fn, arg);
        }
        return len + (lf != NULL);
}

static size_t octets(struct splitter *s, const char *p, size_t n, splitter_fn *fn, void *arg)
{
        size_t some = n < s->need ? n : s->need;

        hold(s, p, some);
        s->need -= some;
        if (s->need == 0)
                emit_held(s, fn, arg);
        return some;
}

void splitter_feed(struct splitter *s, const char *p, size_t n, splitter_fn *fn, void *arg)
{
        for (size_t took = 0; n > 0; p += took, n -= took) {
                switch (s->state) {
                case SPLIT_START:
                        took = start(s, p);
                        break;
                case SPLIT_COUNT:
                        took = count(s, p);
                        break;
                case SPLIT_LINE:
                        took = line(s, p, n, fn, arg);
                        break;
                case SPLIT_OCTET:
                        took = octets(s, p, n, fn, arg);
                        break;
                }
        }
}

void splitter_end(struct splitter *s, splitter_fn *fn, void *arg)
{
        if (s->held.len > 0 || s->skipped > 0)
                emit_held(s, fn, arg);
        s->state = SPLIT_START;
}

void splitter_fini(struct splitter *s)
{
        buf_fini(&s->held);
}
