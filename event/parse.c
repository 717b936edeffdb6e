/* SPDX-License-Identifier: Apache-2.0 */
#include "event/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/json_unique.h"
#include "event/level.h"
#include "event/logfmt.h"
#include "event/pattern.h"
#include "event/scan.h"
#include "event/timeformat.h"

const char *const parse_how_names[] = { "text", "json", "logfmt", "pattern", "syslog", NULL };

enum field { TIME, LEVEL, MESSAGE, TRACE_PARENT, TRACE_ID, SPAN, USER, EVENT_ID, NFIELDS };

/* Of one field, the first that is there. */
static const struct alias {
        const char *name;
        enum field field;
} aliases[] = {
        { "@timestamp", TIME },
        { "timestamp", TIME },
        { "time", TIME },
        { "ts", TIME },
        { "log.level", LEVEL },
        { "level", LEVEL },
        { "severity", LEVEL },
        { "lvl", LEVEL },
        { "loglevel", LEVEL },
        { "message", MESSAGE },
        { "msg", MESSAGE },
        { "traceparent", TRACE_PARENT },
        { "trace.id", TRACE_ID },
        { "trace_id", TRACE_ID },
        { "traceId", TRACE_ID },
        { "traceid", TRACE_ID },
        { "dd.trace_id", TRACE_ID },
        { "span.id", SPAN },
        { "span_id", SPAN },
        { "spanId", SPAN },
        { "spanid", SPAN },
        { "dd.span_id", SPAN },
        { "user.id", USER },
        { "user_id", USER },
        { "userId", USER },
        { "enduser.id", USER },
        { "event.id", EVENT_ID },
};
#define NALIASES ((int)ARRAY_LEN(aliases))
_Static_assert(NALIASES <= (int)SCAN_PATHS, "one scan finds them all");

enum { SEEN_FIRST = 64 };

/* The names that this event has under one root: none stands twice. */
struct seen {
        uint64_t event, hash;
};

struct rename {
        const char *name, *path; /* borrowed from text */
        char *text;
};

/* A field of the configuration; its name is what follows the root. */
struct field_name {
        char *path;
        enum event_root root;
        const char *name;
};

struct parser {
        const struct parse_config *config; /* borrowed */
        struct pattern *pattern, *trace;
        struct timeformat *times;
        struct rename *renames;
        size_t nrenames;
        struct field_name *fields;
        size_t nfields;
        const char *paths[NALIASES];
        struct seen *seen;
        size_t nseen, used;
        uint64_t event;
        struct buf name, key, copy, unique, value,
                message; /* each for one purpose: slices of them are in use together */
        struct parsed out;
};

/* A value as the line has it: text, or the inside of a JSON string. */
struct value {
        const char *p;
        size_t len;
        bool escaped;
};

/* --- members -------------------------------------------------------------------------------- */

static bool note(struct seen *slots, size_t n, uint64_t event, uint64_t hash)
{
        for (size_t i = hash;; i++) {
                struct seen *at = &slots[i & (n - 1)];
                if (at->event != event) {
                        *at = (struct seen){ event, hash };
                        return true;
                }
                if (at->hash == hash)
                        return false;
        }
}

static void grow_seen(struct parser *p)
{
        size_t n = 2 * p->nseen;
        struct seen *slots = xcalloc(n, sizeof(*slots));

        for (size_t i = 0; i < p->nseen; i++)
                if (p->seen[i].event == p->event)
                        (void)note(slots, n, p->event, p->seen[i].hash);
        free(p->seen);
        p->seen = slots;
        p->nseen = n;
}

/* Leaves the name in p->name as it is written: two that are repaired to the same text are the same. */
static bool is_first(struct parser *p, enum event_root root, const char *name, size_t len)
{
        buf_reset(&p->name);
        p->out.repaired += json_string(&p->name, name, len);
        if (2 * (p->used + 1) > p->nseen)
                grow_seen(p);
        bool yes =
                note(p->seen, p->nseen, p->event,
                     XXH3_64bits(p->name.data, p->name.len) ^ (uint64_t)root * UINT64_C(0x9e3779b97f4a7c15));
        p->used += yes;
        return yes;
}

/* Begins a member of the root: its name and the colon.  NULL: the event has one of that name. */
static struct buf *begin_member(struct parser *p, enum event_root root, const char *name, size_t len)
{
        struct buf *b = root == EVENT_NROOTS ? &p->out.parts.rest : &p->out.parts.more[root];

