/* SPDX-License-Identifier: Apache-2.0 */
/* lookup: asks Elasticsearch which documents there are, a question at a time, and reads.
 *
 *      lookup_ids(the ids of 500 lines)          --> POST /INDEX/_search   {"query":{"ids":{"values":[...]}}, ...}
 *      lookup_place(a file's id, from, to)       --> the documents of a stretch of a file, in the order of their offsets
 *      lookup_heads(log.file.path)               --> what the files that were shipped under that name begin with, the latest first
 *      lookup_path(log.file.path)                --> which file ids were shipped under that name
 *
 * Every node of elasticsearch.urls is tried before an answer is given up.  Nothing is held but one answer, of at most
 * LOOKUP_ANSWER_MAX bytes.  Blocks; for a command line.  One thread, a loop of its own.
 */
#ifndef SLUICE_COLLECTOR_LOOKUP_H
#define SLUICE_COLLECTOR_LOOKUP_H

#include "base/buf.h"
#include "base/err.h"
#include "sinks/elasticsearch.h"

enum { LOOKUP_ANSWER_MAX = 64 << 20, LOOKUP_HITS = 2000 };

struct lookup;

/* Borrowed for the call. */
struct lookup_hit {
        const char *id;
        const char *event_id;           /* NULL: none */
        const char *message;            /* NULL: the document has none */
        const char *file_id;            /* log.file.id; NULL: none */
        int64_t offset;                 /* log.offset; -1: none */
        bool truncated;                 /* log.flags says so */
};
typedef void lookup_fn(void *arg, const struct lookup_hit *hit);

/* index: the name or pattern to search. c is borrowed. */
struct lookup *lookup_new(const struct es_config *c, const char *index, struct err *e);
void lookup_free(struct lookup *l);                                     /* NULL ok */

/* What was indexed a moment ago is found from now on.  False: not allowed or not possible. */
bool lookup_refresh(struct lookup *l);

/* 0, or -errno with a sentence: EHOSTUNREACH, EACCES (401, 403), ENOENT (no such index), EPROTO (anything else). */
int lookup_ids(struct lookup *l, const struct buf *quoted_ids, lookup_fn *fn, void *arg, struct err *e) MUST_CHECK;    /* "a","b" */
int lookup_place(struct lookup *l, const char *file_id, int64_t from, int64_t to, lookup_fn *fn, void *arg, struct err *e) MUST_CHECK;
int lookup_heads(struct lookup *l, const char *path, lookup_fn *fn, void *arg, struct err *e) MUST_CHECK;
int lookup_path(struct lookup *l, const char *path, lookup_fn *fn, void *arg, struct err *e) MUST_CHECK;

/* What a whole answer to a search says, whatever stands in it; the functions above read with it.  Everything is borrowed. */
struct lookup_answer {
        const char *node, *index;       /* who was asked, and where to search; for sentences */
        unsigned status;
        const char *body;               /* NUL-terminated */
        size_t len;
};
int lookup_read(const struct lookup_answer *a, lookup_fn *fn, void *arg, struct err *e) MUST_CHECK;

/* "logs-{service.name:x}-{+yyyy}" is "logs-*-*": every name that the template can make.  Appends. */
void lookup_pattern(const char *index_template, struct buf *ret);

#endif
