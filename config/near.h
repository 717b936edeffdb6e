/* SPDX-License-Identifier: Apache-2.0 */
/* near: which of the known names did the writer of "lingr" mean?
 *
 *      near_init(&n, "lingr");
 *      near_offer(&n, "linger"); near_offer(&n, "acks");
 *      near_best(&n);                          "linger"
 *
 * Distance: characters added, left out, changed or swapped with their neighbour.
 * Names are borrowed.  One thread.
 */
#ifndef SLUICE_CONFIG_NEAR_H
#define SLUICE_CONFIG_NEAR_H

#include <stddef.h>

struct near {
        const char *word, *best;
        size_t distance;        /* of best */
};

void near_init(struct near *n, const char *word);
void near_offer(struct near *n, const char *name);
const char *near_best(const struct near *n);    /* NULL: nothing is near enough to be meant */

#endif
