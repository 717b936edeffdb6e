/* SPDX-License-Identifier: Apache-2.0 */
#include "status/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { WIDEST = 60 }; /* a longer subject pushes its own finding to the right, not everybody's */

struct report_line {
        const char *verdict;     /* static */
        char *subject, *finding; /* owned */
};

static void blank_controls(char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        *s = ' ';
}

static void add(struct report *r, const char *verdict, const char *subject, const char *fmt, va_list ap)
{
        char finding[1536];

        vsnprintf(finding, sizeof(finding), fmt, ap);
        r->lines = xrealloc(r->lines, (r->n + 1) * sizeof(*r->lines));
        struct report_line *line = &r->lines[r->n++];
        *line = (struct report_line){ verdict, xstrdup(subject), xstrdup(finding) };
        blank_controls(line->subject);
        blank_controls(line->finding);
}

void report_ok(struct report *r, const char *subject, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        add(r, "ok", subject, fmt, ap);
        va_end(ap);
}

void report_warn(struct report *r, const char *subject, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        add(r, "warn", subject, fmt, ap);
        va_end(ap);
}

void report_fail(struct report *r, int exit_code, const char *subject, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        add(r, "FAIL", subject, fmt, ap);
        va_end(ap);
        if (r->exit_code == 0)
                r->exit_code = exit_code;
}

void report_print(const struct report *r, FILE *out)
{
        size_t width = 0;

        for (size_t i = 0; i < r->n; i++) {
                size_t len = strlen(r->lines[i].subject);
                if (len > width && len <= WIDEST)
                        width = len;
        }
        for (size_t i = 0; i < r->n; i++)
                fprintf(out, "%-4s  %-*s   %s\n", r->lines[i].verdict, (int)width, r->lines[i].subject,
                        r->lines[i].finding);
}

void report_fini(struct report *r)
{
        for (size_t i = 0; i < r->n; i++) {
                free(r->lines[i].subject);
                free(r->lines[i].finding);
        }
        free(r->lines);
        *r = (struct report){ 0 };
}
