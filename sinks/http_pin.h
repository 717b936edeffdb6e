/* SPDX-License-Identifier: Apache-2.0 */
/* http_pin: trust in the one certificate authority that has this SHA-256 fingerprint, as Elasticsearch
 * prints it at its first start.
 *
 *      chain the server sends:  [es1]  <--signed-- [http CA]  fingerprint?  --> the only anchor
 *
 * The fingerprint takes the place of ca_file, not of verification: the chain must lead to that certificate, be in
 * date, and name the host.  A server must send the authority's certificate along, as Elasticsearch does.
 * One thread.
 */
#ifndef SLUICE_SINKS_HTTP_PIN_H
#define SLUICE_SINKS_HTTP_PIN_H

#include <stdbool.h>

struct http_pin {
        unsigned char sha256[32];
        char fault[128];                /* of the last handshake that failed by it; "" */
};

/* 64 hexadecimal digits, with or without a colon between bytes. */
bool http_pin_parse(const char *text, struct http_pin *ret);

/* ssl_ctx: OpenSSL's SSL_CTX. Borrows pin for the life of it. */
void http_pin_apply(void *ssl_ctx, struct http_pin *pin);

#endif
