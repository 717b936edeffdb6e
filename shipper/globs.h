/* SPDX-License-Identifier: Apache-2.0 */
/* globs: which input a path belongs to.  Names, and the directories they are listed from; no file is touched.
 *
 * A sibling of a path is what a rotation makes of it: the same name with something behind ("a.log.1",
 * "a.log-20261123") or a number within ("a.1.log"), in the same directory.
 *
 * A pattern is glob's, and two stars as a whole component are any number of directories, none included; at the end they
 * are every file below.  They enter neither hidden directories nor those behind a symlink: no going in circles.
 */
#ifndef SLUICE_SHIPPER_GLOBS_H
#define SLUICE_SHIPPER_GLOBS_H

#include <stdbool.h>

#include "shipper/conf.h"

bool globs_fit(const char *pattern, const char *path);

bool globs_excluded(const struct input_config *input, const char *path);        /* one of its exclude_paths fits */

/* The input with a pattern that matches path and does not exclude it, or NULL. */
const struct input_config *globs_match(const struct tablelist *inputs, const char *path);

/* The same for path or for what it was rotated from. */
const struct input_config *globs_match_rotated(const struct tablelist *inputs, const char *path);

/* The path it was rotated from: path itself, or cut until a pattern matches; path again when none does. The caller frees it. */
char *globs_base(const struct tablelist *inputs, const char *path);

/* The shortest path that it may have been rotated from: cut as far as a pattern still matches. "*.log*" makes "a.log" of
 * "a.log.1" and "*.log" makes it of "a.1.log"; path itself when nothing shorter matches. The caller frees it. */
char *globs_stem(const struct tablelist *inputs, const char *path);

/* name: of a directory entry; base: the file name it might be a rotation of, with something behind ("a.log.1") or
 * with a number or date before the ending ("a.1.log", "a-20261123.log"). */
bool globs_is_sibling(const char *name, const char *base);

/* path cut before its last dot, dash or underscore, in place: "a.log.1" is "a.log" then.  False: it has none. */
bool globs_cut(char *path);
bool globs_cut_number(char *path);      /* likewise: "a.log" of "a-20261123.1.log" */

/* Every path that fits a pattern, and each directory that can hold one, told before its names are. */
struct globs_visitor {
        void (*dir)(void *arg, const char *dir);        /* with a slash at the end */
        void (*file)(void *arg, const char *path);      /* whatever has the name; excluded ones too */
        void *arg;
};
void globs_walk(const char *pattern, const struct globs_visitor *v);

/* The same for a directory that has just come (with a slash at its end), when the pattern has "**" and reaches it. */
void globs_walk_new(const char *pattern, const char *dir, const struct globs_visitor *v);

bool globs_dirs_may_come(const char *pattern);  /* directories that fit it may come, and no event of those there tells */

bool globs_is_deep(const char *pattern);        /* has "**" */

/* Ends like an archive (.gz, .zst, ...): not to be read as text. */
bool globs_is_archive(const char *name);

/* One of its patterns ends like an archive itself: it wants archives for their own sake, not only as what became of a
 * log file.  path: and that pattern fits path, which is not excluded; NULL: any. */
bool globs_wants_archive(const struct input_config *input, const char *path);

#endif
