/* SPDX-License-Identifier: Apache-2.0 */
/* rig: a shipper without main, on a directory of its own: from file to a sink that answers when the test says so.
 *
 *      rig_append --> watch --> tail --> ship --> sink_held -- rig_answer --> checkpoint
 *
 * One input, whose pattern and settings a test may change before rig_kill_and_start. rig_tear_down is like SIGKILL: what the
 * checkpoint file holds is all that is left.  Failures abort the test.
 */
#ifndef SLUICE_TESTS_FAKE_RIG_H
#define SLUICE_TESTS_FAKE_RIG_H

#include "shipper/watch.h"
#include "tests/fake/sink_held.h"
#include "tests/fake/tmpdir.h"

struct rig {
        char *dir, *state_dir, *pattern;        /* owned */
        struct shipper_config config;
        struct input_config input;
        struct shipper_stats stats;             /* of this run */
        const struct clock *clock;
        struct loop *loop;
        struct checkpoint *checkpoint;
        struct ship *ship;
        struct sink *sink;
        struct tail *tail;
        struct watch *watch;
        size_t max_bytes;                       /* of the sink */
};

struct rig *rig_new(const char *pattern);       /* a glob in its directory; not started */
void rig_free(struct rig *r);                   /* checks the ledger */
void rig_set_pattern(struct rig *r, const char *pattern);

void rig_build(struct rig *r);
void rig_start(struct rig *r);           /* build, and the first scan */
void rig_tear_down(struct rig *r);
void rig_kill_and_start(struct rig *r);

void rig_turn(struct rig *r);                   /* one turn; new files are waited for until their rows are stored, and read */
void rig_turns(struct rig *r);                  /* events in, everything read that there is room for */
void rig_answer(struct rig *r);                 /* that, all acknowledged and stored */
void rig_wait_for(struct rig *r, size_t records);       /* turns until the sink holds so many */

char *rig_path(const struct rig *r, const char *name);  /* the caller frees it */
void rig_append(const struct rig *r, const char *name, const char *text);
void rig_write(const struct rig *r, const char *name, const char *text);
void rig_copy(const struct rig *r, const char *from, const char *to);
void rig_move(const struct rig *r, const char *from, const char *to);
void rig_remove(const struct rig *r, const char *name);
void rig_later(const struct rig *r);            /* the clock of file times, which stands still for milliseconds, has moved on */
void rig_make_dir(const struct rig *r, const char *name);
/* As kubelet does: a link made aside and renamed over the old one. */
void rig_link(const struct rig *r, const char *target, const char *name);

size_t rig_held(const struct rig *r);
bool rig_shipped(const struct rig *r, const char *message);     /* held now */
size_t rig_find(const struct rig *r, const char *message);     /* where the sink holds it */
void rig_id_of(const struct rig *r, const char *message, char out[IDENT_LINE_TEXT + 1]);
void rig_check_ledger(const struct rig *r);

#endif
