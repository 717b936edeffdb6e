/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_probe.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/scan.h"
#include "sinks/es_install.h"
#include "sinks/es_node.h"
#include "sinks/http_client.h"

enum { ANSWER_MAX = 256 * 1024 };

/* The oldest that are supported: data streams and `create` as this program uses them. */
enum { OLDEST_ELASTICSEARCH = 7 * 100 + 17, OLDEST_OPENSEARCH = 2 * 100 };

struct probe {
        const struct es_config *config; /* borrowed */
        struct report *report;          /* borrowed */
        struct loop *loop;              /* owned */
        struct http_client *http;       /* owned */
        int64_t deadline_ms;            /* loop time, of all questions together */
        size_t open;                    /* questions without an answer */
        bool refused, forbidden;        /* by a node: 401, 403 */
        const char *by;                 /* borrowed: the first node of those */
};

struct question {
        struct probe *probe; /* borrowed */
        struct http_request request;
        char *url; /* owned */
        enum http_end end;
        unsigned status;
        long long ms;
        char error[256];
        struct buf body; /* of the answer */
};

/* --- questions ----------------------------------------------------------------------------------- */

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct question *q = r->arg;

        buf_put(&q->body, p, n);
        return buf_ok(&q->body);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct question *q = r->arg;

        q->end = result->end;
        q->status = result->status;
        q->ms = (long long)(result->seconds * 1000);
        snprintf(q->error, sizeof(q->error), "%s", result->error);
        q->probe->open--;
        loop_stop(q->probe->loop);
}

/* body: JSON to POST, or NULL to GET; borrowed until the answer. */
static void send_question(struct probe *p, struct question *q, const char *node, const char *path,
                          const char *body)
{
        static const char *const json[] = { "Content-Type: application/json", NULL };
        int64_t left_ms = p->deadline_ms - loop_now_ms(p->loop);

        *q = (struct question){ .probe = p, .url = xasprintf("%.*s%s", es_url_base_len(node), node, path) };
        q->request = (struct http_request){ .method = body ? "POST" : "GET",
                                            .url = q->url,
                                            .headers = body ? json : NULL,
                                            .body = body,
                                            .body_len = body ? strlen(body) : 0,
                                            .connect_timeout_ms = p->config->connect_timeout_ms,
                                            .timeout_ms = left_ms > 1 ? left_ms : 1,
                                            .on_data = on_data,
                                            .on_done = on_done,
                                            .arg = q };
        buf_init(&q->body, ANSWER_MAX);
        p->open++;
        http_send(p->http, &q->request);
}

static void await_answers(struct probe *p)
{
        while (p->open > 0)
                loop_run(p->loop);
}

static void ask(struct probe *p, struct question *q, const char *node, const char *path, const char *body)
{
        send_question(p, q, node, path, body);
        await_answers(p);
}

static void question_fini(struct question *q)
{
        buf_fini(&q->body);
        free(q->url);
}

/* The value at path as text, "" when there is none; false when the answer is no JSON object. */
static bool get(const struct question *a, const char *path, char *ret, size_t size)
{
        struct scan_value v = { 0 };

        ret[0] = '\0';
        if (!a->body.data || scan_json(a->body.data, a->body.len, &path, 1, &v, NULL) != SCAN_IS_OBJECT)
                return false;
        if (v.type == SCAN_STRING || v.type == SCAN_BOOL || v.type == SCAN_NUMBER)
                snprintf(ret, size, "%.*s", (int)v.len, v.p);
        return true;
}

/* --- what answers there -------------------------------------------------------------------------- */

static const char *advice(const struct question *q)
{
        const char *error = q->error;

        if (strstr(error, "resolve proxy"))
                return "look at http_proxy and https_proxy in the environment";
        if (strstr(error, "resolve"))
                return "look at elasticsearch.urls and at the name service";
        if (strstr(error, "refused") || strstr(error, "connect to server"))
                return "nothing listens there: is it up, is the port in elasticsearch.urls right?";
        if (strstr(error, "ertificate"))
                return "set elasticsearch.ca_file to the authority that signed it";
        if (strstr(error, "SSL"))
                return "it speaks no TLS there: http:// instead of https:// in elasticsearch.urls?";
        if (strstr(error, "HTTP/0.9") || (q->end == HTTP_BROKEN && strncmp(q->url, "http://", 7) == 0))
                return "it may want TLS: https:// instead of http:// in elasticsearch.urls?";
        return "look at elasticsearch.urls and at the network";
}

