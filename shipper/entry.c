/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/entry.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { SUB = 0x1a, MS_DIGITS_MAX = 18 };

/* --- writing ----------------------------------------------------------------------------------- */

/* What stands for the byte p[i] behind a SUB; 0: it stands for itself. */
static char stand_in(const char *p, size_t i, size_t n)
{
        switch (p[i]) {
        case '\n':
                return 'n';
        case SUB:
                return 's';
        case '\r':
                return i + 1 == n ? 'r' : 0;
        default:
                return 0;
        }
}

/* The slow way, for a text that holds such a byte; returns how much of it went into `room` bytes. */
static size_t put_escaped(struct buf *b, const char *p, size_t n, size_t room)
{
        size_t i;

        for (i = 0; i < n; i++) {
                char c = stand_in(p, i, n);
                if (room < (c ? 2 : 1))
                        break;
                room -= c ? 2 : 1;
                if (c)
                        buf_putc(b, SUB);
                buf_putc(b, c ? c : p[i]);
        }
        for (; i < n && i > 0 && p[i - 1] == '\r'; i--)
                b->len--;               /* it would be taken for a part of the line's end */
        return i;
}

/* The cut never falls inside a UTF-8 sequence. */
static size_t shorten(const char *p, size_t n)
{
        for (size_t back = 0; back < 3 && n > back; back++)
                if (((unsigned char)p[n - back] & 0xc0) != 0x80)
                        return n - back;
        return n;
}

static bool is_plain(const char *p, size_t n)
{
        return !memchr(p, '\n', n) && !memchr(p, SUB, n) && (n == 0 || p[n - 1] != '\r');
}

size_t entry_put(struct buf *b, const struct entry *e, size_t max_bytes)
{
        const char *sender = e->sender && e->sender_len > 0 ? e->sender : "-";
        size_t sender_len = e->sender && e->sender_len > 0 ? e->sender_len : 1;
        size_t start = b->len;

        CHECK(sender_len <= ENTRY_SENDER_MAX && max_bytes > ENTRY_HEADER_MAX);
        buf_put_u64(b, e->received_ms > 0 ? (uint64_t)e->received_ms : 0);
        size_t mark = b->len;
        buf_putc(b, e->cut ? '!' : ' ');
        buf_put(b, sender, sender_len);
        buf_putc(b, ' ');
        size_t room = max_bytes - (b->len - start);
        size_t text_at = b->len;
        size_t fits = e->len <= room ? e->len : shorten(e->text, room);
        if (is_plain(e->text, fits))
                buf_put(b, e->text, fits);
        else
                fits = put_escaped(b, e->text, fits, room);
        CHECK(buf_ok(b) && b->len - text_at <= room);
        if (fits < e->len)
                b->data[mark] = '!';
        buf_putc(b, '\n');
        return e->len - fits;
}

/* --- reading ----------------------------------------------------------------------------------- */

static char stood_for(char c)
{
        return c == 'n' ? '\n' : c == 'r' ? '\r' : SUB;
}

static void unescape(const char *p, size_t n, struct buf *out)
{
        buf_reset(out);
        for (const char *end = p + n; p < end;) {
                const char *sub = memchr(p, SUB, (size_t)(end - p));
                if (!sub || sub + 1 == end) {
                        buf_put(out, p, (size_t)(end - p));
                        return;
                }
                buf_put(out, p, (size_t)(sub - p));
                buf_putc(out, stood_for(sub[1]));
                p = sub + 2;
        }
}

static bool parse_time(const char **p, const char *end, int64_t *ret_ms)
{
        int64_t ms = 0;
        int digits = 0;

        for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
                if (++digits > MS_DIGITS_MAX)
                        return false;
                ms = ms * 10 + (**p - '0');
        }
        *ret_ms = ms;
        return digits > 0;
}

bool entry_parse(const char *line, size_t len, struct buf *scratch, struct entry *ret)
{
        const char *p = line, *end = line + len;
        struct entry e = { 0 };

        if (!parse_time(&p, end, &e.received_ms) || p == end || (*p != ' ' && *p != '!'))
                return false;
        e.cut = *p++ == '!';
        const char *blank = memchr(p, ' ', (size_t)(end - p));
        if (!blank || blank == p || blank - p > ENTRY_SENDER_MAX)
                return false;
        if (*p != '-' || blank - p > 1) {
                e.sender = p;
                e.sender_len = (size_t)(blank - p);
        }
        e.text = blank + 1;
        e.len = (size_t)(end - e.text);
        if (memchr(e.text, SUB, e.len)) {
                unescape(e.text, e.len, scratch);
                e.text = scratch->data ? scratch->data : "";
                e.len = scratch->len;
        }
        *ret = e;
        return true;
}