        if (!is_first(p, root, name, len)) {
                p->out.doubles++;
                return NULL;
        }
        if (b->len > 0)
                buf_putc(b, ',');
        buf_put(b, p->name.data, p->name.len);
        buf_putc(b, ':');
        return b;
}

static void put_string(struct parser *p, struct buf *b, const struct value *v)
{
        if (!v->escaped) {
                p->out.repaired += json_string(b, v->p, v->len);
                return;
        }
        buf_putc(b, '"');
        buf_put(b, v->p, v->len);
        buf_putc(b, '"');
}

static void put_member(struct parser *p, enum event_root root, const char *name, size_t len,
                       const struct value *v)
{
        struct buf *b = begin_member(p, root, name, len);

        if (b)
                put_string(p, b, v);
}

static void put_path(struct parser *p, const char *path, const struct value *v)
{
        size_t rest = 0, len = strlen(path);
        enum event_root root = event_root_of(path, len, &rest);

        put_member(p, root, path + rest, len - rest, v);
}

/* A key as a label's: its dots would make objects. */
static void put_label(struct parser *p, const char *key, size_t len, const struct value *v)
{
        buf_reset(&p->key);
        buf_put(&p->key, key, len);
        for (size_t i = 0; i < len; i++)
                if (p->key.data[i] == '.')
                        p->key.data[i] = '_';
        put_member(p, EVENT_LABELS, p->key.data, len, v);
}

/* --- fields --------------------------------------------------------------------------------- */

/* The value as text: its own bytes unless it holds an escape. */
static struct value plain(struct parser *p, const struct value *v)
{
        if (!v->escaped || !memchr(v->p, '\\', v->len))
                return (struct value){ v->p, v->len, false };
        buf_reset(&p->value);
        scan_unescape(&p->value, &(struct scan_value){ SCAN_STRING, v->p, v->len });
        return (struct value){ buf_cstr(&p->value), p->value.len, false };
}

static void take_time(struct parser *p, const struct value *v, int64_t read_ns)
{
        struct value text = plain(p, v);

        p->out.has_time = timeformat_parse(p->times, text.p, text.len, read_ns, &p->out.time_ns);
        p->out.bad_time = !p->out.has_time;
        p->out.parts.precise |= p->out.has_time;
}

static void take_level(struct parser *p, const struct value *v)
{
        struct value text = plain(p, v);
        const char *name = level_name(text.p, text.len);

        put_path(p, "log.level", name ? &(struct value){ name, strlen(name), false } : v);
}

static void take_message(struct parser *p, const struct value *v)
{
        struct event_parts *parts = &p->out.parts;

        if (v->escaped) {
                parts->message = v->p;
                parts->message_len = v->len;
                return;
        }
        buf_reset(&p->message);
        p->out.repaired += json_escape(&p->message, v->p, v->len);
        parts->message = buf_cstr(&p->message);
        parts->message_len = p->message.len;
}

static void take_parent(struct parser *p, const struct value *v)
{
        struct trace_headers *h = &p->out.headers;

        if (!trace_take_parent(h, v->p, v->len)) {
                put_label(p, "traceparent", strlen("traceparent"), v);
                return;
        }
        put_path(p, "trace.id", &(struct value){ h->trace_id, h->trace_id_len, false });
        put_path(p, "span.id", &(struct value){ h->span_id, h->span_id_len, false });
}

static void take(struct parser *p, enum field field, const struct value *v, int64_t read_ns)
{
        struct trace_headers *h = &p->out.headers;

        switch (field) {
        case TIME:
                take_time(p, v, read_ns);
                break;
        case LEVEL:
                take_level(p, v);
                break;
        case MESSAGE:
                take_message(p, v);
                break;
        case TRACE_PARENT:
                take_parent(p, v);
                break;
        case TRACE_ID:
                if (h->traceparent_len == 0) {
                        (void)trace_take_id(h, v->p, v->len);
                        put_path(p, "trace.id", v);
                }
                break;
        case SPAN:
                if (h->traceparent_len == 0) {
                        (void)trace_take_span(h, v->p, v->len);
                        put_path(p, "span.id", v);
                }
                break;
        case USER:
                if (!v->escaped || !memchr(v->p, '\\', v->len))
                        (void)trace_take_user(h, v->p, v->len);
                put_path(p, "user.id", v);
                break;
        case EVENT_ID: /* ours is the event's */
                put_label(p, "event_id", strlen("event_id"), v);
                break;
        case NFIELDS:
                break;
        }
}

