/* SPDX-License-Identifier: Apache-2.0 */
#include "event/redact.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/pattern.h"
#include "event/scan.h"

const char *const redact_how_names[] = { "mask", "hash", NULL };

static const char mask[] = "[redacted]";

enum { KEY_LEAST = 16, HASH_BYTES = 8, CARD_LEAST = 13, CARD_MOST = 19, CARD_CHARS = 2 * CARD_MOST - 1, LEFT_MOST = 32 };

static const struct preset {
        const char *name, *pattern;
        bool card;
} presets[] = {
        { "card", "(?<![0-9])[0-9](?:[ -]?[0-9]){12,}", true },
        { "bearer",
          "(?i:\\b(?:bearer|basic)\\s+)([A-Za-z0-9._~+/"
          "=-]{8,})|\\beyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*",
          false },
        { "email", "[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*\\.[A-Za-z]{2,}", false },
};

struct rule {
        struct pattern *pattern;
        bool card;
};

struct redact {
        const struct redact_config *config; /* borrowed */
        struct rule *rules;
        size_t n;
        struct buf a, b, json, part; /* a and b: a rule reads one and writes the other */
};

/* --- one place ------------------------------------------------------------------------------ */

static void put_instead(struct redact *r, struct buf *out, const char *p, size_t n)
{
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        if (r->config->how != REDACT_HASH) {
                buf_puts(out, mask);
                return;
        }
        CHECK(HMAC(EVP_sha256(), r->config->key, (int)strlen(r->config->key), (const unsigned char *)p, n,
                   hash, &len));
        buf_puts(out, "[hmac:");
        for (int i = 0; i < HASH_BYTES; i++)
                buf_printf(out, "%02x", hash[i]);
        buf_putc(out, ']');
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* ISO/IEC 7812-1, annex B: from the right, every second digit doubled. */
static bool luhn(const char *p, size_t n)
{
        unsigned sum = 0, digits = 0;

        while (n-- > 0) {
                if (!is_digit(p[n]))
                        continue;
                unsigned d = (unsigned)(p[n] - '0');
                if (digits++ % 2 == 1)
                        d = d > 4 ? 2 * d - 9 : 2 * d;
                sum += d;
        }
        return digits >= CARD_LEAST && digits <= CARD_MOST && sum % 10 == 0;
}

/* Length of what put_instead left at p; 0: it is no such thing. */
static size_t left_at(const char *p, size_t n)
{
        static const char hash[] = "[hmac:";
        size_t len = sizeof(hash) - 1, whole = len + 2 * HASH_BYTES + 1;

        if (n >= sizeof(mask) - 1 && memcmp(p, mask, sizeof(mask) - 1) == 0)
                return sizeof(mask) - 1;
        if (n < whole || memcmp(p, hash, len) != 0 || p[whole - 1] != ']')
                return 0;
        for (; len < whole - 1; len++)
                if (!memchr("0123456789abcdef", p[len], 16))
                        return 0;
        return whole;
}

/* A line of the ring comes by twice: what stands in place of something is left alone. */
static bool was_redacted(const char *text, size_t len, size_t start, size_t end)
{
        for (size_t back = 0; back <= start && back < LEFT_MOST; back++) {
                size_t at = start - back;
                if (text[at] == '[' && at + left_at(text + at, len - at) >= end)
                        return true;
        }
        return false;
}

/* Other numbers may stand beside a card's with but a blank between: its ends are ends of runs of digits. */
static bool find_card(const char *p, size_t *start, size_t *end)
{
        for (size_t from = *start; from < *end; from++) {
                if (from > *start && is_digit(p[from - 1]))
                        continue;
                for (size_t to = *end < from + CARD_CHARS ? *end : from + CARD_CHARS; to > from; to--) {
                        if (to < *end && is_digit(p[to]))
                                continue;
                        if (is_digit(p[from]) && is_digit(p[to - 1]) && luhn(p + from, to - from)) {
                                *start = from;
                                *end = to;
                                return true;
                        }
                }
        }
        return false;
}

/* Where the JSON escape begins that has the byte before `at` and goes on there; `at`: none does. */
static size_t escape_around(const char *text, size_t at, size_t *ret_len)
{
        enum { LONGEST = 6 };           /* \u0041 */

        for (size_t back = 1; back < LONGEST && back <= at; back++) {
                size_t start = at - back, n = 0;
                while (n <= start && text[start - n] == '\\')
                        n++;
                if (n == 0)
                        continue;
                *ret_len = n % 2 == 0 ? 0 : text[start + 1] == 'u' ? LONGEST : 2;
                return back < *ret_len ? start : at;
        }
        return at;
}

/* No half of an escape is left at either end. */
static void widen(const char *text, size_t *start, size_t *end)
{
        size_t len = 0, at = escape_around(text, *end, &len);

        if (at < *end)
                *end = at + len;
        *start = escape_around(text, *start, &len);
}

/* --- a text --------------------------------------------------------------------------------- */

/* Appends text with what the rule finds replaced; returns how often. json: the text is a JSON object. */
static size_t apply(struct redact *r, const struct rule *rule, bool json, const char *text, size_t len, struct buf *out)
{
        uint64_t before = pattern_gave_up(rule->pattern);
        size_t at = 0, from = 0, count = 0, start, end;

        while (pattern_find(rule->pattern, text, len, from)) {
                CHECK(pattern_group(rule->pattern, 0, &start, &end));
                from = end > start ? end : end + 1;
                if (pattern_groups(rule->pattern) > 0)
                        (void)pattern_group(rule->pattern, 1, &start, &end);
                start = start < at ? at : start;
                if (start >= end || (rule->card && !find_card(text, &start, &end)))
                        continue;
                if (json)
                        widen(text, &start, &end);
                if (was_redacted(text, len, start, end))
                        continue;
                if (rule->card || from < end)
                        from = end;
                buf_put(out, text + at, start - at);
                put_instead(r, out, text + start, end - start);
                at = end;
                count++;
        }
        if (pattern_gave_up(rule->pattern) > before) {
                size_t safe = from < len ? from : len;
                buf_put(out, text + at, safe > at ? safe - at : 0);
                put_instead(r, out, text + safe, len - safe);
                return count + 1;
        }
        buf_put(out, text + at, len - at);
        return count;
}

static size_t apply_all(struct redact *r, bool json, const char **text, size_t *len)
{
        struct buf *out = &r->a, *other = &r->b;
        size_t count = 0;

        for (size_t i = 0; i < r->n; i++) {
                buf_reset(out);
                size_t n = apply(r, &r->rules[i], json, *text, *len, out);
                if (n == 0)
                        continue;
                count += n;
                *text = buf_cstr(out);
                *len = out->len;
                struct buf *swap = out;
                out = other;
                other = swap;
        }
        return count;
}

/* --- JSON ----------------------------------------------------------------------------------- */

/* Behind the quote that ends the string at p. */
static const char *string_end(const char *p, bool *ret_escaped)
{
        *ret_escaped = false;
        for (p++; *p != '"'; p++) {
                if (*p == '\\') {
                        *ret_escaped = true;
                        p++;
                }
        }
        return p + 1;
}

static size_t put_escaped(struct redact *r, const char *p, size_t n)
{
        buf_reset(&r->part);
        scan_unescape(&r->part, &(struct scan_value){ SCAN_STRING, p + 1, n - 2 });
        const char *text = buf_cstr(&r->part);
        size_t len = r->part.len, count = apply_all(r, false, &text, &len);

        if (count > 0)
                json_string(&r->json, text, len);
        else
                buf_put(&r->json, p, n);
        return count;
}

static size_t put_number(struct redact *r, const char *p, size_t n)
{
        const char *text = p;
        size_t len = n, count = apply_all(r, false, &text, &len);

        if (count > 0)
                buf_puts(&r->json, "null");
        else
                buf_put(&r->json, p, n);
        return count;
}

/* Numbers, and texts with an escape in them: the others are found as they stand. */
static size_t apply_json(struct redact *r, const char *text, size_t len)
{
        const char *p = text, *end = text + len;
        size_t count = 0;

        buf_reset(&r->json);
        while (p < end) {
                const char *start = p;
                bool escaped;
                if (*p == '"') {
                        p = string_end(p, &escaped);
                        if (escaped)
                                count += put_escaped(r, start, (size_t)(p - start));
                        else
                                buf_put(&r->json, start, (size_t)(p - start));
                } else if (is_digit(*p) || *p == '-') {
                        while (p < end && (is_digit(*p) || strchr("+-.eE", *p)))
                                p++;
                        count += put_number(r, start, (size_t)(p - start));
                } else {
                        buf_putc(&r->json, *p++);
                }
        }
        return count;
}

static bool is_object(const char *text, size_t len)
{
        while (len > 0 && (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')) {
                text++;
                len--;
        }
        return len > 0 && *text == '{' && scan_json(text, len, NULL, 0, NULL, NULL) == SCAN_IS_OBJECT;
}

size_t redact_run(struct redact *r, const char **text, size_t *len)
{
        bool json = is_object(*text, *len);
        size_t count = 0;

        if (json) {
                count = apply_json(r, *text, *len);
                if (count > 0) {
                        *text = r->json.data;
                        *len = r->json.len;
                }
        }
        return count + apply_all(r, json, text, len);
}

/* --- settings ------------------------------------------------------------------------------- */

static int make_rule(struct rule *rule, const char *what, struct err *e)
{
        const char *pattern = what;

        for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
                if (strcmp(presets[i].name, what) == 0) {
                        pattern = presets[i].pattern;
                        rule->card = presets[i].card;
                }
        }
        rule->pattern = pattern_new(pattern, e);
        return rule->pattern ? 0 : err_prefix(e, "redact");
}

int redact_new(const struct redact_config *c, struct redact **ret, struct err *e)
{
        *ret = NULL;
        if (c->what.n == 0)
                return 0;
        if (c->how == REDACT_HASH && (!c->key || strlen(c->key) < KEY_LEAST))
                return err_set(e, EINVAL,
                               "redact_key: must be set to a secret of %d characters or more, for redact_how "
                               "= \"hash\"",
                               KEY_LEAST);
        struct redact *r = xcalloc(1, sizeof(*r));
        r->config = c;
        r->rules = xcalloc(c->what.n, sizeof(*r->rules));
        for (; r->n < c->what.n; r->n++) {
                if (make_rule(&r->rules[r->n], c->what.v[r->n], e) < 0) {
                        redact_free(r);
                        return -EINVAL;
                }
        }
        *ret = r;
        return 0;
}

void redact_free(struct redact *r)
{
        if (!r)
                return;
        for (size_t i = 0; i < r->n; i++)
                pattern_free(r->rules[i].pattern);
        free(r->rules);
        buf_fini(&r->a);
        buf_fini(&r->b);
        buf_fini(&r->json);
        buf_fini(&r->part);
        free(r);
}
