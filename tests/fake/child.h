/* SPDX-License-Identifier: Apache-2.0 */
/* child: runs one of the programs. They lie beside the tests: TESTS/../bin. */
#ifndef SLUICE_TESTS_FAKE_CHILD_H
#define SLUICE_TESTS_FAKE_CHILD_H

#include <sys/types.h>

/* args: NULL at the end.  What it prints replaces the files out and err.  Returns its exit code; a signal fails the test. */
int child_run(const char *program, const char *const *args, const char *out, const char *err);

/* The same without waiting; in: its stdin, -1 for /dev/null. */
pid_t child_start(const char *program, const char *const *args, int in, const char *out, const char *err);
int child_end(pid_t pid);               /* waits: its exit code, or 128 and the number of the signal */

#endif
