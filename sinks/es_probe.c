/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_probe.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/scan.h"
#include "sinks/es_node.h"
#include "sinks/http_client.h"

enum { ANSWER_MAX = 256 * 1024 };

struct probe {
        const struct es_config *config; /* borrowed */
        struct report *report;          /* borrowed */
        struct loop *loop;              /* owned */
        struct http_client *http;       /* owned */
        int64_t timeout_ms;
        char *refused; /* owned: the first node that wants other credentials, or NULL */
};

struct answer {
        struct loop *loop; /* borrowed */
        enum http_end end;
        unsigned status;
        long long ms;
        char error[256];
        struct buf body;
};

/* --- one question -------------------------------------------------------------------------------- */

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct answer *a = r->arg;

        buf_put(&a->body, p, n);
        return buf_ok(&a->body);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct answer *a = r->arg;

        a->end = result->end;
        a->status = result->status;
        a->ms = (long long)(result->seconds * 1000);
        snprintf(a->error, sizeof(a->error), "%s", result->error);
        loop_stop(a->loop);
}

/* body: JSON to POST, or NULL to GET. */
static void ask(struct probe *p, const char *node, const char *path, const char *body, struct answer *ret)
{
        static const char *const json[] = { "Content-Type: application/json", NULL };
        size_t len = strlen(node);

        while (len > 0 && node[len - 1] == '/')
                len--;
        char *url = xasprintf("%.*s%s", (int)len, node, path);
        struct http_request request = { .method = body ? "POST" : "GET",
                                        .url = url,
                                        .headers = body ? json : NULL,
                                        .body = body,
                                        .body_len = body ? strlen(body) : 0,
                                        .connect_timeout_ms = p->config->connect_timeout_ms,
                                        .timeout_ms = p->timeout_ms,
                                        .on_data = on_data,
                                        .on_done = on_done,
                                        .arg = ret };
        *ret = (struct answer){ .loop = p->loop };
        buf_init(&ret->body, ANSWER_MAX);
        http_send(p->http, &request);
        loop_run(p->loop);
        free(url);
}

/* The value at path as text, "" when there is none; false when the answer is no JSON object. */
static bool get(struct answer *a, const char *path, char *ret, size_t size)
{
        struct scan_value v = { 0 };

        ret[0] = '\0';
        if (!a->body.data || scan_json(a->body.data, a->body.len, &path, 1, &v, NULL) != SCAN_IS_OBJECT)
                return false;
        if (v.type == SCAN_STRING || v.type == SCAN_BOOL || v.type == SCAN_NUMBER)
                snprintf(ret, size, "%.*s", (int)v.len, v.p);
        return true;
}

/* --- a node -------------------------------------------------------------------------------------- */

static const char *advice(const char *error)
{
        if (strstr(error, "resolve proxy"))
                return "look at http_proxy and https_proxy in the environment";
        if (strstr(error, "resolve"))
                return "look at elasticsearch.urls and at the name service";
        if (strstr(error, "refused") || strstr(error, "connect to server"))
                return "nothing listens there: is it up, is the port in elasticsearch.urls right?";
        if (strstr(error, "ertificate"))
                return "set elasticsearch.ca_file to the authority that signed it";
        if (strstr(error, "SSL"))
                return "does it speak TLS there? see http:// and https:// in elasticsearch.urls";
        return "look at elasticsearch.urls and at the network";
}

static void tell_no_answer(struct probe *p, const char *subject, const struct answer *a)
{
        if (a->end == HTTP_TIMEOUT)
                report_fail(p->report, EX_UNAVAILABLE, subject, "no answer within %lld ms; %s", a->ms,
                            advice(""));
        else if (a->end == HTTP_UNREACHABLE)
                report_fail(p->report, EX_UNAVAILABLE, subject, "cannot be reached: %s; %s", a->error,
                            advice(a->error));
        else
                report_fail(p->report, EX_UNAVAILABLE, subject, "no whole answer: %s; is it an HTTP port?",
                            a->error);
}

/* What answers, but not as a cluster does. */
static void tell_stranger(struct probe *p, const char *subject, struct answer *a)
{
        const char *text = buf_cstr(&a->body);
        bool html = text[strspn(text, " \t\r\n")] == '<';

        if (a->status >= 300 && a->status < 400)
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "answers %u and sends elsewhere: give the address that it leads to", a->status);
        else if (a->status == 407)
                report_fail(p->report, EX_NOPERM, subject,
                            "the proxy in between wants credentials (407); look at "
                            "http_proxy and no_proxy in the environment");
        else
                report_fail(p->report, EX_UNAVAILABLE, subject,
                            "answers %u with %s, not as Elasticsearch does: a proxy "
                            "or another server stands there; look at elasticsearch.urls and no_proxy",
                            a->status, html ? "HTML" : "something that is no JSON");
}

/* A server that keeps its version to itself still has a name. */
static void tell_unnamed(struct probe *p, const char *subject, const char *node)
{
        struct answer a;
        char cluster[128] = "";

        ask(p, node, "/_cluster/health", NULL, &a);
        if (a.end != HTTP_COMPLETE)
                tell_no_answer(p, subject, &a);
        else if (get(&a, "cluster_name", cluster, sizeof(cluster)) && cluster[0])
                report_ok(p->report, subject, "cluster %s, version not told, %lld ms", cluster, a.ms);
        else if (a.status >= 500)
                report_fail(p->report, EX_UNAVAILABLE, subject, "answers %u: it is not ready", a.status);
        else
                tell_stranger(p, subject, &a);
        buf_fini(&a.body);
}

