/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_install.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "event/scan.h"
#include "sinks/es_node.h"
#include "sinks/es_verdict.h"

enum { ANSWER_MAX = 1 << 20, LOST_RACES_MAX = 3, WHY_MAX = 300 };

#define END_TEXT(id, name, text) text,
const char *const es_install_text[ES_INSTALL_NENDS] = { ES_INSTALL_ENDS(END_TEXT) };

static void ask(struct es_install *in);

static struct es_installed *current(struct es_install *in)
{
        return &in->v[in->at];
}

/* --- ends ------------------------------------------------------------------------------------------ */

static void tell(const struct es_installed *t)
{
        const char *name = t->template.name, *text = es_install_text[t->end];

        if (t->end == ES_INSTALL_FORBIDDEN || t->end == ES_INSTALL_REFUSED || t->end == ES_INSTALL_FOREIGN)
                log_warn("elasticsearch",
                         "index template %s %s%s%s; documents go on with the templates that are there", name,
                         text, t->why ? ": " : "", t->why ? t->why : "");
        else
                log_info("elasticsearch", "index template %s for %s: %s", name, t->template.pattern, text);
}

static void end(struct es_install *in, enum es_install_end how, const char *why)
{
        struct es_installed *t = current(in);

        t->end = how;
        t->why = why ? xstrdup(why) : NULL;
        if (!in->look_only)
                tell(t);
        in->at++;
        in->step = STEP_LOOK;
        in->lost_races = 0;
        backoff_reset(&in->backoff);
        if (es_install_settled(in))
                in->settled(in->arg);
        else
                ask(in);
}

static void wait_and_ask(struct es_install *in, char *why)
{
        free(in->why);
        in->why = why;
        in->node = (in->node + 1) % in->urls->n;
        timer_arm(in->loop, &in->timer, backoff_next_ms(&in->backoff));
}

static void on_timer(struct timer *t)
{
        ask(t->arg);
}

/* --- answers ----------------------------------------------------------------------------------------- */

static const char *answer_text(struct es_install *in)
{
        return buf_cstr(&in->answer);
}

/* The server's own words; the buffer is the caller's. */
static const char *reason(struct es_install *in, unsigned status, char *text, size_t size)
{
        static const char *const paths[] = { "error.type", "error.reason" };
        struct scan_value v[ARRAY_LEN(paths)];

        if (scan_json(answer_text(in), in->answer.len, paths, ARRAY_LEN(paths), v, NULL) == SCAN_IS_OBJECT &&
            v[0].type == SCAN_STRING && v[1].type == SCAN_STRING)
                snprintf(text, size, "%u %.*s: %.*s", status, (int)v[0].len, v[0].p, (int)v[1].len, v[1].p);
        else
                snprintf(text, size, "%s answers %u, not as Elasticsearch does",
                         es_url_shown(in->urls->v[in->node]), status);
        return text;
}

static void next_step(struct es_install *in, enum es_install_step step)
{
        in->step = step;
        ask(in);
}

static void make(struct es_install *in, enum es_install_step how)
{
        if (in->look_only)
                end(in, ES_INSTALL_WANTED, NULL);
        else
                next_step(in, how);
}

static void looked(struct es_install *in, unsigned status)
{
        enum es_template_there there =
                status == 404 ? ES_THERE_NOTHING : es_template_there(answer_text(in), in->answer.len);

        if (there == ES_THERE_CURRENT)
                end(in, ES_INSTALL_CURRENT, NULL);
        else if (there == ES_THERE_FOREIGN)
                end(in, ES_INSTALL_FOREIGN, NULL);
        else if (there == ES_THERE_UNKNOWN)
                end(in, ES_INSTALL_REFUSED, "the answer is not Elasticsearch's");
        else if (there == ES_THERE_OLDER)
                make(in, STEP_REPLACE);
        else if (in->manage == ES_MANAGE_AUTO)
                next_step(in, STEP_SIMULATE);
        else
                make(in, STEP_CREATE);
}

static void simulated(struct es_install *in)
{
        int covered = es_template_covered(answer_text(in), in->answer.len);

        if (covered < 0)
                end(in, ES_INSTALL_REFUSED, "the answer is not Elasticsearch's");
        else if (covered)
                end(in, ES_INSTALL_COVERED, NULL);
        else
                make(in, STEP_CREATE);
}

static void put(struct es_install *in)
{
        static const char *const paths[] = { "acknowledged" };
        struct scan_value v[ARRAY_LEN(paths)];

        if (scan_json(answer_text(in), in->answer.len, paths, 1, v, NULL) == SCAN_IS_OBJECT &&
            v[0].type == SCAN_BOOL)
                end(in, ES_INSTALL_MADE, NULL);
        else
                end(in, ES_INSTALL_REFUSED, "the answer is not Elasticsearch's");
}

/* Somebody else made it since it was looked for. */
static bool lost_race(struct es_install *in, unsigned status)
{
        return in->step == STEP_CREATE && status == 400 && strstr(answer_text(in), "already exists") &&
               in->lost_races++ < LOST_RACES_MAX;
}

