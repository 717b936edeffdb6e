/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/line_end.h"

#include <errno.h>
#include <string.h>

static int take(struct line_end *l, const char *bytes, size_t len)
{
        memcpy(l->bytes, bytes, len);
        l->len = len;
        return 0;
}

static int encode(struct line_end *l, const char *text, struct err *e)
{
        struct buf b = { 0 };
        int r;

        if (!encoding_encode(l->encoding, &b, text))
                r = err_set(e, EINVAL, "terminator: \"%s\": cannot be written in %s", text, encoding_names[l->encoding]);
        else if (b.len == 0 || b.len > LINE_END_MAX)
                r = err_set(e, EINVAL, "terminator: must have 1 to %d bytes", LINE_END_MAX);
        else
                r = take(l, b.data, b.len);
        buf_fini(&b);
        return r;
}

int line_end_init(struct line_end *l, const char *terminator, enum encoding encoding, struct err *e)
{
        static const struct { const char *name, *text; } named[] = { { "lf", "\n" }, { "crlf", "\r\n" }, { "cr", "\r" } };

        CHECK(encoding != ENCODING_UTF16);
        *l = (struct line_end){ .encoding = encoding, .cr = !terminator || strcmp(terminator, "lf") == 0 };
        if (l->cr)
                terminator = "lf";
        if (strcmp(terminator, "nul") == 0)
                return take(l, "\0", encoding_unit(encoding));
        for (size_t i = 0; i < ARRAY_LEN(named); i++)
                if (strcmp(terminator, named[i].name) == 0)
                        return encode(l, named[i].text, e);
        return encode(l, terminator, e);
}

bool line_end_is_plain(const struct line_end *l)
{
        return l->encoding == ENCODING_UTF8 && l->cr;
}

static const char *find(const struct line_end *l, const char *p, size_t n)
{
        return l->len == 1 ? memchr(p, l->bytes[0], n) : memmem(p, n, l->bytes, l->len);
}

const char *line_end_find(const struct line_end *l, const char *p, const char *end, bool odd)
{
        size_t unit = encoding_unit(l->encoding);

        for (const char *from = p, *at; from < end && (at = find(l, from, (size_t)(end - from))) != NULL; from = at + 1)
                if (((size_t)(at - p) + odd) % unit == 0)
                        return at;
        return NULL;
}

size_t line_end_trim(const struct line_end *l, const char *p, const char *at)
{
        size_t len = (size_t)(at - p), unit = encoding_unit(l->encoding);
        const char *cr = l->encoding == ENCODING_UTF16LE ? "\r\0" : l->encoding == ENCODING_UTF16BE ? "\0\r" : "\r";

        return l->cr && len >= unit && memcmp(at - unit, cr, unit) == 0 ? len - unit : len;
}
