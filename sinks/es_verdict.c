/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_verdict.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

/* A row fits when all that it names fits; NULL and 0 fit everything. */
struct item_row {
        const char *type; /* the error's, whole */
        unsigned status_min, status_max;
        const char *reason; /* a part of it */
        enum es_verdict verdict;
};

static const struct item_row item_rows[] = {
        { "version_conflict_engine_exception", 409, 409, NULL, ES_DUPLICATE },

        /* flood stage, read-only, closed for writes: 403 before 7.7 or by hand, 429 since */
        { "cluster_block_exception", 0, 0, NULL, ES_BLOCKED },

        { "security_exception", 0, 0, NULL, ES_OPERATOR },
        { NULL, 401, 401, NULL, ES_OPERATOR },
        { "illegal_argument_exception", 400, 400, "pipeline with id [", ES_OPERATOR },

        { "es_rejected_execution_exception", 0, 0, NULL, ES_AGAIN },
        { "rejected_execution_exception", 0, 0, NULL, ES_AGAIN }, /* OpenSearch */
        { "unavailable_shards_exception", 0, 0, NULL, ES_AGAIN },
        { "circuit_breaking_exception", 0, 0, NULL, ES_AGAIN },
        { "no_shard_available_action_exception", 0, 0, NULL, ES_AGAIN },
        { NULL, 429, 429, NULL, ES_AGAIN },
        { NULL, 503, 503, NULL, ES_AGAIN },

        /* Such as two that made the same index at once. And a 500 may be for ever
         * (not_x_content_exception) or a node that stumbled: the count tells. */
        { NULL, 408, 409, NULL, ES_STRIKE },
        { NULL, 500, 599, NULL, ES_STRIKE },

        { NULL, 400, 499, NULL, ES_REJECT },
        { NULL, 0, 0, NULL, ES_STRIKE },
};

static bool row_fits(const struct item_row *row, unsigned status, const struct es_error *error)
{
        if (row->type && strcmp(row->type, error->type) != 0)
                return false;
        if (row->status_max && (status < row->status_min || status > row->status_max))
                return false;
        return !row->reason || strstr(error->reason, row->reason) != NULL;
}

enum es_verdict es_verdict_item(const struct es_item *item)
{
        if (item->status >= 200 && item->status <= 299)
                return item->failure_store ? ES_FAILURE_STORE : ES_DONE;
        const struct item_row *row = item_rows;
        while (!row_fits(row, item->status, item->error))
                row++; /* the last row fits everything */
        return row->verdict;
}

/* ---- whole requests ----------------------------------------------------------------------------- */

static bool is_type(const struct es_error *error, const char *type)
{
        return strcmp(error->type, type) == 0;
}

/* A 400 without Elasticsearch's error in it was said by something in between, a TLS port asked in plain text
 * for one, and is no reason to suspect a document. */
static enum es_request_verdict of_400(const struct es_error *error)
{
        if (!error->type[0])
                return ES_REQUEST_NEXT_NODE;
        if (strstr(error->reason, "unrecognized parameter") || strstr(error->reason, "pipeline with id ["))
                return ES_REQUEST_OPERATOR;
        return ES_REQUEST_CULPRIT;
}

enum es_request_verdict es_verdict_request(unsigned status, const struct es_error *error)
{
        if (is_type(error, "cluster_block_exception"))
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

const char *es_advice(unsigned status, const struct es_error *error)
{
        if (is_type(error, "cluster_block_exception"))
                return "lift the index's block, free disk space on the nodes if it came by itself";
        if (strstr(error->reason, "pipeline with id ["))
                return "create the ingest pipeline or take it out of the index settings";
        if (status == 401)
                return "check username and password, or api_key";
        if (status == 403)
                return "grant the privileges create_doc and auto_configure on the index";
        if (is_type(error, "security_exception"))
                return "check the credentials and their privileges";
        if (status >= 300 && status <= 399)
                return "redirects are not followed, name the final address in urls";
        if (status == 404 || status == 405)
                return "is this the address of an Elasticsearch, without a missing or superfluous path?";
        return NULL;
}