static void tell_no_answer(struct probe *p, const char *subject, const struct question *q)
{
        if (q->end == HTTP_TIMEOUT)
                report_fail(p->report, EX_UNAVAILABLE, subject, "no answer within %lld ms; %s", q->ms,
                            advice(q));
        else if (q->end == HTTP_UNREACHABLE)
                report_fail(p->report, EX_UNAVAILABLE, subject, "cannot be reached: %s; %s", q->error,
                            advice(q));
        else if (q->end == HTTP_ABORTED)
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "answers with more than %d bytes, not as Elasticsearch does; look at "
                            "elasticsearch.urls",
                            ANSWER_MAX);
        else
                report_fail(p->report, EX_UNAVAILABLE, subject, "no whole answer: %s; %s", q->error,
                            advice(q));
}

static const char *body_kind(struct question *q)
{
        const char *text = buf_cstr(&q->body);
        char none[8];

        if (text[strspn(text, " \t\r\n")] == '<')
                return "HTML";
        return get(q, "none", none, sizeof(none)) ? "JSON of another kind" : "something that is no JSON";
}

/* What answers, but not as a cluster does. */
static void tell_stranger(struct probe *p, const char *subject, struct question *q)
{
        if (q->status >= 300 && q->status < 400)
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "answers %u and sends elsewhere, where credentials are not carried: give the "
                            "address that it "
                            "leads to in elasticsearch.urls",
                            q->status);
        else if (q->status == 407)
                report_fail(p->report, EX_NOPERM, subject,
                            "the proxy in between wants credentials (407); look at "
                            "http_proxy and no_proxy in the environment");
        else if (q->status == 400 && strstr(buf_cstr(&q->body), "HTTPS"))
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "answers 400: it wants TLS; https:// instead of http:// in elasticsearch.urls");
        else
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "answers %u with %s, not as Elasticsearch does: a proxy "
                            "or another server stands there; look at elasticsearch.urls and no_proxy",
                            q->status, body_kind(q));
}

/* A server that keeps its version to itself still has a name. */
static void tell_unnamed(struct probe *p, const char *subject, const char *node)
{
        struct question q;
        char cluster[128] = "";

        ask(p, &q, node, "/_cluster/health", NULL);
        if (q.end != HTTP_COMPLETE)
                tell_no_answer(p, subject, &q);
        else if (get(&q, "cluster_name", cluster, sizeof(cluster)) && cluster[0])
                report_ok(p->report, subject, "cluster %s, version not told, %lld ms", cluster, q.ms);
        else if (q.status >= 500)
                report_fail(p->report, EX_UNAVAILABLE, subject, "answers %u: it is not ready", q.status);
        else
                tell_stranger(p, subject, &q);
        question_fini(&q);
}

static bool too_old(const char *product, const char *version)
{
        int major = 0, minor = 0;

        if (sscanf(version, "%d.%d", &major, &minor) < 1 || major > 100 || minor > 99)
                return false;
        /* An OpenSearch may be told to call itself 7.10 for the sake of old clients. */
        return major * 100 + minor <
               (strcmp(product, "opensearch") == 0 ? OLDEST_OPENSEARCH : OLDEST_ELASTICSEARCH);
}

static void tell_version(struct probe *p, const char *subject, struct question *q, const char *version)
{
        char product[64], tagline[128];

        get(q, "version.distribution", product, sizeof(product));
        get(q, "tagline", tagline, sizeof(tagline));
        if (!product[0] && strcmp(tagline, "You Know, for Search") == 0)
                snprintf(product, sizeof(product), "elasticsearch");
        if (strcmp(product, "elasticsearch") != 0 && strcmp(product, "opensearch") != 0)
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "another product (%s %s), neither Elasticsearch nor OpenSearch; look at "
                            "elasticsearch.urls",
                            product[0] ? product : "version", version);
        else if (too_old(product, version))
                report_fail(
                        p->report, EX_UNAVAILABLE, subject,
                        "%s %s is too old: Elasticsearch from 7.17 on or OpenSearch from 2.0 on is needed",
                        product, version);
        else
                report_ok(p->report, subject, "%s %s, %lld ms", product, version, q->ms);
}

static void note_refusal(struct probe *p, const char *node, unsigned status)
{
        *(status == 401 ? &p->refused : &p->forbidden) = true;
        if (!p->by)
                p->by = node;
}

static void tell_node(struct probe *p, const char *subject, const char *node, struct question *q)
{
        char version[64];
        bool json = get(q, "version.number", version, sizeof(version));
        bool html = strcmp(body_kind(q), "HTML") == 0;

        if (q->status == 401 || (q->status == 403 && !html)) {
                report_ok(p->report, subject, "answers, %lld ms", q->ms);
                note_refusal(p, node, q->status);
        } else if (q->status == 200 && version[0]) {
                tell_version(p, subject, q, version);
        } else if (q->status >= 500) {
                report_fail(p->report, EX_UNAVAILABLE, subject, "answers %u%s", q->status,
                            html ? " with HTML: a proxy stands there, and what is behind it is not ready"
                                 : ": it is not ready");
        } else if (!json || (q->status >= 300 && q->status < 400) || q->status == 407) {
                tell_stranger(p, subject, q);
        } else {
                tell_unnamed(p, subject, node);
        }
}

