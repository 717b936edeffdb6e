/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/finder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "shipper/globs.h"
#include "shipper/siblings.h"

enum { ROTATED_QUIET_MS = 5 * 60 * 1000 };      /* a writer may hold a renamed file open until it is told to let go */

/* What stands at path now is this f. */
static void seen_at(struct finder *s, struct file *f, const char *path)
{
        struct known *k = s->known;
        bool rotated = !globs_match(&s->config->inputs, path);
        struct file *before = known_at(k, path);

        f->scan = k->scan;
        if (before && before != f) { /* overwritten by a rename: no event tells of it */
                before->rotated = true;
                turns_touch(&k->turns, before);
        }
        if (rotated && !f->rotated)
                stat_inc(&k->stats->rotations);
        f->rotated = rotated;
        known_move(k, f, path);
        if (f->state == FILE_KNOWN)
                known_resume(k, f);
        else
                turns_touch(&k->turns, f);
}

/* --- copies ---------------------------------------------------------------------------------- */

/* The copy that holds most of what f held, of equal ones the youngest; NULL: none.  A copy is born after its file. */
static const struct sibling *best_copy(const struct finder *s, const struct file *f, const struct siblings *all)
{
        const struct sibling *best = NULL;

        for (size_t i = 0; i < all->n; i++) {
                const struct sibling *one = &all->v[i];
                if (one->st.birth_ns < f->birth_ns || known_get(s->known, &one->st))
                        continue;
                if ((!best || one->st.size >= best->st.size) && siblings_is_copy(one->path, f))
                        best = one;
        }
        return best;
}

static bool follow_copy(struct finder *s, struct file *f, const struct siblings *all, bool cut, struct file **ret)
{
        const struct sibling *copy = best_copy(s, f, all);
        return copy && known_follow(s->known, f, copy->path, &copy->st, cut, ret);
}

static void list_siblings(const struct finder *s, const struct file *f, struct siblings *ret)
{
        char *stem = globs_stem(&s->config->inputs, f->path);

        siblings_list(ret, stem);
        free(stem);
}

void finder_cut(struct finder *s, struct file *f)
{
        struct turns *turns = &s->known->turns;
        struct siblings all;
        struct file *next;

        list_siblings(s, f, &all);
        if (follow_copy(s, f, &all, true, &next))
                turns_push(turns, f);           /* the older lines first */
        else
                next = known_next_generation(s->known, f);
        turns_push(turns, next);
        siblings_fini(&all);
}

void finder_lost(struct finder *s, struct file *f, const char *why)
{
        struct siblings all;

        list_siblings(s, f, &all);
        if (follow_copy(s, f, &all, false, NULL))
                turns_push(&s->known->turns, f);
        else
                known_end(s->known, f, why);
        siblings_fini(&all);
}

static void look_at(struct finder *s, const char *path, const struct input_config *input, bool count);

/* The file that was known at path, looked at just now; NULL: none. */
static struct file *original_at(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);
        const struct input_config *input;

        if ((!f || f->state == FILE_KNOWN) && (input = globs_match(&s->config->inputs, path)) != NULL) {
                look_at(s, path, input, false);
                f = known_at(s->known, path);
        }
        if (f && f->state != FILE_KNOWN) {
                file_look(f);
                if (f->cut)
                        turns_touch(&s->known->turns, f);
        }
        return f;
}

/* An empty one is about to be filled; what it is shows then. */
static bool is_copy_of(struct finder *s, const char *origin, const char *path, const struct file_stat *st)
{
        const struct file *f = original_at(s, origin);

        if (!f)
                return false;
        if (st->size == 0)
                return true;
        return f->cut || f->state == FILE_KNOWN ? siblings_is_copy(path, f) : siblings_is_prefix(path, f);
}

