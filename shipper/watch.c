/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "shipper/fstype.h"
#include "shipper/globs.h"

enum { EVENTS = IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR | IN_EXCL_UNLINK };

enum { SCAN_SLACK = 6 };        /* times scan_interval, at most, between two scans that find nothing */

struct watch {
        struct loop *loop;
        const struct shipper_config *config;
        struct finder *finder;          /* borrowed */
        struct shipper_stats *stats;
        struct timer scan_timer;
        struct io io;                   /* inotify */
        struct map dirs;                /* watch descriptor -> char *, with a slash at the end; of a link to a file
                                           without; owned */
        struct map links;               /* hash of a link's path -> its watch descriptor plus 1, as a pointer */
        struct map polled;              /* hash of a directory's path -> itself, not NULL: its file system tells nothing */
        struct map trusted;             /* the same of those that were asked and do */
        int64_t interval_ms;            /* until the next scan */
        int64_t absent;                 /* patterns without a directory */
        int64_t unwatched;              /* directories, counted by the scan under way ... */
        int64_t told_unwatched;         /* ... and how many the log was last told of */
        char why_unwatched[PATH_MAX + 128];     /* of the first */
        char *moved_from;               /* owned; the first half of a rename ... */
        uint32_t moved_cookie;          /* ... and what its second half will carry */
};

/* --- scan ------------------------------------------------------------------------------------ */

/* Asked once: a mount may take its time to answer. */
static bool is_silent(struct watch *w, const char *dir)
{
        const uint64_t key = XXH3_64bits(dir, strlen(dir));
        const char *type;

        if (map_get(&w->polled, key) || map_get(&w->trusted, key))
                return map_get(&w->polled, key) != NULL;
        type = fstype_silent_at(dir);
        map_put(type ? &w->polled : &w->trusted, key, w);
        if (type && w->polled.len == 1)
                log_info("watch", "the events of this file system cannot be trusted, files in it are looked at: type=%s "
                                  "path=%s", type, dir);
        stat_set(&w->stats->dirs_polled, (int64_t)w->polled.len);
        return type != NULL;
}

/* path: of a file; its directory was seen before. */
static bool is_polled(const struct watch *w, const char *path)
{
        return w->io.fd < 0 ||
               (w->polled.len > 0 && map_get(&w->polled, XXH3_64bits(path, (size_t)(strrchr(path, '/') - path) + 1)));
}

static void watch_dir(struct watch *w, const char *dir)
{
        if (w->io.fd >= 0)
                is_silent(w, dir);
        int wd = w->io.fd < 0 ? -1 : inotify_add_watch(w->io.fd, dir, EVENTS);
        if (wd < 0) {
                if (w->unwatched++ == 0 && w->io.fd >= 0)
                        snprintf(w->why_unwatched, sizeof(w->why_unwatched), "path=%s error=\"%s\"", dir,
                                 errno == ENOSPC ? "fs.inotify.max_user_watches is reached, raise it by sysctl"
                                                 : strerror(errno));
                return;
        }
        if (!map_get(&w->dirs, (uint64_t)wd))
                map_put(&w->dirs, (uint64_t)wd, xstrdup(dir));
}

/* One line however many they are; again only when their number has changed. */
static void tell_unwatched(struct watch *w)
{
        stat_set(&w->stats->dirs_unwatched, w->unwatched);
        if (w->io.fd < 0 || w->unwatched == w->told_unwatched)
                return;
        w->told_unwatched = w->unwatched;
        if (w->unwatched > 0)
                log_warn("watch", "directories are only scanned, every %lld ms: count=%lld the first: %s",
                         (long long)w->config->scan_interval_ms, (long long)w->unwatched, w->why_unwatched);
        else
                log_info("watch", "every directory is watched again");
}

