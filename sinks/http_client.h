/* SPDX-License-Identifier: Apache-2.0 */
/* http_client: HTTP requests on our loop.  The one place that knows libcurl.
 *
 *   http_send(c, r) --> curl_multi --socket callback--> struct io --+
 *                         ^    |                                    | on the loop
 *                         |    +-----timer callback---> struct timer+
 *                         +---- curl_multi_socket_action <----------+
 *   on_data(r, bytes)* then on_done(r, result), once            (never from inside http_send)
 *
 * A request is a struct of the owner's; the client borrows it and everything it
 * points to until on_done or http_cancel.  An answer is never held: its body streams
 * through on_data.  on_done may send the next request or cancel others.
 *
 * Always so: HTTP/1.1, no redirect is followed, no Expect: 100-continue.  Connections are kept and
 * reused, but not after idle_ms without use nor after life_ms in all, so that a change in DNS is seen.
 * One that a balancer forgot in silence is noticed: TCP keepalive, and bytes that nobody acknowledges within
 * HTTP_UNACKED_MS break it.  A reused connection that breaks before the first byte of the answer is not
 * reported: the same request goes again at once on a fresh one (libcurl does that).  The environment's
 * http_proxy, https_proxy and no_proxy count, as with every libcurl program.
 *
 * One thread: the loop's.  (libcurl resolves names in a thread of its own.)
 */
#ifndef SLUICE_SINKS_HTTP_CLIENT_H
#define SLUICE_SINKS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

enum { HTTP_CONNECTION_IDLE_S = 45, HTTP_CONNECTION_LIFE_S = 300, HTTP_UNACKED_MS = 15000 };

struct http_client;

struct http_config {                            /* everything is copied; NULL: not used */
        const char *username, *password;        /* basic; the password, and each secret here, may be "file:PATH": */
        const char *api_key;                    /*   it is read again when the file changes (http_secret.h) */
        const char *ca_file;                    /* instead of the system's */
        const char *ca_fingerprint;             /* instead of both (http_pin.h) */
        const char *client_cert, *client_key;   /* files, PEM; NULL key: it stands in client_cert */
        const char *client_key_password;        /* a secret */
        const char *proxy;                      /* URL; "none": not even that of the environment */
        const char *proxy_auth;                 /* user:password, a secret */
        bool verify;                            /* the certificate and its name */
        unsigned max_connections;               /* kept open at most */
        int64_t idle_ms, life_ms;               /* of a connection; whole seconds count; 0: as above */
};

/* How the exchange ended; says nothing about the status. */
enum http_end {
        HTTP_COMPLETE,          /* a whole answer, as far as its framing can tell */
        HTTP_UNREACHABLE,       /* name, connect or TLS: nothing was sent */
        HTTP_TIMEOUT,
        HTTP_BROKEN,            /* the connection broke, or the answer was cut */
        HTTP_ABORTED,           /* on_data said so */
};

struct http_result {
        enum http_end end;
        unsigned status;                        /* 0: no status line came; may be set even when not complete */
        int64_t retry_after_ms;                 /* 0: no such header */
        const char *error;                      /* "" or libcurl's sentence; borrowed for the call */
        double seconds;
};

struct http_request {
        const char *method;                     /* "GET", "POST", "PUT", "HEAD", "DELETE" */
        const char *url;
        const char *const *headers;             /* "Name: value", ends with NULL; may be NULL */
        const void *body;
        size_t body_len;                        /* 0 with body NULL: none */
        int64_t connect_timeout_ms, timeout_ms; /* timeout: the whole exchange, connecting included */

        bool (*on_data)(struct http_request *r, const char *p, size_t n);       /* false: give up; may not cancel */
        void (*on_done)(struct http_request *r, const struct http_result *result);
        void *arg;

        struct http_transfer *transfer;         /* client's own; NULL: not under way */
};

/* NULL with e set: a secret that cannot be read, a fingerprint that is none. */
struct http_client *http_client_new(struct loop *l, const struct http_config *config, struct err *e);
void http_client_free(struct http_client *c);                   /* NULL ok; no request may be under way */
void http_client_keep(struct http_client *c, unsigned max_connections);         /* from now on */

void http_send(struct http_client *c, struct http_request *r);
void http_cancel(struct http_client *c, struct http_request *r); /* no callback follows; not under way: no-op */

const char *http_client_version(void);                          /* of libcurl, as loaded */

#endif
