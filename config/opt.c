/* SPDX-License-Identifier: Apache-2.0 */
#include "config/opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/load.h"
#include "config/near.h"
#include "config/node.h"
#include "config/units.h"
#include "config/value.h"

/* --- filling a struct from nodes ---------------------------------------------------------------- */

struct fill {
        bool partial;                   /* as in opt_source */
        struct opt_errors *errors;
        struct buf path; /* of the table being filled, "kafka." with its dot */
};

/* "shipper.cfg:12: kafka.lingr: what"; what has no place in a file goes without one. */
static void complain_at(struct fill *f, const char *where, const char *name, const char *what)
{
        opt_complain(f->errors, "%s%s%.*s%s: %s", where ? where : "", where ? ": " : "", (int)f->path.len,
                     f->path.len ? f->path.data : "", name, what);
}

static size_t path_push(struct fill *f, const char *name)
{
        size_t before = f->path.len;

        buf_printf(&f->path, "%s.", name);
        return before;
}

static void path_pop(struct fill *f, size_t before)
{
        f->path.len = before;
}

static const char *wanted(const struct opt *row)
{
        switch (row->type) {
        case OPT_BOOL:
                return "must be true or false";
        case OPT_INT:
                return "must be an integer";
        case OPT_LIST:
                return "must be a string or a list of strings";
        case OPT_TABLE:
                return "must be a table, { ... }";
        case OPT_TABLES:
                return "must be a list of tables, ( { ... }, { ... } )";
        default:
                return "must be a string";
        }
}

static const char *found(const struct node *n)
{
        static const char *const names[] = {
                [NODE_GROUP] = "a table",
                [NODE_LIST] = "a list",
                [NODE_STRING] = "a string",
                [NODE_PLAIN] = "a string",
                [NODE_INT] = "an integer",
                [NODE_BOOL] = "a boolean",
                [NODE_FLOAT] = "a number with a fraction",
        };
        return names[n->type];
}

static void complain_type(struct fill *f, const struct opt *row, const struct node *n)
{
        char what[128];
        bool number = n->type == NODE_INT || n->type == NODE_FLOAT;

        if (number && row->type == OPT_SIZE)
                return complain_at(f, n->where, row->name, units_size_hint);
        if (number && row->type == OPT_DURATION)
                return complain_at(f, n->where, row->name, units_duration_hint);
        snprintf(what, sizeof(what), "%s, and is %s", wanted(row), found(n));
        complain_at(f, n->where, row->name, what);
}

static bool is_text(const struct node *n)
{
        return n->type == NODE_STRING || n->type == NODE_PLAIN;
}

/* A flag is typed by its row, and so is a string that comes from the environment: it has no other way to
 * be a number. */
static bool may_be_number(const struct node *n)
{
        return n->type == NODE_PLAIN || (n->type == NODE_STRING && value_has_reference(n->text));
}

static bool type_fits(const struct opt *row, const struct node *n)
{
        switch (row->type) {
        case OPT_BOOL:
                return n->type == NODE_BOOL || may_be_number(n);
        case OPT_INT:
                return n->type == NODE_INT || may_be_number(n);
        case OPT_TABLE:
                return n->type == NODE_GROUP;
        case OPT_TABLES:
                return n->type == NODE_LIST;
        case OPT_LIST:
                return n->type == NODE_LIST || is_text(n);
        default:
                return is_text(n);
        }
}

static int number_from(const struct opt *row, const struct node *n, int64_t *ret, struct err *e)
{
        char *text;
        int r;

        if (!is_text(n)) {
                if (row->type == OPT_INT && (r = value_in_range(row, n->number, e)) < 0)
                        return r;
                *ret = n->number;
                return 0;
        }
        if ((r = value_expand(n->text, &text, e)) < 0)
                return r;
        r = value_number(row, text, ret, e);
        free(text);
        return r;
}

