/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/pod.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum { ID_DIGITS = 64, LINKS_MOST = 8 };

struct part { const char *p; size_t len; };

static void learn(char **field, const char *p, size_t len)
{
        if (!*field && len > 0)
                *field = xstrndup(p, len);
}

/* The components of path from its end on; returns how many there are, at most n. */
static size_t last_parts(const char *path, struct part *parts, size_t n)
{
        const char *end = path + strlen(path);
        size_t count = 0;

        while (count < n && end > path) {
                const char *start = end;
                while (start > path && start[-1] != '/')
                        start--;
                parts[count++] = (struct part){ start, (size_t)(end - start) };
                end = start > path ? start - 1 : path;
        }
        return count;
}

static bool is(const struct part *part, const char *text)
{
        return strlen(text) == part->len && memcmp(part->p, text, part->len) == 0;
}

static bool is_id(const char *p, size_t len)
{
        return len == ID_DIGITS && strspn(p, "0123456789abcdef") >= ID_DIGITS;
}

/* "a_b_c": false unless there are three. */
static bool split3(const char *p, size_t len, struct part parts[3])
{
        const char *end = p + len;

        for (int i = 0; i < 3; i++) {
                const char *cut = i < 2 ? memchr(p, '_', (size_t)(end - p)) : end;
                if (!cut || cut == p)
                        return false;
                parts[i] = (struct part){ p, (size_t)(cut - p) };
                p = cut + 1;
        }
        return true;
}

static void of_pods(const struct part *dir, const struct part *container, struct pod *ret)
{
        struct part names[3];

        if (!split3(dir->p, dir->len, names))
                return;
        learn(&ret->ns, names[0].p, names[0].len);
        learn(&ret->name, names[1].p, names[1].len);
        learn(&ret->uid, names[2].p, names[2].len);
        learn(&ret->container, container->p, container->len);
}

static void of_containers(const struct part *file, struct pod *ret)
{
        const char *dot = memchr(file->p, '.', file->len);
        struct part names[3];
        size_t len;

        while (dot && strncmp(dot, ".log", 4) != 0)     /* a pod's name may hold dots */
                dot = memchr(dot + 1, '.', file->len - (size_t)(dot + 1 - file->p));
        if (!dot || !split3(file->p, (size_t)(dot - file->p), names))
                return;
        len = names[2].len;
        if (len < ID_DIGITS + 2 || names[2].p[len - ID_DIGITS - 1] != '-' ||
            !is_id(names[2].p + len - ID_DIGITS, ID_DIGITS))
                return;
        learn(&ret->name, names[0].p, names[0].len);
        learn(&ret->ns, names[1].p, names[1].len);
        learn(&ret->container, names[2].p, len - ID_DIGITS - 1);
        learn(&ret->id, names[2].p + len - ID_DIGITS, ID_DIGITS);
}

void pod_of_path(const char *path, struct pod *ret)
{
        struct part parts[4];
        size_t n = last_parts(path, parts, ARRAY_LEN(parts));

        if (n == 4 && is(&parts[3], "pods"))
                of_pods(&parts[2], &parts[1], ret);
        else if (n >= 2 && is(&parts[1], "containers"))
                of_containers(&parts[0], ret);
        else if (n >= 3 && is(&parts[2], "containers") && is_id(parts[1].p, parts[1].len))
                learn(&ret->id, parts[1].p, parts[1].len);
}

/* What the symlink at path leads to, one step; false: it is none, or too long. */
static bool follow(char path[PATH_MAX])
{
        char target[PATH_MAX];
        char *slash = strrchr(path, '/');
        ssize_t n = readlink(path, target, sizeof(target) - 1);

        if (n <= 0)
                return false;
        target[n] = '\0';
        size_t dir = target[0] != '/' && slash ? (size_t)(slash + 1 - path) : 0;
        if (dir + (size_t)n >= PATH_MAX)
                return false;
        memcpy(path + dir, target, (size_t)n + 1);
        return true;
}

void pod_of_file(const char *path, struct pod *ret)
{
        char at[PATH_MAX];
        size_t len = strlen(path);

        pod_of_path(path, ret);
        if (len >= sizeof(at))
                return;
        memcpy(at, path, len + 1);
        for (int i = 0; i < LINKS_MOST && follow(at); i++)
                pod_of_path(at, ret);
}

void pod_fini(struct pod *p)
{
        free(p->ns);
        free(p->name);
        free(p->uid);
        free(p->container);
        free(p->id);
        *p = (struct pod){ 0 };
}

void pod_put_members(const struct pod *p, struct buf *b)
{
        struct json_out w = { .b = b };

        if (p->id || p->container) {
                json_open(&w, "container", '{');
                if (p->id)
                        json_str(&w, "id", p->id);
                if (p->container)
                        json_str(&w, "name", p->container);
                json_close(&w, '}');
        }
        if (!p->ns)
                return;
        json_open(&w, "kubernetes", '{');
        json_str(&w, "namespace", p->ns);
        json_open(&w, "pod", '{');
        json_str(&w, "name", p->name);
        if (p->uid)
                json_str(&w, "uid", p->uid);
        json_close(&w, '}');
        json_close(&w, '}');
}
