/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/archives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "event/archive.h"
#include "shipper/globs.h"
#include "shipper/siblings.h"

enum { QUIET_MS = 60 * 1000 };          /* nobody has written to it for so long: nobody will */

struct noted_archive {
        char *path;                     /* owned */
        const struct input_config *input;
};

/* Half of the budget; the lines in flight have to do with the rest as long as it lasts. */
static size_t max_memory(const struct archives *a)
{
        return (size_t)a->known->config->memory / 2;
}

/* --- which one ------------------------------------------------------------------------------- */

/* 1: what is in it begins as f does; 0: it does not; or why it cannot be told (-errno). */
static int head_fits(const struct archives *a, const struct file *f, const char *path)
{
        char head[IDENT_HEAD];
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        struct archive *archive = archive_new(fd, archive_kind_of(path), max_memory(a));
        ssize_t n = archive_read(archive, 0, head, f->head_len);
        enum archive_end end = archive_end(archive);
        archive_free(archive);
        close(fd);
        if (n < 0)
                return (int)n;
        if (end == ARCHIVE_TOO_LARGE)
                return -ENOMEM;
        return (size_t)n == f->head_len && XXH3_64bits(head, f->head_len) == f->head_hash;
}

static int cannot_look(struct archives *a, const char *path, int r)
{
        if (r == -ENOMEM)
                log_error("archives", "an archive that may hold the rest of a file needs more memory than `memory` allows: "
                          "path=%s", path);
        else
                known_report(a->known, path, r);
        return r;
}

/* The newest first: it was made since somebody looked. */
static bool is_before(const struct file_stat *x, const struct file_stat *y)
{
        return x->birth_ns != y->birth_ns ? x->birth_ns > y->birth_ns : x->inode > y->inode;
}

/* Takes the sibling's path. */
static void try_candidate(struct file *f, struct sibling *one)
{
        if (!f->packed)
                f->packed = xcalloc(1, sizeof(*f->packed));
        free(f->packed->candidate);
        f->packed->candidate = one->path;
        f->packed->st = one->st;
        f->packed->hidden = one->hidden;
        one->path = NULL;
        log_info("archives", "looked for the rest of a file: path=%s offset=%lld in=%s", f->path, (long long)f->read,
                 f->packed->candidate);
}

/* Of those behind the candidate that f has, in order, the first that begins as f does: 1; 0: there is none.
 * -errno: there may be one, but it cannot be opened. */
static int next_candidate(struct archives *a, struct file *f)
{
        const struct file_stat *last = f->packed && f->packed->candidate ? &f->packed->st : NULL;
        char *stem = globs_stem(&a->known->config->inputs, f->path);
        struct sibling *best = NULL;
        struct siblings all;
        int unsure = 0;

        siblings_list_archives(&all, stem);
        siblings_add_targets(&all, f, true);
        for (size_t i = 0; i < a->nnoted; i++)
                siblings_add(&all, a->noted[i].path);   /* it was moved to where another pattern leads */
        for (size_t i = 0; i < all.n; i++) {
                struct sibling *one = &all.v[i];
                if (known_get(a->known, &one->st) || (last && !is_before(last, &one->st)) ||
                    (best && is_before(&best->st, &one->st)))
                        continue;
                int r = head_fits(a, f, one->path);
                if (r > 0)
                        best = one;
                else if (r < 0 && r != -ENOENT)
                        unsure = cannot_look(a, one->path, r);
        }
        if (best)
                try_candidate(f, best);
        siblings_fini(&all);
        free(stem);
        return best ? 1 : unsure;
}

/* A file that is no longer where it was, and may be in this archive: what becomes of it is decided first. */
static bool may_be_of(struct archives *a, const struct file *f, const char *path)
{
        struct file_stat st;

        if (f->named && f->cut)
                return head_fits(a, f, path) > 0;
        if (!f->named || f->scan == a->known->scan || (f->packed && !f->packed->candidate))
                return false;
        if (file_stat(AT_FDCWD, f->path, &st) == 0 && st.inode == f->inode && st.birth_ns == f->birth_ns)
                return false;
        return head_fits(a, f, path) > 0;
}

static bool is_somebodys(struct archives *a, const char *path)
{
        struct file *f;

        for (size_t i = 0; (f = map_next(&a->known->by_key, &i)) != NULL;)
                if (f->input && may_be_of(a, f, path))
                        return true;
        return false;
}

/* Without a head and a mark any archive would do. */
static bool can_be_told(const struct file *f)
{
        return f->named && f->input && (f->head_len > 0 || f->marks.last.at > 0);
}

