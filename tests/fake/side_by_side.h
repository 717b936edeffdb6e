/* SPDX-License-Identifier: Apache-2.0 */
/* side_by_side: runs the tests of a program at the same time, each in a process of its own.
 *
 * For tests that mostly wait: the mock cluster holds a group's first assignment back for three seconds and a changed
 * one for a whole session, and that cannot be set.  What a test prints comes as one piece, in the order of the tests.
 */
#ifndef SLUICE_TESTS_FAKE_SIDE_BY_SIDE_H
#define SLUICE_TESTS_FAKE_SIDE_BY_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* How many failed.  Called with no thread and no test running. */
int side_by_side(const struct CMUnitTest *tests, size_t n);

#endif
