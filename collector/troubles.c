/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/troubles.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void troubles_set(struct troubles *t, enum trouble kind, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(t->text[kind], sizeof(t->text[kind]), fmt, ap);
        va_end(ap);
}

const char *troubles_first(const struct troubles *t)
{
        for (int kind = 0; kind < NTROUBLES; kind++)
                if (t->text[kind][0])
                        return t->text[kind];
        return NULL;
}
