/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/headers.h"

#include <string.h>

#include "base/json.h"
#include "event/scan.h"
#include "event/trace.h"

/* Objects at the top of a document that headers add to, and where their first field is looked for. */
enum object { TRACE, SPAN, USER, LABELS, NOBJECTS };
static const char *const object_name[NOBJECTS] = { "trace", "span", "user", "labels" };
static const char *const id_path[LABELS] = { "trace.id", "span.id", "user.id" };

struct addition {
        struct buf members;     /* owned; JSON without braces: "\"id\":\"4bf9\"" */
        bool is_new;            /* the document has no such object */
        size_t at;              /* in the document: behind the object's {; new ones: its end */
};

static bool is_named(const struct incoming_header *h, const char *name)
{
        return strcmp(h->name, name) == 0;
}

static void read_trace(const struct incoming *in, struct trace_headers *t)
{
        for (size_t i = 0; i < in->nheaders; i++) {
                const struct incoming_header *h = &in->headers[i];
                if (!h->value)
                        continue;
                if (is_named(h, "traceparent"))
                        trace_take_parent(t, h->value, h->len);
                else if (is_named(h, "trace_id") && t->traceparent_len == 0)
                        trace_take_id(t, h->value, h->len);
                else if (is_named(h, "span_id") && t->traceparent_len == 0)
                        trace_take_span(t, h->value, h->len);
                else if (is_named(h, "user_id"))
                        trace_take_user(t, h->value, h->len);
        }
}

static void put_member(struct buf *b, const char *name, const char *value, size_t len)
{
        if (b->len > 0)
                buf_putc(b, ',');
        json_cstring(b, name);
        buf_putc(b, ':');
        json_string(b, value, len);
}

static const struct incoming_header *last_named(const struct incoming *in, const char *name)
{
        for (size_t i = in->nheaders; i-- > 0;)
                if (is_named(&in->headers[i], name) && in->headers[i].value)
                        return &in->headers[i];
        return NULL;
}

/* "labels.NAME", as paths of scan_json are. */
static void label_path(struct buf *b, const char *name)
{
        buf_puts(b, "labels.");
        size_t at = b->len;
        buf_puts(b, name);
        for (char *c = b->data + at; c < b->data + b->len; c++)
                if (*c == '.')
                        *c = '_';
        (void)buf_cstr(b);
}

/* Every path looked for: the objects, the ids, the labels.  values are those of doc. */
struct search {
        const char *paths[NOBJECTS + LABELS + HEADERS_LABELS];
        struct scan_value values[NOBJECTS + LABELS + HEADERS_LABELS];
        struct buf labels[HEADERS_LABELS];      /* owned: "labels.NAME" of those headers that are there */
        const struct incoming_header *found[HEADERS_LABELS];
        size_t nlabels;
};
_Static_assert(NOBJECTS + LABELS + HEADERS_LABELS <= SCAN_PATHS, "scan_json takes no more");

static void look(struct search *s, const struct incoming *in, const struct strlist *labels, const struct buf *doc)
{
        memcpy(s->paths, object_name, sizeof(object_name));
        memcpy(s->paths + NOBJECTS, id_path, sizeof(id_path));
        for (size_t i = 0; i < labels->n && s->nlabels < HEADERS_LABELS; i++) {
                const struct incoming_header *h = last_named(in, labels->v[i]);
                if (!h)
                        continue;
                label_path(&s->labels[s->nlabels], labels->v[i]);
                s->found[s->nlabels] = h;
                s->paths[NOBJECTS + LABELS + s->nlabels] = s->labels[s->nlabels].data;
                s->nlabels++;
        }
        scan_json(doc->data, doc->len, s->paths, NOBJECTS + LABELS + s->nlabels, s->values, NULL);
}

static void collect(const struct search *s, const struct trace_headers *t, struct addition *add)
{
        const char *const id[LABELS] = { t->trace_id, t->span_id, t->user_id };
        const size_t len[LABELS] = { t->trace_id_len, t->span_id_len, t->user_id_len };
        const struct scan_value *own = s->values + NOBJECTS, *label = own + LABELS;

        for (size_t i = 0; i < LABELS; i++)
                if (len[i] > 0 && own[i].type == SCAN_ABSENT)
                        put_member(&add[i].members, "id", id[i], len[i]);
        for (size_t i = 0; i < s->nlabels; i++)
                if (label[i].type == SCAN_ABSENT)
                        put_member(&add[LABELS].members, s->labels[i].data + strlen("labels."), s->found[i]->value,
                                   s->found[i]->len);
}