bool archives_rest(struct archives *a, struct file *f)
{
        bool from_row = f->state == FILE_KNOWN;

        if (from_row)
                file_packed_free(f);
        int r = can_be_told(f) ? next_candidate(a, f) : 0;

        if (r != 0)
                descriptors_close(&a->known->descriptors, f);
        if (r > 0) {
                if (from_row)
                        file_enter(f, FILE_READY, "perhaps in an archive");
                a->known->unordered |= from_row;
                turns_push(&a->known->turns, f);
        } else if (r < 0 && f->state == FILE_READY) {
                file_packed_free(f);
                file_enter(f, FILE_KNOWN, "an archive cannot be looked into");
        }
        return r != 0;
}

bool archives_cut(struct archives *a, struct file *f, struct file **next)
{
        if (!can_be_told(f) || next_candidate(a, f) <= 0)
                return false;
        f->packed->cut = true;
        *next = known_part(a->known, f);
        turns_push(&a->known->turns, f);
        return true;
}

/* --- its turn -------------------------------------------------------------------------------- */

static void close_archive(struct archives *a, struct file *f)
{
        descriptors_close(&a->known->descriptors, f);
        if (a->current == f) {
                a->current = NULL;
                ship_lend(a->ship, 0);
        }
}

static void count_lost(struct file *f, struct stat_value *reason, const char *why)
{
        int64_t lost = f->size > f->read ? f->size - f->read : 0;

        log_warn("archives", "%s: path=%s shipped_to=%lld bytes_lost=%lld", why, f->path, (long long)f->read,
                 (long long)lost);
        stat_add(reason, lost);
        f->size = f->read;
}

/* The candidate was not it. */
static void try_next(struct archives *a, struct file *f)
{
        struct shipper_stats *stats = a->known->stats;
        enum archive_end end = archive_end(f->packed->archive);

        if (end == ARCHIVE_SHORT && !archives_is_final(a, f)) {
                archives_leave(a, f, false, false);
                return;
        }
        f->packed->damaged |= end == ARCHIVE_SHORT || end == ARCHIVE_CORRUPT;
        close_archive(a, f);
        if (archives_rest(a, f))
                return;
        bool damaged = f->packed && f->packed->damaged;
        count_lost(f, damaged ? &stats->lost_archive : f->packed->cut ? &stats->lost_truncated : &stats->lost_vanished,
                   damaged ? "the archive that may hold the rest of a file is damaged"
                           : "its rest is in no archive");
        known_end(a->known, f, "in no archive");
}

