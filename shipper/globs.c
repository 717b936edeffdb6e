/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/globs.h"

#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define SEPARATORS ".-_"        /* between a name and what a rotation adds to it */

/* --- names ----------------------------------------------------------------------------------- */

/* The first "**" that is a whole component, or NULL. */
static const char *first_deep(const char *pattern)
{
        for (const char *p = strstr(pattern, "/**"); p; p = strstr(p + 1, "/**"))
                if (p[3] == '/' || p[3] == '\0')
                        return p;
        return NULL;
}

bool globs_is_deep(const char *pattern)
{
        return first_deep(pattern) != NULL;
}

bool globs_dirs_may_come(const char *pattern)
{
        const char *deep = first_deep(pattern), *end = deep ? deep : strrchr(pattern, '/');

        return end && strcspn(pattern, "*?[") < (size_t)(end - pattern);
}

static bool component_fits(const char *pattern, size_t plen, const char *name, size_t len)
{
        char p[PATH_MAX], n[NAME_MAX + 1];

        if (plen >= sizeof(p) || len >= sizeof(n))
                return false;
        memcpy(p, pattern, plen);
        memcpy(n, name, len);
        p[plen] = n[len] = '\0';
        return fnmatch(p, n, FNM_PERIOD) == 0;
}

/* Both begin with a slash. */
static bool fits_deep(const char *pattern, const char *path)
{
        while (*pattern == '/' && *path == '/') {
                size_t plen = strcspn(pattern + 1, "/"), len = strcspn(path + 1, "/");

                if (plen == 2 && strncmp(pattern, "/**", 3) == 0) {
                        const char *rest = pattern[3] ? pattern + 3 : "/*";
                        for (; path; path = path[1] == '.' ? NULL : strchr(path + 1, '/'))
                                if (fits_deep(rest, path))
                                        return true;
                        return false;
                }
                if (!component_fits(pattern + 1, plen, path + 1, len))
                        return false;
                pattern += 1 + plen;
                path += 1 + len;
        }
        return *pattern == '\0' && *path == '\0';
}

