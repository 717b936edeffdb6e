/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/finder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "shipper/globs.h"
#include "shipper/siblings.h"

enum {
        HIDDEN_QUIET_MS = 5 * 60 * 1000,        /* a writer may hold a file open that was moved out of sight */
        ROTATED_QUIET_MS = 24 * 3600 * 1000,    /* or one with a rotated name */
};

/* Since it was last read to its end. */
static bool has_changed(const struct file *f, const struct file_stat *st)
{
        return st->size != f->size || st->mtime_ns != f->mtime_ns;
}

/* A hard link, or a second symbolic link to it: the name it has is as good. */
static bool has_another_name(struct finder *s, const struct file *f)
{
        return !f->rotated && known_at(s->known, f->path) == f && file_is_in_place(f) &&
               globs_match(&s->config->inputs, f->path);
}

static void move_to(struct finder *s, struct file *f, const char *path)
{
        struct known *k = s->known;
        bool rotated = !globs_match(&s->config->inputs, path);
        struct file *before = known_at(k, path);

        if (before && before != f) {    /* overwritten by a rename: no event tells of it */
                before->rotated = true;
                turns_touch(&k->turns, before);
        }
        if (rotated && !f->rotated) {
                stat_inc(&k->stats->rotations);
                f->quiet_since_ms = loop_now_ms(k->loop);
        }
        f->rotated = rotated;
        known_move(k, f, path);
}

/* What stands at path now is this f. */
static void seen_at(struct finder *s, struct file *f, const char *path, const struct file_stat *st)
{
        f->scan = s->known->scan;
        bool same = strcmp(f->path, path) == 0 && !f->real && known_at(s->known, path) == f;
        if (!same && !has_another_name(s, f))
                move_to(s, f, path);
        s->news += f->state == FILE_KNOWN || (f->state == FILE_IDLE && has_changed(f, st));
        if (f->state == FILE_KNOWN)
                known_resume(s->known, f);
        else if (has_changed(f, st))
                turns_touch(&s->known->turns, f);
}

/* --- copies ---------------------------------------------------------------------------------- */

