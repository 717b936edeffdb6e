/* SPDX-License-Identifier: Apache-2.0 */
/* es_body: the body of a _bulk, built and compressed on worker threads.
 *
 *   loop                               worker threads                     loop
 *   es_builder_add(b, job) --> [in] --> write, compress --> [out] --> built(arg, job)
 *
 *      {"create":{"_index":"logs-shop-default","_id":"s1.Zk..."}}\n
 *      {"@timestamp":"...", ...}\n                                     the record's value, byte for byte
 *
 * A record's headers of the names es_header_pipeline and es_header_routing go into its action, too.
 *
 * Two exceptions to "byte for byte": a newline inside a value would end the document
 * early and shift all that follow.  In valid JSON it can only stand between tokens, so it is
 * written as a blank.  And a record without id has no _id, nor has any with auto_id: the server
 * makes one up.
 *
 * The batch is borrowed, and only read, from es_builder_add until built or es_builder_stop.
 * A worker keeps scratch memory for the largest body it met lately (at most
 * ES_SCRATCH_KEEP), a job only what is sent.  The owner bounds the number of jobs.
 */
#ifndef SLUICE_SINKS_ES_BODY_H
#define SLUICE_SINKS_ES_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/queue.h"
#include "sinks/batch.h"

enum { ES_SCRATCH_KEEP = 8 << 20 };

struct es_job {
        struct qitem item;
        const struct batch *batch;      /* its first n records */
        size_t n;

        char *body;                     /* owned by the job from built on; es_job_drop frees it */
        size_t len, raw_len;            /* as sent, and before compression */
};

struct es_body_config {
        const char *index;              /* of records without dest; borrowed for the builder's life */
        bool auto_id;                   /* ids stay here */
        int level;                      /* of gzip, libdeflate's 1 to 12; 0: not compressed */
};

/* Appends the actions of the first n records. */
void es_body_write(struct buf *out, const struct batch *b, size_t n, const struct es_body_config *config);

void es_job_drop(struct es_job *job);   /* frees the body; none: no-op */

struct es_builder;

/* At most max_jobs are inside at a time; more is a bug. built is called from the loop. */
struct es_builder *es_builder_new(struct loop *l, const struct es_body_config *config, unsigned workers, size_t max_jobs,
                                  void (*built)(void *arg, struct es_job *job), void *arg, struct err *e);
void es_builder_add(struct es_builder *b, struct es_job *job);

/* Waits for the job each worker has in hand; afterwards no job is inside and built is not called any more. */
void es_builder_stop(struct es_builder *b);
void es_builder_free(struct es_builder *b);             /* NULL ok; stops first */

const char *es_body_version(void);                      /* of libdeflate, as compiled: it has no function for it */

#endif
