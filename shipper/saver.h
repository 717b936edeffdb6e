/* SPDX-License-Identifier: Apache-2.0 */
/* saver: brings a checkpoint to the disk on a thread of its own, so that a slow disk holds up no line.
 *
 *      loop -- saver_start --> [checkpoint] --> thread: write, sync, rename
 *       ^                                            |
 *       +------------------ stored ------------------+
 *
 * One write at a time.  From saver_start to stored the checkpoint is the thread's, and the loop must not touch it.
 * All functions are the loop's; stored is called there, in a turn or inside saver_wait.
 */
#ifndef SLUICE_SHIPPER_SAVER_H
#define SLUICE_SHIPPER_SAVER_H

#include "base/loop.h"
#include "shipper/checkpoint.h"

struct saver;

/* r: 0, or -errno with its sentence. */
struct saver *saver_new(struct loop *l, void (*stored)(void *arg, int r, const struct err *e), void *arg);
void saver_free(struct saver *s);               /* NULL ok; waits for a write that is under way, stored is not called */

/* Writes what was put; rewrite: what was put since checkpoint_rewrite_begin becomes all of it.  Not busy. */
void saver_start(struct saver *s, struct checkpoint *c, bool rewrite);
bool saver_busy(const struct saver *s);
bool saver_wait(struct saver *s, int ms);       /* until it is not busy; false: it still is after so long */

#endif
