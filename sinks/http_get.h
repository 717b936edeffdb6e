/* SPDX-License-Identifier: Apache-2.0 */
/* http_get: one question to a program of ours, waited for: its /status, its health.
 *
 * Has a loop of its own and blocks for at most timeout_ms, so it is for a command line, never for a running program.
 * Goes straight to the address, whatever http_proxy says.
 */
#ifndef SLUICE_SINKS_HTTP_GET_H
#define SLUICE_SINKS_HTTP_GET_H

#include "base/buf.h"
#include "base/err.h"

enum { HTTP_GET_MAX = 16 << 20 };       /* of an answer */

/* 0 with the body in *body (appended; the caller's) and the status in *ret_status.
 * -EHOSTUNREACH, -ETIMEDOUT, -EPROTO with e set: there is no whole answer. */
int http_get(const char *url, int64_t timeout_ms, struct buf *body, unsigned *ret_status, struct err *e) MUST_CHECK;

/* What --health does: asks /healthz of the program whose `http` setting this is, and says on stdout what it heard.
 * Its exit code: 0 alive, 1 not (what container engines expect of a health check). */
int health_main(const char *name, const char *http);

/* The URL of path at the address that a program listens on; where it listens on all, that is this machine.
 * The caller's to free.  NULL with e set: http is off, or its port is left to the system. */
char *health_url(const char *http, const char *path, struct err *e);

#endif