/* The events of its directory do not tell when the file behind a link grows. */
static bool watch_link(struct watch *w, const char *path)
{
        const uint64_t key = XXH3_64bits(path, strlen(path));
        int wd = w->io.fd < 0 ? -1 : inotify_add_watch(w->io.fd, path, IN_MODIFY);

        if (wd < 0 || map_get(&w->dirs, (uint64_t)wd))
                return wd >= 0;         /* it is watched already */
        int old = (int)(intptr_t)map_get(&w->links, key) - 1;
        if (old >= 0)
                inotify_rm_watch(w->io.fd, old);        /* the file the link led to before; an event says when it is done */
        map_put(&w->links, key, (void *)(intptr_t)(wd + 1));
        map_put(&w->dirs, (uint64_t)wd, xstrdup(path));
        return true;
}

static void found(struct watch *w, const char *path, const struct input_config *input)
{
        bool told = !finder_found(w->finder, path, input) || watch_link(w, path);

        if (!told || is_polled(w, path))
                finder_poll(w->finder, path);
}

struct visit {
        struct watch *watch;
        const struct input_config *input;
        size_t dirs;                    /* that a pattern leads to */
};

static void visit_dir(void *arg, const char *dir)
{
        struct visit *v = arg;

        v->dirs++;
        finder_dir(v->watch->finder, dir);
        watch_dir(v->watch, dir);
}

static void visit_file(void *arg, const char *path)
{
        const struct visit *v = arg;

        if (!globs_excluded(v->input, path))
                found(v->watch, path, v->input);
}

/* dir NULL: everything; else a directory that has just come and all below it. */
static void visit_all(struct watch *w, const char *dir)
{
        const struct input_config *in = w->config->inputs.v;

        for (size_t i = 0; i < w->config->inputs.n; i++) {
                struct visit visit = { w, &in[i], 0 };
                const struct globs_visitor visitor = { visit_dir, visit_file, &visit };
                for (size_t p = 0; p < in[i].paths.n; p++) {
                        visit.dirs = 0;
                        if (dir)
                                globs_walk_new(in[i].paths.v[p], dir, &visitor);
                        else
                                globs_walk(in[i].paths.v[p], &visitor);
                        w->absent += !dir && visit.dirs == 0;
                }
        }
}

/* --- inotify --------------------------------------------------------------------------------- */

static void forget_half_rename(struct watch *w)
{
        free(w->moved_from);
        w->moved_from = NULL;
}

static void on_named_event(struct watch *w, const struct inotify_event *ev, const char *path)
{
        if (ev->mask & IN_MOVED_FROM) {
                forget_half_rename(w);
                w->moved_from = xstrdup(path);
                w->moved_cookie = ev->cookie;
                return;
        }
        if (ev->mask & IN_MOVED_TO) {
                if (w->moved_from && w->moved_cookie == ev->cookie)
                        finder_moved(w->finder, w->moved_from, path);
                forget_half_rename(w);
        }
        if (ev->mask & IN_DELETE)
                finder_gone(w->finder, path);
        else if (ev->mask & IN_MODIFY)
                finder_touched(w->finder, path);
        else {
                const struct input_config *input = globs_match(&w->config->inputs, path);
                if (input)
                        found(w, path, input);
        }
}

static void on_event(struct watch *w, const struct inotify_event *ev)
{
        char path[PATH_MAX + NAME_MAX];

        if (ev->mask & IN_Q_OVERFLOW) {
                stat_inc(&w->stats->watch_overflows);
                log_warn("watch", "the kernel's event queue overflowed: everything is scanned again");
                timer_arm(w->loop, &w->scan_timer, 0);
                return;
        }
        const char *dir = map_get(&w->dirs, (uint64_t)ev->wd);
        if (ev->mask & IN_IGNORED)
                free(map_del(&w->dirs, (uint64_t)ev->wd));
        else if (dir && ev->len == 0 && ev->mask & IN_MODIFY)
                finder_touched(w->finder, dir);         /* the file behind a link */
        else if (dir && ev->len > 0) {
                snprintf(path, sizeof(path), "%s%s%s", dir, ev->name, ev->mask & IN_ISDIR ? "/" : "");
                if (!(ev->mask & IN_ISDIR))
                        on_named_event(w, ev, path);
                else if (ev->name[0] != '.' && ev->mask & (IN_CREATE | IN_MOVED_TO))
                        visit_all(w, path);     /* what cannot be watched there is told by the next scan */
        }
}

