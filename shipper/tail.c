/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "shipper/globs.h"
#include "shipper/positions.h"
#include "shipper/reader.h"

enum {
        TURN_BYTES = 1024 * 1024,               /* then the loop looks at its other duties */
        ROTATED_QUIET_MS = 5 * 60 * 1000,       /* a writer may hold a renamed file open until it is told to let go */
        WAIT_STEP_MS = 50,                      /* those that are due together are looked at together */
};

struct file_list { struct file *first, **last; };

struct tail {
        struct tail_parts p;
        const char *host;               /* borrowed from the configuration */
        int64_t started_ns;             /* wall */

        struct map by_key;              /* inode and birth time -> file, all but the ended ones; owned */
        struct map by_path;             /* hash of path -> the file that was last seen there */
        struct file_list ready;         /* FILE_READY, in turn */
        struct file *waiting;           /* those whose last event may get another line */
        struct timer wait_timer;        /* for the first of them that is due */
        unsigned scan;                  /* number of the scan under way */
        int64_t too_old;                /* files it left alone by ignore_older */
        struct reader *reader;          /* owned */
        struct positions *positions;    /* owned */
};

/* --- who is who ------------------------------------------------------------------------------ */

static uint64_t key_of(uint64_t inode, int64_t birth_ns)
{
        const uint64_t both[2] = { inode, (uint64_t)birth_ns };
        return XXH3_64bits(both, sizeof(both));
}

static uint64_t path_key(const char *path)
{
        return XXH3_64bits(path, strlen(path));
}

static struct file *file_at(const struct tail *t, const char *path)
{
        struct file *f = map_get(&t->by_path, path_key(path));
        return f && strcmp(f->path, path) == 0 ? f : NULL;
}

static void set_path(struct tail *t, struct file *f, const char *path)
{
        if (file_at(t, f->path) == f)
                map_del(&t->by_path, path_key(f->path));
        bool moved = file_moved_to(f, path);
        map_put(&t->by_path, path_key(path), f);
        if (moved && f->named && f->input && f->fd >= 0)
                file_make_stream(f, t->host);
}

static void push_ready(struct tail *t, struct file *f)
{
        f->next = NULL;
        *t->ready.last = f;
        t->ready.last = &f->next;
}

static struct file *pop_ready(struct tail *t)
{
        struct file *f = t->ready.first;

        t->ready.first = f->next;
        if (!t->ready.first)
                t->ready.last = &t->ready.first;
        f->next = NULL;
        return f;
}

static void touch(struct tail *t, struct file *f)
{
        if (f->state != FILE_IDLE)
                return;
        file_enter(f, FILE_READY, "touched");
        push_ready(t, f);
}

static void wait_no_more(struct file *f)
{
        if (!f->wait_prev)
                return;
        *f->wait_prev = f->wait_next;
        if (f->wait_next)
                f->wait_next->wait_prev = f->wait_prev;
        f->wait_prev = NULL;
}

/* f is in no list. It is freed by positions once nothing of it is in flight. */
static void end_file(struct tail *t, struct file *f, const char *why)
{
        wait_no_more(f);
        file_enter(f, FILE_ENDED, why);
        if (f->fd >= 0)
                stat_add(&t->p.stats->files_open, -1);
        file_close(f);
        stat_add(&t->p.stats->files, -1);
        uint64_t key = key_of(f->inode, f->birth_ns);
        if (map_get(&t->by_key, key) == f)
                map_del(&t->by_key, key);
        if (file_at(t, f->path) == f)
                map_del(&t->by_path, path_key(f->path));
        positions_add(t->positions, f);
}

static void own_file(struct tail *t, struct file *f)
{
        f->scan = t->scan;
        map_put(&t->by_key, key_of(f->inode, f->birth_ns), f);
        map_put(&t->by_path, path_key(f->path), f);
        stat_inc(&t->p.stats->files);
}

/* --- finding --------------------------------------------------------------------------------- */

/* The same file, but what stood in it is gone: the next generation starts at 0. */
static struct file *next_generation(struct tail *t, struct file *f)
{
        const struct file_stat st = { .inode = f->inode, .birth_ns = f->birth_ns };
        struct file *g = file_new(f->path, f->input, &st);
        int64_t lost = f->size > f->read ? f->size - f->read : 0;

