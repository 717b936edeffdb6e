/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/dlq_print.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

void dlq_print_text(const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)p[i];
                putchar((c < ' ' && c != '\t' && c != '\n') || c == 0x7f ? '?' : c);
        }
}

static int exit_code_of(int error)
{
        switch (-error) {
        case EINVAL:
                return EX_CONFIG;
        case ENOENT:
        case ENOTDIR:
                return EX_NOINPUT;
        case EACCES:
                return EX_NOPERM;
        case EHOSTUNREACH:
                return EX_UNAVAILABLE;
        case EILSEQ:
                return EX_DATAERR;
        case EBUSY:
        case ETIMEDOUT:
                return EX_TEMPFAIL;
        default:
                return EX_IOERR;
        }
}

int dlq_fail(int error, const struct err *e)
{
        fflush(stdout);
        fprintf(stderr, "sluice-collector: %s\n", e->msg);
        return exit_code_of(error);
}
