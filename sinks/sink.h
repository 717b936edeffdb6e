/* SPDX-License-Identifier: Apache-2.0 */
/* sink: where records go.  A bounded asynchronous producer.
 *
 *   owner -- sink_submit(&b) --> sink ... I/O on the loop ... -- done(&b) --> owner
 *            the sink owns b now          retries in here         owner owns it again,
 *                                                                 every record has a verdict
 *
 * Contract, run against every implementation by tests/sinks/test_contract.c:
 *   - submit never blocks and never fails; each record comes back in exactly one done().
 *   - done() hands back a batch whose records all have a verdict.  A sink may split a
 *     batch so that what is settled does not wait for what must be tried again
 *     (batch_split_waiting): what goes in comes out record by record exactly once.
 *   - the sink itself tries again, with backoff, for as long as it takes; RETRY is only
 *     handed back by close, for what was not settled until then.
 *   - a verdict is given where the wire's answer is seen, never to a whole request.
 *   - inside are at most max_batches and max_bytes: submit only while sink_has_room(),
 *     more is a bug.  There is room while both are below their limit, so bytes may pass
 *     theirs by less than one batch, and a batch passes an empty sink whatever its size.
 *   - room() is called when there is room again after there was none.
 *   - done() and room() are called from the loop or from close, never from inside submit.
 *   - nothing happens behind the owner's back: trouble() says in one sentence why
 *     there is no progress, and names host, topic or index.
 * One thread: the loop's.  (A sink may have worker threads; they never call the owner.)
 */
#ifndef SLUICE_SINKS_SINK_H
#define SLUICE_SINKS_SINK_H

#include "base/err.h"
#include "base/loop.h"
#include "base/stat.h"
#include "sinks/batch.h"

struct sink;

struct sink_owner {
        void (*done)(void *arg, struct batch **b);      /* takes *b */
        void (*room)(void *arg);
        void *arg;
};

struct sink_limits { size_t max_batches, max_bytes; };

/* Numbers for /metrics: a table of rows and the struct they point into. */
struct stat_group { const struct stat_row *rows; size_t nrows; const void *base; };

struct sink_ops {
        const char *name;                               /* as written in the configuration */
        void (*submit)(struct sink *s, struct batch **b);
        const char *(*trouble)(struct sink *s);         /* one sentence, borrowed until the next turn; NULL: none */
        struct stat_group (*stats)(struct sink *s);
        void (*close)(struct sink *s);                  /* hands back what is left as RETRY through done */
        void (*free)(struct sink *s);                   /* after close; frees s itself */
};

/* The common head of every implementation's struct. */
struct sink {
        const struct sink_ops *ops;
        struct loop *loop;                              /* borrowed */
        struct sink_owner owner;
        struct sink_limits limits;
        size_t batches, bytes;                          /* inside now; bytes as charged at submit */
        size_t max_value;                               /* the largest value the destination takes; 0: not known, or any */
        bool asking;                                    /* max_value will be known in a moment: do not fill batches yet */
        bool starved;                                   /* has_room said no: room() is due */
        bool closed;                                    /* sink_close began: there is no room any more */
};

bool sink_has_room(struct sink *s);
void sink_submit(struct sink *s, struct batch **b);     /* takes *b, not empty; CHECKs the bounds */
static inline const char *sink_trouble(struct sink *s) { return s->ops->trouble(s); }
void sink_close(struct sink *s);                        /* afterwards nothing is inside */
void sink_free(struct sink *s);                         /* NULL ok; closes when that was not done */

/* For implementations: b is settled whole.  Uncharges it, calls done, then room when due. */
void sink_done(struct sink *s, struct batch **b);
/* For implementations: part was split off b and is inside from now on, on its own charge. */
void sink_split(struct sink *s, struct batch *b, struct batch *part);

#endif
