/* SPDX-License-Identifier: Apache-2.0 */
/* container: one line of a file that a container's runtime writes: what the process wrote, on which stream, and when.
 *
 *      2026-11-23T10:00:00.123456789Z stdout P the first 16 KiB of it          CRI: containerd, CRI-O
 *      2026-11-23T10:00:00.123456790Z stdout F and the rest
 *      {"log":"a piece","stream":"stdout","time":"2026-11-23T10:00:00.1Z"}     Docker's json-file
 *      {"log":"and the rest\n","stream":"stdout","time":"..."}
 *
 * A piece that is not the last of its line is tagged P, or has no newline at its end.  A line in neither form was not
 * written by the runtime: it is what it is.  Pure.
 */
#ifndef SLUICE_SHIPPER_CONTAINER_H
#define SLUICE_SHIPPER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum container_format { CONTAINER_NONE, CONTAINER_AUTO, CONTAINER_CRI, CONTAINER_DOCKER };
extern const char *const container_format_names[];      /* NULL-terminated */

enum container_stream { CONTAINER_STDOUT, CONTAINER_STDERR, CONTAINER_OTHER, CONTAINER_NSTREAMS };
extern const char *const container_stream_names[];      /* NULL for CONTAINER_OTHER */

struct container_line {
        enum container_stream stream;   /* CONTAINER_OTHER: not the runtime's; text is then all of it */
        const char *text;               /* borrowed from the line or from scratch */
        size_t len;
        const char *time;               /* borrowed from the line; RFC 3339, not checked; NULL: none */
        size_t time_len;
        bool partial;                   /* its line goes on in a later one of the stream */
};

/* The line at p, without its LF. format is not CONTAINER_NONE; auto: each line by how it begins.
 * scratch: for a text with escapes. */
void container_line(enum container_format format, const char *p, size_t n, struct buf *scratch,
                    struct container_line *ret);

#endif
