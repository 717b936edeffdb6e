/* SPDX-License-Identifier: Apache-2.0 */
/* fields: the set of fields that somebody looks at in an event, so that one scan finds them all.
 *
 *      template --+                        fields_want(f, "log.level") == 3
 *      condition --+--> struct fields  --> scan_json(text, len, f->path, f->n, values) --> values[3]
 *      id_field --+
 *
 * Each path once; at most SCAN_PATHS.  Filled when a configuration is compiled, then only read.
 */
#ifndef SLUICE_EVENT_FIELDS_H
#define SLUICE_EVENT_FIELDS_H

#include "base/err.h"
#include "event/scan.h"

struct fields {
        const char *path[SCAN_PATHS];   /* owned copies */
        size_t n;
};

void fields_fini(struct fields *f);     /* zeroed struct ok */

/* The number of the path's value. -E2BIG: there are too many. */
int fields_want(struct fields *f, const char *path, struct err *e) MUST_CHECK;

#endif