/* Read once, so that a missing file is told at the start; the file's name is what is kept. */
static int live_secret(const char *text, char **ret, struct err *e)
{
        char *value = NULL;
        int r = value_secret(text, &value, e);

        if (r < 0)
                return r;
        if (strncmp(text, "file:", 5) != 0) {
                *ret = value;
                return 0;
        }
        explicit_bzero(value, strlen(value));
        free(value);
        *ret = xstrdup(text);
        return 0;
}

static int scalar_from(const struct opt *row, const struct node *n, void *at, struct err *e)
{
        int64_t number;
        int r;

        if (row->type == OPT_STRING)
                return value_expand(n->text, (char **)at, e);
        if (row->type == OPT_SECRET)
                return value_secret(n->text, (char **)at, e);
        if (row->type == OPT_SECRET_LIVE)
                return live_secret(n->text, (char **)at, e);
        if ((r = number_from(row, n, &number, e)) < 0)
                return r;
        if (row->type == OPT_BOOL)
                *(bool *)at = number != 0;
        else
                *(int64_t *)at = number;
        return 0;
}

static void fill_scalar(struct fill *f, const struct opt *row, const struct node *n, void *at)
{
        struct err e = { 0 };

        if (scalar_from(row, n, at, &e) < 0)
                complain_at(f, n->where, row->name, e.msg);
}

static void list_add(struct fill *f, const struct opt *row, const struct node *n, struct strlist *list)
{
        struct err e = { 0 };

        if (!is_text(n))
                complain_type(f, row, n);
        else if (value_expand(n->text, &list->v[list->n], &e) < 0)
                complain_at(f, n->where, row->name, e.msg);
        else
                list->n++;
}

static void fill_list(struct fill *f, const struct opt *row, const struct node *n, struct strlist *list)
{
        size_t room = n->type == NODE_LIST ? node_count(n) : 1;

        if (room == 0)
                return;
        list->v = xcalloc(room, sizeof(*list->v));
        if (n->type != NODE_LIST)
                list_add(f, row, n, list);
        else
                for (const struct node *c = n->child; c; c = c->next)
                        list_add(f, row, c, list);
}

static void fill_table(struct fill *f, const struct opt_table *table, const struct node *group, void *conf);

static void fill_tables(struct fill *f, const struct opt *row, const struct node *n, struct tablelist *list)
{
        size_t count = node_count(n);
        char name[32];

        if (count == 0)
                return;
        list->v = xcalloc(count, row->table->size);
        size_t before = path_push(f, row->name);
        for (const struct node *c = n->child; c; c = c->next) {
                snprintf(name, sizeof(name), "%zu", list->n);
                if (c->type == NODE_GROUP) {
                        size_t outer = path_push(f, name);
                        fill_table(f, row->table, c, (char *)list->v + list->n * row->table->size);
                        path_pop(f, outer);
                } else {
                        complain_at(f, c->where, name, "must be a table, { ... }");
                }
                list->n++;
        }
        path_pop(f, before);
}

static void fill_row(struct fill *f, const struct opt *row, const struct node *n, void *at)
{
        if (n && !type_fits(row, n))
                return complain_type(f, row, n);
        if (row->type == OPT_TABLE) {
                size_t before = path_push(f, row->name);
                fill_table(f, row->table, n, at);
                path_pop(f, before);
        } else if (!n) {
                return;
        } else if (row->type == OPT_TABLES) {
                fill_tables(f, row, n, at);
        } else if (row->type == OPT_LIST) {
                fill_list(f, row, n, at);
        } else {
                fill_scalar(f, row, n, at);
        }
}

/* --- defaults ----------------------------------------------------------------------------------- */

/* A list's default is split at its commas; everything else is one text, typed by its row. */
static struct node *default_of(const struct opt *row)
{
        if (!row->def)
                return NULL;
        if (row->type != OPT_LIST)
                return node_new_text(NODE_PLAIN, "default", row->def);

        struct node *list = node_new(NODE_LIST, NULL, "default");
        for (const char *p = row->def; *p;) {
                p += strspn(p, ", ");
                size_t n = strcspn(p, ",");
                char *text = xstrndup(p, n);
                struct node *item = node_new_text(NODE_PLAIN, "default", text);
                node_append(list, &item);
                free(text);
                p += n;
        }
        return list;
}

