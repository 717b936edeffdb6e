/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: where lines come in, as it is written in the configuration, and the socket for it.
 *
 *      stdin://                        descriptor 0
 *      tcp://127.0.0.1:5514            tcp://[::1]:5514, tcp://:5514 on all addresses; port 0 takes a free one
 *      udp://127.0.0.1:5514
 *      unix:///run/sluice.sock         stream socket
 *      unixgram:///run/sluice.sock     datagram socket, what syslog(3) writes to
 *      journald://                     no socket: the systemd journal of this machine (journal.h)
 *      journald:///var/log/journal/ID  the journal files of a directory
 */
#ifndef SLUICE_SHIPPER_ENDPOINT_H
#define SLUICE_SHIPPER_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"
#include "shipper/entry.h"

enum endpoint_kind { ENDPOINT_STDIN, ENDPOINT_TCP, ENDPOINT_UDP, ENDPOINT_UNIX, ENDPOINT_UNIXGRAM,
                     ENDPOINT_JOURNAL };

struct endpoint {
        enum endpoint_kind kind;
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
                struct sockaddr_un un;
        } addr;
        socklen_t addr_len;
};

/* -EINVAL with a sentence that quotes the text. */
int endpoint_parse(const char *text, struct endpoint *ret, struct err *e) MUST_CHECK;
const char *endpoint_path(const char *text);    /* what stands behind "://" */

/* Bound and, a stream socket, listening; never blocks.  mode: of a Unix socket's file; the file of one that nobody
 * listens on any more is removed first.  The descriptor, or -errno. */
int endpoint_open(const struct endpoint *ep, unsigned mode, struct err *e) MUST_CHECK;
void endpoint_close(const struct endpoint *ep, int fd);         /* and removes the socket's file; what is no socket stays */

bool endpoint_is_stream(const struct endpoint *ep);             /* a connection each; stdin is none */

/* "10.0.0.7:4711", "[::1]:9"; "": it has no address that says anything.  Returns its length. */
size_t endpoint_sender(const struct sockaddr_storage *from, char ret[ENTRY_SENDER_MAX + 1]);

/* What stands behind "listen": the port that was taken for 0. */
void endpoint_bound(const struct endpoint *ep, int fd, char *ret, size_t size);

#endif
