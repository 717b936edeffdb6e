/* SPDX-License-Identifier: Apache-2.0 */
/* json: writes JSON text.  Any bytes in, valid JSON out: invalid UTF-8 becomes
 * U+FFFD (one per maximal subpart, Unicode 15 section 3.9), control characters,
 * quote and backslash are escaped (RFC 8259 section 7).
 *
 * Used by everything that writes JSON: events, /status, the JSON log.
 */
#ifndef SLUICE_BASE_JSON_H
#define SLUICE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Appends the bytes as the inside of a JSON string, without the quotes.
 * Returns the number of U+FFFD that were put in: 0 for valid UTF-8. */
size_t json_escape(struct buf *b, const char *p, size_t n);

/* How many of the n bytes go into `max` bytes when they are escaped; never half a character. */
size_t json_fit(const char *p, size_t n, size_t max);

/* The same as json_escape, with quotes. */
size_t json_string(struct buf *b, const char *p, size_t n);
void json_cstring(struct buf *b, const char *s);

/* Appends text with each maximal subpart that is no UTF-8 replaced by U+FFFD and all else as it is. */
void json_repair_utf8(struct buf *b, const char *p, size_t n);

/* A writer that sets the commas, for documents a person reads (/status):
 *      json_open(&w, NULL, '{'); json_int(&w, "lag", 3); json_close(&w, '}');
 * key is NULL inside an array and at the top. */
struct json_out {
        struct buf *b;          /* borrowed */
        bool comma;             /* the next member needs one in front */
};
void json_open(struct json_out *w, const char *key, char bracket);      /* '{' or '[' */
void json_close(struct json_out *w, char bracket);                      /* '}' or ']' */
void json_str(struct json_out *w, const char *key, const char *value);  /* NULL value: null */
void json_int(struct json_out *w, const char *key, int64_t value);
void json_num(struct json_out *w, const char *key, double value);       /* not finite: null */
void json_bool(struct json_out *w, const char *key, bool value);

#endif