/* A table that has a place: not the whole, and not one that a --set or a flag has brought forth. */
static bool stands_in_file(const struct fill *f, const struct node *group)
{
        return group && f->path.len > 0 && group->where[0] != '-';
}

static void complain_missing(struct fill *f, const struct opt *row, const struct node *group)
{
        char what[128];

        if (row->flag)
                snprintf(what, sizeof(what), "must be set, in the file or by --%s", row->flag);
        else
                snprintf(what, sizeof(what), "must be set");
        complain_at(f, stands_in_file(f, group) ? group->where : NULL, row->name, what);
}

/* --- tables ------------------------------------------------------------------------------------- */

static void complain_unknown(struct fill *f, const struct opt_table *table, const struct node *n)
{
        struct near near;
        char what[256];

        near_init(&near, n->name);
        for (size_t i = 0; i < table->nrows; i++)
                near_offer(&near, table->rows[i].name);
        const char *best = near_best(&near);
        snprintf(what, sizeof(what), "unknown%s%s%s", best ? "; did you mean " : "", best ? best : "",
                 best ? "?" : "");
        complain_at(f, n->where, n->name, what);
}

static void complain_unknowns(struct fill *f, const struct opt_table *table, const struct node *group)
{
        for (const struct node *n = group->child; n; n = n->next) {
                size_t i = 0;
                while (i < table->nrows && strcmp(table->rows[i].name, n->name) != 0)
                        i++;
                if (i == table->nrows)
                        complain_unknown(f, table, n);
        }
}

/* Its sentences begin with a name of the table; they get the place and the path that the table cannot know. */
static void check_table(struct fill *f, const struct opt_table *table, const struct node *group, const void *conf)
{
        struct opt_errors own = { 0 };
        char *rest;

        table->check(conf, &own);
        char *text = xstrdup(buf_cstr(&own.text));
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                const char *where = stands_in_file(f, group) ? group->where : NULL;
                opt_complain(f->errors, "%s%s%.*s%s", where ? where : "", where ? ": " : "", (int)f->path.len,
                             f->path.len ? f->path.data : "", line);
        }
        free(text);
        buf_fini(&own.text);
}

/* Everything that is wrong in one table and below. Its own check comes last and only to a table without
 * fault, so that it can rely on what the rows promise. */
static void fill_table(struct fill *f, const struct opt_table *table, const struct node *group, void *conf)
{
        unsigned before = f->errors->count;

        if (group)
                complain_unknowns(f, table, group);
        for (size_t i = 0; i < table->nrows; i++) {
                const struct opt *row = &table->rows[i];
                const struct node *n = group ? node_find(group, row->name) : NULL;
                struct node *def = n ? NULL : default_of(row);
                if (!n && row->required && !f->partial)
                        complain_missing(f, row, group);
                fill_row(f, row, n ? n : def, (char *)conf + row->offset);
                node_free(def);
        }
        if (table->check && !f->partial && f->errors->count == before)
                check_table(f, table, group, conf);
}

static void free_row(const struct opt *row, void *at)
{
        struct strlist *list = at;
        struct tablelist *tables = at;

        switch (row->type) {
        case OPT_SECRET:
        case OPT_SECRET_LIVE:
                if (*(char **)at)
                        explicit_bzero(*(char **)at, strlen(*(char **)at));
                free(*(char **)at);
                break;
        case OPT_STRING:
                free(*(char **)at);
                break;
        case OPT_LIST:
                for (size_t i = 0; i < list->n; i++)
                        free(list->v[i]);
                free(list->v);
                break;
        case OPT_TABLE:
                opt_free(row->table, at);
                break;
        case OPT_TABLES:
                for (size_t i = 0; i < tables->n; i++)
                        opt_free(row->table, (char *)tables->v + i * row->table->size);
                free(tables->v);
                break;
        default:
                break;
        }
}

void opt_free(const struct opt_table *table, void *conf)
{
        for (size_t i = 0; i < table->nrows; i++)
                free_row(&table->rows[i], (char *)conf + table->rows[i].offset);
        memset(conf, 0, table->size);
}

