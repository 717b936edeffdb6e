/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/tail.h"

#include <stdlib.h>

#include "base/mem.h"
#include "shipper/order.h"
#include "shipper/reader.h"

enum { TURN_BYTES = 1024 * 1024 }; /* then the loop looks at its other duties */

struct tail {
        struct tail_parts p;
        struct known known;
        struct archives archives;
        struct unseen unseen;
        struct finder finder;
        struct reader *reader; /* owned */
};

/* --- reading --------------------------------------------------------------------------------- */

/* What was read of f is all there was a moment ago. */
static void at_end(struct tail *t, struct file *f)
{
        struct turns *turns = &t->known.turns;
        struct file_stat st = { .size = f->scanned, .links = 1 };

        if (file_stat(f->fd, "", &st) == 0 && st.size < f->read && !f->spent) {
                finder_cut(&t->finder, f);
                return;
        }
        f->size = st.size;
        f->intact_ns = st.mtime_ns;
        f->spent = f->spent && st.size < f->read;
        if (st.size < f->scanned)
                f->scanned = f->read; /* cut back inside an unfinished line */
        if (st.links == 0 && !f->deleted)
                f->deleted_ms = loop_now_ms(t->p.loop);
        f->deleted = st.links == 0;
        bool finished = t->known.finishing || f->deleted || turns_waited(turns, f);
        bool unfinished_line = finished && (f->scanned > f->read || f->hold);
        if (st.size > f->scanned || (unfinished_line && !ship_has_room(t->p.ship))) {
                turns_push(turns, f);
                return;
        }
        if (unfinished_line && !reader_ship_unfinished(t->reader, f)) {
                turns_push(turns, f);
                return;
        }
        if (f->deleted) {
                finder_deleted(&t->finder, f);
                return;
        }
        if (f->mtime_ns != st.mtime_ns)
                f->quiet_since_ms = loop_now_ms(t->p.loop);
        f->mtime_ns = st.mtime_ns;
        turns_wait(turns, f);
        file_enter(f, FILE_IDLE, "end of file");
}

/* The same for a file in an archive; foreign: what stands there is not what stood in the file. */
static void archive_at_end(struct tail *t, struct file *f, bool foreign)
{
        bool final = archives_is_final(&t->archives, f);
        bool unfinished_line = final && !foreign && f->scanned > f->read;

        if (unfinished_line && (!ship_has_room(t->p.ship) || !reader_ship_unfinished(t->reader, f)))
                turns_push(&t->known.turns, f);
        else
                archives_leave(&t->archives, f, final, foreign);
}

/* It may have been quiet. */
static void make_stream(struct tail *t, struct file *f)
{
        if (f->named && !file_has_stream(f))
                file_make_stream(f, t->known.config->host);
}

static void read_archive(struct tail *t, struct file *f, int64_t *budget)
{
        if (!archives_turn(&t->archives, f, budget))
                return;
        make_stream(t, f);
        switch (reader_read(t->reader, f, budget)) {
        case READ_MORE:
                turns_push(&t->known.turns, f);
                break;
        case READ_END:
                archive_at_end(t, f, false);
                break;
        case READ_CUT:
                archive_at_end(t, f, true);
                break;
        case READ_FAILED:
                archives_leave(&t->archives, f, false, false);
                break;
        }
}

/* A file that is renamed while the shipper is dead is only found again when it was known.  All that are new and in the queue
 * get their names before the first of them comes round again, so they share one sync; the other files do not wait for it. */
static bool must_be_stored_first(struct tail *t, struct file *f)
{
        if (!f->named && known_name(&t->known, f)) {
                turns_push(&t->known.turns, f);
                return true;
        }
        if (!f->fresh || file_is_stored(f)) {
                f->fresh = false;
                return false;
        }
        f->mtime_ns = 0;
        file_enter(f, FILE_IDLE, "its row is being stored");
        positions_await(t->known.positions, f);
        return true;
}

/* Reads one share of f, which was just taken from the queue, and puts it where it belongs next. */
static void read_file(struct tail *t, struct file *f, int64_t *budget)
{
        if (f->packed) {
                read_archive(t, f, budget);
                return;
        }
        if (f->fd < 0 && !finder_reopen(&t->finder, f))
                return;
        descriptors_used(&t->known.descriptors, f);
        if (must_be_stored_first(t, f))
                return;
        make_stream(t, f);
        enum read_outcome outcome = reader_read(t->reader, f, budget);
        if (f->anew_ns && f->named && outcome != READ_CUT)
                finder_begun(&t->finder, f);
        switch (outcome) {
        case READ_MORE:
                turns_push(&t->known.turns, f);
                break;
        case READ_END:
                at_end(t, f);
                break;
        case READ_CUT:
                finder_cut(&t->finder, f);
                break;
        case READ_FAILED: /* tried again when it is touched, at the latest at the next scan */
                f->mtime_ns = 0;
                file_enter(f, FILE_IDLE, "read error");
                break;
        }
}

