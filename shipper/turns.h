/* SPDX-License-Identifier: Apache-2.0 */
/* turns: whose turn it is to be read, and who waits for the rest of an event.
 *
 *      turns_touch --> [ready][ready][ready] --> turns_pop --> reader --> turns_push, or the file is idle
 *           ^
 *           +--- one timer for all --- [waiting for another line, or a line's end]
 *
 * Files with unread bytes stand in one queue and get one share each in turn, so none starves.  One that comes after another
 * (order) has no turn before that is read to its end.  Of a ring's segments the oldest is read to its end first, so its lines
 * keep their order.  A file in the queue is FILE_READY, and those that are stand in it; one that waits for the rest of an event
 * may be in the queue or idle.  One thread.
 */
#ifndef SLUICE_SHIPPER_TURNS_H
#define SLUICE_SHIPPER_TURNS_H

#include "base/loop.h"
#include "shipper/file.h"

struct turns {
        struct loop *loop;              /* borrowed */
        struct file *first, **last;     /* FILE_READY, in turn */
        struct file *waiting;           /* those whose last event may get another line */
        struct timer wait_timer;        /* for the first of them that is due */
};

void turns_init(struct turns *t, struct loop *loop);
void turns_fini(struct turns *t);

void turns_touch(struct turns *t, struct file *f);      /* it may have grown: idle becomes ready */
void turns_push(struct turns *t, struct file *f);       /* ready, and in no queue */
struct file *turns_pop(struct turns *t);                /* there is one */
void turns_remove(struct turns *t, struct file *f);     /* it is in the queue */

/* f is read to its end.  What stands there unfinished waits for its input's timeout, then f is ready once more. */
void turns_wait(struct turns *t, struct file *f);
void turns_wait_no_more(struct file *f);                /* not waiting: no-op */
bool turns_waited(const struct turns *t, const struct file *f);         /* it did not grow for the whole timeout */

#endif
