/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/process.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/timestamp.h"

struct move {
        int from; /* number of its field */
        const char *from_path;
        size_t from_len;
        const char *to; /* borrowed, both */
};

/* "NAME=VALUE" of the setting fields, ready to be set. */
struct addition {
        char *path, *json; /* owned */
};

struct rule {
        const struct process_config *config; /* borrowed */
        struct when *when;                   /* owned; NULL: always */
        int field;                           /* number of the one that is parsed */
        struct parser *parser;               /* owned; NULL: none */
        struct redact *redact;               /* owned; NULL: none */
        struct move *moves;                  /* owned */
        struct addition *additions;          /* owned */
};

struct process {
        const struct fields *fields; /* borrowed */
        struct rule *v;              /* owned */
        size_t n;
        struct edit *edit;
        struct buf plain;  /* the text that is parsed */
        struct buf doc[2]; /* the document before and after */
        unsigned turn;     /* doc[turn] is written next */
};

/* --- settings --------------------------------------------------------------------------------------- */

#define FIELD(member) offsetof(struct process_config, member)
static const struct opt rows[] = {
        { "topics", OPT_LIST, FIELD(topics),
          .help = "records of topics that fit one of these shell patterns; absent: of all" },
        { "when", OPT_STRING, FIELD(when), .help = "and for which this holds, as in routes" },
        { "field", OPT_STRING, FIELD(field), .def = "message", .help = "whose text is parsed" },
        PARSE_OPTS("parse", offsetof(struct process_config, parse)),
        { "move", OPT_LIST, FIELD(move),
          .help = "\"FROM=TO\": a field gets another name; what stood there before goes" },
        { "drop", OPT_LIST, FIELD(drop), .help = "fields that go" },
        REDACT_OPTS(offsetof(struct process_config, redact)),
};
#undef FIELD

/* What the identity and the index of a document follow from. */
static bool is_ours(const char *path)
{
        return strcmp(path, "event.id") == 0 || strcmp(path, "event") == 0 || strcmp(path, "@timestamp") == 0;
}

static int compile_moves(struct rule *r, struct fields *f, struct err *e)
{
        const struct strlist *list = &r->config->move;

        r->moves = xcalloc(list->n + 1, sizeof(*r->moves));
        for (size_t i = 0; i < list->n; i++) {
                const char *text = list->v[i], *equals = strchr(text, '=');
                if (!equals || equals == text || !equals[1])
                        return err_set(e, EINVAL, "move: \"%s\": write FROM=TO", text);
                char *from = xstrndup(text, (size_t)(equals - text));
                bool ours = is_ours(from) || is_ours(equals + 1);
                int field = ours ? err_set(e, EINVAL, "move: \"%s\": event.id and @timestamp stay", text)
                                 : fields_want(f, from, e);
                free(from);
                if (field < 0)
                        return field;
                r->moves[i] = (struct move){ field, text, (size_t)(equals - text), equals + 1 };
        }
        for (size_t i = 0; i < r->config->drop.n; i++)
                if (is_ours(r->config->drop.v[i]))
                        return err_set(e, EINVAL, "drop: %s stays", r->config->drop.v[i]);
        return 0;
}

/* The parser has seen that they are "NAME=VALUE". */
static void compile_additions(struct rule *r)
{
        const struct strlist *list = &r->config->parse.fields;

        r->additions = xcalloc(list->n + 1, sizeof(*r->additions));
        for (size_t i = 0; i < list->n; i++) {
                const char *text = list->v[i], *equals = strchr(text, '=');
                size_t len = (size_t)(equals - text);
                struct buf json = { 0 };
                r->additions[i].path =
                        xasprintf("%s%.*s", memchr(text, '.', len) ? "" : "labels.", (int)len, text);
                json_cstring(&json, equals + 1);
                r->additions[i].json = xstrdup(buf_cstr(&json));
                buf_fini(&json);
        }
}

