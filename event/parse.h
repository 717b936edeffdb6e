/* SPDX-License-Identifier: Apache-2.0 */
/* parse: from the text of a line to the fields of an event; the same in both programs.
 *
 *      {"ts":1795428000.5,"lvl":"WARN","msg":"slow","trace_id":"4bf9...","n":3}        parse = "json"
 *        time    level     message   trace                                             known names: parser.c
 *      -->  @timestamp, log.level "warn", message "slow", trace.id, and all of it under json
 *
 *      how       what becomes of the rest
 *      json      the object as it stands, byte for byte, under json (a second member of one name goes); or, with
 *                json_at = "top", its members at the top of the event
 *      logfmt    labels.KEY
 *      pattern   labels.GROUP, for the named groups; `rename` says another place
 *
 * A line that is not what it should be stays text, whole, as its message: `fault` says why.  A time in none of
 * time_formats leaves the read time.  Ids that are well-formed become headers (event/trace.h).
 * One thread per struct.
 */
#ifndef SLUICE_EVENT_PARSE_H
#define SLUICE_EVENT_PARSE_H

#include "base/err.h"
#include "config/opt.h"
#include "event/event.h"
#include "event/trace.h"

enum parse_how { PARSE_TEXT, PARSE_JSON, PARSE_LOGFMT, PARSE_PATTERN, PARSE_SYSLOG };
extern const char *const parse_how_names[];

struct parse_config {
        int64_t how;                    /* enum parse_how */
        char *json_at;                  /* "top", or where the object goes; NULL: json */
        char *pattern;
        struct strlist rename;          /* "group=path" */
        struct strlist time_formats;
        char *time_zone;
        char *trace_pattern;
        struct strlist fields;          /* "name=value", the same for every event */
};

/* Rows for a table whose struct has a struct parse_config at `at`; NAME is what `how` is called there. */
#define PARSE_OPTS(NAME, at)                                                                                            \
        { NAME, OPT_CHOICE, (at) + offsetof(struct parse_config, how), .def = "text", .choices = parse_how_names,       \
          .help = "what a line is; its known fields are lifted, a line that is not so stays text; syslog: RFC 5424, RFC 3164" },     \
        { "json_at", OPT_STRING, (at) + offsetof(struct parse_config, json_at), .def = "json",                          \
          .help = "for \"json\": the field that the object goes to; top: its members go to the top of the event" },      \
        { "pattern", OPT_STRING, (at) + offsetof(struct parse_config, pattern),                                         \
          .help = "for \"pattern\": a PCRE2 pattern whose named groups are fields: (?<level>\\\\w+)" },                 \
        { "rename", OPT_LIST, (at) + offsetof(struct parse_config, rename),                                             \
          .help = "\"NAME=FIELD\": where a key of logfmt or a group goes; else to labels.NAME" },                       \
        { "time_formats", OPT_LIST, (at) + offsetof(struct parse_config, time_formats), .def = "auto",                  \
          .help = "of a line's time: auto, rfc3339, iso8601, rfc3164, rfc1123, clf, unix, unix_ms, or as strptime" },   \
        { "time_zone", OPT_STRING, (at) + offsetof(struct parse_config, time_zone), .def = "local",                     \
          .help = "of times without one: local, UTC or an offset as +01:00" },                                          \
        { "trace_pattern", OPT_STRING, (at) + offsetof(struct parse_config, trace_pattern),                             \
          .help = "PCRE2 pattern with groups named trace_id, span_id, user_id or traceparent, found in any line" },     \
        { "fields", OPT_LIST, (at) + offsetof(struct parse_config, fields),                                             \
          .help = "\"NAME=VALUE\", in every event: env=prod is labels.env, service.version=7 as it is" }

/* Adds the configured fields to a stream. */
void parse_add_fields(const struct parse_config *c, struct event_stream *s);

enum parse_fault {
        PARSE_FINE, PARSE_NOT_JSON, PARSE_NOT_LOGFMT, PARSE_NO_MATCH, PARSE_GAVE_UP,
        PARSE_TOO_MANY,                 /* members, for the top of an event */
        PARSE_NFAULTS
};

struct parsed {
        struct event_parts parts;
        struct trace_headers headers;
        enum parse_fault fault;
        bool has_time;                  /* time_ns is the line's */
        bool bad_time;                  /* it has one, in no known form */
        int64_t time_ns;
        size_t doubles;                 /* members left out, of a name that stood before them */
        size_t repaired;                /* U+FFFD put in for invalid UTF-8, beside those that event_write counts */
};

struct parser;

/* NULL without an error: there is nothing to do for any line.  -EINVAL: a pattern, a format or a field is wrong. */
int parser_new(const struct parse_config *c, struct parser **ret, struct err *e) MUST_CHECK;
void parser_free(struct parser *p);     /* NULL ok */

/* Of a line its text and wall_ns (the read time) are looked at; what its parts have is kept. s: what it will be written
 * to; NULL: one with everything.  Borrowed from the parser and from the text, until the next call. */
const struct parsed *parser_run(struct parser *p, const struct event_stream *s, const struct event_line *line);

#endif
