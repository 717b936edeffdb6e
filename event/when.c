/* SPDX-License-Identifier: Apache-2.0 */
/* A condition is parsed by recursive descent into a tree of nodes in one array. */
#include "event/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/pattern.h"

enum node_kind { IS_THERE, EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, MATCHES, NOT, AND, OR };

struct node {
        enum node_kind kind;
        int field;      /* of a comparison */
        char *text;     /* owned; its value */
        bool is_number; /* the value is one */
        double number;
        struct pattern *pattern;         /* owned; MATCHES */
        const struct node *left, *right; /* NOT: left alone */
};

struct when {
        struct node nodes[WHEN_NODES];
        size_t n;
        const struct node *top;
        struct buf text; /* a string with its escapes undone */
};

/* --- reading it ------------------------------------------------------------------------------------- */

struct reader {
        struct when *when;
        struct fields *fields;
        const char *start, *p;
        unsigned depth;
        struct err *e;
};

static const struct node *read_or(struct reader *r);

static const struct node *fail(struct reader *r, const char *what)
{
        err_set(r->e, EINVAL, "\"%s\": %s at \"%s\"", r->start, what, *r->p ? r->p : "its end");
        return NULL;
}

static void skip_blanks(struct reader *r)
{
        r->p += strspn(r->p, " \t\r\n");
}

/* Takes the text if it stands there. */
static bool take(struct reader *r, const char *text)
{
        skip_blanks(r);
        if (strncmp(r->p, text, strlen(text)) != 0)
                return false;
        r->p += strlen(text);
        return true;
}

static struct node *new_node(struct reader *r, enum node_kind kind)
{
        if (r->when->n == WHEN_NODES) {
                fail(r, "it has too many parts");
                return NULL;
        }
        struct node *node = &r->when->nodes[r->when->n++];
        node->kind = kind;
        return node;
}

static const struct node *join(struct reader *r, enum node_kind kind, const struct node *left,
                               const struct node *right)
{
        struct node *node = left && (right || kind == NOT) ? new_node(r, kind) : NULL;

        if (node) {
                node->left = left;
                node->right = right;
        }
        return node;
}

/* A word of letters, digits and what else may stand in one; xmalloc'ed, NULL: there is none. */
static char *read_word(struct reader *r, const char *more)
{
        size_t n = 0;

        skip_blanks(r);
        for (; r->p[n]; n++) {
                char c = r->p[n];
                if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && !strchr(more, c))
                        break;
        }
        if (n == 0)
                return NULL;
        r->p += n;
        return xstrndup(r->p - n, n);
}

static char *read_quoted(struct reader *r)
{
        const char *begin = r->p;
        struct buf b = { 0 };

        for (r->p++; *r->p && !(r->p[0] == '\'' && r->p[1] != '\''); r->p++) {
                buf_putc(&b, *r->p);
                if (*r->p == '\'')
                        r->p++;
        }
        char *text = *r->p ? xstrdup(buf_cstr(&b)) : NULL;
        buf_fini(&b);
        if (text)
                r->p++;
        else
                r->p = begin;
        return text;
}

static char *read_value(struct reader *r)
{
        skip_blanks(r);
        char *text = *r->p == '\'' ? read_quoted(r) : read_word(r, "._-:/@+");
        if (!text)
                fail(r, *r->p == '\'' ? "the closing ' is missing" : "a value is missing");
        return text;
}

static bool to_number(const char *text, size_t len, double *ret)
{
        char copy[64], *end;

        if (len == 0 || len >= sizeof(copy) || !strchr("+-.0123456789", text[0]))
                return false;
        memcpy(copy, text, len);
        copy[len] = '\0';
        *ret = strtod(copy, &end);
        return *end == '\0';
}

static const struct node *read_comparison(struct reader *r, enum node_kind kind, int field)
{
        struct node *node = new_node(r, kind);

        if (!node)
                return NULL;
        node->field = field;
        node->text = read_value(r);
        if (!node->text)
                return NULL;
        node->is_number = to_number(node->text, strlen(node->text), &node->number);
        if (kind >= LESS && kind <= GREATER_EQUAL && !node->is_number)
                return fail(r, "the value must be a number before that");
        if (kind == MATCHES) {
                node->pattern = pattern_new(node->text, r->e);
                if (!node->pattern) {
                        err_prefix(r->e, "\"%s\"", r->start);
                        return NULL;
                }
        }
        return node;
}

static const struct node *read_in(struct reader *r, int field)
{
        const struct node *any = NULL;

        if (!take(r, "("))
                return fail(r, "( is missing");
        do {
                const struct node *one = read_comparison(r, EQUAL, field);
                any = any ? join(r, OR, any, one) : one;
        } while (any && take(r, ","));
        if (any && !take(r, ")"))
                return fail(r, "a ) is missing");
        return any;
}

