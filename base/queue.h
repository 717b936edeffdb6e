/* SPDX-License-Identifier: Apache-2.0 */
/* queue: hands work from thread to thread; the only way data crosses threads.
 *
 *     producer threads                         consumer thread(s)
 *     queue_push(q, &item) --> [i][i][i] --> queue_drain(q) / queue_pop(q)
 *          |                                     |
 *       -EAGAIN when count or bytes           queue_fd(q) is readable, signalled
 *       is at its limit                       on empty -> not empty only
 *
 * Bounded twice, by items and by bytes, because either alone lets memory run
 * away.  Full is not an error and nothing is ever dropped here: the producer
 * keeps the item and stops reading its input.  One item above the byte limit
 * passes when the queue is empty, or it would wait for ever.
 *
 * Items are intrusive: a struct qitem inside the owner's struct.
 * Threads: any number may push; either one loop drains (queue_fd, queue_drain)
 * or any number of workers pop (queue_pop blocks).
 */
#ifndef SLUICE_BASE_QUEUE_H
#define SLUICE_BASE_QUEUE_H

#include <stddef.h>

#include "base/check.h"

struct qitem {
        struct qitem *next;
        size_t bytes;           /* charged while queued; set by the producer before the push */
};

struct queue;

struct queue *queue_new(size_t max_items, size_t max_bytes);
void queue_free(struct queue *q);               /* NULL ok; must be empty: whoever closes it drains it */

/* 0: taken, *item is now NULL.  -EAGAIN: full, try after the consumer drained.
 * -EPIPE: closed, it will never be taken.  In both cases *item is still yours. */
int queue_push(struct queue *q, struct qitem **item) MUST_CHECK;

/* Everything at once, oldest first; NULL when empty.  Never blocks. */
struct qitem *queue_drain(struct queue *q);

/* The oldest item; blocks while the queue is empty and open.  NULL: closed and empty. */
struct qitem *queue_pop(struct queue *q);

void queue_close(struct queue *q);              /* wakes all poppers; what is inside can still be taken */
int queue_fd(struct queue *q);                  /* an eventfd, borrowed; readable when there is something */
size_t queue_bytes(struct queue *q);            /* a gauge */

#endif
