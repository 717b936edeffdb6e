/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "event/archive.h"
#include "shipper/globs.h"
#include "shipper/order.h"

static uint64_t key_of(uint64_t inode, int64_t birth_ns)
{
        const uint64_t both[2] = { inode, (uint64_t)birth_ns };
        return XXH3_64bits(both, sizeof(both));
}

static uint64_t path_key(const char *path)
{
        return XXH3_64bits(path, strlen(path));
}

struct file *known_get(const struct known *k, const struct file_stat *st)
{
        return map_get(&k->by_key, key_of(st->inode, st->birth_ns));
}

struct file *known_at(const struct known *k, const char *path)
{
        struct file *f = map_get(&k->by_path, path_key(path));
        return f && strcmp(f->path, path) == 0 ? f : NULL;
}

/* Whoever stood there comes first.  Rows of the checkpoint come in no order. */
static void stand_at(struct known *k, struct file *f, uint64_t place)
{
        struct file *before = map_get(&k->by_path, place);

        map_put(&k->by_path, place, f);
        if (!before || before == f || k->scan == 0)
                return;
        turns_touch(&k->turns, before);
        order_after(f, before);
        k->replaced = true;
}

static void take_place(struct known *k, struct file *f)
{
        uint64_t place = path_key(f->path);

        stand_at(k, f, place);
        if (f->left == place)
                f->left = 0;
}

/* It stays there in by_path, so that its successor is told, unless such a one is awaited elsewhere. */
static void leave_place(struct known *k, struct file *f)
{
        uint64_t place = path_key(f->path);

        if (known_at(k, f->path) != f)
                return;
        if (map_get(&k->by_path, f->left) == f)
                map_del(&k->by_path, place);
        else
                f->left = place;
}

void known_stood(struct known *k, struct file *f, const char *path)
{
        if (known_at(k, path)) {
                k->unordered = true;    /* its successor was quicker */
        } else if (map_get(&k->by_path, f->left) != f) {
                f->left = path_key(path);
                stand_at(k, f, f->left);
        }
}

static void own(struct known *k, struct file *f)
{
        f->scan = k->scan;
        map_put(&k->by_key, key_of(f->inode, f->birth_ns), f);
        if (!f->real)                   /* else another one stands there */
                take_place(k, f);
        stat_inc(&k->stats->files);
}

static void disown(struct known *k, struct file *f)
{
        uint64_t key = key_of(f->inode, f->birth_ns);

        if (map_get(&k->by_key, key) == f)
                map_del(&k->by_key, key);
        leave_place(k, f);
        stat_add(&k->stats->files, -1);
}

void known_move(struct known *k, struct file *f, const char *path)
{
        leave_place(k, f);
        if (file_moved_to(f, path))
                file_rest(f);           /* its events carry the path */
        take_place(k, f);
}

static void forget_place(struct known *k, uint64_t place, const struct file *f)
{
        if (map_get(&k->by_path, place) == f)
                map_del(&k->by_path, place);
}

void known_end(struct known *k, struct file *f, const char *why)
{
        turns_wait_no_more(f);
        polls_remove(&k->polls, f);
        order_leave(f);
        file_enter(f, FILE_ENDED, why);
        descriptors_close(&k->descriptors, f);
        disown(k, f);
        forget_place(k, path_key(f->path), f);
        forget_place(k, f->left, f);
        positions_add(k->positions, f);
}

/* Takes the place of f, which is not in by_key any more or about to leave it, and starts there anew with descriptor fd.
 * intact_ns: of f, as long as that stood there. */
static struct file *successor(struct known *k, const struct file *f, const char *path, const struct file_stat *st, int fd,
                              int64_t intact_ns)
{
        struct file *g = file_new(path, f->input, st);

        g->generation = f->generation + 1;
        g->rotated = f->rotated;
        g->anew_ns = f->anew_ns ? f->anew_ns : intact_ns;
        if (f->polled)
                known_poll(k, g);
        g->fd = fd;
        if (fd >= 0)
                descriptors_add(&k->descriptors, g);
        /* Stored at once: a restart must neither take the new content for the old nor count the generation anew. */
        g->replaces = true;
        own(k, g);
        file_enter(g, FILE_READY, "starts again");
        if (fd >= 0)
                known_name(k, g);       /* it may be cut again before it is read */
        return g;
}