/* found[field].p NULL: the line has none. */
static void take_all(struct parser *p, const struct value found[NFIELDS], int64_t read_ns)
{
        for (int i = 0; i < NFIELDS; i++)
                if (found[i].p)
                        take(p, (enum field)i, &found[i], read_ns);
}

static bool same(const char *name, const char *key, size_t len)
{
        return strlen(name) == len && memcmp(name, key, len) == 0; /* a key may hold NUL */
}

static int find_alias(const char *name, size_t len)
{
        for (int i = 0; i < NALIASES; i++)
                if (same(aliases[i].name, name, len))
                        return i;
        return -1;
}

/* A key and its value, of logfmt or of a pattern. rank: which alias gave the field so far. */
static void put_pair(struct parser *p, const char *key, size_t len, const struct value *v,
                     struct value found[NFIELDS], int rank[NFIELDS])
{
        int i = find_alias(key, len);

        if (i >= 0) {
                enum field field = aliases[i].field;
                if (!found[field].p || i < rank[field]) {
                        found[field] = *v;
                        rank[field] = i;
                }
                return;
        }
        for (size_t r = 0; r < p->nrenames; r++) {
                if (same(p->renames[r].name, key, len)) {
                        put_path(p, p->renames[r].path, v);
                        return;
                }
        }
        put_label(p, key, len, v);
}

/* --- json ----------------------------------------------------------------------------------- */

static struct value of_scan(const struct scan_value *v)
{
        if (v->type == SCAN_ABSENT || v->type == SCAN_NULL)
                return (struct value){ 0 };
        return (struct value){ v->p, v->len, v->type == SCAN_STRING };
}

static void lift(struct parser *p, const struct scan_value values[NALIASES], int64_t read_ns)
{
        struct value found[NFIELDS] = { 0 };

        for (int i = 0; i < NALIASES; i++) {
                enum field field = aliases[i].field;
                bool scalar = values[i].type != SCAN_OBJECT && values[i].type != SCAN_ARRAY;
                if (!found[field].p && (scalar || field == MESSAGE))
                        found[field] = of_scan(&values[i]);
        }
        p->out.parts.no_message = !found[MESSAGE].p;
        take_all(p, found, read_ns);
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
        if (info->maybe_double || info->has_newline) {
                buf_reset(&p->unique);
                p->out.doubles += json_unique(&p->unique, *text, *len);
                *text = p->unique.data;
                *len = p->unique.len;
        }
}

static enum parse_fault parse_json(struct parser *p, const char *text, size_t len, int64_t read_ns)
{
        struct scan_value values[NALIASES];
        struct scan_info info;
        const char *start;

        if (scan_json_doubles(text, len, p->paths, NALIASES, values, &info) != SCAN_IS_OBJECT)
                return PARSE_NOT_JSON;
        start = text;
        clean(p, &text, &len, &info);
        if (text != start)
                (void)scan_json(text, len, p->paths, NALIASES, values, NULL);
        while (len > 0 && *text != '{') {
                text++;
                len--;
        }
        while (len > 0 && text[len - 1] != '}')
                len--;
        struct buf *b = begin_member(p, EVENT_NROOTS, "json", strlen("json"));
        if (b) /* else a field of the configuration has the name */
                buf_put(b, text, len);
        lift(p, values, read_ns);
        return PARSE_FINE;
}

/* --- logfmt and pattern --------------------------------------------------------------------- */

static enum parse_fault parse_logfmt(struct parser *p, const char *text, size_t len, int64_t read_ns)
{
        struct logfmt l = { text, text + len };
        struct value found[NFIELDS] = { 0 };
        int rank[NFIELDS] = { 0 };
        struct logfmt_pair pair;

        if (!logfmt_is(text, len))
                return PARSE_NOT_LOGFMT;
        buf_reset(&p->copy);
        buf_reserve(&p->copy, len); /* values point into it: it may not move */
        while (logfmt_next(&l, &pair) > 0) {
                struct value v = { pair.value ? pair.value : "true", pair.value ? pair.value_len : 4, false };
                if (pair.escaped) {
                        size_t start = p->copy.len;
                        logfmt_unescape(&p->copy, pair.value, pair.value_len);
                        v = (struct value){ p->copy.data + start, p->copy.len - start, false };
                }
                put_pair(p, pair.key, pair.key_len, &v, found, rank);
        }
        take_all(p, found, read_ns);
        return PARSE_FINE;
}