static int compile(struct rule *r, const struct process_config *c, struct fields *f, struct err *e)
{
        int err;

        r->config = c;
        if (c->when && !(r->when = when_new(c->when, f, e)))
                return err_prefix(e, "when");
        r->field = err = fields_want(f, c->field, e);
        if (err >= 0)
                err = parser_new(&c->parse, &r->parser, e);
        if (err >= 0 && c->parse.how == PARSE_SYSLOG)
                err = err_set(e, EINVAL, "parse: \"syslog\" is for the shipper's inputs with listen");
        if (err >= 0)
                err = redact_new(&c->redact, &r->redact, e);
        if (err >= 0)
                err = compile_moves(r, f, e);
        if (err < 0)
                return err;
        compile_additions(r);
        return 0;
}

static void rule_fini(struct rule *r)
{
        when_free(r->when);
        parser_free(r->parser);
        redact_free(r->redact);
        free(r->moves);
        for (size_t i = 0; r->additions && r->additions[i].path; i++) {
                free(r->additions[i].path);
                free(r->additions[i].json);
        }
        free(r->additions);
}

static void check(const void *conf, struct opt_errors *errors)
{
        struct rule r = { 0 };
        struct fields f = { 0 };
        struct err e = { 0 };

        if (compile(&r, conf, &f, &e) < 0)
                opt_complain(errors, "%s", e.msg);
        else if (!r.parser && !r.redact && r.config->move.n == 0 && r.config->drop.n == 0 &&
                 r.config->parse.fields.n == 0)
                opt_complain(errors, "parse: nothing is to be done: set parse, move, drop, fields or redact");
        rule_fini(&r);
        fields_fini(&f);
}

const struct opt_table process_opts = { rows, ARRAY_LEN(rows), sizeof(struct process_config), check };

/* --- life ------------------------------------------------------------------------------------------- */

int process_new(const struct tablelist *configs, struct fields *f, struct process **ret, struct err *e)
{
        const struct process_config *c = configs->v;

        *ret = NULL;
        if (configs->n == 0)
                return 0;
        struct process *p = xcalloc(1, sizeof(*p));
        p->fields = f;
        p->v = xcalloc(configs->n, sizeof(*p->v));
        p->edit = edit_new();
        int r = 0;
        for (; r == 0 && p->n < configs->n; p->n++) {
                r = compile(&p->v[p->n], &c[p->n], f, e);
                if (r < 0)
                        err_prefix(e, "process.%zu", p->n);
        }
        if (r < 0)
                process_free(p);
        else
                *ret = p;
        return r;
}

void process_free(struct process *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++)
                rule_fini(&p->v[i]);
        free(p->v);
        edit_free(p->edit);
        buf_fini(&p->plain);
        buf_fini(&p->doc[0]);
        buf_fini(&p->doc[1]);
        free(p);
}

/* --- one rule, one document -------------------------------------------------------------------------- */

static void set_text(struct edit *e, const char *path, const char *inside, size_t len)
{
        struct buf json = { 0 };

        buf_putc(&json, '"');
        buf_put(&json, inside, len);
        buf_putc(&json, '"');
        edit_set(e, path, strlen(path), json.data, json.len);
        buf_fini(&json);
}

static void set_time(struct edit *e, const struct parsed *found)
{
        bool precise = found->parts.precise && found->time_ns % 1000000 != 0;
        char text[TIMESTAMP_NS_LEN];

        if (precise)
                timestamp_format_ns(found->time_ns, text);
        else
                timestamp_format(found->time_ns, text);
        set_text(e, "@timestamp", text, precise ? TIMESTAMP_NS_LEN : TIMESTAMP_LEN);
}

static void take_found(struct process *p, const struct rule *r, const struct parsed *found)
{
        if (found->has_time)
                set_time(p->edit, found);
        if (found->parts.message)
                set_text(p->edit, "message", found->parts.message, found->parts.message_len);
        else if (found->parts.no_message)
                edit_drop(p->edit, r->config->field, strlen(r->config->field));
        for (int i = 0; i < EVENT_NROOTS; i++)
                edit_set_members(p->edit, event_root_name[i], strlen(event_root_name[i]),
                                 &found->parts.more[i]);
        edit_set_members(p->edit, "", 0, &found->parts.rest);
}

