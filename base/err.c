/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
        char text[sizeof(e->msg)]; /* an argument may be e->msg itself */
        va_list ap;

        CHECK(code > 0);
        if (e == NULL)
                return -code;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        memcpy(e->msg, text, sizeof(text));
        e->code = code;
        return -code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
        char text[sizeof(e->msg)];
        va_list ap;
        size_t n, keep;

        if (e == NULL)
                return -EINVAL;
        CHECK(e->code > 0);
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);

        /* What is cut is the end of the old message: the context comes first. */
        n = strnlen(text, sizeof(text) - 3);
        memcpy(text + n, ": ", 2);
        n += 2;
        keep = strnlen(e->msg, sizeof(text) - 1 - n);
        memmove(e->msg + n, e->msg, keep);
        memcpy(e->msg, text, n);
        e->msg[n + keep] = '\0';
        return -e->code;
}
