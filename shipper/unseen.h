/* SPDX-License-Identifier: Apache-2.0 */
/* unseen: files that came and were rotated away while no shipper ran: no pattern matches them and no row knows them.
 *
 *      positions complete            start               a scan later, all of them have rows
 *      ----+-------------------------+-------------------+---> complete again, told to the checkpoint
 *          | a.log born, written to, |  a.log.1, a.log.2.gz are found by their names and times
 *          | rotated, compressed     |
 *
 * A plain file is told by its birth, an archive by when what is in it was written last, which compressors hand on.  Lists
 * the candidates of a scan; whether one is a copy or the rest of a known file is the finder's to say.
 * Until each of them has a stored row the checkpoint keeps its time, so that a crash loses none.  One thread.
 */
#ifndef SLUICE_SHIPPER_UNSEEN_H
#define SLUICE_SHIPPER_UNSEEN_H

#include "shipper/known.h"

struct unseen {
        struct known *known;                    /* borrowed */
        bool stored;                            /* else a dry run */
        int64_t since_ns;                       /* wall; 0: everything is known */
        bool holding;                           /* some such had no stored row in the scan under way; the finder sets it, too */
        int64_t scan_ns, last_scan_ns;          /* wall time of this scan's and the last one's beginning */
        char **paths;                           /* owned; what the scan under way found and nobody knows */
        size_t n;
};

void unseen_init(struct unseen *u, struct known *known);
void unseen_fini(struct unseen *u);
void unseen_set_checkpoint(struct unseen *u, struct checkpoint *c);     /* at the start */

void unseen_scanning(struct unseen *u);                         /* a scan begins; the paths are forgotten */
void unseen_dir(struct unseen *u, const char *dir);             /* a directory of log files, with a slash at its end */
void unseen_scanned(struct unseen *u);                          /* the paths were dealt with */

static inline bool unseen_any(const struct unseen *u) { return u->since_ns > 0; }

#endif
