/* SPDX-License-Identifier: Apache-2.0 */
/* files: what `sluice-shipper files` prints: the files of the checkpoint, beside what the disk says of them now.
 *
 *         ACKED       SIZE        LAG  STATE     FILE
 *       1.5 MiB    2.0 MiB  512.0 KiB  behind    /var/log/app.log
 *         700 B          -          -  gone      /var/log/app.log.3
 *
 * Reads only: no lock, no change, no connection; a shipper may be at work on the same directory, whose latest
 * positions are then up to its save interval younger.
 */
#ifndef SLUICE_SHIPPER_FILES_H
#define SLUICE_SHIPPER_FILES_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the table, by path.  names: only the files that one of these names or patterns fits, and a line for each of them
 * that fits none; n 0: all.  -ENOENT: no shipper has stored anything in state, or no name fits; else as
 * checkpoint_read. */
int files_list(const char *state, const char *const *names, size_t n, struct buf *out, struct err *e) MUST_CHECK;

#endif
