/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/removed.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum { TELL_MS = 60 * 1000 };           /* between two warnings */

struct held {
        int64_t files, bytes;
        const struct file *oldest;
};

static void add(struct held *all, const struct file *f)
{
        int64_t owed = f->size - ackwin_committed(&f->window);

        all->files++;
        all->bytes += owed > 0 ? owed : 0;
        if (!all->oldest || f->deleted_ms < all->oldest->deleted_ms)
                all->oldest = f;
}

static void tell(struct removed *r, const struct held *all)
{
        struct shipper_stats *stats = r->known->stats;
        int64_t now_ms = loop_now_ms(r->known->loop);

        stat_set(&stats->files_removed, all->files);
        stat_set(&stats->removed_bytes, all->bytes);
        if (all->files == 0 || now_ms < r->tell_ms)
                return;
        r->tell_ms = now_ms + TELL_MS;
        log_warn("tail",
                 "deleted files are held open, and their disk space with them, until they are shipped: files=%lld "
                 "unacknowledged_bytes=%lld oldest=%s seconds=%lld (close_removed_after would give them up)",
                 (long long)all->files, (long long)all->bytes, all->oldest->path,
                 (long long)(now_ms - all->oldest->deleted_ms) / 1000);
}

static bool is_due(const struct removed *r, const struct file *f)
{
        return f->input && f->input->close_removed_ms > 0 &&
               loop_now_ms(r->known->loop) - f->deleted_ms >= f->input->close_removed_ms;
}

static void give_up(struct removed *r, struct file *f)
{
        int64_t lost = f->size > f->read ? f->size - f->read : 0;

        log_warn("tail", "deleted, and given up after close_removed_after: path=%s read_to=%lld bytes_lost=%lld", f->path,
                 (long long)f->read, (long long)lost);
        stat_add(&r->known->stats->lost_removed, lost);
        if (f->state == FILE_READY)
                turns_remove(&r->known->turns, f);
        known_end(r->known, f, "close_removed_after");
}

/* What is looked for in an archive, or in those of the next scan, holds no space any more. */
static bool holds_space(const struct file *f)
{
        return f->deleted && f->fd >= 0 && !f->packed;
}

void removed_look(struct removed *r)
{
        struct held held = { 0 };
        struct file *f, **due = NULL;   /* in an array: the map changes when they end */
        size_t n = 0;

        for (size_t i = 0; (f = map_next(&r->known->by_key, &i)) != NULL;) {
                if (!holds_space(f))
                        continue;
                if (is_due(r, f)) {
                        due = xrealloc(due, (n + 1) * sizeof(struct file *));
                        due[n++] = f;
                } else {
                        add(&held, f);
                }
        }
        for (size_t i = 0; i < n; i++)
                give_up(r, due[i]);
        free(due);
        tell(r, &held);
}

void removed_init(struct removed *r, struct known *known)
{
        *r = (struct removed){ .known = known };
}
