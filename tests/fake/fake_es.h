/* SPDX-License-Identifier: Apache-2.0 */
/* fake_es: an Elasticsearch inside the test process, with faults to order.
 *
 *   POST /_bulk (plain or gzip)  --> fault? --> documents by index and _id --> answer like the real one's
 *
 * It keeps every document, answers a create of a known _id with 409, and makes up an _id where
 * there is none.  Faults are rules; each request, and each document in it, meets the first rule
 * of its kind that fits and is not used up.  What it does not know is answered from
 * fake_es_reply's list, else 404.
 *
 * Any thread may ask and set rules while it runs; it has a thread for each connection.
 */
#ifndef SLUICE_TESTS_FAKE_ES_H
#define SLUICE_TESTS_FAKE_ES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_es;

struct fake_es *fake_es_new(void);                      /* on a free port of 127.0.0.1 */
void fake_es_free(struct fake_es *f);                   /* NULL ok; breaks all connections */
const char *fake_es_url(const struct fake_es *f);       /* "http://127.0.0.1:40123" */

/* Nobody listens any more, connections break; up again on the same port. Documents and rules stay. */
void fake_es_down(struct fake_es *f);
void fake_es_up(struct fake_es *f);

/* A document that fits gets this item instead of being stored. */
struct fake_es_doc_rule {
        const char *contains;           /* in the document; NULL: any */
        const char *index;              /* its whole index name; NULL: any */
        unsigned skip;                  /* this many that fit pass first */
        unsigned times;                 /* then so many are hit; 0: all */
        unsigned percent;               /* of those that fit, evenly; 0: all */
        unsigned status;
        const char *type, *reason;
};
void fake_es_doc_rule(struct fake_es *f, const struct fake_es_doc_rule *rule);

/* A request that fits is treated so. Zero: as always. */
struct fake_es_request_rule {
        const char *contains;           /* in the body, uncompressed; NULL: any */
        const char *path;               /* beginning of it; NULL: "/_bulk" */
        size_t min_bytes;               /* uncompressed body; 0: any */
        unsigned skip, times;           /* as above */

        unsigned delay_ms;              /* before the answer */
        bool never;                     /* no answer, the connection stays */
        bool hang_up;                   /* no answer, the connection is closed; documents are not stored */
        bool lose_answer;               /* documents are stored, then the connection is closed */
        size_t cut_after;               /* documents are stored, the answer ends after so many bytes of its body */
        bool cut_clean;                 /* with cut_after: with the framing of a whole answer, as a bad proxy does it */
        unsigned status;                /* answered instead; documents are not stored */
        const char *body;               /* with status; NULL: an error object with type and reason */
        const char *type, *reason;
        const char *content_type;       /* NULL: application/json */
        unsigned retry_after_s;         /* headers of that name */
        const char *retry_after;        /* as text, such as a date */
        const char *location;
};
void fake_es_request_rule(struct fake_es *f, const struct fake_es_request_rule *rule);

void fake_es_max_body(struct fake_es *f, size_t bytes);         /* uncompressed; larger ones get 413; 0: no limit */
/* Bulks go through one queue: a base latency each, and so many bytes of documents a second, after one another.
 * One that would wait longer than patience_ms (0: any time) gets 429. Rate 0: no pace any more. */
void fake_es_pace(struct fake_es *f, double bytes_per_s, unsigned base_ms, unsigned patience_ms);

void fake_es_clear_rules(struct fake_es *f);

/* method and beginning of the path; for all that is no bulk. */
void fake_es_reply(struct fake_es *f, const char *method, const char *path, unsigned status, const char *body);

/* ---- what has happened ---- */
size_t fake_es_docs(struct fake_es *f, const char *index);      /* NULL: in all */
char *fake_es_doc(struct fake_es *f, const char *index, const char *id);        /* xmalloc'ed copy; NULL: none */
struct fake_es_counts {
        unsigned requests;              /* of any kind, read whole */
        unsigned bulks;
        unsigned actions;               /* in the bulks that were looked at */
        unsigned created, conflicts;
        unsigned connections;
        unsigned most_at_once;          /* requests */
        size_t largest_actions;         /* in one bulk */
};
struct fake_es_counts fake_es_counts(struct fake_es *f);
char *fake_es_last_request(struct fake_es *f);          /* request line and headers of the last one; xmalloc'ed */

#endif
