/* SPDX-License-Identifier: Apache-2.0 */
/* A template is cut once into parts; to expand it is to append each part and
 * then to make what was appended legal, in place.
 */
#include "event/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/timestamp.h"

enum {
        NAME_MAX_BYTES = 255,
        STREAM_MAX_BYTES = NAME_MAX_BYTES - (int)(sizeof(".ds--yyyy.MM.dd-000001") - 1),
        VALUE_CHARS = 1024, /* of one field: more than ever fits, and far less than a record */
};

enum part_kind { PART_LITERAL, PART_FIELD, PART_TOPIC, PART_DATE };

struct part {
        enum part_kind kind;
        const char *text; /* into template.text: literal, date pattern, or default (NULL: none) */
        size_t len;
        size_t field; /* PART_FIELD: index of its path */
};

struct template
{
        char *text;         /* owned; cut by NULs */
        struct part *parts; /* owned */
        size_t nparts, npaths;
        const char *paths[TEMPLATE_FIELDS]; /* into text */
        bool stream;                        /* has the form type-dataset-namespace */
        bool dotted;                        /* begins with a dot of its own */
};

static const char *const date_tokens[] = { "yyyy", "MM", "dd", "HH", "xxxx", "ww" };

/* --- making ----------------------------------------------------------------------------------- */

/* Length of the token or separator at p, 0 if it is neither. */
static size_t date_token(const char *p)
{
        if (*p && strchr(".-_", *p))
                return 1;
        for (size_t i = 0; i < ARRAY_LEN(date_tokens); i++) {
                size_t n = strlen(date_tokens[i]);
                if (strncmp(p, date_tokens[i], n) == 0)
                        return n;
        }
        return 0;
}

static int check_date(const char *pattern, struct err *e)
{
        const char *p = pattern;

        for (size_t n; *p && (n = date_token(p)) > 0;)
                p += n;
        if (*p || p == pattern)
                return err_set(e, EINVAL, "{+%s}: a date is made of yyyy MM dd HH xxxx ww and . - _",
                               pattern);
        return 0;
}

static int check_path(const char *path, struct err *e)
{
        for (const char *p = path; *p; p++)
                if ((unsigned char)*p <= ' ' || strchr("\"'\\<>{}+*?", *p))
                        return err_set(e, EINVAL, "{%s}: '%c' is no part of a field's name", path, *p);
        if (!*path)
                return err_set(e, EINVAL, "{}: a field's name, topic or +date is missing");
        return 0;
}

static struct part *add_part(struct template *t, enum part_kind kind, const char *text)
{
        t->parts = xrealloc(t->parts, (t->nparts + 1) * sizeof(*t->parts));
        struct part *part = &t->parts[t->nparts++];
        *part = (struct part){ .kind = kind, .text = text, .len = text ? strlen(text) : 0 };
        return part;
}

/* `inside` is what stood between the braces. */
static int add_field(struct template *t, char *inside, struct err *e)
{
        char *colon = strchr(inside, ':');

        if (colon)
                *colon = '\0';
        if (check_path(inside, e) < 0)
                return -EINVAL;
        if (strcmp(inside, "topic") == 0) {
                if (colon)
                        return err_set(e, EINVAL, "{topic}: a default is of no use, there always is one");
                add_part(t, PART_TOPIC, NULL);
                return 0;
        }
        if (t->npaths == TEMPLATE_FIELDS)
                return err_set(e, EINVAL, "more than %d fields", TEMPLATE_FIELDS);
        add_part(t, PART_FIELD, colon ? colon + 1 : NULL)->field = t->npaths;
        t->paths[t->npaths++] = inside;
        return 0;
}

static int add_date(struct template *t, const char *pattern, struct err *e)
{
        if (check_date(pattern, e) < 0)
                return -EINVAL;
        add_part(t, PART_DATE, pattern);
        return 0;
}

