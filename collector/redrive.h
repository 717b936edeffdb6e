/* SPDX-License-Identifier: Apache-2.0 */
/* redrive: the verb `dlq redrive`: letters are read, batched and sent by the elasticsearch sink; what comes back well is marked.
 *
 *   letters_read --> [open batch] --> sink (elasticsearch) --> [answered] --> letters_mark
 *       waits while the sink has no room                          refused: printed, stays open
 *
 * Order: a letter is marked behind the index's answer, never before.  One thread; the reading calls the loop.
 */
#ifndef SLUICE_COLLECTOR_REDRIVE_H
#define SLUICE_COLLECTOR_REDRIVE_H

#include "collector/dlq_filter.h"
#include "collector/letters.h"

int redrive_letters(const struct collector_config *c, struct letters *ls, const struct dlq_filter *f);  /* an exit code */

#endif
