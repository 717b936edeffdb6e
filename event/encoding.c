/* SPDX-License-Identifier: Apache-2.0 */
#include "event/encoding.h"

#include <stdint.h>
#include <string.h>

const char *const encoding_names[] = { "utf-8", "utf-16le", "utf-16be", "utf-16", "latin-1", NULL };

static const char replacement[] = "\xef\xbf\xbd";

/* --- from ------------------------------------------------------------------------------------ */

enum encoding encoding_by_mark(enum encoding e, const char first[2])
{
        if (e != ENCODING_UTF16)
                return e;
        return memcmp(first, "\xfe\xff", 2) == 0 ? ENCODING_UTF16BE : ENCODING_UTF16LE;
}

size_t encoding_mark(enum encoding e, const char *p, size_t n)
{
        switch (e) {
        case ENCODING_UTF8:
                return n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        case ENCODING_UTF16LE:
                return n >= 2 && memcmp(p, "\xff\xfe", 2) == 0 ? 2 : 0;
        case ENCODING_UTF16BE:
                return n >= 2 && memcmp(p, "\xfe\xff", 2) == 0 ? 2 : 0;
        case ENCODING_UTF16:
        case ENCODING_LATIN1:
                break;
        }
        return 0;
}

static void put_utf8(struct buf *b, uint32_t c)
{
        if (c < 0x80) {
                buf_putc(b, (char)c);
                return;
        }
        if (c < 0x800) {
                buf_putc(b, (char)(0xc0 | c >> 6));
        } else if (c < 0x10000) {
                buf_putc(b, (char)(0xe0 | c >> 12));
                buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        } else {
                buf_putc(b, (char)(0xf0 | c >> 18));
                buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
                buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        }
        buf_putc(b, (char)(0x80 | (c & 0x3f)));
}

static uint32_t unit_at(enum encoding e, const char *p)
{
        const unsigned char *u = (const unsigned char *)p;
        return e == ENCODING_UTF16LE ? (uint32_t)(u[0] | u[1] << 8) : (uint32_t)(u[0] << 8 | u[1]);
}

static bool is_high(uint32_t c)
{
        return (c & 0xfc00) == 0xd800;
}

static bool is_low(uint32_t c)
{
        return (c & 0xfc00) == 0xdc00;
}

static size_t decode_utf16(enum encoding e, struct buf *out, const char *p, size_t n)
{
        size_t bad = 0;

        for (const char *end = p + n; end - p >= 2; p += 2) {
                uint32_t c = unit_at(e, p), low;
                if (is_high(c) && end - p >= 4 && is_low(low = unit_at(e, p + 2))) {
                        put_utf8(out, 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff));
                        p += 2;
                } else if (is_high(c) || is_low(c)) {
                        buf_puts(out, replacement);
                        bad++;
                } else {
                        put_utf8(out, c);
                }
        }
        return bad;
}

size_t encoding_decode(enum encoding e, bool odd, struct buf *out, const char *p, size_t n)
{
        if (!buf_reserve(out, 2 * n + 2 * sizeof(replacement)))
                return 0;
        if (e == ENCODING_LATIN1) {
                for (size_t i = 0; i < n; i++)
                        put_utf8(out, (unsigned char)p[i]);
                return 0;
        }
        size_t first = odd && n > 0, half = (n - first) % 2;
        if (first)
                buf_puts(out, replacement);
        size_t bad = first + decode_utf16(e, out, p + first, n - first);
        if (half)
                buf_puts(out, replacement);
        return bad + half;
}

size_t encoding_whole(enum encoding e, const char *p, size_t n)
{
        if (!encoding_is_utf16(e))
                return n;
        n -= n % 2;
        return n >= 2 && is_high(unit_at(e, p + n - 2)) ? n - 2 : n;
}

/* --- to -------------------------------------------------------------------------------------- */

/* The character at *p, which moves behind it; false: no UTF-8. */
static bool next_char(const char **p, uint32_t *ret)
{
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        const unsigned char *u = (const unsigned char *)*p;
        int more = u[0] < 0x80 ? 0 : (u[0] & 0xe0) == 0xc0 ? 1 : (u[0] & 0xf0) == 0xe0 ? 2 : (u[0] & 0xf8) == 0xf0 ? 3 : -1;

        if (more < 0)
                return false;
        uint32_t c = more == 0 ? u[0] : u[0] & (0x3fu >> more);
        for (int i = 1; i <= more; i++) {
                if ((u[i] & 0xc0) != 0x80)
                        return false;
                c = c << 6 | (u[i] & 0x3fu);
        }
        *p += more + 1;
        *ret = c;
        return c >= least[more] && c <= 0x10ffff && !is_high(c) && !is_low(c);
}

static void put_unit(enum encoding e, struct buf *out, uint32_t c)
{
        char high = (char)(c >> 8), low = (char)(c & 0xff);

        buf_putc(out, e == ENCODING_UTF16LE ? low : high);
        buf_putc(out, e == ENCODING_UTF16LE ? high : low);
}

bool encoding_encode(enum encoding e, struct buf *out, const char *text)
{
        uint32_t c;

        while (*text) {
                const char *from = text;
                if (!next_char(&text, &c) || (e == ENCODING_LATIN1 && c > 0xff))
                        return false;
                if (e == ENCODING_UTF8) {
                        buf_put(out, from, (size_t)(text - from));
                } else if (e == ENCODING_LATIN1) {
                        buf_putc(out, (char)c);
                } else if (c >= 0x10000) {
                        put_unit(e, out, 0xd800 | (c - 0x10000) >> 10);
                        put_unit(e, out, 0xdc00 | ((c - 0x10000) & 0x3ff));
                } else {
                        put_unit(e, out, c);
                }
        }
        return true;
}
