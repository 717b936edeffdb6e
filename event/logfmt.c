/* SPDX-License-Identifier: Apache-2.0 */
#include "event/logfmt.h"

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int quoted(struct logfmt *l, struct logfmt_pair *ret)
{
        const char *start = ++l->p;

        for (; l->p < l->end && *l->p != '"'; l->p++) {
                if (*l->p == '\\') {
                        ret->escaped = true;
                        l->p++;
                }
        }
        if (l->p >= l->end)
                return -1;
        ret->value = start;
        ret->value_len = (size_t)(l->p++ - start);
        return l->p == l->end || is_blank(*l->p) ? 1 : -1;
}

int logfmt_next(struct logfmt *l, struct logfmt_pair *ret)
{
        while (l->p < l->end && is_blank(*l->p))
                l->p++;
        if (l->p == l->end)
                return 0;
        *ret = (struct logfmt_pair){ .key = l->p };
        while (l->p < l->end && *l->p != '=' && *l->p != '"' && !is_blank(*l->p))
                l->p++;
        ret->key_len = (size_t)(l->p - ret->key);
        if (ret->key_len == 0)
                return -1;
        if (l->p == l->end || is_blank(*l->p))
                return 1;
        if (*l->p++ != '=')
                return -1;
        if (l->p < l->end && *l->p == '"')
                return quoted(l, ret);
        ret->value = l->p;
        while (l->p < l->end && !is_blank(*l->p))
                l->p++;
        ret->value_len = (size_t)(l->p - ret->value);
        return 1;
}

bool logfmt_is(const char *text, size_t len)
{
        struct logfmt l = { text, text + len };
        struct logfmt_pair pair;
        bool any = false;
        int r;

        while ((r = logfmt_next(&l, &pair)) > 0)
                any |= pair.value != NULL;
        return r == 0 && any;
}

void logfmt_unescape(struct buf *b, const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (p[i] != '\\' || i + 1 == n) {
                        buf_putc(b, p[i]);
                        continue;
                }
                char c = p[++i];
                buf_putc(b, c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
        }
}
