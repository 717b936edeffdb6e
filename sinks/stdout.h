/* SPDX-License-Identifier: Apache-2.0 */
/* stdout: the sink that writes records as NDJSON to a descriptor it borrowed: fd 1.
 *
 *   submit --> [waiting] --> text of the first batch --> write, as much as is taken --> done
 *                                 ^                          |
 *                                 +---- writable again ------+
 *
 * A pipe or a terminal may stop taking bytes for as long as it likes: the rest waits on the loop until
 * it is writable.  O_NONBLOCK on a descriptor that others share would change it for them
 * too, so a pipe or terminal is opened anew under /proc; where that cannot be, each write is so
 * small (PIPE_BUF) that it does not block once poll says writable.  What cannot be polled (a regular
 * file, /dev/null) is written to right away: that is a copy into the page cache.
 *
 * DONE means that the descriptor took the line.  A reader that has gone (EPIPE) and a full disk are trouble, tried
 * again with backoff from the byte where it stopped: a named pipe keeps what is in it for its next reader.
 * Close hands back as RETRY what was not taken whole.
 */
#ifndef SLUICE_SINKS_STDOUT_H
#define SLUICE_SINKS_STDOUT_H

#include "sinks/sink.h"

/* fd: borrowed until free.  SIGPIPE must be ignored.  NULL with e set: it is closed. */
struct sink *sink_stdout_new(struct loop *l, int fd, const struct sink_owner *owner,
                             const struct sink_limits *limits, struct err *e);

#endif
