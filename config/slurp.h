/* SPDX-License-Identifier: Apache-2.0 */
/* slurp: reads a small file whole, up to a bound. */
#ifndef SLUICE_CONFIG_SLURP_H
#define SLUICE_CONFIG_SLURP_H

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"

/* Appends the file to out, whose max is the bound.  0 or -errno, the sentence without the path: EFBIG when
 * it is larger, EINVAL when it has a NUL byte and thus is no text. */
int slurp(const char *path, struct buf *out, struct err *e) MUST_CHECK;

#endif
