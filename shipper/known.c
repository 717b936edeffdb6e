/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/known.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/log.h"
#include "shipper/globs.h"

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

static void own(struct known *k, struct file *f)
{
        f->scan = k->scan;
        map_put(&k->by_key, key_of(f->inode, f->birth_ns), f);
        map_put(&k->by_path, path_key(f->path), f);
        stat_inc(&k->stats->files);
}

static void disown(struct known *k, struct file *f)
{
        uint64_t key = key_of(f->inode, f->birth_ns);

        if (map_get(&k->by_key, key) == f)
                map_del(&k->by_key, key);
        if (known_at(k, f->path) == f)
                map_del(&k->by_path, path_key(f->path));
        stat_add(&k->stats->files, -1);
}

void known_move(struct known *k, struct file *f, const char *path)
{
        if (known_at(k, f->path) == f)
                map_del(&k->by_path, path_key(f->path));
        bool moved = file_moved_to(f, path);
        map_put(&k->by_path, path_key(path), f);
        if (moved && f->named && f->input && f->fd >= 0)
                file_make_stream(f, k->config->host);
}

void known_end(struct known *k, struct file *f, const char *why)
{
        turns_wait_no_more(f);
        file_enter(f, FILE_ENDED, why);
        if (f->fd >= 0)
                stat_add(&k->stats->files_open, -1);
        file_close(f);
        disown(k, f);
        positions_add(k->positions, f);
}

struct file *known_next_generation(struct known *k, struct file *f)
{
        const struct file_stat st = { .inode = f->inode, .birth_ns = f->birth_ns };
        struct file *g = file_new(f->path, f->input, &st);
        int64_t lost = f->size > f->read ? f->size - f->read : 0;

        log_warn("tail", "truncated: path=%s was_read_to=%lld unread_bytes_lost=%lld", f->path,
                 (long long)f->read, (long long)lost);
        stat_add(&k->stats->lost_truncated, lost);
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
        known_end(k, f, "truncated");
        own(k, g);
        positions_add(k->positions, g);
        file_enter(g, FILE_READY, "starts again");
        return g;
}

static void start_reading(struct known *k, struct file *f)
{
        stat_inc(&k->stats->files_open);
        if (f->named)
                file_make_stream(f, k->config->host);
        file_enter(f, FILE_READY, "opened");
        if (f->cut || f->size < f->read)
                f = known_next_generation(k, f);
        turns_push(&k->turns, f);
}

void known_report(struct known *k, const char *path, int r)
{
        if (r == -ENOENT || r == -ESTALE)
                return; /* gone again between the two calls: the next scan sees what is there */
        stat_inc(&k->stats->file_errors);
        log_warn("tail", "cannot be opened, tried again at each scan: path=%s error=\"%s\"", path,
                 strerror(-r));
}

struct file *known_add(struct known *k, const char *path, const struct input_config *input,
                       const struct file_stat *st, bool rotated)
{
        struct file *f = file_new(path, input, st);
        int r = file_open(f, path);

        if (r < 0) {
                known_report(k, path, r);
                file_free(f);
                return NULL;
        }
        f->rotated = rotated;
        stat_inc(&k->stats->files_found);
        log_info("tail", "found: path=%s inode=%llu size=%lld%s", path, (unsigned long long)st->inode,
                 (long long)st->size, rotated ? " rotated" : "");
        own(k, f);
        start_reading(k, f);
        return f;
}

void known_resume(struct known *k, struct file *f)
{
        int r = file_open(f, f->path);

        if (r < 0) {
                known_report(k, f->path, r);
                return;
        }
        log_info("tail", "resumed: path=%s offset=%lld size=%lld", f->path, (long long)f->read,
                 (long long)f->size);
        start_reading(k, f);
}

void known_restore(struct known *k, const struct checkpoint_row *row)
{
        struct file *f = file_from_row(row);
        struct file *other = map_get(&k->by_key, key_of(f->inode, f->birth_ns));

        f->input = globs_match_rotated(&k->config->inputs, f->path);
        f->rotated = !globs_match(&k->config->inputs, f->path);
        /* Two generations of one file: the older one was about to be forgotten. */
        if (other && other->generation > f->generation) {
                stat_inc(&k->stats->files);
                known_end(k, f, "older generation");
                return;
        }
        if (other)
                known_end(k, other, "older generation");
        own(k, f);
}

/* --- life ------------------------------------------------------------------------------------ */

void known_init(struct known *k, struct loop *loop, const struct shipper_config *config,
                struct shipper_stats *stats)
{
        *k = (struct known){ .loop = loop, .config = config, .stats = stats };
        turns_init(&k->turns, loop);
        k->positions = positions_new(loop, stats, &k->by_key);
}

void known_fini(struct known *k)
{
        struct file *f;

        stat_set(&k->stats->files, 0);
        stat_set(&k->stats->files_open, 0);
        turns_fini(&k->turns);
        positions_free(k->positions);
        for (size_t i = 0; (f = map_next(&k->by_key, &i)) != NULL;)
                file_free(f);
        map_fini(&k->by_key);
        map_fini(&k->by_path);
}
