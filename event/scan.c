/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent, bounded by SCAN_DEPTH; nothing is allocated.
 *
 * Matching.  The keys from the root to an object, joined by dots, are a prefix
 * of the same length in every path that still fits.  So an object needs no more
 * than that length and the set of paths that fit:
 *
 *      paths   "service.name"  "service.version"  "host.name"
 *      {"service":{ ... }}  ->  inside: at = 8, fits = first and second
 *
 * A key continues a path up to a dot (its object is searched on) or up to the
 * path's end (its value is the answer).  That covers each split of a path into
 * nested objects and flat keys.  Inside arrays nothing fits.
 */
#include "event/scan.h"

#include <string.h>

#include "base/plain.h"
#include "base/utf8.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct scanner {
        const char *p, *end;
        const char *const *paths;
        struct scan_value *values;
        struct scan_members *members; /* NULL: nobody asks */
        uint32_t found;               /* bit i: values[i] is set */
        int depth;
        uint32_t objects; /* begun so far */
        uint64_t *filter; /* FILTER_WORDS, a bit for each name of each object seen; NULL: nobody asks */
        struct scan_info info;
};

enum { FILTER_WORDS = 64 };

/* Which paths an object or a key is about; bit i is paths[i]. */
struct match {
        uint32_t fits; /* paths that begin with the first `at` bytes */
        uint32_t hits; /* paths that end here: the value is theirs */
        size_t at;
};

enum { DIGIT = 1, SPACE = 2, HEX = 4, ESCAPED = 8 };

static const uint8_t class[256] = {
        ['\t'] = SPACE,
        ['\n'] = SPACE,
        ['\r'] = SPACE,
        [' '] = SPACE,
        ['0' ... '9'] = DIGIT | HEX,
        ['A' ... 'F'] = HEX,
        ['a'] = HEX,
        ['b'] = HEX | ESCAPED,
        ['c' ... 'e'] = HEX,
        ['f'] = HEX | ESCAPED,
        ['"'] = ESCAPED,
        ['\\'] = ESCAPED,
        ['/'] = ESCAPED,
        ['n'] = ESCAPED,
        ['r'] = ESCAPED,
        ['t'] = ESCAPED,
};

static inline bool is(char c, int what)
{
        return class[(uint8_t)c] & what;
}

static void skip_space(struct scanner *s)
{
        for (; s->p < s->end && is(*s->p, SPACE); s->p++)
                s->info.has_newline |= *s->p == '\n';
}

static bool take(struct scanner *s, char c)
{
        if (s->p == s->end || *s->p != c)
                return false;
        s->p++;
        return true;
}

/* --- strings -------------------------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_len(const uint8_t *p, const char *end)
{
        size_t left = (size_t)(end - (const char *)p);
        uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
        size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

        if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
                return 0;
        if (p[0] == 0xe0)
                low = 0xa0;
        else if (p[0] == 0xed)
                high = 0x9f;
        else if (p[0] == 0xf0)
                low = 0x90;
        else if (p[0] == 0xf4)
                high = 0x8f;
        if (p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

/* At a backslash. */
static bool skip_escape(struct scanner *s)
{
        if (s->end - s->p < 2)
                return false;
        char c = s->p[1];
        s->p += 2;
        if (c != 'u')
                return is(c, ESCAPED);
        if (s->end - s->p < 4)
                return false;
        for (int i = 0; i < 4; i++)
                if (!is(*s->p++, HEX))
                        return false;
        return true;
}

static bool scan_string(struct scanner *s, struct scan_value *ret, bool *ret_escaped)
{
        const char *start = s->p + 1;
        bool escaped = false;

        if (!take(s, '"'))
                return false;
        for (;;) {
                s->p += plain.len(s->p, (size_t)(s->end - s->p));
                size_t run = utf8_run(s->p, s->end);
                s->p += run;
                if (run > 0)
                        continue;
                if (s->p == s->end)
                        return false;
                uint8_t c = (uint8_t)*s->p;
                if (c == '"')
                        break;
                if (c == '\\') {
                        escaped = true;
                        if (!skip_escape(s))
                                return false;
                } else if (c >= 0x80) {
                        size_t n = utf8_len((const uint8_t *)s->p, s->end);
                        s->info.invalid_utf8 |= n == 0;
                        s->p += n ? n : 1;
                } else {
                        return false; /* a raw control character */
                }
        }
        *ret = (struct scan_value){ .type = SCAN_STRING, .p = start, .len = (size_t)(s->p - start) };
        *ret_escaped = escaped;
        s->p++;
        return true;
}

const char *scan_string_end(const char *p, const char *end)
{
        struct scanner s = { .p = p - 1, .end = end };
        struct scan_value value;
        bool escaped;

        return scan_string(&s, &value, &escaped) && !s.info.invalid_utf8 ? s.p - 1 : NULL;
}

