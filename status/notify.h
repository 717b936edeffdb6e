/* SPDX-License-Identifier: Apache-2.0 */
/* notify: tells the service manager how we are, by the protocol of sd_notify(3): one datagram to $NOTIFY_SOCKET.
 *
 * The protocol is declared stable and its manual invites own implementations; libsystemd would bring a dozen
 * libraries into the sidecar for one sendto(2).  Without $NOTIFY_SOCKET every call is a no-op.
 */
#ifndef SLUICE_STATUS_NOTIFY_H
#define SLUICE_STATUS_NOTIFY_H

#include <stdbool.h>

#include "base/check.h"

void notify_ready(void);                                /* READY=1: also ends a reload */
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *fmt, ...) PRINTF_LIKE(1, 2);     /* one line for `systemctl status`; the same text is sent once */
void notify_watchdog(void);                             /* still alive: from the loop, so that a hung loop is killed */

#endif