static void put_groups(struct parser *p, const struct pattern *pattern, const char *text, int64_t read_ns)
{
        const struct pattern_name *names;
        size_t n = pattern_names(pattern, &names), start, end;
        struct value found[NFIELDS] = { 0 };
        int rank[NFIELDS] = { 0 };

        for (size_t i = 0; i < n; i++) {
                if (!pattern_group(pattern, names[i].group, &start, &end))
                        continue;
                struct value v = { text + start, end - start, false };
                put_pair(p, names[i].name, strlen(names[i].name), &v, found, rank);
        }
        take_all(p, found, read_ns);
}

/* PARSE_FINE: there is a match, to be asked for its groups. */
static enum parse_fault find(struct pattern *pattern, const char *text, size_t len)
{
        uint64_t before = pattern_gave_up(pattern);

        if (pattern_matches(pattern, text, len))
                return PARSE_FINE;
        return pattern_gave_up(pattern) > before ? PARSE_GAVE_UP : PARSE_NO_MATCH;
}

static enum parse_fault parse_pattern(struct parser *p, const char *text, size_t len, int64_t read_ns)
{
        enum parse_fault fault = find(p->pattern, text, len);

        if (fault == PARSE_FINE)
                put_groups(p, p->pattern, text, read_ns);
        return fault;
}

/* --- a line --------------------------------------------------------------------------------- */

/* What a configured field says is not for a line to say. */
static void begin(struct parser *p, const struct event_parts *known)
{
        p->event++;
        p->used = 0;
        event_parts_reset(&p->out.parts);
        p->out.headers = (struct trace_headers){ 0 };
        p->out.fault = PARSE_FINE;
        p->out.has_time = p->out.bad_time = false;
        p->out.doubles = p->out.repaired = 0;
        if (known) {
                p->out.parts.precise = known->precise;
                buf_put(&p->out.parts.more[EVENT_LOG], known->more[EVENT_LOG].data,
                        known->more[EVENT_LOG].len);
                (void)is_first(p, EVENT_LOG, "source", strlen("source"));
                if (p->config->how == PARSE_SYSLOG) {
                        (void)is_first(p, EVENT_LOG, "syslog", strlen("syslog"));
                        (void)is_first(p, EVENT_LOG, "level", strlen("level"));
                }
        }
        for (size_t i = 0; i < p->nfields; i++)
                (void)is_first(p, p->fields[i].root, p->fields[i].name, strlen(p->fields[i].name));
}

static enum parse_fault parse(struct parser *p, const char *text, size_t len, int64_t read_ns)
{
        switch ((enum parse_how)p->config->how) {
        case PARSE_JSON:
                return parse_json(p, text, len, read_ns);
        case PARSE_LOGFMT:
                return parse_logfmt(p, text, len, read_ns);
        case PARSE_PATTERN:
                return parse_pattern(p, text, len, read_ns);
        case PARSE_TEXT:
        case PARSE_SYSLOG: /* event/syslog.h: what it found is in the line's parts */
                break;
        }
        return PARSE_FINE;
}

const struct parsed *parser_run(struct parser *p, const struct event_line *line)
{
        begin(p, line->parts);
        p->out.fault = parse(p, line->text, line->len, line->wall_ns);
        if (p->trace && find(p->trace, line->text, line->len) == PARSE_FINE)
                put_groups(p, p->trace, line->text, line->wall_ns);
        trace_complete(&p->out.headers);
        return &p->out;
}

/* --- settings ------------------------------------------------------------------------------- */

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

static int build(struct parser *p, struct err *e)
{
        const struct parse_config *c = p->config;
        int r = make_pattern("pattern", c->pattern, &p->pattern, e);

        if (r == 0 && (c->how == PARSE_PATTERN) != (c->pattern != NULL))
                r = err_set(e, EINVAL,
                            c->pattern ? "pattern: only for lines that are parsed as \"pattern\""
                                       : "pattern: must be set, to parse lines by it");
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
        for (int i = 0; i < NALIASES; i++)
                p->paths[i] = aliases[i].name;
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
        event_parts_fini(&p->out.parts);
        buf_fini(&p->name);
        buf_fini(&p->key);
        buf_fini(&p->copy);
        buf_fini(&p->unique);
        buf_fini(&p->value);
        buf_fini(&p->message);
        free(p);
}