/* Nothing stands in path, which is new, but what a file holds, or held before it was cut, that it is named after. */
static bool is_copy(struct finder *s, const char *path, const struct file_stat *st)
{
        char *origin = xstrdup(path);
        bool copy = globs_cut_number(origin) && is_copy_of(s, origin, path, st);

        memcpy(origin, path, strlen(path) + 1);
        while (!copy && globs_cut(origin))
                copy = is_copy_of(s, origin, path, st);
        free(origin);
        return copy;
}

/* --- finding --------------------------------------------------------------------------------- */

/* old's path holds another file now, or none: find old again, and what came and went between. */
static void search_siblings(struct finder *s, struct file *old)
{
        char *base = globs_stem(&s->config->inputs, old->path);
        int64_t birth_ns = old->birth_ns;
        const struct input_config *input = globs_match(&s->config->inputs, base);
        struct siblings all;

        siblings_list(&all, base);
        for (size_t i = 0; i < all.n; i++) {
                const struct sibling *one = &all.v[i];
                struct file *f = known_get(s->known, &one->st);
                if (f && !f->input)
                        f->input = input;
                if (f && f->input)
                        seen_at(s, f, one->path);
        }
        if (old->state == FILE_KNOWN && old->input && follow_copy(s, old, &all, false, NULL))
                turns_push(&s->known->turns, old);
        for (size_t i = 0; input && birth_ns != 0 && i < all.n; i++) {
                const struct sibling *one = &all.v[i];
                if (one->st.birth_ns > birth_ns && !known_get(s->known, &one->st) && !globs_excluded(input, one->path) &&
                    !siblings_is_copy(one->path, old))
                        known_add(s->known, one->path, input, &one->st, true);
        }
        siblings_fini(&all);
        free(base);
}

/* Nothing of such a file is kept: the event or the scan that finds it written to finds a new file. */
static bool too_old(const struct finder *s, const struct input_config *input, const struct file_stat *st)
{
        const struct clock *clock = loop_clock(s->known->loop);

        return input->ignore_older_ms > 0 &&
               clock->wall_ns(clock) - st->mtime_ns > input->ignore_older_ms * 1000000;
}

static void look_at(struct finder *s, const char *path, const struct input_config *input, bool count)
{
        struct known *k = s->known;
        struct file_stat st;
        int r = globs_is_archive(path) ? -EINVAL : file_stat(AT_FDCWD, path, &st);

        if (r < 0) {
                if (r != -EINVAL)
                        known_report(k, path, r);
                return;
        }
        struct file *f = known_get(k, &st);
        struct file *before = known_at(k, path);
        if (before && before != f) {
                search_siblings(s, before);
                /* Not among them: the next read finds it deleted, or it was moved out of sight. */
                if (known_at(k, path) == before) {
                        before->rotated = true;
                        turns_touch(&k->turns, before);
                }
        }
        bool copy = !f && is_copy(s, path, &st);
        if (!f)
                f = known_get(k, &st);  /* it may just have turned out to be a copy that one goes on in */
        if (f) {
                f->input = input;
                seen_at(s, f, path);
        } else if (too_old(s, input, &st)) {
                s->too_old += count;
        } else if (copy) {
                s->copies += count;
        } else {
                known_add(k, path, input, &st, false);
        }
}

void finder_found(struct finder *s, const char *path, const struct input_config *input)
{
        look_at(s, path, input, true);
}

void finder_touched(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);
        const struct input_config *input;

        if (f && f->state == FILE_READY && !ship_has_room(s->ship))
                file_look(f);
        else if (f && f->state != FILE_KNOWN)
                turns_touch(&s->known->turns, f);
        else if ((input = globs_match(&s->config->inputs, path)) != NULL)
                finder_found(s, path, input);
}

