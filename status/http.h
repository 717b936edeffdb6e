/* SPDX-License-Identifier: Apache-2.0 */
/* http: the window into a running program, served from its own loop.
 *
 * libmicrohttpd's epoll descriptor hangs in our loop, so a handler runs on the loop's thread
 * and reads the program's structs as they are, without a lock.  And a loop
 * that hangs does not answer, which is what a liveness probe wants to know.
 */
#ifndef SLUICE_STATUS_HTTP_H
#define SLUICE_STATUS_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"

struct http;

struct http_route {
        const char *path;                                       /* "/metrics" */
        const char *content_type;
        /* Writes the body, returns the status code. arg is http_new's. */
        unsigned (*get)(void *arg, struct buf *body);
};

/* address: "127.0.0.1:9600", "[::1]:0", ":9600"; port 0 takes a free one. routes: borrowed, ends with a NULL path.
 * NULL with e set: not an address, in use. */
struct http *http_new(struct loop *l, const char *address, const struct http_route *routes, void *arg, struct err *e);
void http_free(struct http *h);                                 /* NULL ok */
const char *http_address(const struct http *h);                 /* what it is bound to, with the real port */

const char *http_version(void);                                 /* of libmicrohttpd, as loaded */

#endif
