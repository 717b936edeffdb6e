/* SPDX-License-Identifier: Apache-2.0 */
/* elasticsearch: the sink that indexes records by the _bulk API.  Elasticsearch and OpenSearch.
 *
 *   submit --> [build queue] --> worker thread --> [built queue] --> ready --> request on a node
 *               es_body: action lines, gzip                            ^         | curl_multi on the loop
 *                                                                      |         v
 *   done  <--- settled records <------ es_answer (yajl, streamed) --> verdict per item (es_verdict)
 *                                                                      |
 *                            records to try again, with backoff <------+
 *
 * A bulk in which some must wait is split: settled ones go back at once (es_bulk.h).  How many requests there are
 * and how large they are follows what the cluster can take (es_control.h); a node that fails is left alone
 * until a probe finds it well (es_node.h, es_health.h).
 * A failure of the whole request (timeout, reset, 5xx, 401, cut or foreign body) is no verdict
 * on any document: the same bulk goes again, to the next node, after a backoff.
 * Nothing is sent before the index templates are seen to (es_install.h).
 * A newline inside a record's value is written as a blank (es_body.h).
 *
 * Memory beyond the sink's limits: max_requests + workers bodies as sent, a scratch buffer a
 * worker, and up to 1 MiB of reasons for each request under way.  A bulk that waits for a
 * retry holds no body.
 */
#ifndef SLUICE_SINKS_ELASTICSEARCH_H
#define SLUICE_SINKS_ELASTICSEARCH_H

#include "config/opt.h"
#include "sinks/http_client.h"
#include "sinks/sink.h"

#define ES_DEFAULT_INDEX "logs-generic-default"

enum es_id {
        ES_ID_EVENT,                    /* the record's id is the document's _id */
        ES_ID_AUTO,                     /* the server makes one up */
};

struct es_config {
        struct strlist urls;
        char *index;                    /* of a record without dest (NULL: ES_DEFAULT_INDEX); a template is the
                                           collector's matter */
        bool sniff;                     /* ask the cluster for more nodes */
        int64_t sniff_interval_ms;      /* and again */
        int64_t manage_template;        /* enum es_template_manage */
        const struct strlist *more_indexes;     /* borrowed, no setting: other indexes that records name (NULL: none) */
        int64_t park_after_ms;          /* no setting: of a batch whose index is blocked, from its opened_ms on; 0: never */
        char *pipeline;                 /* ingest pipeline of every document; NULL: the index's own */
        char *routing;                  /* path in the event; the collector's matter; NULL: none */
        int64_t id;                     /* enum es_id */
        char *id_field;                 /* path in the event; the collector's matter, too; NULL: none */
        char *username, *password, *api_key;    /* secrets */
        char *ca_file, *ca_fingerprint;
        char *client_cert, *client_key, *client_key_password;   /* files; the last a secret */
        char *proxy, *proxy_auth;       /* URL; a secret */
        bool verify;                    /* TLS verification; on */
        char *compression;              /* "gzip" or "none" */
        int64_t compression_level;      /* libdeflate: 1 */
        int64_t workers;                /* threads that build and compress bodies */
        int64_t max_requests;           /* at the same time, over all nodes: the most that es_control may choose */
        int64_t concurrency;            /* instead, fixed; 0: adaptive */
        int64_t bulk_bytes;             /* of a bulk before compression, fixed; 0: adaptive */
        int64_t node_failures;          /* in a row that open a node's breaker */
        int64_t node_requests;          /* at the same time to one node, at most */
        int64_t connect_timeout_ms, request_timeout_ms, probe_timeout_ms;
        int64_t connection_idle_ms, connection_life_ms; /* a connection is not used again after that */
        int64_t retry_base_ms, retry_max_ms;
};
extern const struct opt_table es_opts;

/* Whether it can be the name of an ingest pipeline in a URL. */
bool es_pipeline_fits(const char *name);

/* Names of a record's headers that go into its action; compared by address. */
extern const char es_header_pipeline[], es_header_routing[];

/* What of it is the HTTP client's matter; all borrowed.  The caller sets max_connections. */
struct http_config es_http_config(const struct es_config *c);

/* c is borrowed for the call.  NULL with e set: an address that is none, a thread that did not start. */
struct sink *sink_elasticsearch_new(struct loop *l, const struct es_config *c, const struct sink_owner *owner,
                                    const struct sink_limits *limits, struct err *e);

#endif
