/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"

static struct es_error error_of(const char *type, const char *reason)
{
        struct es_error e;

        snprintf(e.type, sizeof e.type, "%s", type);
        snprintf(e.reason, sizeof e.reason, "%s", reason);
        return e;
}

static void each_document_gets_the_verdict_of_the_table(void **state)
{
        static const struct {
                unsigned status;
                const char *type, *reason;
                enum es_verdict expected;
        } cases[] = {
                { 200, "", "", ES_DONE },
                { 201, "", "", ES_DONE },
                { 409, "version_conflict_engine_exception", "[1]: version conflict", ES_DUPLICATE },
                { 409, "resource_already_exists_exception", "index [a] already exists", ES_STRIKE },
                { 429, "es_rejected_execution_exception", "rejected execution", ES_AGAIN },
                { 429, "rejected_execution_exception", "OpenSearch", ES_AGAIN },
                { 503, "es_rejected_execution_exception", "", ES_AGAIN },
                { 429, "circuit_breaking_exception", "Data too large", ES_AGAIN },
                { 429, "anything", "", ES_AGAIN },
                { 503, "unavailable_shards_exception", "primary shard is not active", ES_AGAIN },
                { 503, "anything", "", ES_AGAIN },
                { 429, "cluster_block_exception", "disk usage exceeded flood-stage watermark", ES_BLOCKED },
                { 403, "cluster_block_exception", "index read-only / allow delete (api)", ES_BLOCKED },
                { 403, "security_exception", "is unauthorized", ES_OPERATOR },
                { 401, "security_exception", "", ES_OPERATOR },
                { 401, "", "", ES_OPERATOR },
                { 400, "illegal_argument_exception", "pipeline with id [x] does not exist", ES_OPERATOR },
                { 400, "illegal_argument_exception", "mapper [a] cannot be changed", ES_REJECT },
                { 400, "mapper_parsing_exception", "failed to parse", ES_REJECT },
                { 400, "document_parsing_exception", "failed to parse pipeline", ES_REJECT },
                { 400, "", "", ES_REJECT },
                { 400, "document_parsing_exception", "strict_dynamic", ES_REJECT },
                { 400, "strict_dynamic_mapping_exception", "mapping set to strict", ES_REJECT },
                { 400, "illegal_argument_exception", "field [x] holds: pipeline with id [y]", ES_REJECT },
                { 400, "fail_processor_exception", "the pipeline refuses it", ES_REJECT },
                { 400, "ingest_processor_exception", "", ES_OPERATOR },
                { 400, "validation_exception",
                  "Validation Failed: 1: this action would add [2] shards, but this cluster", ES_OPERATOR },
                { 400, "validation_exception", "Validation Failed: 1: type is missing;", ES_REJECT },
                { 400, "illegal_argument_exception", "no write index is defined for alias [a].",
                  ES_OPERATOR },
                { 400, "index_closed_exception", "closed", ES_BLOCKED },
                { 403, "index_create_block_exception", "blocked by: [FORBIDDEN/10/cluster create-index]",
                  ES_BLOCKED },
                { 403, "something_else", "", ES_OPERATOR },
                { 404, "index_not_found_exception", "no such index", ES_OPERATOR },
                { 404, "illegal_index_shard_state_exception", "", ES_STRIKE },
                { 400, "task_cancelled_exception", "", ES_AGAIN },
                { 503, "process_cluster_event_timeout_exception", "", ES_AGAIN },
                { 413, "too_large", "", ES_REJECT },
                { 408, "timeout", "", ES_STRIKE },
                { 500, "not_x_content_exception", "", ES_STRIKE },
                { 502, "", "", ES_STRIKE },
                { 599, "", "", ES_STRIKE },
                { 302, "", "", ES_STRIKE },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct es_error e = error_of(cases[i].type, cases[i].reason);
                struct es_item item = { .status = cases[i].status, .error = &e };
                enum es_verdict v = es_verdict_item(&item);

                if (v != cases[i].expected)
                        fail_msg("%u %s: %s gives %d", cases[i].status, cases[i].type, cases[i].reason,
                                 (int)v);
        }
}

static void the_failure_store_is_told_from_the_index(void **state)
{
        struct es_error e = error_of("", "");
        struct es_item item = { .status = 201, .failure_store = true, .error = &e };
        (void)state;

        assert_int_equal(es_verdict_item(&item), ES_FAILURE_STORE);
        item.status = 429; /* the failure store refused it too */
        assert_int_equal(es_verdict_item(&item), ES_AGAIN);
}

