/* SPDX-License-Identifier: Apache-2.0 */
#include "event/filter.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "event/pattern.h"

struct patterns {
        struct pattern **v;
        size_t n;
};

struct filter {
        struct patterns include, exclude;
};

static int make(const char *name, const struct strlist *list, struct patterns *ret, struct err *e)
{
        ret->v = xcalloc(list->n, sizeof(struct pattern *));
        for (; ret->n < list->n; ret->n++) {
                ret->v[ret->n] = pattern_new(list->v[ret->n], e);
                if (!ret->v[ret->n])
                        return err_prefix(e, "%s", name);
        }
        return 0;
}

static void drop(struct patterns *p)
{
        for (size_t i = 0; i < p->n; i++)
                pattern_free(p->v[i]);
        free(p->v);
}

int filter_new(const struct strlist *include, const struct strlist *exclude, struct filter **ret,
               struct err *e)
{
        *ret = NULL;
        if (include->n == 0 && exclude->n == 0)
                return 0;
        struct filter *f = xcalloc(1, sizeof(*f));
        int r = make("include", include, &f->include, e);
        if (r == 0)
                r = make("exclude", exclude, &f->exclude, e);
        if (r < 0) {
                filter_free(f);
                return r;
        }
        *ret = f;
        return 0;
}

void filter_free(struct filter *f)
{
        if (!f)
                return;
        drop(&f->include);
        drop(&f->exclude);
        free(f);
}

/* undecided: what a search that was given up counts as. */
static bool any(const struct patterns *p, const char *text, size_t len, bool undecided)
{
        for (size_t i = 0; i < p->n; i++) {
                uint64_t before = pattern_gave_up(p->v[i]);
                if (pattern_matches(p->v[i], text, len))
                        return true;
                if (pattern_gave_up(p->v[i]) > before && undecided)
                        return true;
        }
        return false;
}

bool filter_wants(struct filter *f, const char *text, size_t len)
{
        if (f->include.n > 0 && !any(&f->include, text, len, true))
                return false;
        return !any(&f->exclude, text, len, false);
}