static ssize_t read_events(struct watch *w)
{
        _Alignas(struct inotify_event) char buffer[16 * 1024];
        ssize_t n = read(w->io.fd, buffer, sizeof(buffer));

        for (char *p = buffer; n > 0 && p < buffer + n;) {
                const struct inotify_event *ev = (const struct inotify_event *)(void *)p;
                on_event(w, ev);
                p += sizeof(*ev) + ev->len;
        }
        return n;
}

/* Before a file that took the place of another is read, what is known of those between: the events that are there by now. */
static void read_replacements(struct watch *w)
{
        int pending;

        while (finder_replaced(w->finder) && w->io.fd >= 0 && ioctl(w->io.fd, FIONREAD, &pending) == 0)
                for (ssize_t n; pending > 0 && (n = read_events(w)) > 0;)
                        pending -= (int)n;
}

static void on_inotify(struct io *io, uint32_t events)
{
        struct watch *w = io->arg;

        (void)events;
        /* One buffer a turn: a writer that is faster than we are must not keep the loop here. */
        read_events(w);
        read_replacements(w);
}

/* --- when to scan ---------------------------------------------------------------------------- */

/* Whether a scan is but a safety net: the kernel tells of all that may happen. */
static bool all_is_told(const struct watch *w)
{
        const struct input_config *in = w->config->inputs.v;

        for (size_t i = 0; i < w->config->inputs.n; i++)
                for (size_t p = 0; p < in[i].paths.n; p++)
                        if (globs_dirs_may_come(in[i].paths.v[p]))
                                return false;
        return w->io.fd >= 0 && w->unwatched == 0 && w->absent == 0 && w->polled.len == 0;
}

/* Twice as long after each scan that has found nothing by itself. */
static int64_t next_interval(const struct watch *w)
{
        int64_t least = w->config->scan_interval_ms, most = SCAN_SLACK * least;

        if (finder_news(w->finder) || !all_is_told(w))
                return least;
        return 2 * w->interval_ms < most ? 2 * w->interval_ms : most;
}

void watch_scan(struct watch *w)
{
        finder_scanning(w->finder);
        w->unwatched = w->absent = 0;
        visit_all(w, NULL);
        tell_unwatched(w);
        finder_scanned(w->finder);
        w->interval_ms = next_interval(w);
        timer_arm(w->loop, &w->scan_timer, w->interval_ms);
        read_replacements(w);
}

static void scan_due(struct timer *t)
{
        watch_scan(t->arg);
}

/* --- life ------------------------------------------------------------------------------------ */

struct watch *watch_new(struct loop *l, const struct shipper_config *config, struct tail *tail,
                        struct shipper_stats *stats)
{
        struct watch *w = xcalloc(1, sizeof(*w));

        w->loop = l;
        w->config = config;
        w->finder = tail_finder(tail);
        w->stats = stats;
        w->interval_ms = config->scan_interval_ms;
        w->scan_timer = (struct timer){ .name = "scan", .fn = scan_due, .arg = w };
        w->io = (struct io){ .name = "inotify", .fn = on_inotify, .arg = w };
        w->io.fd = config->watch == WATCH_STAT ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->io.fd < 0 && config->watch == WATCH_STAT)
                log_info("watch", "no events, as configured: files are looked at every %lld ms",
                         (long long)config->scan_interval_ms);
        else if (w->io.fd < 0)
                log_warn("watch", "no inotify, files are found by scanning only: error=\"%s\"",
                         errno == EMFILE ? "fs.inotify.max_user_instances is reached" : strerror(errno));
        else
                loop_add(l, &w->io, EPOLLIN);
        return w;
}

void watch_free(struct watch *w)
{
        char *dir;

        if (!w)
                return;
        timer_disarm(w->loop, &w->scan_timer);
        loop_del(w->loop, &w->io);
        if (w->io.fd >= 0)
                close(w->io.fd);
        for (size_t i = 0; (dir = map_next(&w->dirs, &i)) != NULL;)
                free(dir);
        map_fini(&w->dirs);
        map_fini(&w->links);
        map_fini(&w->polled);
        map_fini(&w->trusted);
        forget_half_rename(w);
        free(w);
}
