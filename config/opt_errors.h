/* SPDX-License-Identifier: Apache-2.0 */
/* opt_errors: everything that is wrong, one sentence a line: "shipper.cfg:12: kafka.lingr: unknown; did you mean linger?" */
#ifndef SLUICE_CONFIG_OPT_ERRORS_H
#define SLUICE_CONFIG_OPT_ERRORS_H

#include "base/buf.h"
#include "base/check.h"

struct opt_errors { struct buf text; unsigned count; };
void opt_complain(struct opt_errors *errors, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