void finder_moved(struct finder *s, const char *from, const char *to)
{
        struct file_stat st;
        const struct input_config *input = globs_match_rotated(&s->config->inputs, from);

        if (!input || globs_is_archive(to) || file_stat(AT_FDCWD, to, &st) < 0)
                return;
        struct file *f = known_get(s->known, &st);
        if (f) {
                f->input = input;
                seen_at(s, f, to);
        } else if (!too_old(s, input, &st) &&
                   (globs_match(&s->config->inputs, from) || st.birth_ns > s->started_ns) && !is_copy(s, to, &st)) {
                /* It stood under a name of ours and was renamed before we could look. */
                known_add(s->known, to, input, &st, !globs_match(&s->config->inputs, to));
        }
}

void finder_gone(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);
        if (f)
                turns_touch(&s->known->turns, f); /* the read finds the end, and that no name is left */
}

/* --- what a scan did not see ----------------------------------------------------------------- */

static bool directory_readable(const char *path)
{
        const char *slash = strrchr(path, '/');
        char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
        bool ok = access(dir, R_OK | X_OK) == 0;

        free(dir);
        return ok;
}

/* Still not seen although everything was looked at: a file of the checkpoint. */
static void look_for_known(struct finder *s, struct file *f)
{
        if (f->input)
                search_siblings(s, f);
        if (f->state != FILE_KNOWN || !f->input || !directory_readable(f->path))
                return;
        struct file_stat st;
        if (file_stat(AT_FDCWD, f->path, &st) == 0 && st.inode == f->inode && st.birth_ns == f->birth_ns)
                return; /* there, but not to be opened: reported, tried again */
        int64_t lost = f->size > f->read ? f->size - f->read : 0;
        log_warn("tail", "vanished before all of it was shipped: path=%s shipped_to=%lld bytes_lost=%lld",
                 f->path, (long long)f->read, (long long)lost);
        stat_add(&s->known->stats->lost_vanished, lost);
        known_end(s->known, f, "vanished");
}

/* Open, and under no name that this scan saw: moved out of sight, or deleted, and nothing tells when it grows. */
static bool out_of_sight(const struct finder *s, const struct file *f)
{
        return f->fd >= 0 && f->state == FILE_IDLE && f->scan != s->known->scan;
}

static bool rotated_and_quiet(const struct finder *s, const struct file *f)
{
        return f->rotated && f->state == FILE_IDLE && ackwin_inflight(&f->window) == 0 &&
               loop_now_ms(s->known->loop) - f->quiet_since_ms > ROTATED_QUIET_MS;
}

static void look_out_of_sight(struct finder *s, struct file *f)
{
        struct file_stat st;

        f->rotated = true;
        if (file_stat(f->fd, "", &st) < 0 || st.size != f->size || st.links == 0)
                turns_touch(&s->known->turns, f); /* quiet_since stays as it is for one that did not grow */
}

void finder_scanning(struct finder *s)
{
        s->known->scan++;
        s->too_old = s->copies = 0;
}

void finder_scanned(struct finder *s)
{
        struct known *k = s->known;
        struct file *f, **some = xcalloc(k->by_key.len + 1, sizeof(struct file *));
        size_t n = 0;

        stat_inc(&k->stats->scans);
        stat_set(&k->stats->files_ignored, s->too_old);
        stat_set(&k->stats->files_copies, s->copies);
        for (size_t i = 0; (f = map_next(&k->by_key, &i)) != NULL;)
                if (f->state == FILE_KNOWN || out_of_sight(s, f))
                        some[n++] = f;
        for (size_t i = 0; i < n; i++) {
                if (some[i]->state == FILE_KNOWN)
                        look_for_known(s, some[i]);
                else if (rotated_and_quiet(s, some[i]))
                        known_end(k, some[i], "rotated and quiet");
                else
                        look_out_of_sight(s, some[i]);
        }
        free(some);
}

void finder_init(struct finder *s, struct known *known, struct ship *ship)
{
        const struct clock *clock = loop_clock(known->loop);

        *s = (struct finder){
                .known = known, .config = known->config, .ship = ship, .started_ns = clock->wall_ns(clock)
        };
}
