/* SPDX-License-Identifier: Apache-2.0 */
#include "event/edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/ident.h"

struct change {
        size_t path, path_len; /* in text */
        size_t json, json_len; /* in text; json_len 0: it is dropped */
        bool done;
};

struct edit {
        struct change *v; /* owned */
        size_t n, cap;
        struct buf text; /* paths and values */
        struct buf path; /* of the object at hand, with a dot behind it */
        struct scan_member *members[EDIT_DEPTH];
        struct scan_member *split; /* for edit_set_members */
};

/* --- the changes ------------------------------------------------------------------------------------- */

struct edit *edit_new(void)
{
        return xcalloc(1, sizeof(struct edit));
}

void edit_free(struct edit *e)
{
        if (!e)
                return;
        for (int i = 0; i < EDIT_DEPTH; i++)
                free(e->members[i]);
        free(e->split);
        free(e->v);
        buf_fini(&e->text);
        buf_fini(&e->path);
        free(e);
}

void edit_reset(struct edit *e)
{
        e->n = 0;
        buf_reset(&e->text);
}

bool edit_any(const struct edit *e)
{
        return e->n > 0;
}

static const char *path_of(const struct edit *e, const struct change *c)
{
        return e->text.data + c->path;
}

static struct change *find(const struct edit *e, const char *path, size_t len)
{
        for (size_t i = 0; i < e->n; i++)
                if (e->v[i].path_len == len && memcmp(path_of(e, &e->v[i]), path, len) == 0)
                        return &e->v[i];
        return NULL;
}

void edit_set(struct edit *e, const char *path, size_t path_len, const char *json, size_t json_len)
{
        struct change *c = find(e, path, path_len);

        if (!c) {
                if (e->n == e->cap) {
                        e->cap = e->cap ? 2 * e->cap : 16;
                        e->v = xrealloc(e->v, e->cap * sizeof(*e->v));
                }
                c = &e->v[e->n++];
                *c = (struct change){ .path = e->text.len, .path_len = path_len };
                buf_put(&e->text, path, path_len);
        }
        c->json = e->text.len;
        c->json_len = json_len;
        buf_put(&e->text, json, json_len);
}

void edit_drop(struct edit *e, const char *path, size_t path_len)
{
        edit_set(e, path, path_len, "", 0);
}

void edit_set_members(struct edit *e, const char *root, size_t root_len, const struct buf *members)
{
        struct scan_members list = { .max = EDIT_MEMBERS };
        struct buf object = { 0 }, path = { 0 };

        if (members->len == 0)
                return;
        if (!e->split)
                e->split = xcalloc(EDIT_MEMBERS, sizeof(*e->split));
        list.list = e->split;
        buf_putc(&object, '{');
        buf_put(&object, members->data, members->len);
        buf_putc(&object, '}');
        scan_json_members(object.data, object.len, NULL, 0, NULL, NULL, &list);
        for (size_t i = 0; i < list.n && i < list.max; i++) {
                const struct scan_member *m = &list.list[i];
                bool quoted = m->value.type == SCAN_STRING;
                buf_reset(&path);
                if (root_len > 0) {
                        buf_put(&path, root, root_len);
                        buf_putc(&path, '.');
                }
                buf_put(&path, m->key, m->key_len);
                edit_set(e, path.data, path.len, m->value.p - quoted, m->value.len + 2 * quoted);
        }
        buf_fini(&path);
        buf_fini(&object);
}

/* --- the object -------------------------------------------------------------------------------------- */

static void comma(struct buf *b, bool *any)
{
        if (*any)
                buf_putc(b, ',');
        *any = true;
}

static void put_value(struct buf *b, const struct scan_value *v)
{
        bool quoted = v->type == SCAN_STRING;
        buf_put(b, v->p - quoted, v->len + 2 * quoted);
}

static bool begins_with(const struct edit *e, const struct change *c, const struct buf *prefix)
{
        return c->path_len > prefix->len && memcmp(path_of(e, c), prefix->data, prefix->len) == 0;
}

/* Whether a change is meant for something below the path, which ends with a dot. */
static bool any_below(const struct edit *e, const struct buf *path)
{
        for (size_t i = 0; i < e->n; i++)
                if (!e->v[i].done && begins_with(e, &e->v[i], path))
                        return true;
        return false;
}

static void give_up_below(struct edit *e, const struct buf *path)
{
        for (size_t i = 0; i < e->n; i++)
                if (begins_with(e, &e->v[i], path))
                        e->v[i].done = true;
}

static void put_change(struct edit *e, struct change *c, size_t from, struct buf *b, bool *any)
{
        c->done = true;
        if (c->json_len == 0)
                return;
        comma(b, any);
        buf_putc(b, '"');
        buf_put(b, path_of(e, c) + from, c->path_len - from);
        buf_puts(b, "\":");
        buf_put(b, e->text.data + c->json, c->json_len);
}

/* All that is left for the object at hand, as its last members. */
static void put_below(struct edit *e, struct buf *b, bool *any)
{
        for (size_t i = 0; i < e->n; i++)
                if (!e->v[i].done && begins_with(e, &e->v[i], &e->path))
                        put_change(e, &e->v[i], e->path.len, b, any);
}

/* What is left at the top: a path of several names begins a new object, which takes all that belongs there. */
static void put_left(struct edit *e, struct buf *b, bool *any)
{
        for (size_t i = 0; i < e->n; i++) {
                struct change *c = &e->v[i];
                const char *path = path_of(e, c), *dot = memchr(path, '.', c->path_len);
                if (c->done)
                        continue;
                if (c->json_len == 0 || !dot) {
                        put_change(e, c, 0, b, any);
                        continue;
                }
                bool inner = false;
                buf_reset(&e->path);
                buf_put(&e->path, path, (size_t)(dot - path) + 1);
                comma(b, any);
                buf_putc(b, '"');
                buf_put(b, e->path.data, e->path.len - 1);
                buf_puts(b, "\":{");
                put_below(e, b, &inner);
                buf_putc(b, '}');
        }
}

