/* SPDX-License-Identifier: Apache-2.0 */
/* parser: the inside of parse.h, for the files that it is made of.
 *
 *      parser.c        members and fields: what all ways of parsing do with a name and its value
 *      parse.c         a line: text, logfmt, pattern
 *      parse_json.c    a line that is a JSON object, under a name or at the event's top
 *      parse_conf.c    the settings, and what is made of them once
 *
 * Invariant: no name stands twice under one root of an event.
 */
#ifndef SLUICE_EVENT_PARSER_H
#define SLUICE_EVENT_PARSER_H

#include "event/parse.h"
#include "event/pattern.h"
#include "event/scan.h"
#include "event/timeformat.h"

enum field { FIELD_TIME, FIELD_LEVEL, FIELD_MESSAGE, FIELD_TRACE_PARENT, FIELD_TRACE_ID, FIELD_SPAN, FIELD_USER, FIELD_EVENT_ID, NFIELDS };

struct alias { const char *name; enum field field; };
extern const struct alias parser_aliases[];     /* of one field, the first that is there */
enum { NALIASES = 27 };
_Static_assert(NALIASES <= (int)SCAN_PATHS, "one scan finds them all");

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

struct top;                             /* parse_json.c */
struct top *top_new(void);
void top_free(struct top *t);           /* NULL ok */

struct parser {
        const struct parse_config *config; /* borrowed; all else is owned */
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
        struct top *top;                /* owned; NULL: JSON goes under a name */
        bool has_service, has_host, has_container;      /* the stream's own fields, of this line */
        struct parsed out;
};

/* A value as the line has it: text, or the inside of a JSON string. */
struct value {
        const char *p;
        size_t len;
        bool escaped;
};

/* Whether it is the event's first of that name under the root; then it is noted.  Leaves the name in p->name as it is
 * written: two that are repaired to the same text are the same. */
bool parser_is_first(struct parser *p, enum event_root root, const char *name, size_t len);

/* Begins a member of the root (EVENT_NROOTS: of the top): its name and the colon.  NULL: the event has one of that name,
 * which is counted. */
struct buf *parser_begin_member(struct parser *p, enum event_root root, const char *name, size_t len);

void parser_put_path(struct parser *p, const char *path, const struct value *v);
/* A key as a label's: its dots would make objects. */
void parser_put_label(struct parser *p, const char *key, size_t len, const struct value *v);

int parser_find_alias(const char *name, size_t len);    /* index, or -1 */
void parser_take_message(struct parser *p, const struct value *v);
/* found[field].p NULL: the line has none. */
void parser_take_all(struct parser *p, const struct value found[NFIELDS], int64_t read_ns);

enum parse_fault parser_json(struct parser *p, const struct event_line *line);  /* parse_json.c */

#endif
