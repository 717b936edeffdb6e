/* SPDX-License-Identifier: Apache-2.0 */
/* shape_rules: the tables behind shape.h.  Constant; any thread. */
#ifndef SLUICE_EVENT_SHAPE_RULES_H
#define SLUICE_EVENT_SHAPE_RULES_H

#include <stdbool.h>

#include "event/shape.h"

/* What a value is, for a rule: bits, a value may be several of them. */
enum {
        V_TEXT = 1,             /* any string */
        V_PATH = 2,             /* a string that is an absolute path */
        V_TOKEN = 4,            /* a string of one word, as ids are */
        V_NUMBER = 8,
        V_BOOL = 16,
        V_LIST = 32,            /* an array of anything but objects */
        V_OBJECT = 64,
        V_OBJECTS = 128,        /* an array of objects, or an empty one: Elasticsearch takes it for an object */
        V_NULL = 256,
        V_SCALAR = V_TEXT | V_NUMBER | V_BOOL | V_LIST,
        V_ANY_OBJECT = V_OBJECT | V_OBJECTS,
};

/* How it is written.  One that cannot be converted is not moved by that rule. */
enum shape_convert {
        C_AS_IS,
        C_TEXT,                 /* anything but a string: its JSON text as a string */
        C_LINE,                 /* without the newline at its end; journald's array of bytes as text */
        C_TIME,                 /* RFC 3339, or seconds, ms, us or ns since 1970 told by their size */
        C_LEVEL,                /* syslog's 0 to 7 and bunyan's 10 to 60 by name; a name as it is */
        C_NUMBER,               /* digits in a string */
};

enum {
        R_MAY = 0,              /* stays under its own name where the place is taken */
        R_MUST = 1,             /* does not */
        R_ALSO = 2,             /* the next rule for this key applies as well */
};

struct shape_rule {
        const char *key;
        unsigned takes;         /* V_ bits: the rule is for these values */
        enum shape_convert convert;
        const char *to;         /* dotted path in the document, NULL: only away from here */
        unsigned flags;         /* R_ bits */
};

/* Rules of one key stand together; the first whose place is free is taken. */
struct shape_rules { const struct shape_rule *rows; size_t n; };

extern const struct shape_rules shape_common;   /* apply to every shape, after its own */

struct shape_need { const char *key; unsigned is; };

struct shape_known {
        enum shape_kind kind;
        struct shape_need needs[3];     /* all of them; the first is what makes an event worth a closer look */
        struct shape_rules rules;
        bool strip_underscore;          /* a key `_x` is x, and labels.x when no rule knows that */
};

extern const struct shape_known shape_known[];  /* the first that fits */
extern const size_t shape_nknown;

#endif
