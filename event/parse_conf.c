/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/parser.h"

const char *const parse_how_names[] = { "text", "json", "logfmt", "pattern", "syslog", NULL };

enum { SEEN_FIRST = 64 };

static int make_pattern(const char *name, const char *text, struct pattern **ret, struct err *e)
{
        const struct pattern_name *names;

        if (!text)
                return 0;
        *ret = pattern_new(text, e);
        if (!*ret)
                return err_prefix(e, "%s", name);
        if (pattern_names(*ret, &names) == 0)
                return err_set(e, EINVAL,
                               "%s: \"%s\" names no group: write (?<level>...) for a part that is a field",
                               name, text);
        return 0;
}

/* "name=rest" */
static int split(const char *what, const char *text, char **ret_copy, const char **ret_rest, struct err *e)
{
        const char *equals = strchr(text, '=');

        if (!equals || equals == text || !equals[1])
                return err_set(e, EINVAL, "%s: \"%s\": write NAME=%s", what, text,
                               strcmp(what, "fields") == 0 ? "VALUE" : "FIELD");
        *ret_copy = xstrdup(text);
        (*ret_copy)[equals - text] = '\0';
        *ret_rest = *ret_copy + (equals - text) + 1;
        return 0;
}

/* Names that Sluice writes itself. */
static int check_path(const char *what, const char *path, struct err *e)
{
        static const char *const ours[] = { "@timestamp", "event.id",  "message", "log",          "log.file",
                                            "log.offset", "log.flags", "event",   "service.name", "host.name",
                                            "labels",     "host",      "service", "trace",        "span",
                                            "user",       "stream" };

        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
                if (strcmp(ours[i], path) == 0)
                        return err_set(e, EINVAL, "%s: %s is written by Sluice itself", what, path);
        return 0;
}

static int make_renames(struct parser *p, const struct strlist *list, struct err *e)
{
        p->renames = xcalloc(list->n, sizeof(*p->renames));
        for (; p->nrenames < list->n; p->nrenames++) {
                struct rename *r = &p->renames[p->nrenames];
                int err = split("rename", list->v[p->nrenames], &r->text, &r->path, e);
                if (err < 0)
                        return err;
                r->name = r->text;
                if (check_path("rename", r->path, e) < 0) {
                        p->nrenames++;
                        return -EINVAL;
                }
        }
        return 0;
}

/* "env" is labels.env; what has a dot is a path. */
static char *field_path(const char *name)
{
        return strchr(name, '.') ? xstrdup(name) : xasprintf("labels.%s", name);
}

static int make_fields(struct parser *p, const struct strlist *list, struct err *e)
{
        p->fields = xcalloc(list->n, sizeof(*p->fields));
        for (size_t i = 0; i < list->n; i++) {
                const char *value;
                char *text;
                size_t rest = 0;
                int err = split("fields", list->v[i], &text, &value, e);
                if (err < 0)
                        return err;
                struct field_name *f = &p->fields[p->nfields++];
                f->path = field_path(text);
                free(text);
                if (check_path("fields", f->path, e) < 0)
                        return -EINVAL;
                f->root = event_root_of(f->path, strlen(f->path), &rest);
                f->name = f->path + rest;
                for (size_t k = 0; k < i; k++)
                        if (strcmp(p->fields[k].path, f->path) == 0)
                                return err_set(e, EINVAL, "fields: %s stands there twice", f->path);
        }
        return 0;
}

void parse_add_fields(const struct parse_config *c, struct event_stream *s)
{
        for (size_t i = 0; i < c->fields.n; i++) {
                const char *equals = strchr(c->fields.v[i], '=');
                char *name = xstrndup(c->fields.v[i], (size_t)(equals - c->fields.v[i])),
                     *path = field_path(name);
                event_stream_add(s, path, equals + 1);
                free(path);
                free(name);
        }
}

static int check_json_at(const struct parse_config *c, struct err *e)
{
        if (!c->json_at || strcmp(c->json_at, "top") == 0)
                return 0;
        if (!*c->json_at)
                return err_set(e, EINVAL, "json_at: must name a field, or be \"top\"");
        return check_path("json_at", c->json_at, e);
}

static int build(struct parser *p, struct err *e)
{
        const struct parse_config *c = p->config;
        int r = make_pattern("pattern", c->pattern, &p->pattern, e);

        if (r == 0 && (c->how == PARSE_PATTERN) != (c->pattern != NULL))
                r = err_set(e, EINVAL,
                            c->pattern ? "pattern: only for lines that are parsed as \"pattern\""
                                       : "pattern: must be set, to parse lines by it");
        if (r == 0)
                r = check_json_at(c, e);
        if (r == 0)
                r = make_pattern("trace_pattern", c->trace_pattern, &p->trace, e);
        if (r == 0)
                r = make_renames(p, &c->rename, e);
        if (r == 0)
                r = make_fields(p, &c->fields, e);
        if (r == 0) {
                p->times = timeformat_new(&c->time_formats, c->time_zone ? c->time_zone : "local", e);
                r = p->times ? 0 : -EINVAL;
        }
        return r;
}

int parser_new(const struct parse_config *c, struct parser **ret, struct err *e)
{
        struct parser *p = xcalloc(1, sizeof(*p));

        p->config = c;
        p->nseen = SEEN_FIRST;
        p->seen = xcalloc(p->nseen, sizeof(*p->seen));
        if (c->how == PARSE_JSON && c->json_at && strcmp(c->json_at, "top") == 0)
                p->top = top_new();
        for (int i = 0; i < NALIASES; i++)
                p->paths[i] = parser_aliases[i].name;
        int r = build(p, e);
        if (r < 0 || ((c->how == PARSE_TEXT || c->how == PARSE_SYSLOG) && !p->trace)) {
                parser_free(p);
                p = NULL;
        }
        if (r == 0)
                *ret = p;
        return r;
}

void parser_free(struct parser *p)
{
        if (!p)
                return;
        pattern_free(p->pattern);
        pattern_free(p->trace);
        timeformat_free(p->times);
        for (size_t i = 0; i < p->nrenames; i++)
                free(p->renames[i].text);
        for (size_t i = 0; i < p->nfields; i++)
                free(p->fields[i].path);
        free(p->renames);
        free(p->fields);
        free(p->seen);
        top_free(p->top);
        event_parts_fini(&p->out.parts);
        buf_fini(&p->name);
        buf_fini(&p->key);
        buf_fini(&p->copy);
        buf_fini(&p->unique);
        buf_fini(&p->value);
        buf_fini(&p->message);
        free(p);
}