/* Those behind f may go when what there was of it at its first turn before them is read, or nothing can be read of it now. */
static void let_newer_go(struct tail *t, struct file *f)
{
        struct file_stat st;

        if (f->owed == 0 && f->fd >= 0 && !f->packed && file_stat(f->fd, "", &st) == 0)
                f->owed = st.size;
        if ((f->state == FILE_READY || file_waits_for_row(f)) && (f->owed == 0 || f->read < f->owed))
                return;
        ship_part(t->p.ship);
        order_leave(f);
}

void tail_read(struct tail *t)
{
        struct turns *turns = &t->known.turns;
        int64_t budget = TURN_BYTES;

        if (t->known.unordered)
                order_found(&t->known);
        t->known.unordered = false;
        while (turns->first && budget > 0 && ship_has_room(t->p.ship)) {
                struct file *f = turns_pop(turns);
                if (order_waits(f) && tail_waits_for_disk(t)) {
                        turns_push(turns, f);           /* all that is left comes after files that wait for their rows */
                        break;
                }
                bool awaited = f->newer;
                read_file(t, f, &budget);
                if (awaited)
                        let_newer_go(t, f);
        }
        ship_flush(t->p.ship);
        /* Out of room: the sink will say when there is some.  Out of turn: go on in the next. */
        if (turns->first && budget <= 0)
                loop_wake(t->p.loop);
}

/* --- life ------------------------------------------------------------------------------------ */

struct tail *tail_new(const struct tail_parts *parts)
{
        struct tail *t = xcalloc(1, sizeof(*t));

        t->p = *parts;
        known_init(&t->known, parts->loop, parts->config, parts->stats);
        t->known.finishing = parts->config->life.once;
        unseen_init(&t->unseen, &t->known);
        archives_init(&t->archives, &t->known, &t->unseen, parts->ship);
        finder_init(&t->finder, &t->known, &t->archives, &t->unseen, parts->ship);
        t->reader = reader_new(parts->config, parts->stats, parts->ship);
        return t;
}

void tail_free(struct tail *t)
{
        if (!t)
                return;
        archives_fini(&t->archives);
        finder_fini(&t->finder);
        unseen_fini(&t->unseen);
        known_fini(&t->known);
        reader_free(t->reader);
        free(t);
}

void tail_finish(struct tail *t)
{
        t->known.finishing = true;
}

void tail_keep(struct tail *t, struct kept_files *ret)
{
        known_keep(&t->known, ret);
}

void tail_take_back(struct tail *t, struct kept_files *kept)
{
        known_take_back(&t->known, kept);
}

struct finder *tail_finder(struct tail *t)
{
        return &t->finder;
}

void tail_restore(struct tail *t, const struct checkpoint_row *row)
{
        known_restore(&t->known, row);
}

bool tail_save(struct tail *t, bool now)
{
        return positions_save(t->known.positions, now);
}

bool tail_flush(struct tail *t)
{
        return positions_flush(t->known.positions);
}

bool tail_disk_is_late(const struct tail *t)
{
        return positions_late(t->known.positions);
}

void tail_settled(struct tail *t, struct file *f)
{
        positions_add(t->known.positions, f);
        if (f->deleted && f->state == FILE_IDLE && ackwin_inflight(&f->window) == 0)
                turns_touch(&t->known.turns, f);        /* it was held open for that */
}

void tail_set_checkpoint(struct tail *t, struct checkpoint *c)
{
        positions_set_checkpoint(t->known.positions, c);
        unseen_set_checkpoint(&t->unseen, c);
        t->known.first_start = c && checkpoint_is_new(c);
}

bool tail_waits_for_disk(const struct tail *t)
{
        return positions_awaited(t->known.positions);
}

bool tail_at_end(const struct tail *t)
{
        return !t->known.turns.first && !tail_waits_for_disk(t);
}

bool tail_is_acked(const struct tail *t, const char *path, int64_t size)
{
        const struct file *f = known_at(&t->known, path);
        return f && file_is_stored(f) && ackwin_inflight(&f->window) == 0 && ackwin_committed(&f->window) >= size;
}

void tail_each(const struct tail *t, void (*fn)(void *arg, const struct file *f), void *arg)
{
        struct file *f;

        for (size_t i = 0; (f = map_next(&t->known.by_key, &i)) != NULL;)
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
        return positions_trouble(t->known.positions);
}