        log_warn("tail", "truncated: path=%s was_read_to=%lld unread_bytes_lost=%lld", f->path, (long long)f->read,
                 (long long)lost);
        stat_add(&t->p.stats->lost_truncated, lost);
        g->generation = f->generation + 1;
        g->rotated = f->rotated;
        g->scan = f->scan;
        g->fd = f->fd;
        f->fd = -1;
        /* Stored at once, under the old row's key: a restart must neither take the new content for the old nor
         * count the generation anew. */
        g->replaces = f->named || f->replaces;
        g->replaced = f->named ? f->id : f->replaced;
        f->superseded = true;
        end_file(t, f, "truncated");
        own_file(t, g);
        positions_add(t->positions, g);
        file_enter(g, FILE_READY, "starts again");
        return g;
}

static void start_reading(struct tail *t, struct file *f)
{
        stat_inc(&t->p.stats->files_open);
        if (f->named)
                file_make_stream(f, t->host);
        file_enter(f, FILE_READY, "opened");
        if (f->cut || f->size < f->read)
                f = next_generation(t, f);
        push_ready(t, f);
}

static void report_unopened(struct tail *t, const char *path, int r)
{
        if (r == -ENOENT || r == -ESTALE)
                return;                 /* gone again between the two calls: the next scan sees what is there */
        stat_inc(&t->p.stats->file_errors);
        log_warn("tail", "cannot be opened, tried again at each scan: path=%s error=\"%s\"", path, strerror(-r));
}

static void add_file(struct tail *t, const char *path, const struct input_config *input, const struct file_stat *st,
                     bool rotated)
{
        struct file *f = file_new(path, input, st);
        int r = file_open(f, path);

        if (r < 0) {
                report_unopened(t, path, r);
                file_free(f);
                return;
        }
        f->rotated = rotated;
        stat_inc(&t->p.stats->files_found);
        log_info("tail", "found: path=%s inode=%llu size=%lld%s", path, (unsigned long long)st->inode,
                 (long long)st->size, rotated ? " rotated" : "");
        own_file(t, f);
        start_reading(t, f);
}

/* A file from the checkpoint is seen for the first time in this run. */
static void resume_file(struct tail *t, struct file *f)
{
        int r = file_open(f, f->path);

        if (r < 0) {
                report_unopened(t, f->path, r);
                return;
        }
        log_info("tail", "resumed: path=%s offset=%lld size=%lld", f->path, (long long)f->read, (long long)f->size);
        start_reading(t, f);
}

/* What stands at path now is this f. */
static void seen_at(struct tail *t, struct file *f, const char *path)
{
        bool rotated = !globs_match(&t->p.config->inputs, path);
        struct file *before = file_at(t, path);

        f->scan = t->scan;
        if (before && before != f) {    /* overwritten by a rename: no event tells of it */
                before->rotated = true;
                touch(t, before);
        }
        if (rotated && !f->rotated)
                stat_inc(&t->p.stats->rotations);
        f->rotated = rotated;
        set_path(t, f, path);
        if (f->state == FILE_KNOWN)
                resume_file(t, f);
        else
                touch(t, f);
}

struct sibling { char *path; struct file_stat st; };

static int by_birth(const void *a, const void *b)
{
        const struct sibling *x = a, *y = b;
        return (x->st.birth_ns > y->st.birth_ns) - (x->st.birth_ns < y->st.birth_ns);
}

/* Everything in the directory of path that may be a rotation of it, oldest first. */
static size_t list_siblings(const char *path, struct sibling **ret)
{
        const char *slash = strrchr(path, '/');
        char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("./");
        const char *base = slash ? slash + 1 : path;
        struct sibling *v = NULL;
        size_t n = 0;
        DIR *d = opendir(dir);

        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                struct sibling s = { 0 };
                if (!globs_is_sibling(de->d_name, base) || globs_is_archive(de->d_name))
                        continue;
                s.path = xasprintf("%s%s", slash ? dir : "", de->d_name);
                if (file_stat(AT_FDCWD, s.path, &s.st) < 0) {
                        free(s.path);
                        continue;
                }
                v = xrealloc(v, (n + 1) * sizeof(*v));
                v[n++] = s;
        }
        if (d)
                closedir(d);
        free(dir);
        if (n > 0)
                qsort(v, n, sizeof(*v), by_birth);
        *ret = v;
        return n;
}

