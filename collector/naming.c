/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/naming.h"

int naming_init(struct naming *n, const char *text, struct fields *f, struct err *e)
{
        const char *const *paths;
        size_t npaths;

        n->template = template_new(text, e);
        if (!n->template)
                return -e->code;
        npaths = template_paths(n->template, &paths);
        for (size_t i = 0; i < npaths; i++) {
                int at = fields_want(f, paths[i], e);
                if (at < 0)
                        return at;
                n->at[i] = (size_t)at;
        }
        return 0;
}

void naming_fini(struct naming *n)
{
        template_free(n->template);
        n->template = NULL;
}

size_t naming_values(const struct naming *n, const struct scan_value *values, struct scan_value *ret)
{
        const char *const *paths;
        size_t npaths = template_paths(n->template, &paths);

        for (size_t i = 0; i < npaths; i++)
                ret[i] = values[n->at[i]];
        return npaths;
}