/* text is cut into NUL-terminated pieces: each brace makes way for a NUL. */
static int parse(struct template *t, struct err *e)
{
        char *p = t->text;

        while (*p) {
                size_t n = strcspn(p, "{}");
                char brace = p[n];

                p[n] = '\0';
                if (brace == '}')
                        return err_set(e, EINVAL, "a } without its {");
                if (n > 0)
                        add_part(t, PART_LITERAL, p);
                if (!brace)
                        return 0;
                p += n + 1;
                n = strcspn(p, "{}");
                if (p[n] != '}')
                        return err_set(e, EINVAL, "{%.*s: the } is missing", (int)n, p);
                p[n] = '\0';
                if ((*p == '+' ? add_date(t, p + 1, e) : add_field(t, p, e)) < 0)
                        return -EINVAL;
                p += n + 1;
        }
        return 0;
}

/* Two hyphens of the template's own, and something on either side of both. */
static bool is_stream(const struct template *t)
{
        int hyphens = 0;
        bool empty = true; /* nothing since the last hyphen */

        for (size_t i = 0; i < t->nparts; i++) {
                const struct part *part = &t->parts[i];
                bool own = part->kind == PART_LITERAL || part->kind == PART_DATE;
                for (size_t k = 0; own && k < part->len; k++) {
                        if (part->text[k] == '-' && empty)
                                return false;
                        empty = part->text[k] == '-';
                        hyphens += empty;
                }
                if (!own)
                        empty = false;
        }
        return hyphens == 2 && !empty;
}

struct template *template_new(const char *text, struct err *e)
{
        struct template *t = xcalloc(1, sizeof(*t));

        int r;

        t->text = xstrdup(text);
        t->dotted = *text == '.';
        if (*text)
                r = parse(t, e);
        else
                r = err_set(e, EINVAL, "nothing in it");
        if (r < 0) {
                err_prefix(e, "\"%s\"", text);
                template_free(t);
                return NULL;
        }
        t->stream = is_stream(t);
        return t;
}

void template_free(struct template *t)
{
        if (!t)
                return;
        free(t->parts);
        free(t->text);
        free(t);
}

size_t template_paths(const struct template *t, const char *const **ret_paths)
{
        *ret_paths = t->paths;
        return t->npaths;
}

bool template_only_fields(const struct template *t)
{
        for (size_t i = 0; i < t->nparts; i++)
                if (t->parts[i].kind == PART_DATE || t->parts[i].kind == PART_TOPIC)
                        return false;
        return true;
}

/* --- expanding --------------------------------------------------------------------------------- */

/* The first VALUE_CHARS of a string, with no escape cut through. */
static struct scan_value clip(const struct scan_value *v)
{
        struct scan_value head = *v;
        size_t i = 0;

        for (int n = 0; n < VALUE_CHARS && i < v->len; n++)
                i += v->p[i] != '\\' ? 1 : v->p[i + 1] == 'u' ? 6 : 2;
        head.len = i;
        return head;
}

/* Appends nothing when the field has no text: absent, empty, null, an object, an array. */
static void put_field(struct buf *b, const struct scan_value *v)
{
        if (v->type == SCAN_STRING) {
                struct scan_value head = clip(v);
                scan_unescape(b, &head);
        } else if (v->type == SCAN_NUMBER || v->type == SCAN_BOOL) {
                buf_put(b, v->p, v->len < VALUE_CHARS ? v->len : VALUE_CHARS);
        }
}

static void put_number(struct buf *b, int n, size_t width)
{
        char digits[4];

        for (size_t i = width; i-- > 0; n /= 10)
                digits[i] = (char)('0' + n % 10);
        buf_put(b, digits, width);
}

/* check_date has seen the pattern: a token is known by its first letter. */
static void put_date(struct buf *b, const char *p, const struct timestamp_date *d)
{
        while (*p) {
                bool year = *p == 'y' || *p == 'x';
                size_t width = year ? 4 : 2;

                switch (*p) {
                case 'y':
                        put_number(b, d->year, width);
                        break;
                case 'x':
                        put_number(b, d->week_year, width);
                        break;
                case 'M':
                        put_number(b, d->month, width);
                        break;
                case 'd':
                        put_number(b, d->day, width);
                        break;
                case 'H':
                        put_number(b, d->hour, width);
                        break;
                case 'w':
                        put_number(b, d->week, width);
                        break;
                default:
                        buf_putc(b, *p);
                        width = 1;
                }
                p += width;
        }
}