/* All at once: one that never answers must not take the time of the others. */
static void check_nodes(struct probe *p)
{
        const struct strlist *urls = &p->config->urls;
        struct question *q = xcalloc(urls->n, sizeof(*q));

        for (size_t i = 0; i < urls->n; i++)
                send_question(p, &q[i], urls->v[i], "/", NULL);
        await_answers(p);
        for (size_t i = 0; i < urls->n; i++) {
                char *subject = xasprintf("elasticsearch %s", es_url_shown(urls->v[i]));
                if (q[i].end == HTTP_COMPLETE)
                        tell_node(p, subject, urls->v[i], &q[i]);
                else
                        tell_no_answer(p, subject, &q[i]);
                question_fini(&q[i]);
                free(subject);
        }
        free(q);
}

/* --- who we are there, and what we may ------------------------------------------------------------- */

static bool has_credentials(const struct es_config *c)
{
        return (c->api_key && *c->api_key) || (c->username && *c->username);
}

static void tell_refused(struct probe *p, const char *node, unsigned status)
{
        const struct es_config *c = p->config;

        if (!has_credentials(c))
                report_fail(p->report, EX_NOPERM, "credentials",
                            "%s answers %u: set elasticsearch.api_key or username and password",
                            es_url_shown(node), status);
        else
                report_fail(p->report, EX_NOPERM, "credentials",
                            "%s answers %u: it does not take elasticsearch.%s", es_url_shown(node), status,
                            c->api_key && *c->api_key ? "api_key" : "username and password");
}

/* A 403 at the front door may be a user with few rights, who is known all the same. */
static bool check_credentials(struct probe *p, const char *node)
{
        struct question q;
        char user[128];
        bool known = false;

        ask(p, &q, node, "/_security/_authenticate", NULL);
        if (q.end != HTTP_COMPLETE) {
                tell_no_answer(p, "credentials", &q);
        } else if (q.status == 401 || q.status == 403) {
                tell_refused(p, node, q.status);
        } else if (q.status == 200 && get(&q, "username", user, sizeof(user)) && user[0]) {
                known = true;
                report_ok(p->report, "credentials", "user %s, %lld ms", user, q.ms);
        } else if (p->forbidden) {
                tell_refused(p, p->by, 403);
        } else {
                report_warn(p->report, "credentials", "the server does not say whether they are right (%u)",
                            q.status);
        }
        question_fini(&q);
        return known;
}

static void tell_privileges(struct probe *p, const char *index, const struct question *q)
{
        char all[8], create[8], *path = xasprintf("index.%s.create_doc", index);
        bool told =
                q->end == HTTP_COMPLETE && q->status == 200 && get(q, "has_all_requested", all, sizeof(all));

        if (q->end != HTTP_COMPLETE)
                tell_no_answer(p, "privileges", q);
        else if (!told || (strcmp(all, "true") != 0 && !get(q, path, create, sizeof(create))))
                report_warn(p->report, "privileges", "not told (%u)", q->status);
        else if (strcmp(all, "true") == 0)
                report_ok(p->report, "privileges", "create_doc and auto_configure on %s, %lld ms", index,
                          q->ms);
        else if (strcmp(create, "true") == 0)
                report_warn(p->report, "privileges", "no auto_configure on %s: it must be there already",
                            index);
        else
                report_fail(p->report, EX_NOPERM, "privileges",
                            "no create_doc on %s: give this user's role the right", index);
        free(path);
}

static void check_privileges(struct probe *p, const char *node, const char *index)
{
        struct buf body = { 0 };
        struct question q;

        buf_puts(&body, "{\"index\":[{\"names\":[");
        json_cstring(&body, index);
        buf_puts(&body, "],\"privileges\":[\"create_doc\",\"auto_configure\"]}]}");
        ask(p, &q, node, "/_security/user/_has_privileges", buf_cstr(&body));
        tell_privileges(p, index, &q);
        question_fini(&q);
        buf_fini(&body);
}

/* The documents wait for a pipeline that nobody made, so its absence is an error. */
static void tell_pipeline(struct probe *p, const char *name, const struct question *q)
{
        if (q->end != HTTP_COMPLETE)
                tell_no_answer(p, "pipeline", q);
        else if (q->status == 200)
                report_ok(p->report, "pipeline", "%s, %lld ms", name, q->ms);
        else if (q->status == 404)
                report_fail(p->report, EX_CONFIG, "pipeline",
                            "%s is not there: create it, or take it out of elasticsearch.pipeline", name);
        else if (q->status == 401 || q->status == 403)
                report_warn(
                        p->report, "pipeline",
                        "%s: this user may not see it (%u); with the privilege read_pipeline it is checked",
                        name, q->status);
        else
                report_warn(p->report, "pipeline", "%s: not told (%u)", name, q->status);
}

