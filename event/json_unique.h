/* SPDX-License-Identifier: Apache-2.0 */
/* json_unique: a JSON text without the second of two members of one name, at any depth.
 *
 *      {"a":1,"b":{"c":1,"c":2},"\u0061":3}   -->   {"a":1,"b":{"c":1}}
 *
 * Elasticsearch refuses a document with such a pair, and with it a whole bulk where it is set up so.  The first one
 * stays, as scan finds it.  Keys are compared with their escapes undone.  Raw newlines between tokens
 * become blanks.  Thread-safe.
 */
#ifndef SLUICE_EVENT_JSON_UNIQUE_H
#define SLUICE_EVENT_JSON_UNIQUE_H

#include <stddef.h>

#include "base/buf.h"

/* Appends text, which scan_json has found to be valid.  Returns how many members were left out. */
size_t json_unique(struct buf *b, const char *text, size_t len);

#endif