static void put_object(struct edit *e, const char *text, size_t len, int depth, struct buf *b);

/* A member on the way to a change. */
static void put_on_the_way(struct edit *e, const struct scan_member *m, int depth, struct buf *b, bool *any)
{
        if (m->value.type == SCAN_NULL)
                return; /* the new object takes its place */
        comma(b, any);
        buf_put(b, m->key - 1, m->key_len + 2);
        buf_putc(b, ':');
        if (m->value.type == SCAN_OBJECT) {
                put_object(e, m->value.p, m->value.len, depth + 1, b);
        } else {
                give_up_below(e, &e->path);
                put_value(b, &m->value);
        }
}

static void put_member(struct edit *e, const struct scan_member *m, int depth, struct buf *b, bool *any)
{
        size_t len = e->path.len;

        buf_put(&e->path, m->key, m->key_len);
        bool changed = find(e, e->path.data, e->path.len) != NULL;
        buf_putc(&e->path, '.');
        if (!changed && any_below(e, &e->path)) {
                put_on_the_way(e, m, depth, b, any);
        } else if (!changed) {
                comma(b, any);
                buf_put(b, m->key - 1, m->key_len + 2);
                buf_putc(b, ':');
                put_value(b, &m->value);
        }
        e->path.len = len;
}

/* e->path is its own, with a dot behind it; empty at the top. */
static void put_object(struct edit *e, const char *text, size_t len, int depth, struct buf *b)
{
        struct scan_members list = { .max = EDIT_MEMBERS };
        bool any = false;

        if (depth < EDIT_DEPTH) {
                if (!e->members[depth])
                        e->members[depth] = xcalloc(EDIT_MEMBERS, sizeof(struct scan_member));
                list.list = e->members[depth];
        }
        if (!list.list || scan_json_members(text, len, NULL, 0, NULL, NULL, &list) != SCAN_IS_OBJECT ||
            list.n > list.max) {
                give_up_below(e, &e->path);
                buf_put(b, text, len);
                return;
        }
        buf_putc(b, '{');
        for (size_t i = 0; i < list.n; i++)
                put_member(e, &list.list[i], depth, b, &any);
        if (depth > 0)
                put_below(e, b, &any);
        else
                put_left(e, b, &any);
        buf_putc(b, '}');
}

void edit_run(struct edit *e, const char *text, size_t len, struct buf *ret)
{
        for (size_t i = 0; i < e->n; i++)
                e->v[i].done = false;
        buf_reset(&e->path);
        put_object(e, text, len, 0, ret);
}

/* --- redaction --------------------------------------------------------------------------------------- */

/* Behind the string that begins at p. */
static const char *string_end(const char *p, const char *end)
{
        for (p++; p < end && *p != '"'; p++)
                p += *p == '\\';
        return p < end ? p + 1 : end;
}

static bool is_key(const char *behind, const char *end)
{
        while (behind < end && strchr(" \t\r\n", *behind))
                behind++;
        return behind < end && *behind == ':';
}

/* An id of ours says nothing of anybody, and what would change it would make a second document of it. */
static bool is_our_id(const struct scan_value *v)
{
        return v->len == IDENT_LINE_TEXT && memcmp(v->p, IDENT_SCHEME, strlen(IDENT_SCHEME)) == 0;
}

static size_t redact_string(struct redact *r, const char *p, size_t n, struct buf *ret)
{
        const struct scan_value v = { .type = SCAN_STRING, .p = p + 1, .len = n - 2 };
        struct buf plain = { 0 };

        if (is_our_id(&v)) {
                buf_put(ret, p, n);
                return 0;
        }
        scan_unescape(&plain, &v);
        const char *text = plain.data ? plain.data : "";
        size_t len = plain.len, count = redact_run(r, &text, &len);
        if (count > 0)
                json_string(ret, text, len);
        else
                buf_put(ret, p, n);
        buf_fini(&plain);
        return count > 0;
}

static size_t redact_number(struct redact *r, const char *p, size_t n, struct buf *ret)
{
        const char *text = p;
        size_t len = n, count = redact_run(r, &text, &len);

        buf_put(ret, count ? "null" : p, count ? 4 : n);
        return count > 0;
}

size_t edit_redact(struct redact *r, const char *text, size_t len, struct buf *ret)
{
        static const char time[] = "\"@timestamp\"";
        const char *p = text, *end = text + len;
        bool is_time = false;
        size_t count = 0;

        while (p < end) {
                const char *start = p;
                if (*p == '"') {
                        p = string_end(p, end);
                        bool key = is_key(p, end);
                        if (key || is_time)
                                buf_put(ret, start, (size_t)(p - start));
                        else
                                count += redact_string(r, start, (size_t)(p - start), ret);
                        is_time = key && (size_t)(p - start) == sizeof(time) - 1 &&
                                  memcmp(start, time, sizeof(time) - 1) == 0;
                } else if ((*p >= '0' && *p <= '9') || *p == '-') {
                        while (p < end && ((*p >= '0' && *p <= '9') || strchr("+-.eE", *p)))
                                p++;
                        count += redact_number(r, start, (size_t)(p - start), ret);
                } else {
                        buf_putc(ret, *p++);
                }
        }
        return count;
}
