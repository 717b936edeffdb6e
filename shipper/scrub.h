/* SPDX-License-Identifier: Apache-2.0 */
/* scrub: redacts what came from a socket or stdin before it is written to the ring.
 *
 *      <13>1 2026-... web su - - - card 4111 1111 1111 1111   -->   <13>1 2026-... web su - - - card [redacted]
 *
 * Of syslog the message is looked at by itself as well: there a pattern may say ^, and JSON may begin.  Reading the
 * ring redacts again, by the rules of then, and leaves alone what was.  Owned by a listener; one thread.
 */
#ifndef SLUICE_SHIPPER_SCRUB_H
#define SLUICE_SHIPPER_SCRUB_H

#include "shipper/conf.h"

struct scrub {
        struct redact *redact;          /* owned; NULL: nothing has to go */
        bool syslog;
        struct buf text;
};

/* in is borrowed until the next set or fini. */
void scrub_set(struct scrub *s, const struct input_config *in);         /* zeroed struct ok */
void scrub_fini(struct scrub *s);                                       /* zeroed struct ok */

/* Returns how many places were redacted; *text and *len are then the new text, borrowed until the next call. */
size_t scrub_run(struct scrub *s, const char **text, size_t *len);

#endif
