/* SPDX-License-Identifier: Apache-2.0 */
/* level: what loggers call a severity, as one of eleven names.
 *
 *      WARNING, wrn, W -> warn      SEVERE -> error      40 -> warn (bunyan, pino)      <3> -> error (syslog)
 *
 * A query for log.level then finds a service whatever it is written in.  Thread-safe.
 */
#ifndef SLUICE_EVENT_LEVEL_H
#define SLUICE_EVENT_LEVEL_H

#include <stddef.h>

/* One of: trace debug info notice warn error critical alert emergency fatal panic.  NULL: no name of a level. */
const char *level_name(const char *text, size_t len);

#endif
