/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_stats.h"

#define ROW(...) STAT_ROW(struct es_stats, __VA_ARGS__)
static const struct stat_row rows[] = { ES_STATS(ROW) };

struct stat_group es_stats_group(const struct es_stats *s)
{
        return (struct stat_group){ rows, ARRAY_LEN(rows), s };
}

static struct stat_value *of_request(struct es_stats *s, const struct http_result *result,
                                     enum es_request_verdict v)
{
        if (v == ES_REQUEST_ANSWERED)
                return &s->ok;
        if (result->end == HTTP_TIMEOUT)
                return &s->timeout;
        if (result->status == 0)
                return &s->connection;
        if (result->status == 429)
                return &s->throttled;
        if (result->status == 413)
                return &s->too_large;
        if (result->status >= 500)
                return &s->server_error;
        return result->status >= 300 ? &s->refused : &s->bad_answer;
}

void es_stats_request(struct es_stats *s, const struct http_result *result, enum es_request_verdict v)
{
        hist_add(&s->seconds, result->seconds);
        stat_inc(of_request(s, result, v));
}

void es_stats_step(struct es_stats *s, enum es_step step)
{
        switch (step) {
        case ES_STEP_REFUSED:
                stat_inc(&s->eased_refused);
                break;
        case ES_STEP_TIMEOUT:
                stat_inc(&s->eased_timeout);
                break;
        case ES_STEP_SLOW:
                stat_inc(&s->eased_slow);
                break;
        case ES_STEP_LOOK:
                stat_inc(&s->eased_look);
                break;
        case ES_STEP_NONE:
        case ES_STEP_UP:
                break;
        }
}

void es_stats_template(struct es_stats *s, enum es_install_end end)
{
        bool refused = end == ES_INSTALL_FOREIGN || end == ES_INSTALL_FORBIDDEN || end == ES_INSTALL_REFUSED;

        stat_inc(refused ? &s->templates_refused : &s->templates_well);
}

void es_stats_document(struct es_stats *s, enum es_verdict v)
{
        switch (v) {
        case ES_DONE:
                stat_inc(&s->indexed);
                break;
        case ES_FAILURE_STORE:
                stat_inc(&s->failure_store);
                break;
        case ES_DUPLICATE:
                stat_inc(&s->duplicate);
                break;
        case ES_REJECT:
                stat_inc(&s->rejected);
                break;
        case ES_AGAIN:
        case ES_BLOCKED:
        case ES_STRIKE:
        case ES_OPERATOR:
                stat_inc(&s->again);
                break;
        }
}