static void each_failed_request_is_treated_as_the_table_says(void **state)
{
        static const struct {
                unsigned status;
                const char *type, *reason;
                enum es_request_verdict expected;
        } cases[] = {
                { 200, "", "", ES_REQUEST_ANSWERED },
                { 201, "", "", ES_REQUEST_NEXT_NODE },
                { 204, "", "", ES_REQUEST_NEXT_NODE },
                { 100, "", "", ES_REQUEST_NEXT_NODE },
                { 301, "", "", ES_REQUEST_OPERATOR },
                { 400, "x_content_parse_exception", "", ES_REQUEST_CULPRIT },
                { 400, "illegal_argument_exception", "Malformed action/metadata line", ES_REQUEST_CULPRIT },
                { 400, "illegal_argument_exception", "request [/_bulk] contains unrecognized parameter: [x]",
                  ES_REQUEST_OPERATOR },
                { 400, "illegal_argument_exception", "pipeline with id [x] does not exist",
                  ES_REQUEST_OPERATOR },
                { 400, "", "", ES_REQUEST_NEXT_NODE },
                { 400, "media_type_header_exception", "Invalid media-type value on headers [Content-Type]",
                  ES_REQUEST_OPERATOR },
                { 407, "", "", ES_REQUEST_OPERATOR },
                { 401, "security_exception", "", ES_REQUEST_OPERATOR },
                { 401, "", "", ES_REQUEST_OPERATOR },
                { 403, "security_exception", "", ES_REQUEST_OPERATOR },
                { 403, "cluster_block_exception", "", ES_REQUEST_BLOCKED },
                { 404, "", "", ES_REQUEST_OPERATOR },
                { 405, "", "", ES_REQUEST_OPERATOR },
                { 408, "", "", ES_REQUEST_NEXT_NODE },
                { 413, "", "", ES_REQUEST_TOO_LARGE },
                { 429, "", "", ES_REQUEST_THROTTLED },
                { 429, "cluster_block_exception", "", ES_REQUEST_BLOCKED },
                { 500, "anything", "", ES_REQUEST_NEXT_NODE },
                { 502, "", "", ES_REQUEST_NEXT_NODE },
                { 503, "cluster_block_exception", "no master", ES_REQUEST_BLOCKED },
                { 503, "", "", ES_REQUEST_NEXT_NODE },
                { 504, "", "", ES_REQUEST_NEXT_NODE },
        };
        (void)state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct es_error e = error_of(cases[i].type, cases[i].reason);
                enum es_request_verdict v = es_verdict_request(cases[i].status, &e);

                if (v != cases[i].expected)
                        fail_msg("%u %s: %s gives %d", cases[i].status, cases[i].type, cases[i].reason,
                                 (int)v);
        }
}

static void no_status_whatever_rejects_but_4xx(void **state)
{
        struct es_error e = error_of("unheard_of_exception", "?");
        (void)state;

        for (unsigned status = 100; status <= 999; status++) {
                struct es_item item = { .status = status, .error = &e };
                if (es_verdict_item(&item) == ES_REJECT)
                        assert_in_range(status, 400, 499);
        }
}

static void what_waits_for_somebody_comes_with_advice(void **state)
{
        struct es_error none = error_of("", ""), security = error_of("security_exception", "no");
        struct es_error block = error_of("cluster_block_exception", "");
        struct es_error pipeline =
                error_of("illegal_argument_exception", "pipeline with id [x] does not exist");
        (void)state;

        assert_non_null(strstr(es_advice(401, &none), "api_key"));
        assert_non_null(strstr(es_advice(403, &security), "create_doc"));
        assert_non_null(strstr(es_advice(403, &block), "block"));
        assert_non_null(strstr(es_advice(400, &pipeline), "pipeline"));
        assert_null(es_advice(500, &none));
        assert_null(es_advice(0, &none));
}

/* ---- the operator's table ---------------------------------------------------------------------------------- */

static enum es_verdict verdict_named(const char *name)
{
        static const struct {
                const char *name;
                enum es_verdict verdict;
        } names[] = { { "done", ES_DONE },        { "duplicate", ES_DUPLICATE }, { "reject", ES_REJECT },
                      { "again", ES_AGAIN },      { "blocked", ES_BLOCKED },     { "ten times", ES_STRIKE },
                      { "operator", ES_OPERATOR } };

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (strcmp(names[i].name, name) == 0)
                        return names[i].verdict;
        fail_msg("docs/collector.md: no such verdict: %s", name);
        return ES_DONE;
}

/* Cuts "| a | b |" into its trimmed cells. */
static size_t cells_of(char *line, char **cells, size_t max)
{
        size_t n = 0;

        for (char *p = line + 1, *end; n < max && (end = strchr(p, '|')) != NULL; p = end + 1) {
                char *last = end;
                p += strspn(p, " ");
                while (last > p && last[-1] == ' ')
                        last--;
                *last = '\0';
                cells[n++] = p;
        }
        return n;
}

static const char *or_any(const char *cell, const char *any)
{
        return strcmp(cell, "*") == 0 ? any : cell;
}

/* A row of the documents' table tells the truth for an answer that fits it and no row before it. */
static void the_table_in_the_manual_is_the_one_in_force(void **state)
{
        FILE *f = fopen("docs/collector.md", "r");
        char line[1024], *c[8];
        unsigned rows = 0;
        (void)state;

        assert_non_null(f);
        while (fgets(line, sizeof line, f)) {
                if (line[0] != '|' || cells_of(line, c, 8) != 5 || strcmp(c[0], "status") == 0 ||
                    c[0][0] == '-')
                        continue;
                unsigned status = c[0][0] == '*' ? 418 : (unsigned)strtoul(c[0], NULL, 10);
                struct es_error e =
                        error_of(or_any(c[1], "unheard_of_exception"), or_any(c[2], "some reason"));
                struct es_item item = { .status = status, .error = &e };
                if (es_verdict_item(&item) != verdict_named(c[4]))
                        fail_msg("docs/collector.md: %s %s %s is not %s", c[0], c[1], c[2], c[4]);
                rows++;
        }
        fclose(f);
        assert_int_equal(rows, 32);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_in_the_manual_is_the_one_in_force),
                cmocka_unit_test(each_document_gets_the_verdict_of_the_table),
                cmocka_unit_test(the_failure_store_is_told_from_the_index),
                cmocka_unit_test(each_failed_request_is_treated_as_the_table_says),
                cmocka_unit_test(no_status_whatever_rejects_but_4xx),
                cmocka_unit_test(what_waits_for_somebody_comes_with_advice),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