bool globs_fit(const char *pattern, const char *path)
{
        return globs_is_deep(pattern) ? fits_deep(pattern, path)
                                      : fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

static bool fits_one(const struct strlist *patterns, const char *path)
{
        for (size_t i = 0; i < patterns->n; i++)
                if (globs_fit(patterns->v[i], path))
                        return true;
        return false;
}

bool globs_excluded(const struct input_config *input, const char *path)
{
        return fits_one(&input->exclude_paths, path);
}

const struct input_config *globs_match(const struct tablelist *inputs, const char *path)
{
        const struct input_config *in = inputs->v;

        for (size_t i = 0; i < inputs->n; i++)
                if (fits_one(&in[i].paths, path) && !globs_excluded(&in[i], path))
                        return &in[i];
        return NULL;
}

char *globs_base(const struct tablelist *inputs, const char *path)
{
        char *base = xstrdup(path);
        char *name = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;

        /* "a.log-20261123.1" -> "a.log-20261123" -> "a.log" */
        for (char *cut = name + strlen(name); !globs_match(inputs, base) && cut > name; cut--)
                if (strchr(SEPARATORS, *cut))
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

bool globs_cut(char *path)
{
        char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

        for (char *p = name + strlen(name); p > name; p--)
                if (*p && strchr(SEPARATORS, *p)) {
                        *p = '\0';
                        return true;
                }
        return false;
}

bool globs_cut_number(char *path)
{
        char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        char *ending = strrchr(name, '.'), *p = ending;

        while (p && p > name && strchr("0123456789T:" SEPARATORS, p[-1]))
                p--;
        if (!p || p == ending || p == name || !strchr(SEPARATORS, *p))
                return false;
        memmove(p, ending, strlen(ending) + 1);
        return true;
}

char *globs_stem(const struct tablelist *inputs, const char *path)
{
        char *stem = xstrdup(path), *cut = xstrdup(path);

        while (globs_cut(cut))
                if (globs_match(inputs, cut))
                        memcpy(stem, cut, strlen(cut) + 1);
        memcpy(cut, stem, strlen(stem) + 1);
        if (globs_cut_number(cut) && globs_match(inputs, cut))
                memcpy(stem, cut, strlen(cut) + 1);
        free(cut);
        return stem;
}

bool globs_is_sibling(const char *name, const char *base)
{
        size_t n = strlen(base);
        char whole[NAME_MAX + 1];

        if (strncmp(name, base, n) == 0 && name[n] != '\0' && strchr(SEPARATORS, name[n]))
                return true;
        if (strlen(name) <= n || strlen(name) >= sizeof(whole))
                return false;
        memcpy(whole, name, strlen(name) + 1);
        /* "a.1.log", and what a rotation then makes of it: "a.1.log.gz" */
        do {
                char number[NAME_MAX + 1];
                memcpy(number, whole, strlen(whole) + 1);
                if (globs_cut_number(number) && strcmp(number, base) == 0)
                        return true;
        } while (globs_cut(whole) && strlen(whole) > n);
        return false;
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

bool globs_wants_archive(const struct input_config *input, const char *path)
{
        for (size_t i = 0; i < input->paths.n; i++)
                if (globs_is_archive(input->paths.v[i]) &&
                    (!path || (globs_fit(input->paths.v[i], path) && !globs_excluded(input, path))))
                        return true;
        return false;
}

/* --- directories ----------------------------------------------------------------------------- */

static bool is_directory(const char *path, const struct dirent *de)
{
        struct stat st;

        if (de->d_type != DT_UNKNOWN)
                return de->d_type == DT_DIR;
        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* dir ends with a slash. */
static void walk_below(const char *pattern, const char *dir, const struct globs_visitor *v)
{
        v->dir(v->arg, dir);
        DIR *d = opendir(dir);

        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                char path[PATH_MAX];
                int n = snprintf(path, sizeof(path) - 1, "%s%s", dir, de->d_name);
                if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 || n >= (int)sizeof(path) - 1)
                        continue;
                if (!is_directory(path, de)) {
                        if (fits_deep(pattern, path))
                                v->file(v->arg, path);
                } else if (de->d_name[0] != '.') {
                        memcpy(path + n, "/", 2);
                        walk_below(pattern, path, v);
                }
        }
        if (d)
                closedir(d);
}

/* What stands before "**", with the slash. */
static char *above_deep(const char *pattern)
{
        return xstrndup(pattern, (size_t)(first_deep(pattern) - pattern) + 1);
}

static void walk_dirs(const char *pattern, char *dirs, const struct globs_visitor *v)
{
        glob_t g;

        if (glob(dirs, GLOB_ONLYDIR | GLOB_NOSORT, NULL, &g) == 0) {
                for (size_t i = 0; i < g.gl_pathc; i++)
                        if (pattern)
                                walk_below(pattern, g.gl_pathv[i], v);
                        else
                                v->dir(v->arg, g.gl_pathv[i]);
                globfree(&g);
        }
        free(dirs);
}

void globs_walk(const char *pattern, const struct globs_visitor *v)
{
        glob_t g;

        if (globs_is_deep(pattern)) {
                walk_dirs(pattern, above_deep(pattern), v);
                return;
        }
        /* The directory first: what is created between the two calls makes an event. */
        walk_dirs(NULL, xstrndup(pattern, (size_t)(strrchr(pattern, '/') - pattern) + 1), v);
        if (glob(pattern, GLOB_NOSORT, NULL, &g) != 0)
                return;
        for (size_t i = 0; i < g.gl_pathc; i++)
                v->file(v->arg, g.gl_pathv[i]);
        globfree(&g);
}

void globs_walk_new(const char *pattern, const char *dir, const struct globs_visitor *v)
{
        if (!globs_is_deep(pattern))
                return;
        char *above = above_deep(pattern);
        char *reach = xasprintf("%s**", above);
        char *name = xstrndup(dir, strlen(dir) - 1);

        if (fits_deep(reach, name))
                walk_below(pattern, dir, v);
        free(above);
        free(reach);
        free(name);
}
