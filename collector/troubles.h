/* SPDX-License-Identifier: Apache-2.0 */
/* troubles: why the consumer stands still, a sentence for each kind of cause.
 *
 * A trouble stands until its cause is gone: whoever sets one also knows what ends it, and asks for it where
 * librdkafka, which says most things once, does not say so by itself.  Told is the first of the order below.  One thread.
 */
#ifndef SLUICE_COLLECTOR_TROUBLES_H
#define SLUICE_COLLECTOR_TROUBLES_H

#include <stdbool.h>

#include "base/check.h"

#define TROUBLES(X)                                                                                  \
        X(TROUBLE_FATAL, "the client is dead: a new process ends it")                                \
        X(TROUBLE_BROKER, "a broker cannot be reached: a record or an answer ends it, or its age")   \
        X(TROUBLE_GROUP, "the group does not let us in: an assignment ends it, or a commit")         \
        X(TROUBLE_TOPIC, "a topic is missing or refused: a question to the cluster ends it")         \
        X(TROUBLE_START, "where to start is not known: the assignment that it holds up ends it")     \
        X(TROUBLE_RANGE, "an offset is gone, and not known what is there: the answer ends it")       \
        X(TROUBLE_COMMIT, "offsets are not committed: a commit that succeeds ends it")               \
        X(TROUBLE_OTHER, "what has no kind of its own: a record ends it, or its age")

#define TROUBLE_ENUM(name, text) name,
enum trouble { TROUBLES(TROUBLE_ENUM) NTROUBLES };
#undef TROUBLE_ENUM

struct troubles { char text[NTROUBLES][512]; };         /* "": none; zeroed: none at all */

void troubles_set(struct troubles *t, enum trouble kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
static inline void troubles_end(struct troubles *t, enum trouble kind) { t->text[kind][0] = '\0'; }
static inline bool troubles_has(const struct troubles *t, enum trouble kind) { return t->text[kind][0] != '\0'; }
const char *troubles_first(const struct troubles *t);   /* NULL: none */

#endif