/* False: the text is not what it should be. */
static bool parse(struct process *p, const struct rule *r, int64_t wall_ns, const struct scan_value *values)
{
        const struct scan_value *text = &values[r->field];

        if (!r->parser || text->type == SCAN_ABSENT)
                return true;
        if (text->type != SCAN_STRING)
                return false;
        buf_reset(&p->plain);
        scan_unescape(&p->plain, text);
        const struct event_line line = { .wall_ns = wall_ns,
                                         .text = buf_cstr(&p->plain),
                                         .len = p->plain.len };
        const struct parsed *found = parser_run(r->parser, NULL, &line);
        take_found(p, r, found);
        return found->fault == PARSE_FINE;
}

static void move(struct process *p, const struct rule *r, const struct scan_value *values)
{
        for (size_t i = 0; i < r->config->move.n; i++) {
                const struct move *m = &r->moves[i];
                const struct scan_value *v = &values[m->from];
                bool quoted = v->type == SCAN_STRING;
                if (v->type == SCAN_ABSENT)
                        continue;
                edit_drop(p->edit, m->from_path, m->from_len);
                edit_set(p->edit, m->to, strlen(m->to), v->p - quoted, v->len + 2 * quoted);
        }
}

static void drop_and_add(struct process *p, const struct rule *r)
{
        const struct strlist *drop = &r->config->drop;

        for (size_t i = 0; i < drop->n; i++)
                edit_drop(p->edit, drop->v[i], strlen(drop->v[i]));
        for (size_t i = 0; r->additions[i].path; i++)
                edit_set(p->edit, r->additions[i].path, strlen(r->additions[i].path), r->additions[i].json,
                         strlen(r->additions[i].json));
}

struct document {
        const char **text;
        size_t *len;
        struct scan_value *values;
};

static struct buf *next_buffer(struct process *p)
{
        struct buf *b = &p->doc[p->turn];

        p->turn = !p->turn;
        buf_reset(b);
        return b;
}

static void becomes(struct process *p, struct document *d, const struct buf *b)
{
        *d->text = b->data;
        *d->len = b->len;
        scan_json(b->data, b->len, p->fields->path, p->fields->n, d->values, NULL);
}

/* Writes what the changes make of it. */
static void apply(struct process *p, struct document *d, struct process_end *end)
{
        if (!edit_any(p->edit))
                return;
        struct buf *b = next_buffer(p);
        edit_run(p->edit, *d->text, *d->len, b);
        edit_reset(p->edit);
        becomes(p, d, b);
        end->changed = true;
}

static void redact(struct process *p, const struct rule *r, struct document *d, struct process_end *end)
{
        struct buf *b = next_buffer(p);
        size_t n = edit_redact(r->redact, *d->text, *d->len, b);

        if (n == 0) {
                p->turn = !p->turn;
                return;
        }
        becomes(p, d, b);
        end->redacted += n;
        end->changed = true;
}

static bool fits(const struct rule *r, const char *topic, const struct scan_value *values)
{
        const struct strlist *topics = &r->config->topics;
        bool ours = topics->n == 0;

        for (size_t i = 0; !ours && i < topics->n; i++)
                ours = fnmatch(topics->v[i], topic, 0) == 0;
        return ours && (!r->when || when_holds(r->when, values));
}

struct process_end process_run(struct process *p, const char *topic, int64_t wall_ns, const char **text,
                               size_t *len, struct scan_value *values)
{
        struct document d = { text, len, values };
        struct process_end end = { 0 };

        for (size_t i = 0; i < p->n; i++) {
                const struct rule *r = &p->v[i];
                if (!fits(r, topic, values))
                        continue;
                edit_reset(p->edit);
                end.left += !parse(p, r, wall_ns, values);
                apply(p, &d, &end); /* what was found can be moved and dropped */
                move(p, r, values);
                drop_and_add(p, r);
                apply(p, &d, &end);
                if (r->redact)
                        redact(p, r, &d, &end);
        }
        return end;
}
