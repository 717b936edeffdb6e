/* SPDX-License-Identifier: Apache-2.0 */
#include "event/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void fields_fini(struct fields *f)
{
        for (size_t i = 0; i < f->n; i++)
                free((char *)f->path[i]);
        f->n = 0;
}

int fields_want(struct fields *f, const char *path, struct err *e)
{
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->path[i], path) == 0)
                        return (int)i;
        if (f->n == SCAN_PATHS)
                return err_set(e, E2BIG,
                               "%s: more than %d fields are looked at by index, id_field, routes and process "
                               "together",
                               path, SCAN_PATHS);
        f->path[f->n] = xstrdup(path);
        return (int)f->n++;
}