struct file *known_next_generation(struct known *k, struct file *f)
{
        const struct file_stat st = { .inode = f->inode, .birth_ns = f->birth_ns };
        int64_t lost = f->size > f->read ? f->size - f->read : 0;
        int fd = f->fd;
        struct file *older = f->older;

        log_warn("tail", "truncated: path=%s was_read_to=%lld unread_bytes_lost=%lld", f->path, (long long)f->read,
                 (long long)lost);
        stat_add(&k->stats->lost_truncated, lost);
        if (fd >= 0)
                descriptors_remove(&k->descriptors, f);
        f->fd = -1;
        f->superseded = true;
        known_end(k, f, "truncated");
        struct file *g = successor(k, f, f->path, &st, fd, f->intact_ns);
        if (older)
                order_after(g, older);
        /* Under the old row's key until it has a name of its own. */
        g->replaces = f->named || f->replaces;
        g->replaced = f->named ? f->id : f->replaced;
        positions_add(k->positions, g);
        return g;
}

/* A key that no file has. */
static void displace(struct file *f)
{
        memcpy(&f->inode, f->id.bytes, sizeof(f->inode));
        f->birth_ns = -1;
}

static void move_out(struct known *k, struct file *f)
{
        disown(k, f);
        displace(f);
        own(k, f);
}

/* Under a key of its own until it has a name: the old row is still that of f. */
static void stand_beside(struct known *k, struct file *next, const struct file *f)
{
        next->replaced = ident_of_span(&f->id, UINT64_MAX, next->generation);
        positions_add(k->positions, next);
}

struct file *known_part(struct known *k, struct file *f)
{
        const struct file_stat st = { .inode = f->inode, .birth_ns = f->birth_ns };
        int fd = f->fd;

        log_info("tail", "truncated, looked for in archives: path=%s offset=%lld size=%lld", f->path, (long long)f->read,
                 (long long)f->size);
        turns_wait_no_more(f);
        if (fd >= 0)
                descriptors_remove(&k->descriptors, f);
        f->fd = -1;
        f->cut = false;
        f->scanned = f->read;
        move_out(k, f);
        struct file *g = successor(k, f, f->path, &st, fd, f->intact_ns);
        stand_beside(k, g, f);
        return g;
}

static void say_followed(struct known *k, const struct file *f, const char *from, int64_t seen, bool cut)
{
        int64_t had = f->read > f->size ? f->read : f->size;
        int64_t lost = seen > had ? seen - had : 0;

        log_info("tail", "%s, goes on in a copy: path=%s copy=%s offset=%lld size=%lld bytes_lost=%lld",
                 cut ? "truncated" : "gone", from, f->path, (long long)f->read, (long long)f->size, (long long)lost);
        stat_add(cut ? &k->stats->lost_truncated : &k->stats->lost_vanished, lost);
        stat_inc(&k->stats->copies_followed);
}

static void settle_in(struct known *k, struct file *f, const char *path)
{
        file_moved_to(f, path);
        file_rest(f);
        f->rotated = !globs_match(&k->config->inputs, path);
        f->deleted = false;
        f->scanned = f->read;
        turns_wait_no_more(f);
        if (f->state == FILE_KNOWN) {
                file_enter(f, FILE_READY, "found in a copy");
                k->unordered = true;
        }
        positions_add(k->positions, f);
}

bool known_follow(struct known *k, struct file *f, const char *path, const struct file_stat *copy, bool cut,
                  struct file **ret)
{
        const struct file_stat st = { .inode = f->inode, .birth_ns = f->birth_ns };
        int64_t seen = f->size, intact_ns = f->intact_ns;
        int old_fd = f->fd;

        disown(k, f);
        bool ok = file_switch(f, path, copy) == 0;
        if (!ok) {
                own(k, f);
                return false;
        }
        char *from = xstrdup(f->path);
        settle_in(k, f, path);
        own(k, f);
        say_followed(k, f, from, seen, cut);
        if (cut) {
                *ret = successor(k, f, from, &st, old_fd, intact_ns);
                f->anew_ns = 0;
                (*ret)->rotated = !globs_match(&k->config->inputs, from);
                stand_beside(k, *ret, f);
        } else if (old_fd >= 0) {
                close(old_fd);
        }
        if (old_fd < 0)
                descriptors_add(&k->descriptors, f);
        free(from);
        return true;
}

