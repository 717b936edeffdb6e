/* SPDX-License-Identifier: Apache-2.0 */
/* lock: one process per state directory.
 *
 * flock(2) on an O_CLOEXEC descriptor, never the file's existence: the kernel lets go
 * when the holder dies, whatever it dies of.  The file holds the holder's pid, for the message only.
 */
#ifndef SLUICE_SHIPPER_LOCK_H
#define SLUICE_SHIPPER_LOCK_H

#include "base/err.h"

enum { LOCK_WAIT_MS = 2000 };           /* a predecessor that is just stopping gets this long */

/* The descriptor that holds the lock; close it to let go. Makes the directory when it is missing.
 * -EBUSY: held, the message names the holder. Other -errno: not writable. */
int lock_dir(const char *dir, struct err *e);

#endif
