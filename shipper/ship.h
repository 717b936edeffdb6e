/* SPDX-License-Identifier: Apache-2.0 */
/* ship: from a framed line to its verdict.
 *
 *   tail -- ship_line --> [open batch] -- ship_flush --> sink -- done --> file's ack window
 *                 ^                                        |
 *                 +------------ stop reading <-------------+  ship_has_room() is false
 *
 * The only place that counts lines_in_flight, and the only one that moves a
 * file's window.  A line is settled when the output took it (acked) or will
 * never take it (dropped, logged); RETRY, which only a close hands back, leaves
 * the window where it is: the next run reads those lines again.  One thread.
 */
#ifndef SLUICE_SHIPPER_SHIP_H
#define SLUICE_SHIPPER_SHIP_H

#include "base/loop.h"
#include "shipper/address.h"
#include "shipper/file.h"
#include "shipper/frame.h"
#include "shipper/stats.h"
#include "sinks/sink.h"

struct ship_hooks {
        void (*settled)(void *arg, struct file *f);     /* its window moved, or nothing of it is in flight now */
        void (*room)(void *arg);                        /* reading may go on */
        void *arg;
};

struct ship;

struct ship *ship_new(struct loop *l, struct shipper_stats *stats, const struct ship_hooks *hooks);
void ship_free(struct ship *s);                         /* NULL ok; after the sink is closed */

/* The sink is made with this owner, then given here; borrowed. */
struct sink_owner ship_owner(struct ship *s);
void ship_set_sink(struct ship *s, struct sink *sink);
/* From now on a line's record carries its id and its index; borrowed. Only Elasticsearch wants them. */
void ship_set_address(struct ship *s, struct address *a);

/* From now on a record holds many lines, in the batch format, and its value has at most record_bytes. */
void ship_use_batches(struct ship *s, size_t record_bytes);

/* From now on lines are parsed as their inputs say; borrowed. -EINVAL: a setting is wrong. */
int ship_set_inputs(struct ship *s, const struct tablelist *inputs, struct err *e) MUST_CHECK;

bool ship_has_room(struct ship *s);                     /* false: stop reading, room() will come */
/* Adds the event that stands at frame->at behind position of f.  limit: what its text may take as JSON; it is cut
 * there and marked.  Ask ship_has_room before each, but never between two of which the first has size 0. */
void ship_line(struct ship *s, struct file *f, int64_t position, const struct frame *frame, size_t limit);

/* So many bytes up to position hold no event: it is settled with those before it. */
void ship_pass(struct ship *s, struct file *f, int64_t position, size_t size);

/* What was given before goes before what comes, whatever file it is of. */
void ship_part(struct ship *s);

/* So many bytes of the budget are somebody else's from now on; 0: none. */
void ship_lend(struct ship *s, size_t bytes);

/* End of turn, every turn: what is open goes, unless the output is behind; then it waits for company, so that
 * lines that trickle in during an outage do not fill the budget with batches of one. */
void ship_flush(struct ship *s);
bool ship_idle(const struct ship *s);                   /* nothing in flight, nothing open */

#endif
