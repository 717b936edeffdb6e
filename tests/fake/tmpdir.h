/* SPDX-License-Identifier: Apache-2.0 */
/* tmpdir: a directory of a test's own, and small file work in it. Failures abort the test. */
#ifndef SLUICE_TESTS_FAKE_TMPDIR_H
#define SLUICE_TESTS_FAKE_TMPDIR_H

#include <stddef.h>

char *tmpdir_new(void);                                         /* the caller frees the name by tmpdir_free */
void tmpdir_free(char *dir);                                    /* with all that is in it */

char *tmpdir_path(const char *dir, const char *name);           /* dir/name, malloced */
void file_write(const char *path, const char *text);            /* replaces */
void file_append(const char *path, const char *text);
char *file_read(const char *path, size_t *ret_len);             /* malloced, NUL behind */

#endif
