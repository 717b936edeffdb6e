/* SPDX-License-Identifier: Apache-2.0 */
/* err: why something could not start, in words a stranger can act on.
 *
 * Library code fills one in and returns -code; only a main prints it, once.
 * Each caller may put its own context in front on the way up:
 *
 *      sink "es": url "htp://es:9200": unknown scheme
 *      ^ added by main   ^ added by open   ^ where it went wrong
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

#include "base/check.h"

struct err {
        int code;               /* an errno value, 0 when there is no error */
        char msg[1024];         /* cut, never overrun */
};

/* Sets e and returns -code.  e may be NULL: the code alone is returned. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "text: " in front of the message and returns -e->code; -EINVAL when e is NULL. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
