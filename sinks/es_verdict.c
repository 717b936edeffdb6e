/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_verdict.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

#define PIPELINE       "pipeline with id ["
#define SHARDS         "Validation Failed: 1: this action would add ["
#define NO_WRITE_INDEX "no write index is defined for alias ["

/* A row fits when all that it names fits; NULL and 0 fit everything. */
struct item_row {
        const char *type; /* the error's, whole */
        unsigned status_min, status_max;
        const char *reason; /* its beginning: further on it may quote the document */
        enum es_verdict verdict;
};

/* Elasticsearch 7 to 9 and OpenSearch in one: where they differ they use different names, and no name means
 * different things.  docs/collector.md has the same table for the operator, and a test holds the two together. */
static const struct item_row item_rows[] = {
        { "version_conflict_engine_exception", 409, 409, NULL, ES_DUPLICATE },

        /* flood stage, read-only, closed for writes: 403 before 7.7 or by hand, 429 since */
        { "cluster_block_exception", 0, 0, NULL, ES_BLOCKED },
        { "index_create_block_exception", 0, 0, NULL, ES_BLOCKED }, /* OpenSearch, disks nearly full */
        { "index_closed_exception", 0, 0, NULL, ES_BLOCKED },

        /* What no document is guilty of and no waiting mends. */
        { "security_exception", 0, 0, NULL, ES_OPERATOR },
        { NULL, 401, 401, NULL, ES_OPERATOR },
        { NULL, 403, 403, NULL, ES_OPERATOR },
        { "index_not_found_exception", 0, 0, NULL, ES_OPERATOR },
        { "illegal_argument_exception", 400, 400, PIPELINE, ES_OPERATOR },
        { "ingest_processor_exception", 0, 0, NULL, ES_OPERATOR },
        { "script_exception", 0, 0, NULL, ES_OPERATOR }, /* of a pipeline */
        { "validation_exception", 400, 400, SHARDS, ES_OPERATOR },
        { "illegal_argument_exception", 400, 400, SHARDS, ES_OPERATOR }, /* before 7.10 */
        { "illegal_argument_exception", 400, 400, NO_WRITE_INDEX, ES_OPERATOR },

        { "es_rejected_execution_exception", 0, 0, NULL, ES_AGAIN },
        { "rejected_execution_exception", 0, 0, NULL, ES_AGAIN }, /* OpenSearch */
        { "unavailable_shards_exception", 0, 0, NULL, ES_AGAIN },
        { "circuit_breaking_exception", 0, 0, NULL, ES_AGAIN },
        { "no_shard_available_action_exception", 0, 0, NULL, ES_AGAIN },
        { "process_cluster_event_timeout_exception", 0, 0, NULL, ES_AGAIN },
        { "task_cancelled_exception", 0, 0, NULL, ES_AGAIN }, /* OpenSearch under load */
        { NULL, 429, 429, NULL, ES_AGAIN },
        { NULL, 503, 503, NULL, ES_AGAIN },

        /* Such as two that made the same index at once, or a shard that moves. And a 500 may be for ever
         * (not_x_content_exception) or a node that stumbled: the count tells. */
        { NULL, 404, 404, NULL, ES_STRIKE },
        { NULL, 408, 409, NULL, ES_STRIKE },
        { NULL, 500, 599, NULL, ES_STRIKE },

        /* mapper_parsing, document_parsing, strict_dynamic_mapping, illegal_argument ... */
        { NULL, 400, 499, NULL, ES_REJECT },
        { NULL, 0, 0, NULL, ES_STRIKE },
};

static bool fits(const char *type, unsigned status_min, unsigned status_max, const char *reason,
                 unsigned status, const struct es_error *error)
{
        if (type && strcmp(type, error->type) != 0)
                return false;
        if (status_max && (status < status_min || status > status_max))
                return false;
        return !reason || strncmp(error->reason, reason, strlen(reason)) == 0;
}

