/* SPDX-License-Identifier: Apache-2.0 */
/* globs: which input a path belongs to.  Names only; nothing here touches a file.
 *
 * A sibling of a path is what a rotation makes of it: the same name with something
 * behind ("a.log.1", "a.log-20261123"), in the same directory.
 */
#ifndef SLUICE_SHIPPER_GLOBS_H
#define SLUICE_SHIPPER_GLOBS_H

#include <stdbool.h>

#include "shipper/conf.h"

/* The input with a pattern that matches path, or NULL. */
const struct input_config *globs_match(const struct tablelist *inputs, const char *path);

/* The same for path or for what it was rotated from. */
const struct input_config *globs_match_rotated(const struct tablelist *inputs, const char *path);

/* The path it was rotated from: path itself, or cut until a pattern matches; path again when none does. The caller frees it. */
char *globs_base(const struct tablelist *inputs, const char *path);

/* name: of a directory entry; base: the file name it might be a rotation of. */
bool globs_is_sibling(const char *name, const char *base);

/* Ends like an archive (.gz, .zst, ...): not to be read as text. */
bool globs_is_archive(const char *name);

#endif
