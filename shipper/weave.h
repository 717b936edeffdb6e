/* SPDX-License-Identifier: Apache-2.0 */
/* weave: events of lines that are not simply UTF-8 with an LF behind them: encoded otherwise, ended otherwise, or written by
 * a container's runtime, in pieces and with two streams in one file.
 *
 *      stdout P aaa      group     events, by their ends:
 *      stderr F eee        |         eee     at 1 line,  size 0
 *      stdout F aaa      --+         aaaaaa  at 0,       size of the group
 *      stdout F next
 *
 * A group begins where nothing is open and ends where nothing is again: only there does a position move.  It is bounded by
 * max_bytes and by WEAVE_EVENTS; at the bound all that is open ends.  A line of which only pieces were there by
 * then is truncated, and what follows of it is passed over: frame_skip.
 *
 * What a quiet file does to an open event, time does in a container's file: a line whose time is later than the last of the
 * event by more than the timeout ends it.  So a file that is read again gives the events that it gave live.
 *
 * The memory is that of one group, whose text is needed until its last frame is taken.  One thread.
 */
#ifndef SLUICE_SHIPPER_WEAVE_H
#define SLUICE_SHIPPER_WEAVE_H

#include "shipper/container.h"
#include "shipper/frame.h"
#include "shipper/line_end.h"

enum { WEAVE_EVENTS = 1024 };

/* What an input says of its lines; which of the two line ends is for a file with a mark to say. */
struct weaving {
        struct line_end end;
        enum container_format container;
        int64_t partial_timeout_ms, multiline_timeout_ms;       /* 0: no such timeout */
};

struct weave *weave_new(void);
void weave_free(struct weave *w);       /* NULL ok */

/* Other bytes come: a group whose frames were not all taken is read again. */
void weave_reset(struct weave *w);

/* As frame_next and frame_long. */
bool weave_next(const struct framing *how, const char *p, const char *end, size_t known, struct frame *ret);
void weave_long(const struct framing *how, const char *p, size_t keep, size_t size, size_t end_len, struct frame *ret);

#endif
