/* SPDX-License-Identifier: Apache-2.0 */
/* sink_held: a sink that keeps what it is given until the test answers, batch by batch or record by record.
 *
 *      submit --> [b][b][b]  -- sink_held_answer(verdict) --> done
 */
#ifndef SLUICE_TESTS_FAKE_SINK_HELD_H
#define SLUICE_TESTS_FAKE_SINK_HELD_H

#include "sinks/sink.h"

struct sink *sink_held_new(struct loop *l, const struct sink_owner *owner, const struct sink_limits *limits);

size_t sink_held_count(const struct sink *s);                           /* records inside */
const struct record *sink_held_record(const struct sink *s, size_t i);  /* the i-th, oldest first; ->batch is set */

/* The i-th record gets v now and comes back in a batch of its own; the others stay. */
void sink_held_answer(struct sink *s, size_t i, enum verdict v, unsigned status, const char *reason);
void sink_held_answer_all(struct sink *s, enum verdict v);

/* The text of a member of a record's value, found by strstr: good enough for events of our own. */
bool sink_held_value_has(const struct sink *s, size_t i, const char *part);

/* The value of a record's header as text, until the next call; NULL: it has none of this name. */
const char *sink_held_header(const struct record *rec, const char *name);

#endif