bool known_name(struct known *k, struct file *f)
{
        if (!file_name_from_disk(f, k->config->host))
                return false;
        f->fresh = true;
        positions_add(k->positions, f);
        return true;
}

static void opened(struct known *k, struct file *f)
{
        descriptors_add(&k->descriptors, f);
        if (!f->named)
                known_name(k, f);
}

int known_open(struct known *k, struct file *f)
{
        int r = descriptors_make_room(&k->descriptors) ? file_open(f, file_place(f)) : -EMFILE;

        if (r == -EMFILE || r == -ENFILE) {
                descriptors_full(&k->descriptors);
                if (descriptors_make_room(&k->descriptors))
                        r = file_open(f, file_place(f));
        }
        if (r == 0)
                opened(k, f);
        return r;
}

static void start_reading(struct known *k, struct file *f)
{
        file_enter(f, FILE_READY, "opened");
        turns_push(&k->turns, f);
}

void known_poll(struct known *k, struct file *f)
{
        if (!f->polled || f->state == FILE_READY)
                polls_add(&k->polls, f);
        f->polled = true;
}

void known_report(struct known *k, const char *path, int r)
{
        if (r == -ENOENT || r == -ESTALE)
                return; /* gone again between the two calls: the next scan sees what is there */
        stat_inc(&k->stats->file_errors);
        log_warn("tail", "cannot be opened, tried again at each scan: path=%s error=\"%s\"", path,
                 strerror(-r));
}

/* Its head is not whole, so it has no name yet; without a row it would be unknown when it is rotated while the shipper is down. */
static void store_unnamed(struct known *k, struct file *f)
{
        const struct ident_file blank = { .host = k->config->host, .inode = f->inode, .birth_ns = f->birth_ns };
        const struct ident id = ident_of_file(&blank);

        f->replaces = true;
        f->replaced = ident_of_span(&id, UINT64_MAX, f->generation);
        positions_add(k->positions, f);
}

struct file *known_add(struct known *k, const char *path, const char *real, const struct input_config *input,
                       const struct file_stat *st, bool rotated)
{
        struct file *f = file_new(path, input, st);

        f->real = real ? xstrdup(real) : NULL;
        int r = known_open(k, f);

        if (r < 0) {
                known_report(k, path, r);
                file_free(f);
                return NULL;
        }
        f->rotated = rotated;
        if (k->first_start && input->start_at == START_AT_END && f->named) {
                file_skip_to_end(f, k->config->max_line_bytes);
                positions_add(k->positions, f);
        }
        stat_inc(&k->stats->files_found);
        log_info("tail", "found: path=%s inode=%llu size=%lld%s", file_place(f), (unsigned long long)st->inode,
                 (long long)st->size, rotated ? " rotated" : "");
        own(k, f);
        if (!f->named)
                store_unnamed(k, f);
        k->unordered |= rotated;
        start_reading(k, f);
        return f;
}

/* It is opened when it is its turn. Its end was seen when all of it is acknowledged (file_row). */
static void resume_packed(struct known *k, struct file *f)
{
        if (f->packed && f->packed->scan == k->scan)
                return;
        k->unordered = true;
        if (!f->packed)
                f->packed = xcalloc(1, sizeof(*f->packed));
        f->packed->complete = f->read > 0 && f->size == f->read;
        file_enter(f, FILE_READY, "in an archive");
        if (f->packed->complete)
                file_enter(f, FILE_IDLE, "read to its end by an earlier run");
        else
                turns_push(&k->turns, f);
}

void known_add_packed(struct known *k, const char *path, const struct input_config *input, const struct file_stat *st)
{
        struct file *f = file_new(path, input, st);

        stat_inc(&k->stats->files_found);
        log_info("tail", "found: path=%s inode=%llu packed", path, (unsigned long long)st->inode);
        own(k, f);
        resume_packed(k, f);
}