static int open_candidate(struct file *f)
{
        struct file_stat st;
        int fd = open(f->packed->candidate, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        if (file_stat(fd, "", &st) < 0 || st.inode != f->packed->st.inode) {
                close(fd);
                return -ESTALE;
        }
        f->fd = fd;
        return 0;
}

static bool open_archive(struct archives *a, struct file *f)
{
        const char *path = f->packed->candidate ? f->packed->candidate : file_place(f);
        bool room = descriptors_make_room(&a->known->descriptors);
        int r = !room ? -EMFILE : f->packed->candidate ? open_candidate(f) : file_open(f, path);

        if (r < 0) {
                known_report(a->known, path, r);
                file_packed_free(f);
                file_enter(f, FILE_KNOWN, "its archive cannot be opened");
                return false;
        }
        descriptors_add(&a->known->descriptors, f);
        f->packed->archive = archive_new(f->fd, archive_kind_of(path), max_memory(a));
        a->current = f;
        if (archive_kind_of(path) != ARCHIVE_GZIP)
                ship_lend(a->ship, max_memory(a));
        if (f->named && !f->packed->candidate)
                file_make_stream(f, a->known->config->host);
        return true;
}

/* Goes to the mark. 1: it stands there; 0: it does not; -EAGAIN: not there yet.  There is no mark when only a part of the first
 * read was acknowledged: then a line must end where reading goes on. */
static int prove(struct file *f)
{
        const struct mark *m = &f->marks.last;
        int64_t at = m->at > 0 ? m->at : f->read;
        char bytes[MARK_BYTES];
        size_t n = mark_len(at);
        ssize_t got = archive_read(f->packed->archive, at - (int64_t)n, bytes, n);

        if (got == -EAGAIN)
                return -EAGAIN;
        if (got != (ssize_t)n)
                return 0;
        return m->at > 0 ? mark_fits(m, bytes + n) : n == 0 || bytes[n - 1] == '\n';
}

static void is_proven(struct archives *a, struct file *f)
{
        char *path = f->packed->candidate;

        f->packed->candidate = NULL;
        log_info("archives", "found the rest of a file: path=%s offset=%lld in=%s", f->path, (long long)f->read, path);
        stat_inc(&a->known->stats->archives_read);
        known_become(a->known, f, path, &f->packed->st, f->packed->hidden);
        free(path);
}

bool archives_turn(struct archives *a, struct file *f, int64_t *budget)
{
        if (a->current && a->current != f) {
                turns_push(&a->known->turns, f);
                return false;
        }
        if (!f->packed->archive && !open_archive(a, f))
                return false;
        if (!f->packed->candidate)
                return true;
        int r = known_get(a->known, &f->packed->st) ? 0 : prove(f);
        if (r == -EAGAIN) {
                *budget -= ARCHIVE_STEP;
                turns_push(&a->known->turns, f);
        } else if (r > 0) {
                is_proven(a, f);
        } else {
                try_next(a, f);
        }
        return r > 0;
}

/* --- its end --------------------------------------------------------------------------------- */

bool archives_is_final(const struct archives *a, const struct file *f)
{
        const struct clock *clock = loop_clock(a->known->loop);
        struct file_stat st;

        return archive_end(f->packed->archive) != ARCHIVE_SHORT || a->known->finishing ||
               file_stat(f->fd, "", &st) < 0 || clock->wall_ns(clock) - st.mtime_ns > QUIET_MS * INT64_C(1000000);
}

static void count_fault(struct archives *a, struct file *f, enum archive_end end)
{
        struct shipper_stats *stats = a->known->stats;
        const char *fault = archive_fault(f->packed->archive);

        stat_inc(end == ARCHIVE_TOO_LARGE ? &stats->archives_too_large
                 : end == ARCHIVE_SHORT   ? &stats->archives_truncated
                                          : &stats->archives_corrupt);
        if (end == ARCHIVE_TOO_LARGE) {
                log_error("archives", "cannot be unpacked: path=%s error=\"%s\"; the next start tries again", f->path,
                          fault);
                if (f->size <= f->read)
                        f->size = f->read + 1;  /* there is more */
                return;
        }
        log_warn("archives", "an archive is damaged, what is readable is shipped: path=%s error=\"%s\"", f->path,
                 fault ? fault : "it is not what was read before");
        count_lost(f, &stats->lost_archive, "the rest is lost");
}

bool archives_keeps(const struct archives *a, const struct file *f)
{
        return unseen_any(a->unseen) || globs_wants_archive(f->input, f->path);
}

void archives_leave(struct archives *a, struct file *f, bool final, bool foreign)
{
        enum archive_end end = archive_end(f->packed->archive);

        if (foreign && end != ARCHIVE_SHORT)
                end = ARCHIVE_CORRUPT;

        if (!final) {
                f->packed->scan = a->known->scan;
                close_archive(a, f);
                file_enter(f, FILE_KNOWN, "its archive is not whole yet");
                return;
        }
        if (end != ARCHIVE_WHOLE)
                count_fault(a, f, end);
        else
                f->size = f->read;
        close_archive(a, f);
        if (end != ARCHIVE_TOO_LARGE && !archives_keeps(a, f)) {
                known_end(a->known, f, "its archive is read to its end");
                return;
        }
        f->packed->complete = true;
        positions_add(a->known->positions, f);
        file_enter(f, FILE_IDLE, "end of the archive");
}

/* --- archives that a pattern names ----------------------------------------------------------- */

void archives_note_unseen(struct archives *a, const char *path, const struct input_config *input)
{
        a->noted = xrealloc(a->noted, (a->nnoted + 1) * sizeof(*a->noted));
        a->noted[a->nnoted++] = (struct noted_archive){ xstrdup(path), input };
}

void archives_note(struct archives *a, const char *path, const struct input_config *input)
{
        if (archive_kind_of(path) != ARCHIVE_NONE && globs_wants_archive(input, path))
                archives_note_unseen(a, path, input);
}

static void forget_noted(struct archives *a)
{
        for (size_t i = 0; i < a->nnoted; i++)
                free(a->noted[i].path);
        free(a->noted);
        a->noted = NULL;
        a->nnoted = 0;
}

void archives_scanning(struct archives *a)
{
        forget_noted(a);
}

/* It was made of that file, which is read as long as it is there. */
static bool original_is_there(const char *path)
{
        char *original = xstrndup(path, (size_t)(strrchr(path, '.') - path));
        bool there = access(original, F_OK) == 0;

        free(original);
        return there;
}

void archives_scanned(struct archives *a)
{
        for (size_t i = 0; i < a->nnoted; i++) {
                const char *path = a->noted[i].path;
                struct file_stat st;
                if (file_stat(AT_FDCWD, path, &st) < 0 || known_get(a->known, &st) || original_is_there(path) ||
                    is_somebodys(a, path))
                        continue;
                stat_inc(&a->known->stats->archives_read);
                known_add_packed(a->known, path, a->noted[i].input, &st);
        }
}

/* --- life ------------------------------------------------------------------------------------ */

void archives_init(struct archives *a, struct known *known, const struct unseen *unseen, struct ship *ship)
{
        *a = (struct archives){ .known = known, .unseen = unseen, .ship = ship };
}

void archives_fini(struct archives *a)
{
        forget_noted(a);
}