static void hyphens_to_underscores(char *p, size_t n)
{
        for (char *end = p + n; (p = memchr(p, '-', (size_t)(end - p))); p++)
                *p = '_';
}

struct source {
        const struct scan_value *values;
        const char *topic;
        int64_t wall_ns;
};

/* False when it is a field that has neither value nor default. */
static bool put_part(struct buf *b, const struct template *t, const struct part *part,
                     const struct source *from)
{
        struct timestamp_date date;
        size_t start = b->len;

        switch (part->kind) {
        case PART_LITERAL:
                buf_put(b, part->text, part->len);
                return true;
        case PART_DATE:
                timestamp_split(from->wall_ns, &date);
                put_date(b, part->text, &date);
                return true;
        case PART_TOPIC:
                buf_puts(b, from->topic);
                break;
        case PART_FIELD:
                put_field(b, &from->values[part->field]);
                if (b->len == start) {
                        if (!part->text)
                                return false;
                        buf_put(b, part->text, part->len);
                }
                break;
        }
        if (t->stream && b->len > start)
                hyphens_to_underscores(b->data + start, b->len - start);
        return true;
}

static const bool illegal[0x80] = {
        [0 ... ' '] = true, ['\\'] = true, ['/'] = true, ['*'] = true, ['?'] = true, ['"'] = true, ['<'] = true,
        ['>'] = true,       ['|'] = true,  [','] = true, ['#'] = true, [':'] = true, [0x7f] = true,
};

/* The byte that stands for c in a name; 0 for one that falls away: a continuation
 * byte, so that a character above ASCII is one _. */
static char legal(char c)
{
        unsigned char u = (unsigned char)c;

        if (u >= 0x80 && u < 0xc0)
                return 0;
        if (c >= 'A' && c <= 'Z')
                return (char)(c | 0x20);
        return u >= 0x80 || illegal[u] ? '_' : c;
}

/* Works in place on the n bytes at p and returns how many are left. */
static size_t make_legal(const struct template *t, char *p, size_t n)
{
        const char *unwanted = t->dotted ? "-_+" : "-_+.";
        size_t max = t->stream ? STREAM_MAX_BYTES : NAME_MAX_BYTES, len = 0;

        for (size_t i = 0; i < n && len < max; i++) {
                char c = legal(p[i]);
                if (c && (len > 0 || !strchr(unwanted, c)))
                        p[len++] = c;
        }
        return len;
}

bool template_is_stream(const struct template *t)
{
        return t->stream;
}

void template_outline(const struct template *t, const char *any, struct buf *ret)
{
        bool differs = false; /* the part before this one does */

        for (size_t i = 0; i < t->nparts; i++) {
                const struct part *part = &t->parts[i];
                size_t start = ret->len;
                if (part->kind == PART_LITERAL) {
                        buf_put(ret, part->text, part->len);
                        for (size_t k = start; k < ret->len; k++)
                                ret->data[k] = legal(ret->data[k]) ? legal(ret->data[k]) : '_';
                } else if (!differs) {
                        buf_puts(ret, any);
                }
                differs = part->kind != PART_LITERAL;
        }
}

static bool is_dots(const char *p, size_t n)
{
        return n <= 2 && memcmp(p, "..", n) == 0;
}

bool template_expand(const struct template *t, const struct scan_value *values, const char *topic,
                     int64_t wall_ns, struct buf *ret_name)
{
        const struct source from = { .values = values, .topic = topic, .wall_ns = wall_ns };
        size_t start = ret_name->len;
        bool ok = true;

        for (size_t i = 0; ok && i < t->nparts; i++)
                ok = put_part(ret_name, t, &t->parts[i], &from);
        ok = ok && buf_ok(ret_name) && ret_name->len > start;
        if (ok) {
                char *name = ret_name->data + start;
                size_t len = make_legal(t, name, ret_name->len - start);
                ret_name->len = start + len;
                ok = !is_dots(name, len); /* nothing, . or .. */
        }
        if (!ok)
                ret_name->len = start;
        return ok;
}
