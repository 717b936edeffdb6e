/* SPDX-License-Identifier: Apache-2.0 */
/* shape: other people's JSON events become documents that an ECS index takes.
 *
 *      {"log":"GET /\n","stream":"stdout","time":"2026-11-23T10:00:00.1Z"}          Docker's json-file
 *      {"@timestamp":"2026-11-23T10:00:00.1Z","stream":"stdout","message":"GET /"}
 *
 * In ECS `host`, `log`, `trace` and some forty others are objects: a text there is
 * refused by the index, or, where it comes first, makes it refuse every ECS event
 * after it.  Two tables (shape_rules.c) say how a shape is known and what becomes of
 * a member: where it goes and how its value is written.  What they do not name stays
 * as it is.  A member whose place is taken goes to labels.KEY when it may not stay.
 *
 * What holds for every document that is written:
 *   - no key stands twice at its top: the first stays, as ECS readers see it;
 *   - no scalar stands where ECS has an object, no name that Elasticsearch keeps for itself;
 *   - of what came in only the later ones of a double key are gone, and they are counted.
 * An event that breaks none of this is left alone, byte for byte, and costs a look
 * at its top-level keys.  One thread per struct.
 */
#ifndef SLUICE_EVENT_SHAPE_H
#define SLUICE_EVENT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "event/scan.h"

/* An object with more members than this becomes the message of its document:
 * Elasticsearch maps 1000 fields in an index by default. */
enum { SHAPE_MEMBERS = 1024 };

enum shape_kind {
        SHAPE_ECS,              /* Sluice's, or nothing about it is known to be foreign */
        SHAPE_FILEBEAT,
        SHAPE_FLUENT_BIT,
        SHAPE_VECTOR,
        SHAPE_LOGSTASH,
        SHAPE_DOCKER,
        SHAPE_GELF,
        SHAPE_JOURNALD,
        SHAPE_JSON,             /* of no known origin, and it had to be rewritten */
};

struct shape;

struct shape *shape_new(void);
void shape_free(struct shape *s);       /* NULL ok */

/* Where scan_json_members shall list the event's members, for shape_write. */
struct scan_members *shape_members(struct shape *s);

struct shape_verdict {
        enum shape_kind kind;
        bool rewritten;         /* false: nothing was appended, the event is fine as it stands */
        size_t doubles;         /* members left out because their key stood there before */
};

/* text: the JSON object whose members were listed last.  Appends its document to b.
 * A document without @timestamp had none that could be read: the caller's to add. */
struct shape_verdict shape_write(struct shape *s, const char *text, size_t len, struct buf *b);

#endif
