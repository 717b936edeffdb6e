/* SPDX-License-Identifier: Apache-2.0 */
/* check: `sluice-shipper check`: would it work?  Looks at the files, the state directory and the cluster; changes
 * nothing, and may run beside the shipper that it is about.
 */
#ifndef SLUICE_SHIPPER_CHECK_H
#define SLUICE_SHIPPER_CHECK_H

#include "shipper/conf.h"
#include "status/report.h"

/* c: loaded and finished; file: where it came from, NULL: the command line alone. */
void shipper_check(const struct shipper_config *c, const char *file, struct report *r);

#endif
