/* SPDX-License-Identifier: Apache-2.0 */
/* sink_flaky: a sink with faults to order, around another sink or alone as a memory that keeps what it gets.
 *
 *                                            +-- a fault fits: its verdict --+
 *      alone    submit --> delay, hold -----> |                               +--> done
 *                                            +-- none fits: kept, DONE ------+
 *
 *                          +-- a fault fits: its verdict -----+
 *      around   submit --> |                                  +--> delay, hold --> done
 *                          +-- none fits: the inner sink's ---+
 *
 * Each record meets the first fault that is not used up.  With split set and without an inner sink (which may
 * split by itself), a batch comes back in two parts at different times.
 *
 *      s = sink_flaky_new(l, &owner, &limits);                                   alone
 *      inner = sink_file_new(..., &(struct sink_owner)sink_flaky_inner_owner(s), ...);
 *      sink_flaky_wrap(s, &inner);                                               around another
 */
#ifndef SLUICE_TESTS_FAKE_SINK_FLAKY_H
#define SLUICE_TESTS_FAKE_SINK_FLAKY_H

#include "sinks/sink.h"

struct sink *sink_flaky_new(struct loop *l, const struct sink_owner *owner, const struct sink_limits *limits);

struct sink_owner sink_flaky_inner_owner(struct sink *s);
void sink_flaky_wrap(struct sink *s, struct sink **inner);      /* takes *inner; before the first submit */

struct sink_flaky_fault {
        enum verdict verdict;           /* DUPLICATE, RETRY or REJECT */
        unsigned status;
        const char *reason;             /* NULL ok */
        size_t skip;                    /* so many records pass first */
        size_t times;                   /* then so many are hit; 0: all */
};
void sink_flaky_fault(struct sink *s, const struct sink_flaky_fault *f);        /* behind those there are; reason is borrowed */
void sink_flaky_clear(struct sink *s);                          /* no faults any more */

void sink_flaky_delay(struct sink *s, int64_t ms);              /* see the picture; 0 at first */
void sink_flaky_hold(struct sink *s, bool on);                  /* no done at all until it is off, or close */
void sink_flaky_split(struct sink *s, bool on);
void sink_flaky_trouble(struct sink *s, const char *sentence);  /* borrowed; NULL: none */

/* The memory: DONE records in the order of their submission. Strings are NUL-terminated copies. */
struct sink_flaky_record { char *value, *key, *id; size_t value_len; };
size_t sink_flaky_count(const struct sink *s);
const struct sink_flaky_record *sink_flaky_record(const struct sink *s, size_t i);

#endif
