/* SPDX-License-Identifier: Apache-2.0 */
/* share: how much of the budget one partition may hold before it is paused alone.  A part of consume.h.
 *
 *      budget  |--- p7, waits ---|- p2, waits -|--- p0, p1 ... go on ---|
 *              half of all         half of what p7 leaves       ... and so on
 *
 * A document that cannot be stored for now (a read-only index) keeps its place in memory; the records behind it are taken
 * until its partition holds half of what the partitions that wait already leave, or a 64th of all.  Then it stops, and
 * the others go on with the rest.  A partition that is the only one has nobody to leave room for.
 *
 * It resumes, with a seek to its next offset, when half of what it held at the pause is settled.  Pausing all partitions
 * is another thing: what is paused alone is neither paused nor resumed with the others.  One thread.
 */
#ifndef SLUICE_COLLECTOR_SHARE_H
#define SLUICE_COLLECTOR_SHARE_H

#include "collector/group.h"

enum {
        SHARE_SENTENCE = 1024,
        SHARE_STANDS_MS = 5000,         /* a record that waits so long is stuck, not on its way */
};

void share_look(struct consume *c, struct partition *p);        /* a record of p was taken */
void share_look_all(struct consume *c);                         /* partitions have come */
void share_turn(struct consume *c);                             /* each turn: resumes those that may; while all are paused, looks who it is for */
void share_left(struct consume *c, struct partition *p);        /* p is no longer ours */

/* Too many bulks wait, each with a little: pauses the partition whose oldest record waits longest, unless none is stuck. */
void share_hold_oldest(struct consume *c);

/* Pauses what is to be paused of a list that was assigned anew. */
void share_pause_again(struct consume *c, rd_kafka_topic_partition_list_t *list);

size_t share_waiting(const struct consume *c);                  /* bytes held by those paused alone or gone */
const struct partition *share_oldest(const struct consume *c);  /* paused alone for longest; NULL: none is */

/* For people: which, for how long, and what it waits for; cause may be NULL. */
void share_sentence(const struct consume *c, const struct partition *p, const char *cause, char ret[SHARE_SENTENCE]);

#endif