/* --- the other values ----------------------------------------------------------------------- */

static bool skip_digits(struct scanner *s)
{
        const char *start = s->p;

        while (s->p < s->end && is(*s->p, DIGIT))
                s->p++;
        return s->p > start;
}

/* What may not follow a number (01, 1.2.3) is caught by who expects a comma, a bracket or the end. */
static bool scan_number(struct scanner *s)
{
        (void)take(s, '-');
        if (!take(s, '0') && !skip_digits(s))
                return false;
        if (take(s, '.') && !skip_digits(s))
                return false;
        if (take(s, 'e') || take(s, 'E')) {
                if (!take(s, '+'))
                        (void)take(s, '-');
                return skip_digits(s);
        }
        return true;
}

static bool scan_word(struct scanner *s, const char *word, size_t n)
{
        if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
                return false;
        s->p += n;
        return true;
}

static bool scan_value(struct scanner *s, const struct match *m, struct scan_value *ret);

static bool scan_array(struct scanner *s)
{
        const struct match nothing = { .fits = 0 };
        struct scan_value ignored;

        s->p++;
        skip_space(s);
        if (take(s, ']'))
                return true;
        do {
                skip_space(s);
                if (!scan_value(s, &nothing, &ignored))
                        return false;
                skip_space(s);
        } while (take(s, ','));
        return take(s, ']');
}

/* --- objects -------------------------------------------------------------------------------- */

static struct match match_key(const struct scanner *s, const struct match *outer,
                              const struct scan_value *key)
{
        struct match m = { .at = outer->at + key->len + 1 };

        for (uint32_t rest = outer->fits & ~s->found; rest; rest &= rest - 1) {
                const char *path = s->paths[__builtin_ctz(rest)] + outer->at;
                uint32_t bit = rest & -rest;
                if (key->len && *path != *key->p)
                        continue;
                /* A key holds no NUL (a raw control is invalid), so this stops at the path's end. */
                if (strncmp(path, key->p, key->len) != 0)
                        continue;
                if (path[key->len] == '\0')
                        m.hits |= bit;
                else if (path[key->len] == '.')
                        m.fits |= bit;
        }
        return m;
}

static void keep(struct scanner *s, uint32_t hits, const struct scan_value *v)
{
        s->found |= hits;
        for (; hits; hits &= hits - 1)
                s->values[__builtin_ctz(hits)] = *v;
}

static void list_member(struct scan_members *m, const struct scan_value *key, bool escaped,
                        const struct scan_value *value)
{
        if (m->n < m->max)
                m->list[m->n] = (struct scan_member){
                        .key = key->p, .key_len = (uint32_t)key->len, .key_escaped = escaped, .value = *value
                };
        m->n++;
}

/* A bit that is set already is a name that stood here before, or an accident. */
static void note_name(struct scanner *s, uint32_t object, const struct scan_value *key, bool escaped)
{
        uint64_t hash = XXH3_64bits(key->p, key->len) ^ object * UINT64_C(0x9e3779b97f4a7c15);
        uint64_t *word = &s->filter[hash % FILTER_WORDS], bit = (uint64_t)1 << (hash >> 58);

        s->info.maybe_double |= escaped || (*word & bit);
        *word |= bit;
}

static bool scan_member(struct scanner *s, const struct match *outer, uint32_t object)
{
        struct match inner = { .fits = 0 };
        struct scan_value key, value;
        bool escaped;

        if (!scan_string(s, &key, &escaped))
                return false;
        if (s->filter)
                note_name(s, object, &key, escaped);
        if (!escaped && outer->fits)
                inner = match_key(s, outer, &key);
        skip_space(s);
        if (!take(s, ':'))
                return false;
        skip_space(s);
        if (!scan_value(s, &inner, &value))
                return false;
        if (inner.hits)
                keep(s, inner.hits, &value);
        if (s->members && s->depth == 1)
                list_member(s->members, &key, escaped, &value);
        return true;
}

static bool scan_object(struct scanner *s, const struct match *m)
{
        uint32_t object = ++s->objects;

        s->p++;
        skip_space(s);
        if (take(s, '}'))
                return true;
        do {
                skip_space(s);
                if (!scan_member(s, m, object))
                        return false;
                skip_space(s);
        } while (take(s, ','));
        return take(s, '}');
}

static bool scan_container(struct scanner *s, const struct match *m)
{
        if (s->depth == SCAN_DEPTH)
                return false;
        s->depth++;
        bool ok = *s->p == '{' ? scan_object(s, m) : scan_array(s);
        s->depth--;
        return ok;
}

