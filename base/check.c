/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void check_failed(const char *file, int line, const char *func, const char *expr)
{
        /* Not by the log: its lock may be held by the very code that failed. */
        dprintf(STDERR_FILENO, "%s:%d: %s: CHECK(%s) failed\n", file, line, func, expr);
        abort();
}
