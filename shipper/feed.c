/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum {
        ENTRIES_A_TURN = 256,
        STORE_MS = 250,
        RETRY_MS = 1000,
};

struct feed {
        struct feed_parts p;
        struct journal *journal;        /* owned */
        struct io io;
        struct buf line;                /* empty between two entries */
        struct timer again;             /* there is more, or nobody tells */
        struct timer store;
        int64_t stored_ms;
        bool unstored, store_fails;     /* entries were taken since; it was said */
        bool paused;
};

/* --- how far it was taken -------------------------------------------------------------------- */

/* Only what is on the disk may be called taken: the journal will not be asked for it again. */
static void store_place(struct feed *f)
{
        struct err e = { 0 };
        int r = ring_trouble(f->p.ring) ? 0 : ring_sync(f->p.ring);

        if (ring_trouble(f->p.ring))
                return;                 /* some of it is in memory only */
        if (r < 0)
                err_set(&e, -r, "%s: %s", f->p.journal.store, strerror(-r));
        else
                r = journal_store(f->journal, &e);
        if (r < 0 && !f->store_fails)
                log_error("listen", "how far the journal was taken cannot be stored, after a restart entries come again: "
                                    "input=%s error=\"%s\"", f->p.name, e.msg);
        f->store_fails = r < 0;
        f->unstored = r < 0;
        f->stored_ms = loop_now_ms(f->p.loop);
}

static void on_store(struct timer *t)
{
        struct feed *f = t->arg;

        store_place(f);
        if (f->unstored)
                timer_arm(f->p.loop, t, STORE_MS);
}

/* The first of a life is stored at once, or one that is killed each second would never get on. */
static void store_soon(struct feed *f)
{
        int64_t since = loop_now_ms(f->p.loop) - f->stored_ms;

        if (!timer_armed(&f->store))
                timer_arm(f->p.loop, &f->store, f->stored_ms == 0 || since >= STORE_MS ? 0 : STORE_MS - since);
}

/* --- entries --------------------------------------------------------------------------------- */

static int take_entry(struct feed *f)
{
        struct journal_line of;

        buf_reset(&f->line);
        int r = journal_next(f->journal, &f->line, &of);
        if (r <= 0)
                return r;
        stat_add(&f->p.stats->received_bytes, (int64_t)(f->line.len + of.cut));
        stat_add(&f->p.stats->utf8_repaired, (int64_t)of.repaired);
        if (of.unread > 0)
                log_warn("listen", "the journal is damaged, an entry goes without some fields: input=%s fields=%zu", f->p.name,
                         of.unread);
        stat_set(&f->p.stats->journal_time, of.time_us / 1000000);
        f->p.put(f->p.arg, f->line.data, f->line.len, of.cut);
        return r;
}

static void read_entries(struct feed *f)
{
        int r = 0, n = 0;

        while (n < ENTRIES_A_TURN && ring_has_room(f->p.ring) && (r = take_entry(f)) > 0)
                n++;
        f->unstored |= n > 0;
        if (f->p.flush(f->p.arg) && f->unstored)
                store_soon(f);
        if (r < 0)
                log_error("listen", "the journal cannot be read, tried again: input=%s error=\"%s\"", f->p.name, strerror(-r));
        if (!f->paused && (n == ENTRIES_A_TURN || r < 0 || !journal_tells(f->journal)))
                timer_arm(f->p.loop, &f->again, n == ENTRIES_A_TURN ? 0 : RETRY_MS);
}

static void look(struct feed *f)
{
        int r = journal_look(f->journal);

        if (r < 0)
                log_error("listen", "the journal's changes cannot be seen: input=%s error=\"%s\"", f->p.name, strerror(-r));
        read_entries(f);
}

static void on_journal(struct io *io, uint32_t events)
{
        (void)events;
        look(io->arg);
}

static void on_again(struct timer *t)
{
        look(t->arg);
}

void feed_start(struct feed *f)
{
        f->paused = false;
        loop_add(f->p.loop, &f->io, EPOLLIN);
        timer_arm(f->p.loop, &f->again, 0);
}

void feed_pause(struct feed *f)
{
        f->paused = true;
        loop_del(f->p.loop, &f->io);
        timer_disarm(f->p.loop, &f->again);
        timer_arm(f->p.loop, &f->store, 0);     /* it may last, and a kill would bring all of it again */
}

/* --- life ------------------------------------------------------------------------------------ */

static void tell_opened(struct feed *f, bool lost)
{
        if (lost) {
                stat_inc(&f->p.stats->journal_lost);
                log_warn("listen", "the journal has no entry any more where the last run stopped, it is read from its "
                                   "oldest: input=%s", f->p.name);
        }
        if (journal_is_empty(f->journal))
                log_warn("listen", "there is no journal file that may be read; this machine's are for the group "
                                   "systemd-journal: input=%s", f->p.name);
}

struct feed *feed_new(const struct feed_parts *parts, struct err *e)
{
        bool lost = false;
        struct journal *journal = journal_open(&parts->journal, &lost, e);

        if (!journal)
                return NULL;
        struct feed *f = xcalloc(1, sizeof(*f));
        f->p = *parts;
        f->journal = journal;
        f->io = (struct io){ .fd = journal_fd(journal), .name = "journal", .fn = on_journal, .arg = f };
        f->again = (struct timer){ .name = "journal", .fn = on_again, .arg = f };
        f->store = (struct timer){ .name = "journal", .fn = on_store, .arg = f };
        ring_keep_synced(parts->ring);
        tell_opened(f, lost);
        return f;
}

void feed_free(struct feed *f)
{
        if (!f)
                return;
        loop_del(f->p.loop, &f->io);
        timer_disarm(f->p.loop, &f->again);
        timer_disarm(f->p.loop, &f->store);
        store_place(f);
        journal_close(f->journal);
        buf_fini(&f->line);
        free(f);
}
