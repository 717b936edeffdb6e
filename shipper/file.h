/* SPDX-License-Identifier: Apache-2.0 */
/* file: one log file, from the moment it is found until nothing of it is owed.
 *
 *      0          committed         read        scanned        size
 *      |== acked ====|-- in flight --|.. no LF ....|............|
 *                    ^ checkpoint    ^ the next line starts here; an unfinished line is
 *                                      read again from here, it is not kept in memory
 *
 * Invariant: committed <= read <= scanned <= size as last seen.
 *
 *                 stat, open                 end of file
 *   FILE_KNOWN ---------------> FILE_READY <--------------> FILE_IDLE
 *   (just found, or from            |         it grew           |
 *    the checkpoint only)           |   gone and read to its end, or cut short
 *        |                          +-----------> FILE_ENDED <--+
 *        +--- not found anywhere -----------------^    freed when nothing is in flight
 *
 * What stands in an archive that must wait is FILE_KNOWN again, and looked for by the next scan (archives.h).
 *
 * One struct is one identity: a file that was truncated ends here and a new
 * struct, a generation later, takes the descriptor over.  When a copy of the old content is found, the
 * old struct goes on in the copy: inode and birth time are then those of the copy, the id stays.
 */
#ifndef SLUICE_SHIPPER_FILE_H
#define SLUICE_SHIPPER_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ackwin.h"
#include "base/err.h"
#include "event/event.h"
#include "shipper/checkpoint.h"
#include "shipper/conf.h"
#include "shipper/frame.h"

#define FILE_STATES(X)                                                          \
        X(FILE_KNOWN, "not opened yet")                                          \
        X(FILE_READY, "may have unread bytes")                                  \
        X(FILE_IDLE, "waits to grow, or for its row to be stored")              \
        X(FILE_ENDED, "nothing more will be read from it")

#define FILE_STATE_ENUM(name, text) name,
enum file_state { FILE_STATES(FILE_STATE_ENUM) FILE_NSTATES };
#undef FILE_STATE_ENUM
extern const char *const file_state_text[FILE_NSTATES];

/* The rest of a line that was cut is passed over (frame_skip): until it is through, the position to store stays where the
 * cut event's group begins, so that whoever reads again from there cuts in the same place. */
struct file_hold {
        int64_t at;
        struct frame_skip skip;
};

/* What the file system says a path holds. */
struct file_stat {
        uint64_t inode;
        int64_t birth_ns;               /* 0: the file system has none */
        int64_t size;
        int64_t mtime_ns;
        uint32_t links;
        bool link;                      /* the path is a symbolic link to it */
};

/* Of a file whose bytes stand in a compressed one. */
struct packed {
        char *candidate;                /* owned; where its rest may be; NULL: it is proven to be at the file's path */
        struct file_stat st;            /* of the candidate */
        bool hidden;                    /* it stands where no pattern leads: beside the target of a symbolic link */
        struct archive *archive;        /* owned; only while it is being unpacked, one at a time */
        bool cut;                       /* it was in a file that was truncated */
        unsigned scan;                  /* when it ended too early to be whole: looked at again in a later one */
        bool damaged;                   /* one of the candidates so far */
        bool complete;                  /* nothing more will come of it; kept so that it is not taken for a new one */
};

struct file {
        struct file *next;              /* in the queue of turns, or in the list of the ended (positions) */
        struct file *older, *newer;     /* that stood where it stands (order); NULL: none has unread bytes */
        int64_t owed;                   /* how far it is read before newer is; 0: it had no turn yet */
        uint64_t left;                  /* where it stood before (known); 0: nowhere, or another stands there now */
        enum file_state state;          /* assigned by file_enter only */

        char *path;                     /* owned; where it was last seen */
        char *real;                     /* owned; where it stands when path does not lead there any more, else NULL */
        bool rotated;                   /* its path is no longer one that a pattern named */
        bool deleted;                   /* no name left ... */
        int64_t deleted_ms;             /* ... since then */
        bool cut;                       /* seen to be truncated: the next generation is due */
        bool spent;                     /* goes on in a copy that is shorter than what was read: nothing is in it for us */
        const struct input_config *input;       /* borrowed from the configuration */

        int fd;                         /* -1: not open */
        struct packed *packed;          /* owned; NULL: what is read is the file itself */
        uint64_t inode;
        int64_t birth_ns;
        uint32_t generation;

        bool named;                     /* id is final: the head was seen */
        bool fresh;                     /* just named: nothing is shipped before its row is stored (positions_await) */
        struct ident id;
        uint32_t head_len;
        uint64_t head_hash;
        struct ident key;               /* Kafka key of its lines: its id, or that of the ring it is a segment of */
        struct event_stream stream;     /* made when it is read, as is key; given back when it is quiet */
        unsigned stream_no;             /* counts its makings: what was made of an earlier one is told by it */
        char *service;                  /* owned; the container's name, where its input names no service */

