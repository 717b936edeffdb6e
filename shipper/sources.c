/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/sources.h"

#include <dirent.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "shipper/ring.h"

struct sources {
        struct listen_shared shared;
        const struct shipper_config *config;    /* borrowed */
        struct tail *tail;                      /* borrowed; NULL: between two configurations */
        struct listener **v;                    /* owned, and each of them */
        size_t n;
};

/* --- hooks ----------------------------------------------------------------------------------------- */

static void written(void *arg, const char *path)
{
        struct sources *s = arg;

        if (!s->tail)
                return;
        finder_touched(tail_finder(s->tail), path);
        loop_wake(s->shared.loop);
}

/* True: it is about to be deleted, so that the tail is told. */
static bool acked(void *arg, const char *path, int64_t size)
{
        struct sources *s = arg;

        if (!tail_is_acked(s->tail, path, size))
                return false;
        finder_gone(tail_finder(s->tail), path);
        loop_wake(s->shared.loop);
        return true;
}

/* --- life ------------------------------------------------------------------------------------------ */

struct sources *sources_new(struct loop *loop, struct shipper_stats *stats)
{
        struct sources *s = xcalloc(1, sizeof(*s));

        s->shared = (struct listen_shared){ .loop = loop, .stats = stats, .written = written, .arg = s };
        return s;
}

void sources_free(struct sources *s)
{
        if (!s)
                return;
        s->tail = NULL;
        for (size_t i = 0; i < s->n; i++)
                listener_free(s->v[i]);
        free(s->v);
        free(s);
}

/* Any bytes in any segment. */
static bool holds_lines(const char *dir)
{
        char *pattern = xasprintf("%s/*.log", dir);
        struct stat st;
        bool any = false;
        glob_t g;

        if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0) {
                for (size_t i = 0; !any && i < g.gl_pathc; i++)
                        any = stat(g.gl_pathv[i], &st) == 0 && st.st_size > 0;
                globfree(&g);
        }
        free(pattern);
        return any;
}

static const struct input_config *input_of_dir(const struct shipper_config *c, const char *dir)
{
        const struct input_config *in = c->inputs.v;

        for (size_t i = 0; i < c->inputs.n; i++) {
                char *its = in[i].listen ? ring_dir(c->state, in[i].listen) : NULL;
                bool same = its && strcmp(its, dir) == 0;
                free(its);
                if (same)
                        return &in[i];
        }
        return NULL;
}

/* First, because what comes may want their addresses. */
static void close_others(struct sources *s)
{
        size_t kept = 0;

        for (size_t i = 0; i < s->n; i++) {
                const struct input_config *in = input_of_dir(s->config, listener_dir(s->v[i]));
                if (in && listener_is_like(s->v[i], in))
                        s->v[kept++] = s->v[i];
                else
                        listener_free(s->v[i]);
        }
        s->n = kept;
}

static struct listener *find(const struct sources *s, const char *dir)
{
        for (size_t i = 0; i < s->n; i++)
                if (strcmp(listener_dir(s->v[i]), dir) == 0)
                        return s->v[i];
        return NULL;
}

static bool is_stdin(const struct input_config *in)
{
        return strcmp(in->listen, "stdin://") == 0;
}

static int open_one(struct sources *s, const struct input_config *in, const char *dir, struct err *e)
{
        struct listener *l = find(s, dir);

        if (l) {
                listener_configure(l, in);
                return 0;
        }
        l = listener_new(&(struct listen_parts){ &s->shared, dir, s->config->max_line_bytes,
                                                 s->config->life.once && !is_stdin(in) },
                         in, e);
        if (!l)
                return -e->code;
        s->v = xrealloc(s->v, (s->n + 1) * sizeof(struct listener *));
        s->v[s->n++] = l;
        return 0;
}

/* Lines of an input that somebody took out of the configuration: they stay, and it is said. */
static void tell_orphans(const struct shipper_config *c)
{
        char *base = xasprintf("%s/ring", c->state);
        DIR *d = opendir(base);

        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                char *dir = xasprintf("%s/%s", base, de->d_name);
                if (de->d_name[0] != '.' && !input_of_dir(c, dir) && holds_lines(dir))
                        log_warn("sources", "lines of an input that is not configured wait here, put it back to ship "
                                            "them, or remove the directory: path=%s", dir);
                free(dir);
        }
        if (d)
                closedir(d);
        free(base);
}

int sources_configure(struct sources *s, const struct shipper_config *config, struct tail *tail, struct err *e)
{
        const struct input_config *in = config->inputs.v;
        int r = 0;

        s->config = config;
        s->tail = tail;
        s->shared.held_max = (size_t)(config->memory / 16 + config->max_line_bytes);
        close_others(s);
        for (size_t i = 0; r == 0 && i < config->inputs.n; i++) {
                if (!in[i].listen)
                        continue;
                char *dir = ring_dir(config->state, in[i].listen);
                r = open_one(s, &in[i], dir, e);
                free(dir);
        }
        if (r == 0)
                tell_orphans(config);
        return r;
}

void sources_detach(struct sources *s)
{
        if (s)
                s->tail = NULL;
}

/* --- turn ------------------------------------------------------------------------------------------ */

void sources_collect(struct sources *s)
{
        for (size_t i = 0; i < s->n; i++)
                listener_collect(s->v[i], acked, s);
}

void sources_finish(struct sources *s)
{
        for (size_t i = 0; i < s->n; i++)
                listener_finish(s->v[i]);
}

bool sources_any(const struct sources *s)
{
        return s->n > 0;
}

bool sources_ended(const struct sources *s)
{
        for (size_t i = 0; i < s->n; i++)
                if (listener_is_stdin(s->v[i]))
                        return listener_ended(s->v[i]);
        return !s->config || s->config->life.once;
}

const char *sources_trouble(const struct sources *s)
{
        const char *why = NULL;

        for (size_t i = 0; !why && i < s->n; i++)
                why = listener_trouble(s->v[i]);
        return why;
}

void sources_each(const struct sources *s, void (*fn)(void *arg, const struct listener_view *v), void *arg)
{
        for (size_t i = 0; i < s->n; i++) {
                struct listener_view v = listener_view(s->v[i]);
                fn(arg, &v);
        }
}
