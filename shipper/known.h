/* SPDX-License-Identifier: Apache-2.0 */
/* known: the files that are known, by what they are and by where they were last seen; begins and ends them.
 *
 *      inode and birth time --+--> file <--+-- path
 *                             |            |
 *              found, resumed, next generation, ended
 *
 * A file is known by inode and birth time, never by its path: a rename changes where it is, not what it is.
 * At a path stands one file, the one that was last seen there.  Where one has left, the next to come is read after it
 * (order).  One thread.
 */
#ifndef SLUICE_SHIPPER_KNOWN_H
#define SLUICE_SHIPPER_KNOWN_H

#include "base/loop.h"
#include "base/map.h"
#include "shipper/descriptors.h"
#include "shipper/polls.h"
#include "shipper/positions.h"
#include "shipper/stats.h"
#include "shipper/turns.h"

struct known {
        struct loop *loop;                      /* borrowed, as the next two */
        const struct shipper_config *config;
        struct shipper_stats *stats;

        struct turns turns;
        struct descriptors descriptors;
        struct polls polls;
        bool first_start;                       /* no positions were ever stored, and the first scan is not over */
        bool finishing;                 /* nothing more is waited for: a last line without an end is whole */
        struct positions *positions;            /* owned; and of the ended files that still wait there */
        struct map by_key;                      /* inode and birth time -> file, all but the ended ones; owned */
        struct map by_path;                     /* hash of path -> the file that was last seen there, gone or not */
        unsigned scan;                          /* number of the scan under way */
        bool unordered;                         /* some were found of which it is not known what stood before them */
        bool replaced;                          /* one took the place of another since watch asked */
};

void known_init(struct known *k, struct loop *loop, const struct shipper_config *config, struct shipper_stats *stats);
void known_fini(struct known *k);               /* frees all files */

struct file *known_get(const struct known *k, const struct file_stat *st);      /* NULL: nobody has seen it */
struct file *known_at(const struct known *k, const char *path);                 /* NULL: nothing was seen there */

/* Opens a file that was not known and lets it be read.  real NULL, or where it stands when path leads to another one.
 * NULL: it cannot be opened, which was reported. */
struct file *known_add(struct known *k, const char *path, const char *real, const struct input_config *input,
                       const struct file_stat *st, bool rotated);
void known_restore(struct known *k, const struct checkpoint_row *row);  /* from the checkpoint; it is not looked at yet */
void known_resume(struct known *k, struct file *f);     /* one of those is seen for the first time in this run */
/* f was found in a compressed file: that is where it stands and what it is known by from now on. hidden: no pattern leads there,
 * so its path stays the one that a restart finds it by. */
void known_become(struct known *k, struct file *f, const char *path, const struct file_stat *st, bool hidden);
void known_add_packed(struct known *k, const char *path, const struct input_config *input, const struct file_stat *st);
/* Gives f, which is open, its name as soon as its head is whole; a row with it is to be stored before anything of f is shipped. */
bool known_name(struct known *k, struct file *f);
void known_move(struct known *k, struct file *f, const char *path);     /* that is where it stands now */
void known_stood(struct known *k, struct file *f, const char *path);   /* f, just added, was at path before it is where it is */
void known_end(struct known *k, struct file *f, const char *why);       /* it is in no queue; freed by positions */

/* The same file, but what stood in it is gone: f ends, and what is returned starts at 0; it is in no queue. */
struct file *known_next_generation(struct known *k, struct file *f);

/* What stood in f stands at path now, a copy: f goes on there under its id, open and ready.  cut: f's old place holds
 * something else; then *ret is the next generation in it.  Neither is in a queue.  False: the copy cannot be opened. */
bool known_follow(struct known *k, struct file *f, const char *path, const struct file_stat *st, bool cut,
                  struct file **ret);

/* Opens f where it was last seen.  -ENOENT, -ESTALE: it is not there any more. */
int known_open(struct known *k, struct file *f);

/* Files of which the descriptor is all that is left (deleted, moved out of sight), for the known of the next
 * configuration.  keep: takes them, just before fini.  take_back: after the rows were restored, before the first scan. */
struct kept_files {
        struct kept { char *path; int fd; } *v;         /* owned */
        size_t n;
};
void known_keep(struct known *k, struct kept_files *ret);
void known_take_back(struct known *k, struct kept_files *kept);
void kept_files_fini(struct kept_files *kept);          /* zeroed struct ok; closes them */
/* What stood in f is somewhere else, not known where: f stays without a place, ready and in no queue, and so is the next
 * generation, which is returned. */
struct file *known_part(struct known *k, struct file *f);

void known_poll(struct known *k, struct file *f);       /* no event tells of it: it is looked at */

void known_report(struct known *k, const char *path, int r);    /* path cannot be opened: says so, if it is worth it */

#endif
