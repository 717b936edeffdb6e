/* SPDX-License-Identifier: Apache-2.0 */
/* unroll: reads back, line by line, a file that roll.h has written, or is writing.
 *
 * Streams: memory is two buffers of 64 KiB and the longest line.  An unfinished line or frame at the end is not there yet:
 * it is left out, without an error.  Blocks while the disk does, so it is for a command line.  One thread.
 */
#ifndef SLUICE_SINKS_UNROLL_H
#define SLUICE_SINKS_UNROLL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* fd is read from its beginning by pread and stays the caller's.  name: for sentences.  fn: a line without its newline;
 * false ends the reading.  0, also then; -EILSEQ: what stands there is damaged; -errno as read says. */
int unroll_read(int fd, const char *name, bool lz4, bool (*fn)(void *arg, const char *line, size_t len), void *arg,
                struct err *e) MUST_CHECK;

#endif