/* old's path holds another file now, or none: find old again, and what came and went between. */
static void search_siblings(struct tail *t, struct file *old)
{
        char *base = globs_base(&t->p.config->inputs, old->path);
        int64_t birth_ns = old->birth_ns;
        const struct input_config *input = globs_match(&t->p.config->inputs, base);
        struct sibling *v;
        size_t n = list_siblings(base, &v);

        for (size_t i = 0; i < n; i++) {
                struct file *f = map_get(&t->by_key, key_of(v[i].st.inode, v[i].st.birth_ns));
                if (f && !f->input)
                        f->input = input;
                if (f && f->input)
                        seen_at(t, f, v[i].path);
                else if (!f && input && v[i].st.birth_ns > birth_ns && birth_ns != 0)
                        add_file(t, v[i].path, input, &v[i].st, true);
                free(v[i].path);
        }
        free(v);
        free(base);
}

/* Nothing of such a file is kept: the event or the scan that finds it written to finds a new file. */
static bool too_old(const struct tail *t, const struct input_config *input, const struct file_stat *st)
{
        const struct clock *clock = loop_clock(t->p.loop);

        return input->ignore_older_ms > 0 &&
               clock->wall_ns(clock) - st->mtime_ns > input->ignore_older_ms * 1000000;
}

void tail_found(struct tail *t, const char *path, const struct input_config *input)
{
        struct file_stat st;
        int r = globs_is_archive(path) ? -EINVAL : file_stat(AT_FDCWD, path, &st);

        if (r < 0) {
                if (r != -EINVAL)
                        report_unopened(t, path, r);
                return;
        }
        struct file *f = map_get(&t->by_key, key_of(st.inode, st.birth_ns));
        struct file *before = file_at(t, path);
        if (before && before != f) {
                search_siblings(t, before);
                /* Not among them: the next read finds it deleted, or it was moved out of sight. */
                if (file_at(t, path) == before) {
                        before->rotated = true;
                        touch(t, before);
                }
        }
        if (f) {
                f->input = input;
                seen_at(t, f, path);
        } else if (too_old(t, input, &st)) {
                t->too_old++;
        } else {
                add_file(t, path, input, &st, false);
        }
}

void tail_touched(struct tail *t, const char *path)
{
        struct file *f = file_at(t, path);
        const struct input_config *input;

        if (f && f->state == FILE_READY && !ship_has_room(t->p.ship)) {
                struct file_stat st;
                f->cut |= file_stat(f->fd, "", &st) == 0 && st.size < f->read;
        } else if (f && f->state != FILE_KNOWN)
                touch(t, f);
        else if ((input = globs_match(&t->p.config->inputs, path)) != NULL)
                tail_found(t, path, input);
}

void tail_moved(struct tail *t, const char *from, const char *to)
{
        struct file_stat st;
        const struct input_config *input = globs_match_rotated(&t->p.config->inputs, from);

        if (!input || globs_is_archive(to) || file_stat(AT_FDCWD, to, &st) < 0)
                return;
        struct file *f = map_get(&t->by_key, key_of(st.inode, st.birth_ns));
        if (f) {
                f->input = input;
                seen_at(t, f, to);
        } else if (!too_old(t, input, &st) &&
                   (globs_match(&t->p.config->inputs, from) || st.birth_ns > t->started_ns)) {
                /* It stood under a name of ours and was renamed before we could look. */
                add_file(t, to, input, &st, !globs_match(&t->p.config->inputs, to));
        }
}

void tail_gone(struct tail *t, const char *path)
{
        struct file *f = file_at(t, path);
        if (f)
                touch(t, f);            /* the read finds the end, and that no name is left */
}

static bool directory_readable(const char *path)
{
        const char *slash = strrchr(path, '/');
        char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
        bool ok = access(dir, R_OK | X_OK) == 0;

        free(dir);
        return ok;
}

/* Still not seen although everything was looked at: a file of the checkpoint. */
static void look_for_known(struct tail *t, struct file *f)
{
        if (f->input)
                search_siblings(t, f);
        if (f->state != FILE_KNOWN || !f->input || !directory_readable(f->path))
                return;
        struct file_stat st;
        if (file_stat(AT_FDCWD, f->path, &st) == 0 && st.inode == f->inode && st.birth_ns == f->birth_ns)
                return;                 /* there, but not to be opened: reported, tried again */
        int64_t lost = f->size > f->read ? f->size - f->read : 0;
        log_warn("tail", "vanished before all of it was shipped: path=%s shipped_to=%lld bytes_lost=%lld", f->path,
                 (long long)f->read, (long long)lost);
        stat_add(&t->p.stats->lost_vanished, lost);
        end_file(t, f, "vanished");
}

