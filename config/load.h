/* SPDX-License-Identifier: Apache-2.0 */
/* load: libconfig's text becomes nodes.  The only part that knows libconfig, which stops at its first
 * syntax error; all that it can parse is checked whole, later and by the tables.
 */
#ifndef SLUICE_CONFIG_LOAD_H
#define SLUICE_CONFIG_LOAD_H

#include "config/node.h"
#include "config/opt_errors.h"

/* 0 and *ret, owned by the caller, or with sentences in errors: -errno when the file cannot be read, -EINVAL. */
int load_file(const char *path, struct node **ret, struct opt_errors *errors) MUST_CHECK;

/* One value as it would stand behind a `=`: `"dead"`, `[ "a", "b" ]`. */
int load_value(const char *text, const char *where, struct node **ret, struct opt_errors *errors) MUST_CHECK;

const char *load_version(void);         /* of libconfig, as compiled: it has no function for it */

#endif
