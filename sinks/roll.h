/* SPDX-License-Identifier: Apache-2.0 */
/* roll: a file of NDJSON that is appended to and rotated.
 *
 *      out.ndjson      out.ndjson.1     out.ndjson.2   ...    (with lz4: out.ndjson.lz4, out.ndjson.1.lz4)
 *      |== for good ==|-- append --|
 *                     ^ an append that fails is cut off here again
 *
 * Invariant: between two appends the file ends with a whole line (lz4: a whole frame).  A process
 * that is killed in the middle of one leaves a piece behind; the next roll_open cuts it off and
 * counts it.  Its lines were never acknowledged, they come again.
 *
 * The file is locked (flock): two processes that cut and append would eat each other's lines.  When it
 * is renamed or removed by somebody else, the next append makes a new one.  One thread at a time.
 */
#ifndef SLUICE_SINKS_ROLL_H
#define SLUICE_SINKS_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct roll_config {
        const char *path;               /* ".lz4" is added when lz4 is set; copied */
        bool lz4;
        int64_t rotate_bytes;           /* before an append that would pass it; 0: never */
        int64_t keep;                   /* rotated files, older ones are deleted; 0: all stay */
        int64_t total_bytes;            /* bound of all of them together; 0: none */
        bool sync_each;                 /* an append is on the disk when it returns */
        bool sync_last;                 /* a file is on the disk when it is done with */
};

struct roll;

struct roll_counts { int64_t rotations, syncs, torn_bytes; };   /* since roll_open */

/* NULL with e set: it cannot be made, is no regular file, is damaged, or is locked (EBUSY). */
struct roll *roll_open(const struct roll_config *c, struct err *e);
void roll_close(struct roll *r);        /* NULL ok */

/* Writes data, whole lines; as one lz4 frame where that is configured.  All of it, or -errno and nothing.
 * -EDQUOT: total_bytes is reached. */
int roll_append(struct roll *r, const char *data, size_t len, struct err *e) MUST_CHECK;

const char *roll_path(const struct roll *r);            /* as it is called on the disk */
struct roll_counts roll_counts(const struct roll *r);
int64_t roll_total(const struct roll *r);               /* bytes of all files, as last seen */

const char *roll_version(void);                         /* of liblz4, as loaded */

#endif
