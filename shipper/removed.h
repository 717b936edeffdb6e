/* SPDX-License-Identifier: Apache-2.0 */
/* removed: deleted files that are held open until they are shipped: tells how many, and gives up those that are due.
 *
 *      deleted --- close_removed_after ---> ended; what was not read of it is counted as lost
 *
 * Looks at all of them at the end of each scan.  One thread.
 */
#ifndef SLUICE_SHIPPER_REMOVED_H
#define SLUICE_SHIPPER_REMOVED_H

#include "shipper/known.h"

struct removed {
        struct known *known;            /* borrowed */
        int64_t tell_ms;                /* of them, in the log: not before */
};

void removed_init(struct removed *r, struct known *known);
void removed_look(struct removed *r);

#endif