        int64_t size, read, scanned;
        struct ackwin window;           /* committed stands here */
        struct marks marks;             /* what was read before these positions */
        bool partial;                   /* what is there behind read ends in a line without an end */
        uint8_t encoding;               /* enum encoding, with the order that its mark says ... */
        bool encoding_known;            /* ... once that was looked at */
        struct file_hold *hold;         /* owned; NULL: nothing is passed over */
        struct file *wait_next, **wait_prev;    /* tail's list of files with an unfinished event; prev NULL: not in it */
        int64_t waited_to;              /* scanned, when the wait began ... */
        int64_t due_ms;                 /* ... which ends then */
        bool unsaved;                   /* committed moved since its row was last put into the checkpoint ... */
        bool storing;                   /* ... which is being written */
        bool buried;                    /* ended, and in positions' list until nothing of it is in flight */
        bool superseded;                /* ended by a truncation: the next generation answers for its row */
        bool replaces;                  /* a new file without a whole line, or generation after a truncation: ... */
        struct ident replaced;          /* ... its row stands under this id until the file has a name of its own */
        struct file *used_prev, *used_next;     /* in the list of the open ones (descriptors) */
        int64_t used_ms;                /* when it was last read or opened */
        struct file *poll_prev, *poll_next;     /* in a row of polls */
        int poll_row;                   /* counted from 1; 0: in none */
        bool polled;                    /* the kernel does not tell when it grows */
        int64_t poll_due_ms;
        int64_t mtime_ns;               /* at the end that was last read; 0: it is read again in any case */
        int64_t intact_ns;              /* when it had been written to, the last time it was seen not to be cut; 0: never seen */
        int64_t anew_ns;                /* nothing was read since it was cut: intact_ns of the generation before; 0: it was */
        unsigned scan;                  /* the last scan that saw it under a name */
        int64_t quiet_since_ms;         /* when it was last found with nothing to read */
};

struct file *file_new(const char *path, const struct input_config *input, const struct file_stat *st);
struct file *file_from_row(const struct checkpoint_row *row);
void file_free(struct file *f);         /* NULL ok; nothing may be in flight */

void file_enter(struct file *f, enum file_state to, const char *why);   /* the only place that assigns the state */
bool file_moved_to(struct file *f, const char *path);   /* true when that is another path than before */

/* Where it stands, as far as known; and whether it does. */
static inline const char *file_place(const struct file *f) { return f->real ? f->real : f->path; }
bool file_is_in_place(const struct file *f);

/* A crash would lose nothing of what is known of it. */
static inline bool file_is_stored(const struct file *f) { return !f->unsaved && !f->storing; }

/* Out of the queue of turns until the disk has answered: it is as good as FILE_READY. */
static inline bool file_waits_for_row(const struct file *f) { return f->state == FILE_IDLE && f->fresh; }

static inline bool file_stat_is(const struct file_stat *st, const struct file *f)
{
        return st->inode == f->inode && st->birth_ns == f->birth_ns;
}

/* Opens path and makes sure it is this file: inode and birth time. In a plain file a head or a mark that is not the one known sets
 * f->cut: it was truncated and written anew.  -ENOENT, -EACCES ...; -ESTALE: it is another file. */
int file_open(struct file *f, const char *path);

int file_take(struct file *f, int fd);  /* the same with a descriptor, which is f's on success */

/* path holds a copy of f: opens that, which from now on is f.  The descriptor f had before is the caller's then.
 * -errno: nothing has changed. */
int file_switch(struct file *f, const char *path, const struct file_stat *copy);
void file_close(struct file *f);
void file_packed_free(struct file *f);  /* not packed: no-op */

/* Looks at the file: sets f->cut when it does not hold what was read any more, else f->size. */
void file_look(struct file *f);

/* text: the file from offset 0.  False: it does not begin as it did when it got its name. */
bool file_head_fits(const struct file *f, const char *text, size_t n);

/* Gives the file its id from its head: of its first line no more than IDENT_HEAD bytes.  text holds the file from offset 0,
 * its whole head or all that there is. */
void file_name(struct file *f, const char *host, const char *text, size_t len);
bool file_head_is_whole(const struct file *f, const char *text, size_t len);
bool file_name_from_disk(struct file *f, const char *host);     /* open; false: its head is not whole yet */
void file_make_stream(struct file *f, const char *host);        /* named: ready to write events */
static inline bool file_has_stream(const struct file *f) { return f->stream.before_offset.data != NULL; }
void file_rest(struct file *f);         /* gives back what it needs only while it is read */

/* Goes to the beginning of the line that is being written at its end: nothing before it is wanted.  Open, nothing read. */
void file_skip_to_end(struct file *f, int64_t max_line_bytes);

void file_row(struct file *f, struct checkpoint_row *ret);        /* borrowed from f */

/* stat of a path or a descriptor (path ""); 0 or -errno. -EINVAL: not a regular file. */
int file_stat(int fd, const char *path, struct file_stat *ret);

#endif