enum es_verdict es_verdict_item(const struct es_item *item)
{
        if (item->status >= 200 && item->status <= 299)
                return item->failure_store ? ES_FAILURE_STORE : ES_DONE;
        const struct item_row *row = item_rows;
        while (!fits(row->type, row->status_min, row->status_max, row->reason, item->status, item->error))
                row++; /* the last row fits everything */
        return row->verdict;
}

/* ---- whole requests ----------------------------------------------------------------------------- */

/* A 400 without Elasticsearch's error in it was said by something in between, a TLS port asked in plain text
 * for one, and is no reason to suspect a document.  Others are about the request's form, not about what is in it. */
static enum es_request_verdict of_400(const struct es_error *error)
{
        static const char *const of_the_form[] = { "unrecognized parameter", PIPELINE, "Content-Type",
                                                   "Accept" };

        if (!error->type[0])
                return ES_REQUEST_NEXT_NODE;
        for (size_t i = 0; i < ARRAY_LEN(of_the_form); i++)
                if (strstr(error->reason, of_the_form[i]))
                        return ES_REQUEST_OPERATOR;
        return ES_REQUEST_CULPRIT;
}

enum es_request_verdict es_verdict_request(unsigned status, const struct es_error *error)
{
        if (strcmp(error->type, "cluster_block_exception") == 0)
                return ES_REQUEST_BLOCKED;
        switch (status) {
        case 200:
                return ES_REQUEST_ANSWERED;
        case 400:
                return of_400(error);
        case 408:
                return ES_REQUEST_NEXT_NODE;
        case 413:
                return ES_REQUEST_TOO_LARGE;
        case 429:
                return ES_REQUEST_THROTTLED;
        default:
                return status >= 300 && status <= 499 ? ES_REQUEST_OPERATOR : ES_REQUEST_NEXT_NODE;
        }
}

/* ---- advice ------------------------------------------------------------------------------------- */

/* The first row that fits, by the same rule as above. */
static const struct advice_row {
        const char *type;
        unsigned status_min, status_max;
        const char *reason;
        const char *advice;
} advice_rows[] = {
        { "cluster_block_exception", 0, 0, NULL,
          "lift the index's block, free disk space on the nodes if it came by itself" },
        { "index_create_block_exception", 0, 0, NULL, "free disk space on the nodes" },
        { "index_closed_exception", 0, 0, NULL, "open the index" },
        { NULL, 0, 0, PIPELINE,
          "create the ingest pipeline or take it out of elasticsearch.pipeline or the index settings" },
        { "ingest_processor_exception", 0, 0, NULL, "mend the ingest pipeline or give it an on_failure" },
        { "script_exception", 0, 0, NULL, "mend the script of the ingest pipeline or give it an on_failure" },
        { NULL, 0, 0, SHARDS, "raise cluster.max_shards_per_node or delete old indices" },
        { NULL, 0, 0, NO_WRITE_INDEX, "give the alias one write index" },
        { "index_not_found_exception", 0, 0, NULL,
          "create the index or data stream, or allow it in action.auto_create_index" },
        { NULL, 401, 401, NULL, "check username and password, or api_key" },
        { NULL, 403, 403, NULL, "grant the privileges create_doc and auto_configure on the index" },
        { NULL, 407, 407, NULL, "the proxy wants credentials, see proxy_auth" },
        { "security_exception", 0, 0, NULL, "check the credentials and their privileges" },
        { NULL, 300, 399, NULL, "redirects are not followed, name the final address in urls" },
        { NULL, 404, 405, NULL,
          "is this the address of an Elasticsearch, without a missing or superfluous path?" },
};

const char *es_advice(unsigned status, const struct es_error *error)
{
        for (size_t i = 0; i < ARRAY_LEN(advice_rows); i++) {
                const struct advice_row *a = &advice_rows[i];
                if (fits(a->type, a->status_min, a->status_max, a->reason, status, error))
                        return a->advice;
        }
        return NULL;
}