void known_become(struct known *k, struct file *f, const char *path, const struct file_stat *st, bool hidden)
{
        disown(k, f);
        f->inode = st->inode;
        f->birth_ns = st->birth_ns;
        f->deleted = false;
        f->rotated = hidden || !globs_match(&k->config->inputs, path);
        file_moved_to(f, hidden ? f->path : path);
        f->real = hidden ? xstrdup(path) : NULL;
        own(k, f);
        file_make_stream(f, k->config->host);
        positions_add(k->positions, f);
}

void known_resume(struct known *k, struct file *f)
{
        if (archive_kind_of(file_place(f)) != ARCHIVE_NONE) {
                resume_packed(k, f);
                return;
        }
        int r = known_open(k, f);

        if (r < 0) {
                known_report(k, f->path, r);
                return;
        }
        log_info("tail", "resumed: path=%s offset=%lld size=%lld", f->path, (long long)f->read,
                 (long long)f->size);
        k->unordered = true;
        start_reading(k, f);
}

void known_restore(struct known *k, const struct checkpoint_row *row)
{
        struct file *f = file_from_row(row);
        struct file *other = map_get(&k->by_key, key_of(f->inode, f->birth_ns));

        f->input = globs_match_rotated(&k->config->inputs, f->path);
        f->rotated = !globs_match(&k->config->inputs, f->path);
        /* Two generations of one file: of the older one nothing is at that place any more.  What was unread of it
         * may stand in a copy; else it has vanished. */
        if (other && other->generation > f->generation)
                displace(f);
        else if (other)
                move_out(k, other);
        own(k, f);
}

/* --- over a reload --------------------------------------------------------------------------- */

void known_keep(struct known *k, struct kept_files *ret)
{
        struct file *f;

        for (size_t i = 0; (f = map_next(&k->by_key, &i)) != NULL;) {
                if (f->fd < 0 || f->packed || (!f->real && file_is_in_place(f)))
                        continue;
                ret->v = xrealloc(ret->v, (ret->n + 1) * sizeof(*ret->v));
                ret->v[ret->n++] = (struct kept){ xstrdup(f->path), f->fd };
                descriptors_remove(&k->descriptors, f);
                f->fd = -1;
        }
}

/* True: kept->fd belongs to a file now. */
static bool take_back(struct known *k, const struct kept *kept)
{
        struct file_stat st;
        struct file *f = file_stat(kept->fd, "", &st) == 0 ? known_get(k, &st) : NULL;
        const struct input_config *input = globs_match_rotated(&k->config->inputs, kept->path);

        if (!input || (f && f->state != FILE_KNOWN))
                return false;
        if (!f) {                       /* nothing of it was acknowledged yet */
                f = file_new(kept->path, input, &st);
                own(k, f);
        }
        f->input = input;
        f->rotated = true;
        if (file_take(f, kept->fd) < 0)
                return false;
        opened(k, f);
        start_reading(k, f);
        return true;
}

void known_take_back(struct known *k, struct kept_files *kept)
{
        for (size_t i = 0; i < kept->n; i++)
                if (take_back(k, &kept->v[i]))
                        kept->v[i].fd = -1;
        kept_files_fini(kept);
}

void kept_files_fini(struct kept_files *kept)
{
        for (size_t i = 0; i < kept->n; i++) {
                free(kept->v[i].path);
                if (kept->v[i].fd >= 0)
                        close(kept->v[i].fd);
        }
        free(kept->v);
        *kept = (struct kept_files){ 0 };
}

/* --- life ------------------------------------------------------------------------------------ */

void known_init(struct known *k, struct loop *loop, const struct shipper_config *config,
                struct shipper_stats *stats)
{
        *k = (struct known){ .loop = loop, .config = config, .stats = stats, .unordered = true };
        turns_init(&k->turns, loop);
        polls_init(&k->polls, loop, &k->turns, stats, config->scan_interval_ms);
        descriptors_init(&k->descriptors, loop, stats, descriptors_limit(config));
        k->positions = positions_new(loop, stats, &k->by_key, &k->turns);
}

void known_fini(struct known *k)
{
        struct file *f;

        stat_set(&k->stats->files, 0);
        stat_set(&k->stats->files_open, 0);
        polls_fini(&k->polls);
        turns_fini(&k->turns);
        positions_free(k->positions);
        for (size_t i = 0; (f = map_next(&k->by_key, &i)) != NULL;)
                file_free(f);
        map_fini(&k->by_key);
        map_fini(&k->by_path);
}
