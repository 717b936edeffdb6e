/* SPDX-License-Identifier: Apache-2.0 */
/* scan: finds a few fields in a JSON event without building a tree.
 *
 * One pass that also proves the text to be one well-formed JSON object
 * (RFC 8259), so that what it accepts cannot spoil a bulk request.  Values are
 * slices of the text, as they stand in it.  A path is dotted ("service.name")
 * and matches nested objects, a flat key with the dots in it, and any mixture
 * ({"a.b":{"c":1}} for "a.b.c"); the first one in the text, be it null.  Nothing
 * inside an array is matched, nor is a key that is written with an escape.
 * Depth is bounded by SCAN_DEPTH; deeper is invalid, and so is a byte order
 * mark.  Lone surrogates in \u escapes are valid, as the RFC's grammar has it.
 * Thread-safe.
 */
#ifndef SLUICE_EVENT_SCAN_H
#define SLUICE_EVENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"

enum { SCAN_DEPTH = 64, SCAN_PATHS = 32 };
enum scan_type { SCAN_ABSENT, SCAN_STRING, SCAN_NUMBER, SCAN_BOOL, SCAN_NULL, SCAN_OBJECT, SCAN_ARRAY };

struct scan_value {
        enum scan_type type;
        const char *p;          /* borrowed from the text; a string without its quotes, still escaped */
        size_t len;
};

enum scan_result {
        SCAN_IS_OBJECT,         /* valid, and an object */
        SCAN_IS_OTHER,          /* valid JSON, but no object */
        SCAN_INVALID,           /* not JSON: plain text as far as we are concerned */
};

struct scan_info {
        bool has_newline;       /* a raw newline between tokens: must be blanked before it goes into a bulk */
        bool invalid_utf8;      /* somewhere in a string */
        bool maybe_double;      /* scan_json_doubles, scan_json_record: a name may stand twice in one object, at any depth; false: none does */
};

/* values[i] receives paths[i]; n is at most SCAN_PATHS.  All are SCAN_ABSENT
 * unless the text is an object.  info may be NULL; SCAN_INVALID: only what was
 * seen before the fault. */
enum scan_result scan_json(const char *text, size_t len, const char *const *paths, size_t n,
                           struct scan_value *values, struct scan_info *info);

/* scan_json that also looks for double names, in the same pass. info is not NULL. */
enum scan_result scan_json_doubles(const char *text, size_t len, const char *const *paths, size_t n,
                                   struct scan_value *values, struct scan_info *info);

/* The members of the outermost object, in their order. */
struct scan_member {
        const char *key;                /* borrowed from the text, without quotes, still escaped */
        uint32_t key_len;
        bool key_escaped;               /* holds a backslash */
        struct scan_value value;
};

struct scan_members {
        struct scan_member *list;       /* the caller's, room for max */
        size_t max;
        size_t n;                       /* all that there are: those after the first max are counted only */
};

/* scan_json that also lists the members of an object, in the same pass. */
enum scan_result scan_json_members(const char *text, size_t len, const char *const *paths, size_t n,
                                   struct scan_value *values, struct scan_info *info, struct scan_members *members);

/* p: behind a string's opening quote.  Its closing quote; NULL: it has none before end, or is not well-formed JSON in valid
 * UTF-8. */
const char *scan_string_end(const char *p, const char *end);

/* Both at once. */
enum scan_result scan_json_record(const char *text, size_t len, const char *const *paths, size_t n,
                                  struct scan_value *values, struct scan_info *info, struct scan_members *members);

/* Appends a string value of scan_json's with its escapes undone (lone surrogates
 * become U+FFFD).  Bytes that are not UTF-8 stay as they are. */
void scan_unescape(struct buf *b, const struct scan_value *v);

#endif