static void answered(struct es_install *in, unsigned status)
{
        const char *node = es_url_shown(in->urls->v[in->node]);
        char why[WHY_MAX];

        if (status == 401)
                wait_and_ask(in, xasprintf("%s answers 401 to a question about index templates: check "
                                           "username and password, or api_key",
                                           node));
        else if (status == 429 || status >= 500)
                wait_and_ask(in,
                             xasprintf("%s answers %u to a question about index templates", node, status));
        else if (status == 403)
                end(in, ES_INSTALL_FORBIDDEN, NULL);
        else if (in->step == STEP_LOOK && (status == 200 || status == 404))
                looked(in, status);
        else if (in->step == STEP_SIMULATE && status == 200)
                simulated(in);
        else if (in->step >= STEP_CREATE && status == 200)
                put(in);
        else if (lost_race(in, status))
                next_step(in, STEP_LOOK);
        else
                end(in, ES_INSTALL_REFUSED, reason(in, status, why, sizeof(why)));
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct es_install *in = r->arg;

        if (result->end != HTTP_COMPLETE) {
                wait_and_ask(in,
                             xasprintf("%s: %s", es_url_shown(in->urls->v[in->node]),
                                       result->end == HTTP_TIMEOUT ? "no answer in time" : result->error));
                return;
        }
        free(in->why);
        in->why = NULL;
        answered(in, result->status);
}

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct es_install *in = r->arg;

        buf_put(&in->answer, p, n);
        return buf_ok(&in->answer);
}

/* --- questions --------------------------------------------------------------------------------------- */

static char *path_of(const struct es_install *in, const struct es_template *t)
{
        switch (in->step) {
        case STEP_LOOK:
                return xasprintf("/_index_template/%s" ES_TEMPLATE_FILTER, t->name);
        case STEP_SIMULATE:
                return xasprintf("/_index_template/_simulate_index/"
                                 "%s?filter_path=template.mappings._data_stream_timestamp,template."
                                 "settings,overlapping.name",
                                 t->sample);
        case STEP_CREATE:
                return xasprintf("/_index_template/%s?create=true", t->name);
        case STEP_REPLACE:
                break;
        }
        return xasprintf("/_index_template/%s", t->name);
}

static void ask(struct es_install *in)
{
        static const char *const json[] = { "Content-Type: application/json", NULL };
        static const char *const methods[] = {
                [STEP_LOOK] = "GET", [STEP_SIMULATE] = "POST", [STEP_CREATE] = "PUT", [STEP_REPLACE] = "PUT"
        };
        const char *node = in->urls->v[in->node];
        char *path = path_of(in, &current(in)->template);

        free(in->url);
        in->url = xasprintf("%.*s%s", es_url_base_len(node), node, path);
        free(path);
        buf_reset(&in->body);
        buf_fini(&in->answer);
        buf_init(&in->answer, ANSWER_MAX);
        if (in->step >= STEP_CREATE)
                es_template_body(&current(in)->template, &in->body);
        in->request = (struct http_request){
                .method = methods[in->step],
                .url = in->url,
                .headers = in->step == STEP_LOOK ? NULL : json,
                .body = in->body.data,
                .body_len = in->body.len,
                .connect_timeout_ms = in->connect_timeout_ms,
                .timeout_ms = in->request_timeout_ms,
                .on_data = on_data,
                .on_done = on_done,
                .arg = in,
        };
        http_send(in->http, &in->request);
}

/* --- life -------------------------------------------------------------------------------------------- */

static bool have(const struct es_install *in, const struct es_template *t)
{
        for (size_t i = 0; i < in->n; i++)
                if (strcmp(in->v[i].template.name, t->name) == 0)
                        return true;
        return false;
}

/* The more general first: a narrower one is then covered by it, in auto. */
static int by_length(const void *a, const void *b)
{
        const struct es_installed *x = a, *y = b;
        size_t nx = strlen(x->template.pattern), ny = strlen(y->template.pattern);

        return nx < ny ? -1 : nx > ny;
}

void es_install_init(struct es_install *in, const char *const *indexes, size_t n)
{
        in->v = xcalloc(n, sizeof(*in->v));
        for (size_t i = 0; i < n; i++) {
                struct es_template *t = &in->v[in->n].template;
                if (!indexes[i] || !es_template_init(t, indexes[i], in->manage))
                        continue;
                if (have(in, t))
                        es_template_fini(t);
                else
                        in->n++;
        }
        qsort(in->v, in->n, sizeof(*in->v), by_length);
        backoff_init(&in->backoff, in->retry_base_ms, in->retry_max_ms);
        in->timer = (struct timer){ .name = "elasticsearch templates", .fn = on_timer, .arg = in };
}

void es_install_start(struct es_install *in)
{
        if (es_install_settled(in))
                in->settled(in->arg);
        else
                ask(in);
}

void es_install_fini(struct es_install *in)
{
        if (!in->v)
                return;
        timer_disarm(in->loop, &in->timer);
        http_cancel(in->http, &in->request);
        for (size_t i = 0; i < in->n; i++) {
                es_template_fini(&in->v[i].template);
                free(in->v[i].why);
        }
        free(in->v);
        free(in->url);
        free(in->why);
        buf_fini(&in->body);
        buf_fini(&in->answer);
        in->v = NULL;
        in->n = in->at = 0;
}

const char *es_install_trouble(const struct es_install *in)
{
        return es_install_settled(in) ? NULL : in->why;
}
