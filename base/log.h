/* SPDX-License-Identifier: Apache-2.0 */
/* log: what the daemons say, on stderr, one line an event.
 *
 *      log_warn("tail", "truncated: path=%s was=%lld now=%lld", ...);
 *
 *      text   2026-11-23T10:00:00.123Z warn  tail  truncated: path=/a was=9 now=0
 *      json   {"@timestamp":"...","log.level":"warn","log.logger":"tail","message":"truncated: ..."}
 *
 * A trouble that goes on must not fill the disk: one call site (one format
 * string) may print LOG_BURST lines a period, and the same text at most once;
 * what is held back is counted, and the next line of that site that is printed
 * says "(N more like this)".  log_flush_repeats, called by a timer, says it for
 * sites that fell silent.  Debug lines are never held back: who asks for them
 * wants them all.  A message is cut at 2 KiB, and control characters in it are
 * written as \x0a, so a line stays a line.
 *
 * Library code (base, config, event, sinks) does not log errors: it returns
 * them or counts them.  Thread-safe: a line is one write(2).
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>

#include "base/check.h"
#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };
enum { LOG_BURST = 10, LOG_PERIOD_MS = 30000 };

/* Before threads start.  fd is borrowed; tests pass a pipe. */
void log_setup(enum log_level min, enum log_format format, int fd);
void log_use_clock(const struct clock *clock);  /* borrowed; clock_system without this */

void log_at(enum log_level level, const char *component, const char *fmt, ...) PRINTF_LIKE(3, 4);   /* fmt: a literal */
bool log_wants(enum log_level level);   /* so that costly arguments can be skipped */
void log_flush_repeats(void);

/* An error for each line of text: "what: line". */
void log_each_line(const char *component, const char *what, const char *text);

#define log_debug(...) (log_wants(LOG_DEBUG) ? log_at(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

#endif
