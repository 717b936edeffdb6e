/* SPDX-License-Identifier: Apache-2.0 */
/* naming: an index template (event/template.h) whose fields are found among those of a common scan.  One thread. */
#ifndef SLUICE_COLLECTOR_NAMING_H
#define SLUICE_COLLECTOR_NAMING_H

#include "event/fields.h"
#include "event/template.h"

struct naming {
        struct template *template;      /* owned; NULL: none */
        size_t at[TEMPLATE_FIELDS];     /* numbers of its fields */
};

/* Puts its fields into f.  -EINVAL, -E2BIG: e says why. */
int naming_init(struct naming *n, const char *text, struct fields *f, struct err *e) MUST_CHECK;
void naming_fini(struct naming *n);     /* zeroed struct ok */

/* Picks its fields' values out of those of the scan, for template_expand. Returns how many. */
size_t naming_values(const struct naming *n, const struct scan_value *values, struct scan_value *ret);

#endif