/* Open, and under no name that this scan saw: moved out of sight, or deleted, and nothing tells when it grows. */
static bool out_of_sight(const struct tail *t, const struct file *f)
{
        return f->fd >= 0 && f->state == FILE_IDLE && f->scan != t->scan;
}

static bool rotated_and_quiet(const struct tail *t, const struct file *f)
{
        return f->rotated && f->state == FILE_IDLE && ackwin_inflight(&f->window) == 0 &&
               loop_now_ms(t->p.loop) - f->quiet_since_ms > ROTATED_QUIET_MS;
}

static void look_out_of_sight(struct tail *t, struct file *f)
{
        struct file_stat st;

        f->rotated = true;
        if (file_stat(f->fd, "", &st) < 0 || st.size != f->size || st.links == 0)
                touch(t, f);            /* quiet_since stays as it is for one that did not grow */
}

void tail_scanning(struct tail *t)
{
        t->scan++;
        t->too_old = 0;
}

void tail_scanned(struct tail *t)
{
        struct file *f, **some = xcalloc(t->by_key.len + 1, sizeof(*some));
        size_t n = 0;

        stat_inc(&t->p.stats->scans);
        stat_set(&t->p.stats->files_ignored, t->too_old);
        for (size_t i = 0; (f = map_next(&t->by_key, &i)) != NULL;)
                if (f->state == FILE_KNOWN || out_of_sight(t, f))
                        some[n++] = f;
        for (size_t i = 0; i < n; i++) {
                if (some[i]->state == FILE_KNOWN)
                        look_for_known(t, some[i]);
                else if (rotated_and_quiet(t, some[i]))
                        end_file(t, some[i], "rotated and quiet");
                else
                        look_out_of_sight(t, some[i]);
        }
        free(some);
}

/* --- reading --------------------------------------------------------------------------------- */

/* An unfinished event that did not grow for its input's timeout. */
static bool waited_enough(const struct tail *t, const struct file *f)
{
        return f->wait_prev && f->waited_to == f->scanned && loop_now_ms(t->p.loop) >= f->due_ms;
}

/* One timer for all: whoever is due is put into the queue, at_end does the rest. */
static void wait_is_over(struct timer *timer)
{
        struct tail *t = timer->arg;
        int64_t now_ms = loop_now_ms(t->p.loop), next_ms = INT64_MAX;

        for (struct file *f = t->waiting; f; f = f->wait_next) {
                if (f->due_ms <= now_ms)
                        touch(t, f);
                else if (f->due_ms < next_ms)
                        next_ms = f->due_ms;
        }
        if (next_ms != INT64_MAX)
                timer_arm(t->p.loop, &t->wait_timer, next_ms - now_ms < WAIT_STEP_MS ? WAIT_STEP_MS : next_ms - now_ms);
}

static void wait_for_more(struct tail *t, struct file *f)
{
        int64_t ms = f->partial ? f->input->partial_timeout_ms : f->input->multiline.timeout_ms;

        if (f->scanned == f->read || ms == 0) {
                wait_no_more(f);
                return;
        }
        if (f->wait_prev && f->waited_to == f->scanned)
                return;
        if (!f->wait_prev) {
                f->wait_next = t->waiting;
                f->wait_prev = &t->waiting;
                if (t->waiting)
                        t->waiting->wait_prev = &f->wait_next;
                t->waiting = f;
        }
        f->waited_to = f->scanned;
        f->due_ms = loop_now_ms(t->p.loop) + ms;
        if (!timer_armed(&t->wait_timer) || t->wait_timer.at_ms > f->due_ms)
                timer_arm(t->p.loop, &t->wait_timer, ms);
}

/* What was read of f is all there was a moment ago. */
static void at_end(struct tail *t, struct file *f)
{
        struct file_stat st = { .size = f->scanned, .links = 1 };

        if (file_stat(f->fd, "", &st) == 0 && st.size < f->read) {
                push_ready(t, next_generation(t, f));
                return;
        }
        f->size = st.size;
        if (st.size < f->scanned)
                f->scanned = f->read;   /* cut back inside an unfinished line */
        f->deleted = st.links == 0;
        bool finished = t->p.config->once || f->deleted || waited_enough(t, f);
        bool unfinished_line = finished && f->scanned > f->read;
        if (st.size > f->scanned || (unfinished_line && !ship_has_room(t->p.ship))) {
                push_ready(t, f);
                return;
        }
        if (unfinished_line && !reader_ship_unfinished(t->reader, f)) {
                push_ready(t, f);
                return;
        }
        if (f->deleted) {
                end_file(t, f, "deleted and read to its end");
                return;
        }
        f->quiet_since_ms = loop_now_ms(t->p.loop);
        wait_for_more(t, f);
        file_enter(f, FILE_IDLE, "end of file");
}

