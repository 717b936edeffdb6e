/* SPDX-License-Identifier: Apache-2.0 */
#include "event/parse.h"

#include <string.h>

#include "event/logfmt.h"
#include "event/parser.h"

/* --- logfmt and pattern --------------------------------------------------------------------- */

static bool same(const char *name, const char *key, size_t len)
{
        return strlen(name) == len && memcmp(name, key, len) == 0; /* a key may hold NUL */
}

/* A key and its value, of logfmt or of a pattern. rank: which alias gave the field so far. */
static void put_pair(struct parser *p, const char *key, size_t len, const struct value *v,
                     struct value found[NFIELDS], int rank[NFIELDS])
{
        int i = parser_find_alias(key, len);

        if (i >= 0) {
                enum field field = parser_aliases[i].field;
                if (!found[field].p || i < rank[field]) {
                        found[field] = *v;
                        rank[field] = i;
                }
                return;
        }
        for (size_t r = 0; r < p->nrenames; r++) {
                if (same(p->renames[r].name, key, len)) {
                        parser_put_path(p, p->renames[r].path, v);
                        return;
                }
        }
        parser_put_label(p, key, len, v);
}

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
        parser_take_all(p, found, read_ns);
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
        parser_take_all(p, found, read_ns);
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
        if (known)
                p->out.parts.precise = known->precise;
        if (known && known->more[EVENT_LOG].len > 0) {
                buf_put(&p->out.parts.more[EVENT_LOG], known->more[EVENT_LOG].data,
                        known->more[EVENT_LOG].len);
                (void)parser_is_first(p, EVENT_LOG, "source", strlen("source"));
                if (p->config->how == PARSE_SYSLOG) {
                        (void)parser_is_first(p, EVENT_LOG, "syslog", strlen("syslog"));
                        (void)parser_is_first(p, EVENT_LOG, "level", strlen("level"));
                }
        }
        for (size_t i = 0; i < p->nfields; i++)
                (void)parser_is_first(p, p->fields[i].root, p->fields[i].name, strlen(p->fields[i].name));
}

static enum parse_fault parse(struct parser *p, const struct event_line *line)
{
        switch ((enum parse_how)p->config->how) {
        case PARSE_JSON:
                return parser_json(p, line);
        case PARSE_LOGFMT:
                return parse_logfmt(p, line->text, line->len, line->wall_ns);
        case PARSE_PATTERN:
                return parse_pattern(p, line->text, line->len, line->wall_ns);
        case PARSE_TEXT:
        case PARSE_SYSLOG: /* event/syslog.h: what it found is in the line's parts */
                break;
        }
        return PARSE_FINE;
}

const struct parsed *parser_run(struct parser *p, const struct event_stream *s, const struct event_line *line)
{
        p->has_service = !s || s->has_service;
        p->has_host = !s || s->has_host;
        p->has_container = line->stream != NULL || (s && s->has_more);
        begin(p, line->parts);
        p->out.fault = parse(p, line);
        if (p->trace && find(p->trace, line->text, line->len) == PARSE_FINE)
                put_groups(p, p->trace, line->text, line->wall_ns);
        trace_complete(&p->out.headers);
        return &p->out;
}
