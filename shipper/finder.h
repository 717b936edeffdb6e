/* SPDX-License-Identifier: Apache-2.0 */
/* finder: who is who: which file stands at a path now, and where one that stood there has gone.
 *
 *   watch -- found, touched, moved, gone --> finder --> known: begun, moved, ended
 *                                              |
 *                                              +--> turns: it may have grown
 *
 * When a path suddenly holds another file than the one known there, the old one is looked for among the siblings
 * ("a.log.1"), and what was born after it and rotated away unseen is shipped too.  One thread.
 */
#ifndef SLUICE_SHIPPER_FINDER_H
#define SLUICE_SHIPPER_FINDER_H

#include "shipper/known.h"
#include "shipper/ship.h"

struct finder {
        struct known *known;            /* borrowed, as the next two */
        const struct shipper_config *config;
        struct ship *ship;
        int64_t started_ns;             /* wall */
        int64_t too_old;                /* files the scan under way left alone by ignore_older */
};

void finder_init(struct finder *s, struct known *known, struct ship *ship);

/* What watch tells. Paths are borrowed for the call. */
void finder_found(struct finder *s, const char *path, const struct input_config *input);        /* it is there, known or not */
void finder_touched(struct finder *s, const char *path);        /* it may have grown */
void finder_moved(struct finder *s, const char *from, const char *to);
void finder_gone(struct finder *s, const char *path);
void finder_scanning(struct finder *s);                         /* all patterns are about to be matched ... */
void finder_scanned(struct finder *s);                          /* ... and were */

#endif
