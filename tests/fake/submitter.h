/* SPDX-License-Identifier: Apache-2.0 */
/* submitter: the owner of a sink, for tests.  Numbers records, submits them and checks what comes back.
 *
 *      batch n records --> submit --> sink --> done: each number once, with a verdict, not inside submit
 *
 * Record N has value {"n":N,"pad":"..."}, key "kN%4", id "nN", header "n" and seq N.
 * A broken contract or a deadline that passes fails the test.
 */
#ifndef SLUICE_TESTS_FAKE_SUBMITTER_H
#define SLUICE_TESTS_FAKE_SUBMITTER_H

#include "sinks/sink.h"

enum { SUBMITTER_MAX = 100000, SUBMITTER_DEADLINE_MS = 40000 };

struct submitter {
        struct loop *loop;              /* owned */
        struct sink *sink;              /* owned; the test puts it here, made with submitter_owner */
        size_t made, submitted, back;   /* records; numbers are 0 .. made - 1 */
        size_t count[VERDICT_PARK + 1];
        uint8_t verdict[SUBMITTER_MAX]; /* by number */
        unsigned status;                /* of the last record that was no DONE */
        char reason[512];
        unsigned batches_back, rooms;
        size_t most_batches;            /* inside at one time */
        unsigned refill;                /* batches of 10 that room() submits as long as it can */
        bool in_submit;
};

struct submitter *submitter_new(void);
void submitter_free(struct submitter *s);               /* NULL ok; frees the sink first */
struct sink_owner submitter_owner(struct submitter *s);

/* A batch of n new records, each with `pad` bytes of padding. The caller may change it before the submit. */
struct batch *submitter_batch(struct submitter *s, size_t n, size_t pad);
void submitter_submit(struct submitter *s, struct batch **b);
void submitter_send(struct submitter *s, size_t n, size_t pad);         /* both; turns the loop until there is room */

void submitter_wait(struct submitter *s, size_t back);                  /* until so many records are back */
void submitter_wait_all(struct submitter *s);                           /* until all that were submitted are */
void submitter_turns(struct submitter *s, int ms);                      /* lets time pass */
void submitter_wait_trouble(struct submitter *s, const char *part);     /* until the sentence contains part */
void submitter_close(struct submitter *s);                              /* and checks that all came back */

#endif
