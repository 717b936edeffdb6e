/* SPDX-License-Identifier: Apache-2.0 */
/* edit: a JSON object with some of its fields set, moved or dropped, and all else byte for byte.
 *
 *      {"log":{"level":"INFO","a":1},"message":"x"}      set log.level "info", drop message, set trace.id "4b.."
 *      {"log":{"a":1,"level":"info"},"trace":{"id":"4b.."}}
 *
 * Paths are dotted and meet nested objects and flat keys alike, as a scan's do.  A field that is set takes the place of
 * what stood there, in the object that is there or, below the top, in a new one; what stands deeper becomes a flat
 * key in it.  Where a text or a number stands in the way of an object, the change is left out: nothing is lost for it.
 * Of two changes to one path the last counts.  One thread per struct.
 */
#ifndef SLUICE_EVENT_EDIT_H
#define SLUICE_EVENT_EDIT_H

#include "base/buf.h"
#include "event/redact.h"
#include "event/scan.h"

enum { EDIT_MEMBERS = 1024, EDIT_DEPTH = 8 };   /* an object of more members, or deeper in, stays as it is */

struct edit;

struct edit *edit_new(void);
void edit_free(struct edit *e);         /* NULL ok */
void edit_reset(struct edit *e);        /* no changes */
bool edit_any(const struct edit *e);

/* path and json, valid JSON, are copied. */
void edit_set(struct edit *e, const char *path, size_t path_len, const char *json, size_t json_len);
void edit_drop(struct edit *e, const char *path, size_t path_len);

/* Sets each of `members`, "\"a\":1,\"b\":2", below the path root; root_len 0: at the top. */
void edit_set_members(struct edit *e, const char *root, size_t root_len, const struct buf *members);

/* Appends the changed object.  text: a JSON object. */
void edit_run(struct edit *e, const char *text, size_t len, struct buf *ret);

/* Appends the object with what has to go taken out of each text and number in it; keys, @timestamp and our ids stay.  Returns in how many
 * values. */
size_t edit_redact(struct redact *r, const char *text, size_t len, struct buf *ret);

#endif
