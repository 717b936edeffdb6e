/* SPDX-License-Identifier: Apache-2.0 */
/* child: runs one of the programs to its end. They lie beside the tests: TESTS/../bin. */
#ifndef SLUICE_TESTS_FAKE_CHILD_H
#define SLUICE_TESTS_FAKE_CHILD_H

/* args: NULL at the end.  What it prints replaces the files out and err.  Returns its exit code; a signal fails the test. */
int child_run(const char *program, const char *const *args, const char *out, const char *err);

#endif
