/* SPDX-License-Identifier: Apache-2.0 */
/* progress: the line that --once keeps up to date on a terminal, and nowhere else.
 *
 *      42%  312.4 MiB of 741.0 MiB  1204331 lines  85.3 MiB/s  0:05 left
 */
#ifndef SLUICE_SHIPPER_PROGRESS_H
#define SLUICE_SHIPPER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct progress_facts {
        int64_t done, total;            /* bytes acknowledged, and in the files */
        int64_t lines;                  /* acknowledged */
        int64_t before;                 /* bytes that an earlier run had done: no part of the rate */
        int64_t elapsed_ms;
};

/* Appends the line, without line end. */
void progress_put(struct buf *out, const struct progress_facts *f);

/* Draws over the last line on fd; last: it stays.  Nothing when fd is no terminal. */
void progress_draw(int fd, const struct progress_facts *f, bool last);

#endif