static void tell_node(struct probe *p, const char *subject, const char *node, struct answer *a)
{
        char version[64], product[64];
        bool json = get(a, "version.number", version, sizeof(version));

        get(a, "version.distribution", product, sizeof(product));
        if (a->status == 401 || a->status == 403) {
                report_ok(p->report, subject, "answers, %lld ms", a->ms);
                if (!p->refused)
                        p->refused = xasprintf("%s answers %u", es_url_shown(node), a->status);
        } else if (a->status == 200 && version[0]) {
                report_ok(p->report, subject, "%s %s, %lld ms", product[0] ? product : "elasticsearch",
                          version, a->ms);
        } else if (!json) {
                tell_stranger(p, subject, a);
        } else if (a->status >= 500) {
                report_fail(p->report, EX_UNAVAILABLE, subject, "answers %u: it is not ready", a->status);
        } else {
                tell_unnamed(p, subject, node);
        }
}

static void check_node(struct probe *p, const char *node)
{
        struct answer a;
        char *subject = xasprintf("elasticsearch %s", es_url_shown(node));

        ask(p, node, "/", NULL, &a);
        if (a.end == HTTP_COMPLETE)
                tell_node(p, subject, node, &a);
        else
                tell_no_answer(p, subject, &a);
        buf_fini(&a.body);
        free(subject);
}

/* --- who we are there, and what we may ------------------------------------------------------------- */

static bool has_credentials(const struct es_config *c)
{
        return (c->api_key && *c->api_key) || (c->username && *c->username);
}

static void tell_refused(struct probe *p, const char *what)
{
        const struct es_config *c = p->config;

        if (!has_credentials(c))
                report_fail(p->report, EX_NOPERM, "credentials",
                            "%s: set elasticsearch.api_key or username and password", what);
        else
                report_fail(p->report, EX_NOPERM, "credentials", "%s: it does not take elasticsearch.%s",
                            what, c->api_key && *c->api_key ? "api_key" : "username and password");
}

static bool check_credentials(struct probe *p, const char *node)
{
        struct answer a;
        char user[128], what[320];
        bool known = false;

        ask(p, node, "/_security/_authenticate", NULL, &a);
        if (a.end != HTTP_COMPLETE) {
                tell_no_answer(p, "credentials", &a);
        } else if (a.status == 401 || a.status == 403) {
                snprintf(what, sizeof(what), "%s answers %u", es_url_shown(node), a.status);
                tell_refused(p, what);
        } else if (a.status == 200 && get(&a, "username", user, sizeof(user)) && user[0]) {
                known = true;
                report_ok(p->report, "credentials", "user %s, %lld ms", user, a.ms);
        } else {
                report_warn(p->report, "credentials", "the server does not say whether they are right (%u)",
                            a.status);
        }
        buf_fini(&a.body);
        return known;
}

static void tell_privileges(struct probe *p, const char *index, struct answer *a)
{
        char all[8], create[8], *path = xasprintf("index.%s.create_doc", index);
        bool told =
                a->end == HTTP_COMPLETE && a->status == 200 && get(a, "has_all_requested", all, sizeof(all));

        if (!told || !get(a, path, create, sizeof(create)))
                report_warn(p->report, "privileges", "not told (%u)", a->status);
        else if (strcmp(all, "true") == 0)
                report_ok(p->report, "privileges", "create_doc and auto_configure on %s, %lld ms", index,
                          a->ms);
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
        struct answer a;

        buf_puts(&body, "{\"index\":[{\"names\":[");
        json_cstring(&body, index);
        buf_puts(&body, "],\"privileges\":[\"create_doc\",\"auto_configure\"]}]}");
        ask(p, node, "/_security/user/_has_privileges", buf_cstr(&body), &a);
        tell_privileges(p, index, &a);
        buf_fini(&a.body);
        buf_fini(&body);
}

static void check_all(struct probe *p, const char *index)
{
        const struct strlist *urls = &p->config->urls;
        int before = p->report->exit_code;

        for (size_t i = 0; i < urls->n; i++)
                check_node(p, urls->v[i]);
        if (p->refused)
                tell_refused(p, p->refused);
        else if (p->report->exit_code == before && has_credentials(p->config) &&
                 check_credentials(p, urls->v[0]) && index)
                check_privileges(p, urls->v[0], index);
}

void es_probe(const struct es_config *c, const char *index, int64_t timeout_ms, struct report *report)
{
        struct probe p = { .config = c, .report = report, .timeout_ms = timeout_ms };
        struct http_config http = es_http_config(c);
        struct err e = { 0 };

        http.max_connections = 1;
        p.loop = loop_new(&clock_system, &e);
        if (p.loop)
                p.http = http_client_new(p.loop, &http, &e);
        if (p.http)
                check_all(&p, index);
        else
                report_fail(report, EX_OSERR, "elasticsearch", "%s", e.msg);
        http_client_free(p.http);
        loop_free(p.loop);
        free(p.refused);
}
