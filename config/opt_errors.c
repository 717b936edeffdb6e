/* SPDX-License-Identifier: Apache-2.0 */
#include "config/opt_errors.h"

#include <stdarg.h>
#include <stdio.h>

void opt_complain(struct opt_errors *errors, const char *fmt, ...)
{
        char sentence[1536];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(sentence, sizeof(sentence), fmt, ap);
        va_end(ap);
        buf_printf(&errors->text, "%s\n", sentence);
        errors->count++;
}