static void check_pipeline(struct probe *p, const char *node, const char *name)
{
        char *path = xasprintf("/_ingest/pipeline/%s?filter_path=*.version", name);
        struct question q;

        ask(p, &q, node, path, NULL);
        tell_pipeline(p, name, &q);
        question_fini(&q);
        free(path);
}

/* --- templates ------------------------------------------------------------------------------------- */

static void on_settled(void *arg)
{
        struct probe *p = arg;
        loop_stop(p->loop);
}

static void on_deadline(struct timer *t)
{
        struct probe *p = t->arg;
        loop_stop(p->loop);
}

/* That no template is made is never fatal: documents are indexed without. */
static void tell_template(struct probe *p, const struct es_installed *t, const char *trouble)
{
        const char *text = es_install_text[t->end];
        char *subject = xasprintf("template %s", t->template.pattern);

        if (t->end == ES_INSTALL_OPEN)
                report_warn(p->report, subject, "not told: %s", trouble ? trouble : "no answer in time");
        else if (t->end == ES_INSTALL_FOREIGN || t->end == ES_INSTALL_FORBIDDEN ||
                 t->end == ES_INSTALL_REFUSED)
                report_warn(p->report, subject, "%s %s%s%s", t->template.name, text, t->why ? ": " : "",
                            t->why ? t->why : "");
        else if (t->end == ES_INSTALL_COVERED)
                report_ok(p->report, subject, "%s", text);
        else
                report_ok(p->report, subject, "%s %s", t->template.name, text);
        free(subject);
}

static void check_templates(struct probe *p)
{
        const struct es_config *c = p->config;
        size_t more = c->more_indexes ? c->more_indexes->n : 0;
        const char **indexes = xcalloc(more + 1, sizeof(*indexes));
        int64_t left_ms = p->deadline_ms - loop_now_ms(p->loop);
        struct timer deadline = { .name = "check", .fn = on_deadline, .arg = p };
        struct es_install in = { .loop = p->loop,
                                 .http = p->http,
                                 .urls = &c->urls,
                                 .manage = (enum es_template_manage)c->manage_template,
                                 .look_only = true,
                                 .connect_timeout_ms = c->connect_timeout_ms,
                                 .request_timeout_ms = left_ms > 1 ? left_ms : 1,
                                 .retry_base_ms = c->retry_base_ms,
                                 .retry_max_ms = c->retry_max_ms,
                                 .settled = on_settled,
                                 .arg = p };

        indexes[0] = c->index;
        for (size_t i = 0; i < more; i++)
                indexes[i + 1] = c->more_indexes->v[i];
        es_install_init(&in, indexes, more + 1);
        if (!es_install_settled(&in)) {
                timer_arm(p->loop, &deadline, left_ms > 1 ? left_ms : 1);
                es_install_start(&in);
                loop_run(p->loop);
                timer_disarm(p->loop, &deadline);
        }
        for (size_t i = 0; i < in.n; i++)
                tell_template(p, &in.v[i], es_install_trouble(&in));
        es_install_fini(&in);
        free(indexes);
}

static void check_all(struct probe *p, const char *index)
{
        const char *pipeline = p->config->pipeline;
        const char *first = p->config->urls.v[0];
        int before = p->report->exit_code;

        check_nodes(p);
        if (p->refused || (p->forbidden && !has_credentials(p->config)))
                tell_refused(p, p->by, p->refused ? 401 : 403);
        else if (p->report->exit_code == before && has_credentials(p->config) &&
                 check_credentials(p, first) && index)
                check_privileges(p, first, index);
        if (p->report->exit_code == before && pipeline && strcmp(pipeline, "_none") != 0)
                check_pipeline(p, first, pipeline);
        if (p->report->exit_code == before)
                check_templates(p);
}

void es_probe(const struct es_config *c, const char *index, int64_t timeout_ms, struct report *report)
{
        struct probe p = { .config = c, .report = report };
        struct http_config http = es_http_config(c);
        struct err e = { 0 };

        http.max_connections = (unsigned)c->urls.n;
        p.loop = loop_new(&clock_system, &e);
        if (p.loop)
                p.http = http_client_new(p.loop, &http, &e);
        if (p.http) {
                p.deadline_ms = loop_now_ms(p.loop) + timeout_ms;
                check_all(&p, index);
        } else {
                report_fail(report, EX_OSERR, "elasticsearch", "%s", e.msg);
        }
        http_client_free(p.http);
        loop_free(p.loop);
}