/* The copy that holds most of what f held, of equal ones the youngest; NULL: none.  A copy is born after its file. */
static const struct sibling *best_copy(const struct finder *s, const struct file *f, const struct siblings *all)
{
        const struct sibling *best = NULL;

        for (size_t i = 0; i < all->n; i++) {
                const struct sibling *one = &all->v[i];
                if (one->hidden || one->st.birth_ns < f->birth_ns || known_get(s->known, &one->st))
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

/* Of one whose turn to be looked at has not come, and which will go on in it if it was cut or is gone. */
static bool is_copy_of_another(const struct finder *s, const struct sibling *one)
{
        const struct file *f;

        for (size_t i = 0; (f = map_next(&s->known->by_key, &i)) != NULL;)
                if ((f->state == FILE_KNOWN || f->cut) && one->st.birth_ns >= f->birth_ns && siblings_is_copy(one->path, f))
                        return true;
        return false;
}

/* It came and went while nobody looked. */
static void add_sibling(struct finder *s, const struct sibling *one, const struct file *old, const struct input_config *input)
{
        const struct input_config *own = globs_match(&s->config->inputs, one->path);

        if (known_get(s->known, &one->st) || globs_excluded(input, one->path) || siblings_is_copy(one->path, old))
                return;
        if (is_copy_of_another(s, one))
                return;
        if (one->hidden)
                known_add(s->known, old->path, one->path, input, &one->st, true);
        else
                known_add(s->known, one->path, NULL, own ? own : input, &one->st, true);
}

void finder_cut(struct finder *s, struct file *f)
{
        struct turns *turns = &s->known->turns;
        struct siblings all;
        struct file *next;

        list_siblings(s, f, &all);
        if (follow_copy(s, f, &all, true, &next))
                turns_push(turns, f);           /* the older lines first */
        else if (!archives_cut(s->archives, f, &next))
                next = known_next_generation(s->known, f);
        turns_push(turns, next);
        siblings_fini(&all);
}

/* It holds what one of them held or holds, which stood at f's place or stands there. */
static bool is_copy_of_relative(const struct finder *s, const struct file *f, const struct sibling *one)
{
        const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
        size_t dir = (size_t)(name - f->path);
        const struct file *g;

        for (size_t i = 0; (g = map_next(&s->known->by_key, &i)) != NULL;)
                if (strncmp(g->path, f->path, dir) == 0 &&
                    (strcmp(g->path + dir, name) == 0 || globs_is_sibling(g->path + dir, name)) &&
                    siblings_is_copy(one->path, g))
                        return true;
        return siblings_is_prefix(one->path, f);
}

void finder_begun(struct finder *s, struct file *f)
{
        struct siblings all;

        list_siblings(s, f, &all);
        for (size_t i = 0; i < all.n; i++) {
                const struct sibling *one = &all.v[i];
                if (one->st.birth_ns >= f->anew_ns && one->st.size > 0 && !known_get(s->known, &one->st) &&
                    !is_copy_of_relative(s, f, one))
                        add_sibling(s, one, f, f->input);
        }
        f->anew_ns = 0;
        siblings_fini(&all);
}

/* Its descriptor is all that is left of it: a reload still wants it while lines are not acknowledged.  Where archives are
 * wanted for themselves, the one that was made of it must be known for what it is. */
void finder_deleted(struct finder *s, struct file *f)
{
        struct siblings all;

        list_siblings(s, f, &all);
        if (follow_copy(s, f, &all, false, NULL))
                turns_push(&s->known->turns, f);
        else if (ackwin_inflight(&f->window) > 0)
                file_enter(f, FILE_IDLE, "deleted, and not acknowledged");
        else if (!globs_wants_archive(f->input, NULL) || !archives_rest(s->archives, f))
                known_end(s->known, f, "deleted and read to its end");
        siblings_fini(&all);
}

static void count_vanished(struct finder *s, struct file *f)
{
        int64_t lost = f->size > f->read ? f->size - f->read : 0;

        log_warn("tail", "vanished before all of it was shipped: path=%s shipped_to=%lld bytes_lost=%lld", f->path,
                 (long long)f->read, (long long)lost);
        stat_add(&s->known->stats->lost_vanished, lost);
}

/* It was renamed or deleted while it was closed, and nobody told. */
static int find_again(struct finder *s, struct file *f)
{
        struct siblings all;
        int r = -ENOENT;

        list_siblings(s, f, &all);
        for (size_t i = 0; r < 0 && i < all.n; i++)
                if (file_stat_is(&all.v[i].st, f)) {
                        move_to(s, f, all.v[i].path);
                        r = known_open(s->known, f);
                }
        if (r < 0 && follow_copy(s, f, &all, false, NULL)) {
                turns_push(&s->known->turns, f);
        } else if (r < 0 && !archives_rest(s->archives, f)) {
                if (f->size > f->read)
                        count_vanished(s, f);
                known_end(s->known, f, "vanished while it was closed");
        }
        siblings_fini(&all);
        return r;
}

bool finder_reopen(struct finder *s, struct file *f)
{
        int r = known_open(s->known, f);

        if (r == -ENOENT || r == -ESTALE) {
                r = find_again(s, f);
        } else if (r < 0) {
                known_report(s->known, f->path, r);
                f->mtime_ns = 0;
                file_enter(f, FILE_IDLE, "cannot be opened");
        }
        if (r == 0)
                stat_inc(&s->known->stats->files_reopened);
        return r == 0;
}

static bool look_at(struct finder *s, const char *path, const struct input_config *input, bool count);

static void note_absent(struct finder *s, const char *path)
{
        free(s->absent);
        s->absent = xstrdup(path);
        s->absent_scan = s->known->scan;
}

/* The file that was known at path, looked at just now; NULL: none. */
static struct file *original_at(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);
        const struct input_config *input;

        if (!f && s->absent && s->absent_scan == s->known->scan && strcmp(s->absent, path) == 0)
                return NULL;            /* "app.log" of ten thousand "app-1.log" */
        if ((!f || f->state == FILE_KNOWN) && (input = globs_match(&s->config->inputs, path)) != NULL) {
                look_at(s, path, input, false);
                f = known_at(s->known, path);
                if (!f)
                        note_absent(s, path);
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
        struct file *f = original_at(s, origin);

        if (!f)
                return false;
        if (st->size == 0)
                return true;
        if (f->state != FILE_KNOWN && !f->cut) {
                if (siblings_is_prefix(path, f))
                        return true;
                file_look(f);           /* was it cut just now? */
                if (!f->cut)
                        return false;
        }
        return siblings_is_copy(path, f);
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

/* A link led to f, and leads to another file now; f stands beside that. */
static void seen_hidden(struct finder *s, struct file *f, const struct sibling *one)
{
        f->scan = s->known->scan;
        f->rotated = true;
        if (!f->real || strcmp(f->real, one->path) != 0) {
                free(f->real);
                f->real = xstrdup(one->path);
        }
        if (f->state == FILE_KNOWN)
                known_resume(s->known, f);
        else if (has_changed(f, &one->st))
                turns_touch(&s->known->turns, f);
}

static void seen_sibling(struct finder *s, const struct sibling *one, const struct input_config *input)
{
        struct file *f = known_get(s->known, &one->st);

        if (f && !f->input)
                f->input = input;
        if (!f || !f->input || (one->hidden && !f->real && file_is_in_place(f)))
                return;
        if (one->hidden)
                seen_hidden(s, f, one);
        else
                seen_at(s, f, one->path, &one->st);
}

/* old's path holds another file now, or none: find old again, and what came and went between. */
static void search_siblings(struct finder *s, struct file *old)
{
        char *base = globs_stem(&s->config->inputs, old->path);
        int64_t birth_ns = old->birth_ns;
        const struct input_config *input = globs_match(&s->config->inputs, base);
        struct siblings all;

        s->known->unordered = true;
        siblings_list_archives(&all, base);
        siblings_add_targets(&all, old, true);
        for (size_t i = 0; i < all.n; i++)
                seen_sibling(s, &all.v[i], input);
        siblings_fini(&all);
        siblings_list(&all, base);
        siblings_add_targets(&all, old, false);
        for (size_t i = 0; i < all.n; i++)
                seen_sibling(s, &all.v[i], input);
        if (old->state == FILE_KNOWN && old->input && follow_copy(s, old, &all, false, NULL))
                turns_push(&s->known->turns, old);
        for (size_t i = 0; input && birth_ns != 0 && i < all.n; i++)
                if (all.v[i].st.birth_ns > birth_ns)
                        add_sibling(s, &all.v[i], old, input);
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

static bool look_at(struct finder *s, const char *path, const struct input_config *input, bool count)
{
        struct known *k = s->known;
        struct file_stat st;
        int r = file_stat(AT_FDCWD, path, &st);

        if (r < 0) {
                if (r != -EINVAL)
                        known_report(k, path, r);
                return false;
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
        bool copy = !f && !globs_is_archive(path) && is_copy(s, path, &st);
        if (!f)
                f = known_get(k, &st);  /* it may just have turned out to be a copy that one goes on in */
        if (f) {
                f->input = input;
                seen_at(s, f, path, &st);
        } else if (too_old(s, input, &st)) {
                s->too_old += count;
        } else if (globs_is_archive(path)) {
                archives_note(s->archives, path, input);
        } else if (copy) {
                s->copies += count;
        } else {
                known_add(k, path, NULL, input, &st, false);
                s->news++;
        }
        return st.link;
}

bool finder_found(struct finder *s, const char *path, const struct input_config *input)
{
        return look_at(s, path, input, true);
}

void finder_poll(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);

        if (f && f->state != FILE_KNOWN)
                known_poll(s->known, f);
}

/* By the time it is read it may be cut again, and its copies compressed or gone. */
static void look_at_waiting(struct finder *s, struct file *f)
{
        if (!f->named && f->fd >= 0)
                known_name(s->known, f);        /* or a cut would not show */
        file_look(f);
        if (!f->cut || f->state != FILE_READY || f->packed)
                return;
        turns_remove(&s->known->turns, f);
        finder_cut(s, f);
}

void finder_touched(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);
        const struct input_config *input;

        if (f && f->state != FILE_KNOWN) {
                turns_touch(&s->known->turns, f);
                if (f->older || !ship_has_room(s->ship))
                        look_at_waiting(s, f);
        } else if ((input = globs_match(&s->config->inputs, path)) != NULL)
                finder_found(s, path, input);
}

void finder_moved(struct finder *s, const char *from, const char *to)
{
        struct file_stat st;
        const struct input_config *input = globs_match_rotated(&s->config->inputs, from);

        if (!input || file_stat(AT_FDCWD, to, &st) < 0)
                return;
        struct file *f = known_get(s->known, &st);
        if (f) {
                bool was_found = known_at(s->known, to) == f;
                f->input = input;
                seen_at(s, f, to, &st);
                if (was_found)
                        known_stood(s->known, f, from);
        } else if (!globs_is_archive(to) && !too_old(s, input, &st) &&
                   (globs_match(&s->config->inputs, from) || st.birth_ns > s->started_ns) && !is_copy(s, to, &st)) {
                /* It stood under a name of ours and was renamed before we could look. */
                f = known_add(s->known, to, NULL, input, &st, !globs_match(&s->config->inputs, to));
                if (f)
                        known_stood(s->known, f, from);
        }
}

/* No name is left of it. */
static void mark_deleted(struct finder *s, struct file *f, const struct file_stat *st)
{
        if (f->size < st->size)
                f->size = st->size;
        if (!f->deleted)
                f->deleted_ms = loop_now_ms(s->known->loop);
        f->deleted = true;
}

void finder_gone(struct finder *s, const char *path)
{
        struct file *f = known_at(s->known, path);
        struct file_stat st;

        if (!f)
                return;
        if (f->fd >= 0 && file_stat(f->fd, "", &st) == 0 && st.links == 0)
                mark_deleted(s, f, &st);
        turns_touch(&s->known->turns, f);       /* the read finds the end, and that no name is left */
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
        if (file_is_in_place(f))
                return;                 /* there, but not to be opened: reported, tried again */
        if (archives_rest(s->archives, f))
                return;
        count_vanished(s, f);
        known_end(s->known, f, "vanished");
}

/* Of an open file that its path does not lead to: where the kernel says it is. */
static void find_by_descriptor(struct file *f)
{
        char link[64], path[PATH_MAX];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", f->fd);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (n <= 0)
                return;
        path[n] = '\0';
        free(f->real);
        f->real = xstrdup(path);
        if (!file_is_in_place(f)) {
                free(f->real);
                f->real = NULL;
        }
}

/* Nobody will write to it any more, as far as one can tell; its row is forgotten. */
static bool done_with(const struct finder *s, const struct file *f, bool in_place)
{
        int64_t quiet_ms = loop_now_ms(s->known->loop) - f->quiet_since_ms;

        /* With a pattern for archives it must still be known when it is compressed one day. */
        return f->rotated && ackwin_inflight(&f->window) == 0 && f->size <= f->scanned &&
               !globs_wants_archive(f->input, NULL) && quiet_ms > (in_place ? ROTATED_QUIET_MS : HIDDEN_QUIET_MS);
}

/* Under no name that this scan saw: rotated, moved out of sight or deleted, and nothing may tell when it grows. */
static void look_out_of_sight(struct finder *s, struct file *f)
{
        struct file_stat st;
        bool in_place = file_is_in_place(f);
        int r = f->fd >= 0 ? file_stat(f->fd, "", &st) : in_place ? file_stat(AT_FDCWD, file_place(f), &st) : -ENOENT;

        f->rotated |= !in_place || f->real || !globs_match(&s->config->inputs, f->path);
        if (r == 0 && st.links == 0)
                mark_deleted(s, f, &st);
        if (r == 0 && st.links > 0 && !in_place && f->fd >= 0)
                find_by_descriptor(f);
        if (f->state != FILE_IDLE)
                return;
        s->news += r < 0 || has_changed(f, &st);
        if (r < 0 || st.links == 0 || has_changed(f, &st))
                turns_touch(&s->known->turns, f);
        else if (done_with(s, f, in_place && !f->real))
                known_end(s->known, f, "rotated and quiet");
}

/* --- scans ----------------------------------------------------------------------------------- */

/* It was kept so that it is not taken for a new one. */
static void look_for_archive(struct finder *s, struct file *f)
{
        if (ackwin_inflight(&f->window) == 0 && f->size <= f->read && !archives_keeps(s->archives, f)) {
                known_end(s->known, f, "its archive is read to its end");
                return;
        }
        if (file_is_in_place(f))
                return;
        search_siblings(s, f);
        if (f->scan != s->known->scan && directory_readable(file_place(f)))
                known_end(s->known, f, "its archive is gone");
}

void finder_dir(struct finder *s, const char *dir)
{
        unseen_dir(s->unseen, dir);
}

void finder_scanning(struct finder *s)
{
        archives_scanning(s->archives);
        unseen_scanning(s->unseen);
        s->known->scan++;
        s->too_old = s->copies = s->news = 0;
}

/* Those that the scan did not see, in an array, since what follows changes the map. */
static struct file **list_unseen(const struct known *k, size_t *ret)
{
        struct file *f, **all = xcalloc(k->by_key.len + 1, sizeof(struct file *));

        *ret = 0;
        for (size_t i = 0; (f = map_next(&k->by_key, &i)) != NULL;)
                if (f->scan != k->scan || f->deleted)
                        all[(*ret)++] = f;
        return all;
}

static void look_at_unseen(struct finder *s)
{
        size_t n;
        struct file **all = list_unseen(s->known, &n);

        for (size_t i = 0; i < n; i++)
                if (all[i]->state == FILE_KNOWN)
                        look_for_known(s, all[i]);
                else if (!all[i]->packed)
                        look_out_of_sight(s, all[i]);
                else if (all[i]->state == FILE_IDLE)
                        look_for_archive(s, all[i]);
        free(all);
}

/* What came and went while no shipper ran, unless it turns out to be a copy. */
static void add_unseen(struct finder *s)
{
        for (size_t i = 0; i < s->unseen->n; i++) {
                const char *path = s->unseen->paths[i];
                const struct input_config *input = globs_match_rotated(&s->config->inputs, path);
                struct sibling one = { .path = s->unseen->paths[i] };
                if (!input || file_stat(AT_FDCWD, path, &one.st) < 0 || known_get(s->known, &one.st))
                        continue;
                bool copy = !globs_is_archive(path) && is_copy(s, path, &one.st);
                s->unseen->holding |= !copy;
                if (globs_is_archive(path))
                        archives_note_unseen(s->archives, path, input);
                else if (!copy && !is_copy_of_another(s, &one) && !known_get(s->known, &one.st))
                        known_add(s->known, path, NULL, input, &one.st, true);
        }
}

bool finder_replaced(struct finder *s)
{
        bool replaced = s->known->replaced;

        s->known->replaced = false;
        return replaced;
}

void finder_scanned(struct finder *s)
{
        struct known *k = s->known;

        stat_inc(&k->stats->scans);
        stat_set(&k->stats->files_ignored, s->too_old);
        stat_set(&k->stats->files_copies, s->copies);
        look_at_unseen(s);
        removed_look(&s->removed);
        descriptors_close_idle(&k->descriptors);
        k->first_start = false;
        s->news += (int64_t)(s->unseen->n + s->archives->nnoted);
        add_unseen(s);
        archives_scanned(s->archives);
        unseen_scanned(s->unseen);
}

void finder_fini(struct finder *s)
{
        free(s->absent);
        s->absent = NULL;
}

void finder_init(struct finder *s, struct known *known, struct archives *archives, struct unseen *unseen,
                 struct ship *ship)
{
        const struct clock *clock = loop_clock(known->loop);

        *s = (struct finder){
                .known = known,
                .archives = archives,
                .unseen = unseen,
                .config = known->config,
                .ship = ship,
                .started_ns = clock->wall_ns(clock),
        };
        removed_init(&s->removed, known);
}
