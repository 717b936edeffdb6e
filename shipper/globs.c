/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/globs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct input_config *globs_match(const struct tablelist *inputs, const char *path)
{
        const struct input_config *in = inputs->v;

        for (size_t i = 0; i < inputs->n; i++)
                for (size_t p = 0; p < in[i].paths.n; p++)
                        if (fnmatch(in[i].paths.v[p], path, FNM_PATHNAME | FNM_PERIOD) == 0)
                                return &in[i];
        return NULL;
}

char *globs_base(const struct tablelist *inputs, const char *path)
{
        char *base = xstrdup(path);
        char *name = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;

        /* "a.log-20261123.1" -> "a.log-20261123" -> "a.log" */
        for (char *cut = name + strlen(name); !globs_match(inputs, base) && cut > name; cut--)
                if (strchr(".-_", *cut))
                        *cut = '\0';
        if (!globs_match(inputs, base))
                memcpy(base, path, strlen(path) + 1);
        return base;
}

const struct input_config *globs_match_rotated(const struct tablelist *inputs, const char *path)
{
        char *base = globs_base(inputs, path);
        const struct input_config *in = globs_match(inputs, base);

        free(base);
        return in;
}

bool globs_is_sibling(const char *name, const char *base)
{
        size_t n = strlen(base);
        return strncmp(name, base, n) == 0 && name[n] != '\0' && strchr(".-_", name[n]) != NULL;
}

bool globs_is_archive(const char *name)
{
        static const char *const endings[] = { ".gz", ".zst", ".lz4", ".xz", ".bz2", ".zip" };
        size_t n = strlen(name);

        for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
                size_t len = strlen(endings[i]);
                if (n > len && strcmp(name + n - len, endings[i]) == 0)
                        return true;
        }
        return false;
}
