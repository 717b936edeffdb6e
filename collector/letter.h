/* SPDX-License-Identifier: Apache-2.0 */
/* letter: a dead letter, a document that can never be indexed, with its cause and where it came from.
 *
 *      in a topic      key: the _id      value: the document, byte for byte      headers: sluice.reason, sluice.status ...
 *      in a file       {"@timestamp":"...","letter":"<22>","reason":"rejected","status":400,...,"document":{...}}
 *
 * A document that is no JSON object stands in a file as a string, and one that is no text (a broken record of the batch
 * format) as document_base64.  Both forms say the same, and are read back here, byte for byte.
 *
 * A marker says that a letter was sent again and stands in the index.  In a topic it names the letter's partition and
 * offset there, in a file the letter's name:
 *
 *      in a topic      header sluice.redriven: "3:4711"      value: {"redriven":"3:4711","at":"..."}
 *      in a file       {"redriven":"<22>","at":"..."}
 */
#ifndef SLUICE_COLLECTOR_LETTER_H
#define SLUICE_COLLECTOR_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/incoming.h"
#include "sinks/batch.h"

struct letter_text { const char *p; size_t len; };      /* borrowed; not NUL-terminated */
bool letter_text_is(const struct letter_text *t, const char *word);

enum { LETTER_NAME = 22 };              /* of one in a file */
enum { LETTER_HEADERS = 11 };           /* of one in a topic */

struct letter {
        struct letter_text reason;      /* "rejected", "no_index" ... */
        int64_t status;                 /* as the index said; 0: it was not asked */
        struct letter_text error;       /* the cause in its words */
        struct letter_text index, id;   /* where it was meant to stand */
        struct letter_text pipeline, routing;   /* and how to come there, where that was its own; empty: nothing was said */
        struct letter_text topic;       /* the record that it was */
        int64_t partition, offset, timestamp_ms;
        int64_t first_seen_ms;          /* when it was taken; -1: not said */
        int64_t refused_ms;
        struct letter_text document;

        /* Only of one that was read back: */
        uint64_t key;                   /* of its marker, unique in its place */
        struct letter_text name;        /* in a file: its name there; in a topic "3:4711" */
        struct letter_text where;       /* the file that it stands in; in a topic as name */
        bool redriven;                  /* it has a marker */
};

/* Each adds one record to b and returns it; origin, seq, weight and meta are the caller's to fill in. */
struct record *letter_put_record(struct batch *b, const struct letter *l);
struct record *letter_put_line(struct batch *b, const struct letter *l);

/* Fills in what the headers say; false: it is no dead letter of ours. key, name, document and id are the caller's. */
bool letter_read_headers(const struct incoming_header *headers, size_t n, struct letter *ret);

/* scratch holds what was escaped, until the next call. False: it is no whole line of ours. */
bool letter_read_line(const char *line, size_t len, struct letter *ret, struct buf *scratch);

/* The JSON of a marker, without a newline. */
void letter_put_marker(struct buf *out, const struct letter_text *name, int64_t wall_ns);
uint64_t letter_key(const char *name, size_t len);              /* of a name in a file */
bool letter_read_marker(const char *line, size_t len, uint64_t *ret_key);

/* Of one in a topic. */
static inline uint64_t letter_place_key(int32_t partition, int64_t offset) { return (uint64_t)partition << 44 ^ (uint64_t)offset; }
bool letter_read_place(const char *p, size_t len, uint64_t *ret_key);   /* "3:4711" */

/* The error's type, for people who count causes: what stands before its first colon, no longer than 64 bytes. */
struct letter_text letter_error_type(const struct letter *l);

#endif