/* Reads one share of f, which was just taken from the queue, and puts it where it belongs next. */
static void read_file(struct tail *t, struct file *f, int64_t *budget)
{
        switch (reader_read(t->reader, f, budget)) {
        case READ_MORE:
                push_ready(t, f);
                break;
        case READ_END:
                at_end(t, f);
                break;
        case READ_CUT:
                push_ready(t, next_generation(t, f));
                break;
        case READ_FAILED:               /* tried again when it is touched, at the latest at the next scan */
                file_enter(f, FILE_IDLE, "read error");
                break;
        }
}

void tail_read(struct tail *t)
{
        int64_t budget = TURN_BYTES;

        while (t->ready.first && budget > 0 && ship_has_room(t->p.ship))
                read_file(t, pop_ready(t), &budget);
        ship_flush(t->p.ship);
        /* Out of room: the sink will say when there is some.  Out of turn: go on in the next. */
        if (t->ready.first && budget <= 0)
                loop_wake(t->p.loop);
}

/* --- life ------------------------------------------------------------------------------------ */

struct tail *tail_new(const struct tail_parts *parts)
{
        struct tail *t = xcalloc(1, sizeof(*t));

        t->p = *parts;
        t->host = parts->config->host;
        t->started_ns = loop_clock(parts->loop)->wall_ns(loop_clock(parts->loop));
        t->ready.last = &t->ready.first;
        t->wait_timer = (struct timer){ .name = "unfinished", .fn = wait_is_over, .arg = t };
        t->reader = reader_new(parts->config, parts->stats, parts->ship);
        t->positions = positions_new(parts->loop, parts->stats, &t->by_key);
        return t;
}

void tail_free(struct tail *t)
{
        struct file *f;

        if (!t)
                return;
        stat_set(&t->p.stats->files, 0);
        stat_set(&t->p.stats->files_open, 0);
        timer_disarm(t->p.loop, &t->wait_timer);
        positions_free(t->positions);
        for (size_t i = 0; (f = map_next(&t->by_key, &i)) != NULL;)
                file_free(f);
        map_fini(&t->by_key);
        map_fini(&t->by_path);
        reader_free(t->reader);
        free(t);
}

void tail_restore(struct tail *t, const struct checkpoint_row *row)
{
        struct file *f = file_from_row(row);
        struct file *other = map_get(&t->by_key, key_of(f->inode, f->birth_ns));

        f->input = globs_match_rotated(&t->p.config->inputs, f->path);
        f->rotated = !globs_match(&t->p.config->inputs, f->path);
        /* Two generations of one file: the older one was about to be forgotten. */
        if (other && other->generation > f->generation) {
                stat_inc(&t->p.stats->files);
                end_file(t, f, "older generation");
                return;
        }
        if (other)
                end_file(t, other, "older generation");
        own_file(t, f);
}

void tail_save(struct tail *t, bool now)
{
        positions_save(t->positions, now);
}

void tail_settled(struct tail *t, struct file *f)
{
        positions_add(t->positions, f);
}

void tail_set_checkpoint(struct tail *t, struct checkpoint *c)
{
        positions_set_checkpoint(t->positions, c);
}

bool tail_at_end(const struct tail *t)
{
        return !t->ready.first;
}

bool tail_is_acked(const struct tail *t, const char *path, int64_t size)
{
        const struct file *f = file_at(t, path);
        return f && !f->unsaved && ackwin_inflight(&f->window) == 0 && ackwin_committed(&f->window) >= size;
}

void tail_each(const struct tail *t, void (*fn)(void *arg, const struct file *f), void *arg)
{
        struct file *f;

        for (size_t i = 0; (f = map_next(&t->by_key, &i)) != NULL;)
                fn(arg, f);
}

static void add_lag(void *arg, const struct file *f)
{
        int64_t lag = f->size - ackwin_committed(&f->window);
        *(int64_t *)arg += lag > 0 ? lag : 0;
}

int64_t tail_lag_bytes(const struct tail *t)
{
        int64_t lag = 0;
        tail_each(t, add_lag, &lag);
        return lag;
}

const char *tail_trouble(const struct tail *t)
{
        return positions_trouble(t->positions);
}
