/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/multiline.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "event/pattern.h"

const char *const multiline_presets[] = { "none", "java", "python", "go", "node", "ruby", "dotnet", NULL };

/* What continues an event.  Indented lines do in every language. */
static const char *const continues[] = {
        [1] = "^(?:\\s|Caused by:|Suppressed:|\\.\\.\\. \\d+ |(?:[A-Za-z_$][\\w$]*\\.)+[\\w$]*(?:Exception|Error|Throwable)\\b)",
        [2] = "^(?:\\s|$|Traceback \\(most recent call last\\):|During handling of the above exception|"
              "The above exception was the direct cause)",
        [3] = "^(?:\\s|$|goroutine \\d+ \\[|created by |\\[signal |exit status \\d|[\\w./%-]+\\.[\\w.()*\\[\\]-]+\\(.*\\)$)",
        [4] = "^(?:\\s|[}\\]]|Caused by:)",
        [5] = "^(?:\\s|\\S+:\\d+:in [`'][^`']*'$)",
        [6] = "^(?:\\s|---|(?:\\w+\\.)+\\w*Exception\\b)",
};
_Static_assert(ARRAY_LEN(continues) + 1 == ARRAY_LEN(multiline_presets), "one each");

enum { PYTHON = 2 };

struct multiline {
        struct pattern *pattern;        /* owned */
        struct pattern *last;           /* owned; NULL: none. Continues too, behind an indented line */
        bool begins;                    /* what it means when pattern is found */
};

static int compile(struct multiline *m, const char *setting, const char *text, struct err *e)
{
        if (!(m->pattern = pattern_new(text, e)))
                return err_prefix(e, "%s", setting);
        return 0;
}

static int compile_all(struct multiline *m, const struct multiline_config *c, struct err *e)
{
        if (c->start || c->continues) {
                m->begins = (c->start != NULL) != c->negate;
                return c->start ? compile(m, "multiline_start", c->start, e)
                                : compile(m, "multiline_continue", c->continues, e);
        }
        /* The line that ends a Python traceback, "ValueError: no such basket", is not indented. */
        if (c->preset == PYTHON && !(m->last = pattern_new("^[A-Za-z_][\\w.]*(?::|$)", e)))
                return err_prefix(e, "multiline");
        return compile(m, "multiline", continues[c->preset], e);
}

int multiline_new(const struct multiline_config *c, struct multiline **ret, struct err *e)
{
        *ret = NULL;
        if ((c->preset != 0) + (c->start != NULL) + (c->continues != NULL) > 1)
                return err_set(e, EINVAL, "multiline, multiline_start, multiline_continue: an input has one of them");
        if (c->negate && !c->start && !c->continues)
                return err_set(e, EINVAL, "multiline_negate: there is no multiline_start or multiline_continue to negate");
        if (c->preset == 0 && !c->start && !c->continues)
                return 0;

        struct multiline *m = xcalloc(1, sizeof(*m));
        int r = compile_all(m, c, e);
        if (r < 0)
                multiline_free(m);
        else
                *ret = m;
        return r;
}

void multiline_free(struct multiline *m)
{
        if (!m)
                return;
        pattern_free(m->pattern);
        pattern_free(m->last);
        free(m);
}

bool multiline_begins(struct multiline *m, const char *before, size_t before_len, const char *text, size_t len)
{
        uint64_t gave_up = pattern_gave_up(m->pattern);
        bool found = pattern_matches(m->pattern, text, len);

        if (pattern_gave_up(m->pattern) != gave_up)
                return true;
        if (found == m->begins && m->last && before_len > 0 && (*before == ' ' || *before == '\t'))
                return !pattern_matches(m->last, text, len);
        return found == m->begins;
}
