/* SPDX-License-Identifier: Apache-2.0 */
/* file: the sink that writes records to a file as NDJSON, with rotation and, if asked for, lz4.
 *
 *   submit --> [waiting] --> job --> worker thread: text, lz4, write, sync (roll.h) --> back on the loop
 *                 ^           one at a time, up to JOB_BYTES of batches                  |        |
 *   done <--------|----------------------------------------------------- all written ---+        |
 *                 +------------------------------------- nothing written: backoff, trouble -------+
 *
 * A disk can hang for seconds, so it is a worker that writes.  While a job is under way the next batches gather;
 * one job writes and syncs them all: the slower the disk, the larger the jobs.  A job is written
 * whole or not at all, so the lines stand in the order of their submission, without tears.
 *
 * DONE means written; with sync = "batch" on the disk.  max_total reached, or no space: nothing is dropped, the
 * job is tried again with backoff and trouble() names the file.  Close waits for the job under way and
 * hands back the rest.  Memory beyond the sink's limits: a job's text, twice with lz4.
 */
#ifndef SLUICE_SINKS_FILE_H
#define SLUICE_SINKS_FILE_H

#include "config/opt.h"
#include "sinks/sink.h"

enum file_sync { FILE_SYNC_NEVER, FILE_SYNC_BATCH, FILE_SYNC_CLOSE };
enum file_compression { FILE_PLAIN, FILE_LZ4 };

struct file_config {
        char *path;
        int64_t compression;            /* enum file_compression */
        int64_t sync;                   /* enum file_sync */
        int64_t rotate_bytes, keep;
        int64_t max_total_bytes;
        int64_t retry_base_ms, retry_max_ms;
};
extern const struct opt_table file_opts;

/* c is borrowed for the call.  NULL with e set: no path, or roll_open says why. */
struct sink *sink_file_new(struct loop *l, const struct file_config *c, const struct sink_owner *owner,
                           const struct sink_limits *limits, struct err *e);

#endif
