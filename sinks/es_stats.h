/* SPDX-License-Identifier: Apache-2.0 */
/* es_stats: what the elasticsearch sink counts.  Loop thread. */
#ifndef SLUICE_SINKS_ES_STATS_H
#define SLUICE_SINKS_ES_STATS_H

#include "base/stat.h"
#include "sinks/es_control.h"
#include "sinks/es_install.h"
#include "sinks/es_verdict.h"
#include "sinks/http_client.h"
#include "sinks/sink.h"

#define ES_REQUESTS       "elasticsearch_requests_total"
#define ES_REQUESTS_HELP  "Bulk requests that ended, by result."
#define ES_DOCUMENTS      "elasticsearch_bulk_documents_total"
#define ES_DOCUMENTS_HELP "Verdicts on documents, by outcome; again: to be sent once more."

#define ES_EASED          "elasticsearch_eased_total"
#define ES_EASED_HELP     "Steps down of concurrency or bulk size, by the sign of load; look: to measure the latency of one request alone."
#define ES_NODES          "elasticsearch_nodes"
#define ES_NODES_HELP     "Nodes by the state of their breaker; a closed one gets requests."
#define ES_PROBES         "elasticsearch_node_probes_total"
#define ES_PROBES_HELP    "Probes of nodes whose breaker was open, by result."

#define ES_TEMPLATES      "elasticsearch_templates"
#define ES_TEMPLATES_HELP "Index templates of the configuration; refused: foreign, forbidden or not taken, the log says why."

/* clang-format off */
#define ES_STATS(X) \
        X(COUNTER, ok, ES_REQUESTS, "result=\"ok\"", ES_REQUESTS_HELP) \
        X(COUNTER, throttled, ES_REQUESTS, "result=\"throttled\"", ES_REQUESTS_HELP) \
        X(COUNTER, too_large, ES_REQUESTS, "result=\"too_large\"", ES_REQUESTS_HELP) \
        X(COUNTER, refused, ES_REQUESTS, "result=\"refused\"", ES_REQUESTS_HELP) \
        X(COUNTER, server_error, ES_REQUESTS, "result=\"server_error\"", ES_REQUESTS_HELP) \
        X(COUNTER, bad_answer, ES_REQUESTS, "result=\"bad_answer\"", ES_REQUESTS_HELP) \
        X(COUNTER, timeout, ES_REQUESTS, "result=\"timeout\"", ES_REQUESTS_HELP) \
        X(COUNTER, connection, ES_REQUESTS, "result=\"connection\"", ES_REQUESTS_HELP) \
        X(COUNTER, indexed, ES_DOCUMENTS, "outcome=\"indexed\"", ES_DOCUMENTS_HELP) \
        X(COUNTER, failure_store, ES_DOCUMENTS, "outcome=\"failure_store\"", ES_DOCUMENTS_HELP) \
        X(COUNTER, duplicate, ES_DOCUMENTS, "outcome=\"duplicate\"", ES_DOCUMENTS_HELP) \
        X(COUNTER, rejected, ES_DOCUMENTS, "outcome=\"rejected\"", ES_DOCUMENTS_HELP) \
        X(COUNTER, again, ES_DOCUMENTS, "outcome=\"again\"", ES_DOCUMENTS_HELP) \
        X(COUNTER, sent_bytes, "elasticsearch_sent_bytes_total", NULL, "Bytes of bodies as sent.") \
        X(COUNTER, raw_bytes, "elasticsearch_body_bytes_total", NULL, "Bytes of bodies before compression.") \
        X(COUNTER, retries, "elasticsearch_retries_total", NULL, "Bulks that wait for another try.") \
        X(GAUGE, in_flight, "elasticsearch_requests_in_flight", NULL, "Bulk requests under way.") \
        X(GAUGE, waiting, "elasticsearch_bulks_waiting", NULL, "Bulks whose backoff runs.") \
        X(GAUGE, bodies, "elasticsearch_bodies", NULL, "Bodies that are being built or held.") \
        X(GAUGE, limit_requests, "elasticsearch_concurrency", NULL, "Bulk requests allowed at the same time.") \
        X(GAUGE, limit_bytes, "elasticsearch_bulk_bytes", NULL, "Bytes allowed in a bulk before compression.") \
        X(COUNTER, eased_refused, ES_EASED, "sign=\"refused\"", ES_EASED_HELP) \
        X(COUNTER, eased_timeout, ES_EASED, "sign=\"timeout\"", ES_EASED_HELP) \
        X(COUNTER, eased_slow, ES_EASED, "sign=\"slow\"", ES_EASED_HELP) \
        X(COUNTER, eased_look, ES_EASED, "sign=\"look\"", ES_EASED_HELP) \
        X(GAUGE, nodes_closed, ES_NODES, "breaker=\"closed\"", ES_NODES_HELP) \
        X(GAUGE, nodes_open, ES_NODES, "breaker=\"open\"", ES_NODES_HELP) \
        X(GAUGE, nodes_half_open, ES_NODES, "breaker=\"half_open\"", ES_NODES_HELP) \
        X(COUNTER, node_opened, "elasticsearch_node_breaks_total", NULL, "Breakers that opened.") \
        X(COUNTER, probes_well, ES_PROBES, "result=\"well\"", ES_PROBES_HELP) \
        X(COUNTER, probes_failed, ES_PROBES, "result=\"failed\"", ES_PROBES_HELP) \
        X(GAUGE, templates_well, ES_TEMPLATES, "state=\"well\"", ES_TEMPLATES_HELP) \
        X(GAUGE, templates_refused, ES_TEMPLATES, "state=\"refused\"", ES_TEMPLATES_HELP) \
        X(HISTOGRAM, seconds, "elasticsearch_request_seconds", NULL, "Time of a bulk request.")
/* clang-format on */

struct es_stats { ES_STATS(STAT_MEMBER) };

struct stat_group es_stats_group(const struct es_stats *s);

void es_stats_request(struct es_stats *s, const struct http_result *result, enum es_request_verdict v);
void es_stats_step(struct es_stats *s, enum es_step step);
void es_stats_template(struct es_stats *s, enum es_install_end end);
void es_stats_document(struct es_stats *s, enum es_verdict v);

#endif
