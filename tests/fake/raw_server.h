/* SPDX-License-Identifier: Apache-2.0 */
/* raw_server: a port of 127.0.0.1 that answers every connection with the same bytes, whatever it is told: what
 * stands where another server was meant to.
 *
 *      accept --> read something --> reply, close         reply NULL: never a word, the connection stays
 *
 * A thread of its own; one connection after the other, those without a reply are kept open until the end.
 */
#ifndef SLUICE_TESTS_FAKE_RAW_SERVER_H
#define SLUICE_TESTS_FAKE_RAW_SERVER_H

#include <stddef.h>

struct raw_server;

/* What a TLS server says to somebody who does not speak TLS: a fatal alert. */
#define RAW_TLS_ALERT "\x15\x03\x03\x00\x02\x02\x46"

struct raw_server *raw_server_new(const void *reply, size_t len);       /* reply is copied; NULL: none */
void raw_server_free(struct raw_server *s);                             /* NULL ok; breaks all connections */
const char *raw_server_address(const struct raw_server *s);             /* "127.0.0.1:40123" */

#endif
