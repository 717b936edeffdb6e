/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/siblings.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "shipper/globs.h"

static int by_birth(const void *a, const void *b)
{
        const struct sibling *x = a, *y = b;
        return (x->st.birth_ns > y->st.birth_ns) - (x->st.birth_ns < y->st.birth_ns);
}

/* Takes *path. */
static void add(struct siblings *s, char **path)
{
        struct sibling one = { .path = *path };

        *path = NULL;
        if (file_stat(AT_FDCWD, one.path, &one.st) < 0) {
                free(one.path);
                return;
        }
        s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
        s->v[s->n++] = one;
}

void siblings_list(struct siblings *s, const char *path)
{
        const char *slash = strrchr(path, '/');
        char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("./");
        const char *base = slash ? slash + 1 : path;
        DIR *d = opendir(dir);

        *s = (struct siblings){ 0 };
        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                if (!globs_is_sibling(de->d_name, base) || globs_is_archive(de->d_name))
                        continue;
                char *one = xasprintf("%s%s", slash ? dir : "", de->d_name);
                add(s, &one);
        }
        if (d)
                closedir(d);
        free(dir);
        if (s->n > 0)
                qsort(s->v, s->n, sizeof(*s->v), by_birth);
}

void siblings_fini(struct siblings *s)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->v[i].path);
        free(s->v);
        *s = (struct siblings){ 0 };
}