/* --- the sources -------------------------------------------------------------------------------- */

static void put_at(struct node *root, const char *path, const struct node *value, const char *where,
                   struct opt_errors *errors)
{
        struct err e = { 0 };

        if (node_put(root, path, value, &e) < 0)
                opt_complain(errors, "%s: %s: %s", where, path, e.msg);
}

/* PATH=VALUE. The text itself is not repeated in an error: it may be a password. */
static void apply_set(struct node *root, const char *set, struct opt_errors *errors)
{
        const char *equals = strchr(set, '=');
        struct node *value;

        if (!equals)
                return opt_complain(errors, "--set: takes PATH=VALUE, as in kafka.linger=\"5 ms\"");
        size_t n = (size_t)(equals - set);
        while (n > 0 && set[n - 1] == ' ')
                n--;
        char *path = xstrndup(set, n);
        char *where = xasprintf("--set %s", path);
        if (load_value(equals + 1, where, &value, errors) == 0) {
                free(value->where);
                value->where = xstrdup("--set");
                put_at(root, path, value, "--set", errors);
                node_free(value);
        }
        free(where);
        free(path);
}

static bool same_setting(const struct opt_flag *a, const struct opt_flag *b)
{
        return strcmp(a->path, b->path) == 0;
}

/* "URL,..." takes several at once.  Others may have a comma in them, as a regular expression has. */
static bool takes_several(const struct opt *row)
{
        const char *comma = row->flag_arg ? strrchr(row->flag_arg, ',') : NULL;
        return comma && strcmp(comma, ",...") == 0;
}

/* A list's flag may be given again and again: all together are the list. */
static struct node *flag_list(const struct opt_flag *first, const struct opt_flag *end, const char *where)
{
        struct node *list = node_new(NODE_LIST, NULL, where);
        const char *separators = takes_several(first->row) ? "," : "";

        for (const struct opt_flag *f = first; f < end; f++) {
                if (!same_setting(first, f))
                        continue;
                for (const char *at = f->value, *next; at; at = next) {
                        size_t len = strcspn(at, separators);
                        char *one = xstrndup(at, len);
                        struct node *item = node_new_text(NODE_PLAIN, where, one);
                        node_append(list, &item);
                        free(one);
                        next = at[len] ? at + len + 1 : NULL;
                }
        }
        return list;
}

static bool seen_before(const struct opt_flag *flags, size_t i)
{
        for (size_t j = 0; j < i; j++)
                if (same_setting(&flags[j], &flags[i]))
                        return true;
        return false;
}

static void apply_flags(struct node *root, const struct opt_flag *flags, size_t n, struct opt_errors *errors)
{
        for (size_t i = 0; i < n; i++) {
                const struct opt_flag *f = &flags[i];
                struct node *value;

                if (f->row->type == OPT_LIST && seen_before(flags, i))
                        continue;
                char *where = f->row->flag ? xasprintf("--%s", f->row->flag) : xstrdup("command line");
                if (f->row->type == OPT_LIST)
                        value = flag_list(f, flags + n, where);
                else
                        value = node_new_text(NODE_PLAIN, where, f->value);
                put_at(root, f->path, value, where, errors);
                node_free(value);
                free(where);
        }
}

int opt_load(const struct opt_table *table, const struct opt_source *source, void *conf,
             struct opt_errors *errors)
{
        struct fill f = { .errors = errors, .partial = source->partial };
        struct node *root = NULL;
        unsigned before = errors->count;
        int r = 0;

        memset(conf, 0, table->size);
        if (source->file)
                r = load_file(source->file, &root, errors);
        if (r < 0)
                return r;
        if (!root)
                root = node_new(NODE_GROUP, NULL, "");
        for (size_t i = 0; i < source->nsets; i++)
                apply_set(root, source->sets[i], errors);
        apply_flags(root, source->flags, source->nflags, errors);
        fill_table(&f, table, root, conf);
        node_free(root);
        buf_fini(&f.path);
        if (errors->count == before)
                return 0;
        opt_free(table, conf);
        return -EINVAL;
}
