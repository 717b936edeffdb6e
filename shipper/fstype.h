/* SPDX-License-Identifier: Apache-2.0 */
/* fstype: whether the kernel tells of all that happens in a directory.
 *
 * It tells of what this machine does to a file system of its own.  What another machine writes to a network file system it does
 * not know, and below an overlay a file may be one that is no longer looked at.
 */
#ifndef SLUICE_SHIPPER_FSTYPE_H
#define SLUICE_SHIPPER_FSTYPE_H

#include <stdbool.h>

/* The name of a type whose events cannot be trusted, or NULL. type: statfs's f_type. */
const char *fstype_silent(unsigned long type);

/* The same for the file system that holds dir; NULL too when it cannot be asked. */
const char *fstype_silent_at(const char *dir);

#endif