static void insert(struct buf *doc, size_t at, const struct buf *text)
{
        char *room = buf_reserve(doc, text->len);

        if (!room)
                return;
        memmove(doc->data + at + text->len, doc->data + at, doc->len - at);
        memcpy(doc->data + at, text->data, text->len);
        doc->len += text->len;
}

static bool is_empty_object(const char *brace)
{
        const char *p = brace + 1;

        while (strchr(" \t\r\n", *p))
                p++;
        return *p == '}';
}

static void put_addition(struct buf *doc, const char *name, const struct addition *a)
{
        struct buf text = { 0 };
        size_t at = a->is_new ? (size_t)((char *)memrchr(doc->data, '}', doc->len) - doc->data) : a->at;

        if (a->is_new) {
                bool alone = is_empty_object(memchr(doc->data, '{', doc->len));
                buf_printf(&text, "%s\"%s\":{", alone ? "" : ",", name);
                buf_put(&text, a->members.data, a->members.len);
                buf_putc(&text, '}');
        } else {
                buf_put(&text, a->members.data, a->members.len);
                if (!is_empty_object(doc->data + a->at - 1))
                        buf_putc(&text, ',');
        }
        insert(doc, at, &text);
        buf_fini(&text);
}

/* New objects first, they go to the end; then from the last place to the first: nothing still to come has moved. */
static bool put_all(struct buf *doc, const struct search *s, struct addition *add)
{
        bool any = false;

        for (size_t i = 0; i < NOBJECTS; i++) {
                const struct scan_value *v = &s->values[i];
                add[i].is_new = v->type == SCAN_ABSENT;
                add[i].at = add[i].is_new ? doc->len : (size_t)(v->p - doc->data) + 1;
                if (v->type != SCAN_ABSENT && v->type != SCAN_OBJECT)
                        buf_reset(&add[i].members);     /* the event has something else in its place */
        }
        for (;;) {
                struct addition *last = NULL;
                for (size_t i = 0; i < NOBJECTS; i++)
                        if (add[i].members.len > 0 && (!last || add[i].at > last->at))
                                last = &add[i];
                if (!last)
                        return any;
                put_addition(doc, object_name[last - add], last);
                buf_reset(&last->members);
                any = true;
        }
}

/* The scan does not see a name that is written with an escape: then what was added may stand there twice. */
static bool may_be_double(const struct buf *doc)
{
        struct scan_info info = { 0 };

        if (!memmem(doc->data, doc->len, "\\u", 2))
                return false;
        return scan_json_doubles(doc->data, doc->len, NULL, 0, NULL, &info) != SCAN_IS_OBJECT || info.maybe_double;
}

bool headers_add(const struct incoming *in, const struct strlist *labels, struct buf *doc)
{
        struct trace_headers t = { 0 };
        struct search s = { 0 };
        struct addition add[NOBJECTS] = { 0 };
        bool any = false;

        if (in->nheaders == 0)
                return false;
        read_trace(in, &t);
        look(&s, in, labels, doc);
        collect(&s, &t, add);
        if (!may_be_double(doc))
                any = put_all(doc, &s, add);
        for (size_t i = 0; i < s.nlabels; i++)
                buf_fini(&s.labels[i]);
        for (size_t i = 0; i < NOBJECTS; i++)
                buf_fini(&add[i].members);
        return any;
}

static bool is_label(const char *name)
{
        return name[0] && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")];
}

/* As labels: . and _ are one. */
static bool same_label(const char *a, const char *b)
{
        while (*a && (*a == '.' ? '_' : *a) == (*b == '.' ? '_' : *b)) {
                a++;
                b++;
        }
        return *a == *b;
}

void headers_check(const struct strlist *labels, struct opt_errors *errors)
{
        if (labels->n > HEADERS_LABELS)
                opt_complain(errors, "headers: more than %d names", HEADERS_LABELS);
        for (size_t i = 0; i < labels->n; i++) {
                if (!is_label(labels->v[i]))
                        opt_complain(errors, "headers: \"%s\": a name has letters, digits, _ - and . only", labels->v[i]);
                for (size_t k = 0; k < i; k++)
                        if (same_label(labels->v[i], labels->v[k]))
                                opt_complain(errors, "headers: \"%s\" and \"%s\" are one label", labels->v[k],
                                          labels->v[i]);
        }
}