static bool scan_unquoted(struct scanner *s, const struct match *m, enum scan_type *ret_type)
{
        switch (*s->p) {
        case '{':
                *ret_type = SCAN_OBJECT;
                return scan_container(s, m);
        case '[':
                *ret_type = SCAN_ARRAY;
                return scan_container(s, m);
        case 't':
                *ret_type = SCAN_BOOL;
                return scan_word(s, "true", 4);
        case 'f':
                *ret_type = SCAN_BOOL;
                return scan_word(s, "false", 5);
        case 'n':
                *ret_type = SCAN_NULL;
                return scan_word(s, "null", 4);
        default:
                *ret_type = SCAN_NUMBER;
                return scan_number(s);
        }
}

static bool scan_value(struct scanner *s, const struct match *m, struct scan_value *ret)
{
        const char *start = s->p;
        enum scan_type type;
        bool escaped;

        if (s->p == s->end)
                return false;
        if (*s->p == '"')
                return scan_string(s, ret, &escaped);
        if (!scan_unquoted(s, m, &type))
                return false;
        *ret = (struct scan_value){ .type = type, .p = start, .len = (size_t)(s->p - start) };
        return true;
}

static enum scan_result scan_all(struct scanner *s, size_t n, struct scan_info *info)
{
        struct match root = { .fits = (uint32_t)(((uint64_t)1 << n) - 1) };
        struct scan_value whole;

        CHECK(n <= SCAN_PATHS);
        for (size_t i = 0; i < n; i++)
                s->values[i] = (struct scan_value){ .type = SCAN_ABSENT };
        skip_space(s);
        bool ok = scan_value(s, &root, &whole);
        skip_space(s);
        ok = ok && s->p == s->end;
        if (!ok) /* what was found before the fault is no field of anything */
                for (size_t i = 0; i < n; i++)
                        s->values[i] = (struct scan_value){ .type = SCAN_ABSENT };
        if (info)
                *info = s->info;
        if (!ok)
                return SCAN_INVALID;
        return whole.type == SCAN_OBJECT ? SCAN_IS_OBJECT : SCAN_IS_OTHER;
}

enum scan_result scan_json(const char *text, size_t len, const char *const *paths, size_t n,
                           struct scan_value *values, struct scan_info *info)
{
        return scan_json_members(text, len, paths, n, values, info, NULL);
}

enum scan_result scan_json_members(const char *text, size_t len, const char *const *paths, size_t n,
                                   struct scan_value *values, struct scan_info *info,
                                   struct scan_members *members)
{
        struct scanner s = {
                .p = text, .end = text + len, .paths = paths, .values = values, .members = members
        };

        if (members)
                members->n = 0;
        return scan_all(&s, n, info);
}

enum scan_result scan_json_doubles(const char *text, size_t len, const char *const *paths, size_t n,
                                   struct scan_value *values, struct scan_info *info)
{
        return scan_json_record(text, len, paths, n, values, info, NULL);
}

enum scan_result scan_json_record(const char *text, size_t len, const char *const *paths, size_t n,
                                  struct scan_value *values, struct scan_info *info,
                                  struct scan_members *members)
{
        uint64_t filter[FILTER_WORDS] = { 0 };
        struct scanner s = { .p = text,
                             .end = text + len,
                             .paths = paths,
                             .values = values,
                             .members = members,
                             .filter = filter };

        if (members)
                members->n = 0;
        return scan_all(&s, n, info);
}

/* --- unescaping ----------------------------------------------------------------------------- */

enum { REPLACEMENT = 0xfffd };

static uint32_t hex4(const char *p)
{
        uint32_t n = 0;

        for (int i = 0; i < 4; i++) {
                uint32_t c = (uint8_t)p[i];
                n = n << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        return n;
}

static void put_utf8(struct buf *b, uint32_t c)
{
        char out[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

        for (size_t i = n - 1; i > 0; i--) {
                out[i] = (char)(0x80 | (c & 0x3f));
                c >>= 6;
        }
        out[0] = (char)(lead[n] | c);
        buf_put(b, out, n);
}

/* The four digits after \u at p, and those of a second \u when the two are a pair. */
static const char *put_unicode(struct buf *b, const char *p, const char *end)
{
        uint32_t c = hex4(p);

        p += 4;
        if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
                uint32_t low = hex4(p + 2);
                if (low >= 0xdc00 && low < 0xe000) {
                        put_utf8(b, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
                        return p + 6;
                }
        }
        put_utf8(b, c >= 0xd800 && c < 0xe000 ? REPLACEMENT : c);
        return p;
}

void scan_unescape(struct buf *b, const struct scan_value *v)
{
        static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        const char *p = v->p, *end = v->p + v->len, *slash;

        CHECK(v->type == SCAN_STRING);
        while ((slash = memchr(p, '\\', (size_t)(end - p)))) {
                buf_put(b, p, (size_t)(slash - p));
                p = slash + 2;
                if (slash[1] == 'u')
                        p = put_unicode(b, p, end);
                else
                        buf_putc(b, meant[strchr(names, slash[1]) - names]);
        }
        buf_put(b, p, (size_t)(end - p));
}
