/* SPDX-License-Identifier: Apache-2.0 */
/* letters: the places where a configuration's dead letters are (dead.h), to read them back and to mark them.
 *
 *      read:   markers first, then each letter, oldest of its partition or file first; redriven says if it has a marker
 *      mark:   appended and acknowledged (topic) or synced (files) when it returns
 *
 * With a topic they are in files as well, when it has refused some: both are read, the topic first.
 * A topic is read without the group, by assignment, and nothing is committed; up to where it ended when the reading began.
 * Letters may be written meanwhile.  Memory: a number a marker, and one letter.  For a command line: blocks, for at most
 * start_timeout without progress.  One thread.
 */
#ifndef SLUICE_COLLECTOR_LETTERS_H
#define SLUICE_COLLECTOR_LETTERS_H

#include "base/map.h"
#include "collector/conf.h"
#include "collector/letter.h"

struct letters;

typedef bool letters_fn(void *arg, const struct letter *l);      /* false: enough */

struct letters_ops {
        int (*read)(struct letters *ls, letters_fn *fn, void *arg, struct err *e);
        int (*mark)(struct letters *ls, const struct batch *b, struct err *e);
        void (*close)(struct letters *ls);
};

/* The common head of both. */
struct letters {
        const struct letters_ops *ops;
        char *place;                    /* owned; "topic logs-dead" */
        struct map redriven;            /* keys that have a marker */
        int64_t strangers;              /* what was read and is neither letter nor marker */
};

/* c is borrowed.  NULL with e set: -ENOENT, there is no such topic or directory, so nothing was ever put there; -EINVAL,
 * a setting lacks; -EHOSTUNREACH. */
struct letters *letters_open(const struct collector_config *c, struct err *e);
struct letters *letters_open_topic(const struct collector_config *c, struct err *e);
struct letters *letters_open_files(const struct collector_config *c, struct err *e);
struct letters *letters_join(struct letters *topic, struct letters *files);     /* takes both */
int letters_are_in_files(const char *dir, struct err *e);       /* 1 or 0; -errno with e: it cannot be told */
void letters_close(struct letters *ls);                                         /* NULL ok */

static inline int letters_read(struct letters *ls, letters_fn *fn, void *arg, struct err *e) { return ls->ops->read(ls, fn, arg, e); }

/* Marks those records of b that are DONE or DUPLICATE.  They were filled in by letters_remember. */
static inline int letters_mark(struct letters *ls, const struct batch *b, struct err *e) { return ls->ops->mark(ls, b, e); }

/* What mark must know of a letter goes along with the record that it became; right after its batch_add. */
void letters_remember(struct batch *b, struct record *r, const struct letter *l);       /* further headers may follow */

/* For implementations. */
void letters_note(struct letters *ls, uint64_t key);
static inline bool letters_noted(const struct letters *ls, uint64_t key) { return map_get(&ls->redriven, key) != NULL; }
struct letter_text letters_recall(const struct batch *b, const struct record *r);       /* its name */
bool letters_is_of_topic(const struct letter_text *name);
bool letters_stands(const struct record *r);                                            /* DONE or DUPLICATE */

#endif
