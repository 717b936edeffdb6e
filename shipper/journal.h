/* SPDX-License-Identifier: Apache-2.0 */
/* journal: the systemd journal as a source: entries from where an earlier run stopped, each as one line of JSON.
 *
 *      journal_open --> cursor of the last run --> journal_next, journal_next, ... --> journal_store
 *                       | its entry is gone        (the lines go to a ring)            after the ring's bytes are on
 *                       v                                                              the disk
 *                       the oldest entry: doubles, never a hole
 *
 *      {"@timestamp":"2026-11-24T02:08:15.003123000Z","log":{"level":"error","syslog":{"severity":{"code":3},...}},
 *       "process":{"pid":231,"name":"su"},"systemd":{"unit":"cron.service"},"message":"session opened"}
 *
 * The cursor is the journal's own name of a place, kept in a file that is replaced as a whole.  Between two
 * journal_store a crash makes entries come again.  The journal is the buffer: who has no room does not ask for the next.
 * An optional part of the build: journal_none.c stands in for it.  One thread; nothing blocks but the disk.
 */
#ifndef SLUICE_SHIPPER_JOURNAL_H
#define SLUICE_SHIPPER_JOURNAL_H

#include "base/buf.h"
#include "base/err.h"
#include "config/opt.h"

/* Of libsystemd, as compiled; NULL: this build is without it. */
const char *journal_version(void);

struct journal;

struct journal_parts {
        const char *dir;                /* of the journal's files; "": this machine's */
        const struct strlist *units;    /* only these; none: all */
        const char *store;              /* directory of the cursor, which exists */
        int64_t max_line_bytes;         /* of a line; at least 900 */
};

/* *ret_lost: the entry where the last run stopped is not there any more, and reading begins at the oldest. */
struct journal *journal_open(const struct journal_parts *parts, bool *ret_lost, struct err *e);
void journal_close(struct journal *j);          /* NULL ok */

int journal_fd(const struct journal *j);        /* readable: call journal_look, then journal_next until there is no more */
int journal_look(struct journal *j) MUST_CHECK;  /* 0, or -errno */
bool journal_tells(const struct journal *j);    /* false: the descriptor is not told of everything, look now and then */
bool journal_is_empty(struct journal *j);       /* there is no file that may be read */

struct journal_line {
        size_t cut;                     /* bytes of the message left out, at least: what was compressed is not unpacked further */
        size_t repaired;                /* U+FFFD put in for what is no UTF-8 */
        size_t unread;                  /* fields left out because the journal's file is damaged */
        int64_t time_us;                /* when journald took it */
};

/* Appends the next entry.  1, 0: no more for now, or -errno. */
int journal_next(struct journal *j, struct buf *line, struct journal_line *ret) MUST_CHECK;

/* The place behind the last entry survives a power cut; nothing to do when it does already. */
int journal_store(struct journal *j, struct err *e) MUST_CHECK;

#endif
