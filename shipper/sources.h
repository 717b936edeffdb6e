/* SPDX-License-Identifier: Apache-2.0 */
/* sources: all inputs that are no files, and their rings in the state directory.
 *
 *      inputs with listen --> listener --> STATE/ring/NAME --> tail, like the files of any other input
 *                                 ^                                    |
 *                                 +------ acknowledged: deleted <------+
 *
 * Outlives a reload: an input whose address and ring stay the same keeps its socket, its connections and what
 * is half read.  With --once sockets are not opened: their rings are shipped to the end, that is all.
 * One thread.
 */
#ifndef SLUICE_SHIPPER_SOURCES_H
#define SLUICE_SHIPPER_SOURCES_H

#include "shipper/listen.h"
#include "shipper/tail.h"

struct sources;

struct sources *sources_new(struct loop *loop, struct shipper_stats *stats);    /* both borrowed */
void sources_free(struct sources *s);                                           /* NULL ok */

/* Makes the listeners those of the configuration, which is borrowed until the next call, as is tail.  After an error
 * the caller configures again, or frees. */
int sources_configure(struct sources *s, const struct shipper_config *config, struct tail *tail, struct err *e) MUST_CHECK;
void sources_detach(struct sources *s);         /* NULL ok; the tail goes away, the listeners stay */

void sources_collect(struct sources *s);        /* end of turn: deletes what is acknowledged and stored */
void sources_finish(struct sources *s);         /* the program stops: no more is taken */

bool sources_any(const struct sources *s);
bool sources_ended(const struct sources *s);    /* nothing more will come: stdin has ended, or --once without stdin */
const char *sources_trouble(const struct sources *s);   /* the first that takes nothing, or NULL */
void sources_each(const struct sources *s, void (*fn)(void *arg, const struct listener_view *v), void *arg);

#endif