static bool take_in(struct reader *r)
{
        skip_blanks(r);
        if (strncmp(r->p, "in", 2) != 0 || !strchr(" \t(", r->p[2]) || !r->p[2])
                return false;
        r->p += 2;
        return true;
}

static const struct node *read_field(struct reader *r)
{
        static const struct {
                const char *text;
                enum node_kind kind;
                bool negated;
        } operators[] = {
                /* those that begin like another stand before it */
                { "==", EQUAL, false },  { "!=", EQUAL, true },          { "<=", LESS_EQUAL, false },
                { "<", LESS, false },    { ">=", GREATER_EQUAL, false }, { ">", GREATER, false },
                { "!~", MATCHES, true }, { "~", MATCHES, false },
        };
        char *path = read_word(r, "._-@");

        if (!path)
                return fail(r, "a field is missing");
        int field = fields_want(r->fields, path, r->e);
        free(path);
        if (field < 0)
                return NULL;
        for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
                if (!take(r, operators[i].text))
                        continue;
                const struct node *node = read_comparison(r, operators[i].kind, field);
                return operators[i].negated ? join(r, NOT, node, NULL) : node;
        }
        if (take_in(r))
                return read_in(r, field);
        struct node *node = new_node(r, IS_THERE);
        if (node)
                node->field = field;
        return node;
}

static const struct node *read_not(struct reader *r)
{
        const struct node *node;

        if (++r->depth > WHEN_DEPTH)
                return fail(r, "it is nested too deeply");
        if (take(r, "!")) {
                node = join(r, NOT, read_not(r), NULL);
        } else if (take(r, "(")) {
                node = read_or(r);
                if (node && !take(r, ")"))
                        node = fail(r, "a ) is missing");
        } else {
                node = read_field(r);
        }
        r->depth--;
        return node;
}

static const struct node *read_and(struct reader *r)
{
        const struct node *node = read_not(r);

        while (node && take(r, "&&"))
                node = join(r, AND, node, read_not(r));
        return node;
}

static const struct node *read_or(struct reader *r)
{
        const struct node *node = read_and(r);

        while (node && take(r, "||"))
                node = join(r, OR, node, read_and(r));
        return node;
}

struct when *when_new(const char *text, struct fields *f, struct err *e)
{
        struct when *w = xcalloc(1, sizeof(*w));
        struct reader r = { .when = w, .fields = f, .start = text, .p = text, .e = e };

        w->top = read_or(&r);
        skip_blanks(&r);
        if (w->top && *r.p)
                w->top = fail(&r, "an operator is missing");
        if (!w->top) {
                when_free(w);
                return NULL;
        }
        return w;
}

void when_free(struct when *w)
{
        if (!w)
                return;
        for (size_t i = 0; i < w->n; i++) {
                free(w->nodes[i].text);
                pattern_free(w->nodes[i].pattern);
        }
        buf_fini(&w->text);
        free(w);
}

/* --- what it says of an event ------------------------------------------------------------------------ */

/* The field's text; false: it has none. */
static bool text_of(struct when *w, const struct scan_value *v, const char **ret, size_t *ret_len)
{
        *ret = v->p;
        *ret_len = v->len;
        if (v->type == SCAN_NUMBER || v->type == SCAN_BOOL)
                return true;
        if (v->type != SCAN_STRING)
                return false;
        if (memchr(v->p, '\\', v->len)) {
                buf_reset(&w->text);
                scan_unescape(&w->text, v);
                *ret = w->text.data ? w->text.data : "";
                *ret_len = w->text.len;
        }
        return true;
}

static bool compare(enum node_kind kind, double x, double y)
{
        switch (kind) {
        case LESS:
                return x < y;
        case LESS_EQUAL:
                return x <= y;
        case GREATER:
                return x > y;
        default:
                return x >= y;
        }
}

static bool compares(struct when *w, const struct node *node, const struct scan_value *v)
{
        const char *text;
        size_t len;
        double x;

        if (!text_of(w, v, &text, &len))
                return false;
        if (node->kind == MATCHES)
                return pattern_matches(node->pattern, text, len);
        if (node->kind == EQUAL) {
                if (strlen(node->text) == len && memcmp(node->text, text, len) == 0)
                        return true;
                return v->type == SCAN_NUMBER && node->is_number && to_number(text, len, &x) &&
                       !(x < node->number) && !(x > node->number);
        }
        return to_number(text, len, &x) && compare(node->kind, x, node->number);
}

static bool holds(struct when *w, const struct node *node, const struct scan_value *values)
{
        switch (node->kind) {
        case NOT:
                return !holds(w, node->left, values);
        case AND:
                return holds(w, node->left, values) && holds(w, node->right, values);
        case OR:
                return holds(w, node->left, values) || holds(w, node->right, values);
        case IS_THERE:
                return values[node->field].type != SCAN_ABSENT && values[node->field].type != SCAN_NULL;
        default:
                return compares(w, node, &values[node->field]);
        }
}

bool when_holds(struct when *w, const struct scan_value *values)
{
        return holds(w, w->top, values);
}
