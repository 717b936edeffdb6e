/* SPDX-License-Identifier: Apache-2.0 */
/* when: a condition on the fields of an event.
 *
 *      log.level == debug && !(service.name in (shop, cart)) || http.response.status_code >= 500
 *
 *      FIELD                   is there, and not null
 *      FIELD == VALUE  !=      its text is VALUE; 5 and 5.0 are equal where the field is a number
 *      FIELD < VALUE  <= > >=  as numbers; a text that is one counts
 *      FIELD in (VALUE, ...)   one of them
 *      FIELD ~ PATTERN  !~     PCRE2, found anywhere in its text
 *      !  &&  ||  ( )          binding in this order
 *
 * A value of other characters than letters, digits and . _ - : / @ + stands in single quotes, '' within being one.
 * Of a field that is not there, or is an object or an array, every comparison is false but != and !~, which are true.
 * Bounded: WHEN_NODES parts, WHEN_DEPTH parentheses; a pattern's search as event/pattern.h says.  One thread per struct.
 */
#ifndef SLUICE_EVENT_WHEN_H
#define SLUICE_EVENT_WHEN_H

#include <stdbool.h>

#include "event/fields.h"

enum { WHEN_NODES = 64, WHEN_DEPTH = 16 };

struct when;

/* Puts its fields into f.  NULL with e set: where it is wrong and how. */
struct when *when_new(const char *text, struct fields *f, struct err *e);
void when_free(struct when *w);         /* NULL ok */

/* values: what a scan found for the fields of f. */
bool when_holds(struct when *w, const struct scan_value *values);

#endif
