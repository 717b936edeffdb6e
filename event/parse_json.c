/* SPDX-License-Identifier: Apache-2.0 */
/* A line that is a JSON object: its known fields are lifted, and the whole of it goes under one name, or its members to the
 * top of the event.
 *
 *      {"level":"warn","host":"db-1","log":{"logger":"a"},"n":3}       json_at = "top"
 *      --> log.level "warn", log.logger "a", labels.host "db-1", n 3
 *
 * At the top what Sluice writes stays, and no scalar stands where ECS has an object (shape_rules.h says where it goes
 * then).  Whatever cannot stay under its name goes to labels, or, when it is an object, under its name and a _.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/json_unique.h"
#include "event/parser.h"
#include "event/shape_convert.h"

enum { MEMBERS_MAX = 1024 };            /* of one object; Elasticsearch maps 1000 fields in an index by default */

/* Memory for the members of the line's object, and of one object in it. */
struct top {
        struct scan_member outer[MEMBERS_MAX], inner[MEMBERS_MAX];
        struct buf name, path;
};

struct top *top_new(void)
{
        return xcalloc(1, sizeof(struct top));
}

void top_free(struct top *t)
{
        if (!t)
                return;
        buf_fini(&t->name);
        buf_fini(&t->path);
        free(t);
}

static struct value of_scan(const struct scan_value *v)
{
        if (v->type == SCAN_ABSENT || v->type == SCAN_NULL)
                return (struct value){ 0 };
        return (struct value){ v->p, v->len, v->type == SCAN_STRING };
}

/* --- what is known ---------------------------------------------------------------------------- */

static void find_known(const struct scan_value values[NALIASES], struct value found[NFIELDS])
{
        for (int i = 0; i < NALIASES; i++) {
                enum field field = parser_aliases[i].field;
                bool scalar = values[i].type != SCAN_OBJECT && values[i].type != SCAN_ARRAY;
                if (!found[field].p && (scalar || field == FIELD_MESSAGE))
                        found[field] = of_scan(&values[i]);
        }
}

static void lift(struct parser *p, const struct value found[NFIELDS], int64_t read_ns)
{
        p->out.parts.no_message = !found[FIELD_MESSAGE].p;
        parser_take_all(p, found, read_ns);
}

/* The object as it may go into a document: valid UTF-8, no name twice, no raw newline. */
static void clean(struct parser *p, const char **text, size_t *len, const struct scan_info *info)
{
        if (info->invalid_utf8) {
                buf_reset(&p->copy);
                json_repair_utf8(&p->copy, *text, *len);
                p->out.repaired++;
                *text = p->copy.data;
                *len = p->copy.len;
        }
        /* Two names may differ in nothing but the bytes that were repaired. */
        if (info->invalid_utf8 || info->maybe_double || info->has_newline) {
                buf_reset(&p->unique);
                p->out.doubles += json_unique(&p->unique, *text, *len);
                *text = p->unique.data;
                *len = p->unique.len;
        }
}

/* --- at the top ------------------------------------------------------------------------------- */

/* A time in no known form was not lifted, nor were ids beside a traceparent. */
static bool was_lifted(const struct parser *p, enum field field)
{
        if (field == FIELD_TIME)
                return p->out.has_time;
        return (field != FIELD_TRACE_ID && field != FIELD_SPAN) || p->out.headers.traceparent_len == 0;
}

static bool is_lifted(const struct parser *p, const struct value found[NFIELDS], const struct scan_value *v)
{
        for (int i = 0; i < NFIELDS; i++)
                if (found[i].p && found[i].p == v->p)
                        return was_lifted(p, (enum field)i);
        return false;
}

static bool begins_with_name(const char *path, size_t len, const char *name)
{
        size_t n = strlen(name);
        return len >= n && memcmp(path, name, n) == 0 && (len == n || path[n] == '.');
}

/* Written by Sluice itself for this event, or within what is. */
static bool is_ours(const struct parser *p, const char *path, size_t len)
{
        static const char *const ours[] = { "@timestamp", "message",    "event.id",   "log.file",
                                            "log.offset", "log.flags" };

        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
                if (begins_with_name(path, len, ours[i]))
                        return true;
        return (p->has_service && begins_with_name(path, len, "service.name")) ||
               (p->has_host && begins_with_name(path, len, "host.name")) ||
               (p->has_container && (begins_with_name(path, len, "container") || begins_with_name(path, len, "kubernetes") ||
                                     begins_with_name(path, len, "stream")));
}

/* False: the place is taken. */
static bool put_at(struct parser *p, const char *path, size_t len, const struct scan_value *v)
{
        size_t rest = 0, doubles = p->out.doubles;
        enum event_root root = event_root_of(path, len, &rest);

        if (is_ours(p, path, len))
                return false;
        struct buf *b = parser_begin_member(p, root, path + rest, len - rest);
        p->out.doubles = doubles;       /* it may find another place */
        if (b)
                shape_put_raw(b, v);
        return b != NULL;
}

/* Labels are scalars. */
static bool put_as_label(struct parser *p, const char *path, size_t len, const struct scan_value *v)
{
        struct buf *b = &p->top->path;

        if (v->type == SCAN_OBJECT || v->type == SCAN_ARRAY)
                return false;
        buf_reset(b);
        buf_puts(b, "labels.");
        for (size_t i = 0; i < len; i++)
                buf_putc(b, path[i] == '.' ? '_' : path[i]);
        return put_at(p, b->data, b->len, v);
}

/* There is always a place: its name and as many _ as it takes. */
static void put_beside(struct parser *p, const char *path, size_t len, const struct scan_value *v)
{
        struct buf *b = &p->top->path;

        buf_reset(b);
        for (size_t i = 0; i < len; i++)
                buf_putc(b, path[i] == '.' ? '_' : path[i]);
        do
                buf_putc(b, '_');
        while (!put_at(p, b->data, b->len, v));
}

