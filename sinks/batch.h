/* SPDX-License-Identifier: Apache-2.0 */
/* batch: records on their way to a sink and back, with a verdict each.
 *
 *      data   |value 0|key 0|value 1|key 1| ...        one buffer, written once
 *      recs   [0]-^   ^     [1]-^                      slices of it
 *      notes  |reason of 3|reason of 7|                written by the sink
 *
 * A batch has one owner at a time: who holds the pointer.  Between submit and
 * done that is the sink, and data and recs do not move (librdkafka sends right out
 * of data).  `origin` and `seq` are the owner's: where the record came from, and
 * its entry in that origin's ack window.
 */
#ifndef SLUICE_SINKS_BATCH_H
#define SLUICE_SINKS_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/queue.h"

enum verdict {
        VERDICT_NONE,           /* not settled yet */
        VERDICT_DONE,           /* stands at the destination for good */
        VERDICT_DUPLICATE,      /* stood there already under its id */
        VERDICT_RETRY,          /* unknown or not now: the sink closed before it was settled; the position stays */
        VERDICT_REJECT,         /* the destination will never take it: status and reason say why */
        VERDICT_PARK,           /* it would one day, but the owner's limit of waiting is over; as REJECT otherwise */
};

struct slice { uint32_t off, len; };

struct header { const char *name; struct slice value; };       /* name: static or outlives the batch */

struct record {
        struct slice value;             /* in data */
        struct slice key;               /* Kafka message key; len 0: none */
        struct slice id;                /* _id; len 0: none */
        struct slice dest;              /* topic or index; len 0: the sink's own */
        uint32_t first_header;          /* in headers */
        uint16_t nheaders;

        uint8_t verdict;                /* enum verdict; the sink's */
        uint16_t status;                /* as the wire said: an HTTP status, a librdkafka error code negated */
        struct slice reason;            /* in notes; for people and for the dead letters */

        uint32_t weight;                /* lines in it, for the ledger */
        void *origin;                   /* owner's: the file, the partition */
        uint64_t seq;                   /* owner's: entry in the origin's ack window */
        int64_t meta[2];                /* owner's: the collector keeps offset and timestamp here */

        struct batch *batch;            /* set by the sink while inside: from a record back to its batch */
};

struct batch {
        struct qitem item;              /* link while in a queue; whoever owns it may use next */
        struct buf data, notes;
        struct record *recs;            /* owned */
        size_t n, cap;
        struct header *headers;         /* owned */
        size_t nheaders, headers_cap;

        size_t waiting;                 /* records without verdict; kept by batch_add and batch_settle */
        unsigned tries;                 /* sink's */
        int64_t opened_ms;              /* owner's: loop time of the first record */
        size_t charged;                 /* bytes charged to the sink while inside */
        void *sink_data;                /* sink's; NULL outside */
};

struct batch *batch_new(size_t bytes_hint);
void batch_free(struct batch *b);                               /* NULL ok */
void batch_expect(struct batch *b, size_t records);             /* room for so many, while it is empty */

/* Starts a record and returns it; valid until the next call. Fill value etc. with batch_since. */
struct record *batch_add(struct batch *b);
void batch_undo_add(struct batch *b, size_t data_len);          /* takes the last record back; data is cut to data_len */

void batch_fit(struct batch *b);        /* nothing more will be added: gives back memory when it uses less than half */

struct slice batch_put(struct batch *b, const void *p, size_t n);       /* appends to data */
static inline struct slice batch_since(const struct batch *b, size_t start) { return (struct slice){ (uint32_t)start, (uint32_t)(b->data.len - start) }; }
static inline const char *batch_at(const struct batch *b, struct slice s) { return b->data.data + s.off; }

void batch_header(struct batch *b, struct record *r, const char *name, const void *value, size_t n); /* right after its batch_add */

/* Settles r, once; a second verdict is a bug. reason may be NULL; it is cut at BATCH_REASON_MAX. */
enum { BATCH_REASON_MAX = 1024 };
void batch_settle(struct batch *b, struct record *r, enum verdict v, unsigned status, const char *reason, size_t reason_len);
const char *batch_reason(const struct batch *b, const struct record *r);        /* not NUL-terminated, r->reason.len long */

/* Moves the records without verdict into a new batch (their bytes are copied), so
 * that what is settled need not wait for what is not.  NULL when there are none.
 * Those that stay move up in recs, in their order; data stays where it is. */
struct batch *batch_split_waiting(struct batch *b);

/* Memory it holds, with BATCH_RECORD_OVERHEAD for what a client library adds per message. */
enum { BATCH_RECORD_OVERHEAD = 300 };
size_t batch_bytes(const struct batch *b);

#endif
