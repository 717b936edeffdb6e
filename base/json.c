/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/plain.h"
#include "base/utf8.h"

/* --- escaping: every byte of every event passes here --------------------------------------- */

static inline bool is_special(unsigned char c)
{
        return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

/* What may follow a lead byte (Unicode 15, table 3-7): `more` continuation bytes, the
 * first of them in [low, high], the others in [80, bf].  more 0: no lead byte. */
struct lead {
        unsigned char more, low, high;
};

static inline struct lead lead_of(unsigned char c)
{
        if (c < 0xc2 || c > 0xf4)
                return (struct lead){ 0, 0, 0 };
        if (c < 0xe0)
                return (struct lead){ 1, 0x80, 0xbf };
        if (c < 0xf0)
                return (struct lead){ 2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf };
        return (struct lead){ 3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf };
}

/* Length of the character at p, which is above ASCII; or of the maximal subpart of
 * an ill-formed one, with *ret_valid false. */
static inline size_t utf8_length(const char *p, const char *end, bool *ret_valid)
{
        struct lead lead = lead_of((unsigned char)*p);
        size_t n = 1;

        while (n <= lead.more && p + n < end) {
                unsigned char c = (unsigned char)p[n];

                if (c < lead.low || c > lead.high)
                        break;
                lead.low = 0x80;
                lead.high = 0xbf;
                n++;
        }
        *ret_valid = lead.more > 0 && n == lead.more + 1u;
        return n;
}

/* Writes the escape of an ASCII byte, at most 6 bytes. */
static inline size_t put_escape(char *to, unsigned char c)
{
        static const char hex[] = "0123456789abcdef";
        static const char brief[0x20] = {
                ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
        };

        to[0] = '\\';
        if (c >= 0x20 || brief[c] != 0) {
                to[1] = c >= 0x20 ? (char)c : brief[c];
                return 2;
        }
        memcpy(to + 1, "u00", 3);
        to[4] = hex[c >> 4];
        to[5] = hex[c & 15];
        return 6;
}

/* Invariant: what is left of the input fits between `to` and the end of the buffer,
 * byte for byte, and every step keeps it so.  Output is never shorter than input (a
 * U+FFFD has 3 bytes, and no maximal subpart has more), so a reservation that fails
 * means that the result does not fit. */
size_t json_escape(struct buf *b, const char *p, size_t n)
{
        const char *end = p + n;
        size_t start = b->len, repaired = 0;
        char *to;

        if (n == 0 || (to = buf_reserve(b, n)) == NULL)
                return 0;
        for (;;) {
                size_t took = plain.copy(to, p, (size_t)(end - p)), put;
                char piece[8];
                bool valid;

                p += took;
                to += took;
                took = utf8_copy_run(to, p, end);
                p += took;
                to += took;
                if (p == end)
                        break;
                if (took > 0)
                        continue;
                if ((unsigned char)*p < 0x80) {
                        put = put_escape(piece, (unsigned char)*p);
                        took = 1;
                } else {
                        put = took = utf8_length(p, end, &valid);
                        if (valid) {
                                memcpy(piece, p, took);
                        } else {
                                put = 3;
                                memcpy(piece, "\xef\xbf\xbd", 3);
                                repaired++;
                        }
                }
                p += took;
                if ((size_t)(b->data + b->cap - to) < put + (size_t)(end - p)) {
                        b->len = (size_t)(to - b->data);
                        to = buf_reserve(b, put + (size_t)(end - p));
                        if (to == NULL) {
                                b->len = start;
                                return repaired;
                        }
                }
                memcpy(to, piece, sizeof(piece));
                to += put;
        }
        b->len = (size_t)(to - b->data);
        return repaired;
}

size_t json_fit(const char *p, size_t n, size_t max)
{
        const char *start = p, *end = p + n;

        if (n <= max / 6)
                return n;
        while (p < end) {
                bool valid = true;
                size_t took = 1, put = 1;
                char piece[8];

                if ((unsigned char)*p >= 0x80) {
                        took = utf8_length(p, end, &valid);
                        put = valid ? took : 3;
                } else if (is_special((unsigned char)*p)) {
                        put = put_escape(piece, (unsigned char)*p);
                }
                if (put > max)
                        break;
                max -= put;
                p += took;
        }
        return (size_t)(p - start);
}

void json_repair_utf8(struct buf *b, const char *p, size_t n)
{
        const char *end = p + n, *clean = p;

        while (p < end) {
                bool valid = true;
                size_t took = (unsigned char)*p < 0x80 ? 1 : utf8_length(p, end, &valid);

                if (!valid) {
                        buf_put(b, clean, (size_t)(p - clean));
                        buf_puts(b, "\xef\xbf\xbd");
                        clean = p + took;
                }
                p += took;
        }
        buf_put(b, clean, (size_t)(end - clean));
}

size_t json_string(struct buf *b, const char *p, size_t n)
{
        size_t repaired;

        buf_putc(b, '"');
        repaired = json_escape(b, p, n);
        buf_putc(b, '"');
        return repaired;
}

void json_cstring(struct buf *b, const char *s)
{
        json_string(b, s, strlen(s));
}

/* --- the writer ---------------------------------------------------------------------------- */

static void member(struct json_out *w, const char *key)
{
        if (w->comma)
                buf_putc(w->b, ',');
        w->comma = true;
        if (key != NULL) {
                json_cstring(w->b, key);
                buf_putc(w->b, ':');
        }
}

void json_open(struct json_out *w, const char *key, char bracket)
{
        member(w, key);
        buf_putc(w->b, bracket);
        w->comma = false;
}

void json_close(struct json_out *w, char bracket)
{
        buf_putc(w->b, bracket);
        w->comma = true;
}

void json_str(struct json_out *w, const char *key, const char *value)
{
        member(w, key);
        if (value != NULL)
                json_cstring(w->b, value);
        else
                buf_puts(w->b, "null");
}

void json_int(struct json_out *w, const char *key, int64_t value)
{
        member(w, key);
        if (value < 0)
                buf_putc(w->b, '-');
        buf_put_u64(w->b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_num(struct json_out *w, const char *key, double value)
{
        member(w, key);
        if (isfinite(value))
                buf_printf(w->b, "%.15g", value);
        else
                buf_puts(w->b, "null");
}

void json_bool(struct json_out *w, const char *key, bool value)
{
        member(w, key);
        buf_puts(w->b, value ? "true" : "false");
}