static void put_elsewhere(struct parser *p, const char *path, size_t len, const struct scan_value *v)
{
        if (v->type == SCAN_NULL)
                return;                 /* and nothing is lost */
        if (!put_as_label(p, path, len, v))
                put_beside(p, path, len, v);
}

/* The rule for a member that may not stay where it is; NULL: it may. */
static const struct shape_rule *must_move(const char *name, size_t len, const struct scan_value *v)
{
        unsigned is = shape_value_is(v);

        for (const struct shape_rule *r = shape_common.rows; r < shape_common.rows + shape_common.n; r++)
                if (r->flags & R_MUST && r->takes & is && *r->key == *name && strlen(r->key) == len &&
                    memcmp(r->key, name, len) == 0)
                        return r;
        return NULL;
}

/* The text of `log`, as Docker and Fluent Bit call the message. */
static bool take_as_message(struct parser *p, const struct scan_value *v)
{
        struct value text = of_scan(v);

        if (!p->out.parts.no_message)
                return false;
        if (text.len >= 2 && memcmp(text.p + text.len - 2, "\\n", 2) == 0 && (text.len < 3 || text.p[text.len - 3] != '\\'))
                text.len -= 2;
        p->out.parts.no_message = false;
        parser_take_message(p, &text);
        return true;
}

static void move(struct parser *p, const struct shape_rule *r, const char *name, size_t len, const struct scan_value *v)
{
        bool done = false;

        if (r->to && strcmp(r->to, "message") == 0)
                done = r->convert == C_LINE && take_as_message(p, v);
        else if (r->to)
                done = put_at(p, r->to, strlen(r->to), v);
        if (!done)
                put_elsewhere(p, name, len, v);
}

static bool is_root(const char *name, size_t len)
{
        for (int i = 0; i < EVENT_NROOTS; i++)
                if (strlen(event_root_name[i]) == len && memcmp(event_root_name[i], name, len) == 0)
                        return true;
        return false;
}

/* The key with its escapes undone; as long as b. */
static void name_of(struct buf *b, const struct scan_member *m)
{
        if (m->key_escaped)
                scan_unescape(b, &(struct scan_value){ SCAN_STRING, m->key, m->key_len });
        else
                buf_put(b, m->key, m->key_len);
}

/* The object's members stand beside those that the event has under that name. */
static void merge(struct parser *p, const struct value found[NFIELDS], const struct scan_value *object)
{
        struct scan_members in = { .list = p->top->inner, .max = MEMBERS_MAX };
        struct buf *path = &p->top->name;
        size_t root = path->len;

        (void)scan_json_members(object->p, object->len, NULL, 0, NULL, NULL, &in);
        if (in.n > in.max) {
                put_beside(p, path->data, root, object);
                return;
        }
        for (size_t i = 0; i < in.n; i++) {
                path->len = root;
                buf_putc(path, '.');
                name_of(path, &in.list[i]);
                const struct scan_value *v = &in.list[i].value;
                if (!is_lifted(p, found, v) && !put_at(p, path->data, path->len, v))
                        put_elsewhere(p, path->data, path->len, v);
        }
}

static void put_top(struct parser *p, const struct value found[NFIELDS], const struct scan_member *m)
{
        struct buf *name = &p->top->name;

        buf_reset(name);
        name_of(name, m);
        (void)buf_cstr(name);           /* an empty one has memory too */
        const struct shape_rule *rule = must_move(name->data, name->len, &m->value);
        bool root = is_root(name->data, name->len);
        if (is_lifted(p, found, &m->value))
                return;
        if (root && m->value.type == SCAN_OBJECT)
                merge(p, found, &m->value);
        else if (rule)
                move(p, rule, name->data, name->len, &m->value);
        else if (root || !put_at(p, name->data, name->len, &m->value))
                put_elsewhere(p, name->data, name->len, &m->value);
}

/* --- a line ----------------------------------------------------------------------------------- */

static void put_under(struct parser *p, const char *text, size_t len)
{
        const char *at = p->config->json_at ? p->config->json_at : "json";
        size_t rest = 0;
        enum event_root root = event_root_of(at, strlen(at), &rest);

        while (len > 0 && *text != '{') {
                text++;
                len--;
        }
        while (len > 0 && text[len - 1] != '}')
                len--;
        struct buf *b = parser_begin_member(p, root, at + rest, strlen(at + rest));
        if (b) /* else a field of the configuration has the name */
                buf_put(b, text, len);
}

enum parse_fault parser_json(struct parser *p, const struct event_line *line)
{
        const char *text = line->text;
        size_t len = line->len;
        struct scan_value values[NALIASES];
        struct value found[NFIELDS] = { 0 };
        struct scan_members out = { .list = p->top ? p->top->outer : NULL, .max = p->top ? MEMBERS_MAX : 0 };
        struct scan_info info;

        if (scan_json_doubles(text, len, p->paths, NALIASES, values, &info) != SCAN_IS_OBJECT)
                return PARSE_NOT_JSON;
        clean(p, &text, &len, &info);
        if (p->top)
                (void)scan_json_members(text, len, p->paths, NALIASES, values, NULL, &out);
        else if (text != line->text)
                (void)scan_json(text, len, p->paths, NALIASES, values, NULL);
        if (p->top && out.n > out.max)
                return PARSE_TOO_MANY;
        find_known(values, found);
        if (!p->top)
                put_under(p, text, len);
        lift(p, found, line->wall_ns);
        for (size_t i = 0; p->top && i < out.n; i++)
                put_top(p, found, &out.list[i]);
        return PARSE_FINE;
}
