/* SPDX-License-Identifier: Apache-2.0 */
/* dlq_print: how the verb `dlq` speaks: what stands in letters to stdout, errors to stderr. */
#ifndef SLUICE_COLLECTOR_DLQ_PRINT_H
#define SLUICE_COLLECTOR_DLQ_PRINT_H

#include <stddef.h>

#include "base/err.h"

/* Prints text without what a terminal would obey. */
void dlq_print_text(const char *p, size_t n);

/* Says e.  The exit code of its -errno. */
int dlq_fail(int error, const struct err *e);

#endif
