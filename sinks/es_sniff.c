/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_sniff.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "event/scan.h"
#include "sinks/es_node.h"

#define PATH "/_nodes/http?filter_path=nodes.*.http.publish_address,nodes.*.roles"

enum { ANSWER_MAX = 1 << 20 };

static void ask(struct es_sniff *s);

/* --- the answer -------------------------------------------------------------------------------------- */

/* Asked under another name it may still be one of urls, so its port and host count, not its path. */
static bool is_known(const struct strlist *list, const char *url)
{
        for (size_t i = 0; i < list->n; i++) {
                size_t len = (size_t)es_url_base_len(list->v[i]);
                if (strlen(url) == len && memcmp(list->v[i], url, len) == 0)
                        return true;
        }
        return false;
}

/* "es3/10.0.0.3:9200" is es3:9200: a certificate has the name. */
static char *address_of(const char *scheme, const struct scan_value *v)
{
        const char *slash = memchr(v->p, '/', v->len), *end = v->p + v->len;
        const char *colon = end;

        while (colon > v->p && *colon != ':')
                colon--;
        if (slash && slash < colon)
                return xasprintf("%s://%.*s%.*s", scheme, (int)(slash - v->p), v->p, (int)(end - colon),
                                 colon);
        return xasprintf("%s://%.*s", scheme, (int)v->len, v->p);
}

static bool only_master(const struct scan_value *roles)
{
        static const char *const names[] = { "[\"master\"]", "[\"cluster_manager\"]" };

        for (size_t i = 0; roles->type == SCAN_ARRAY && i < ARRAY_LEN(names); i++)
                if (roles->len == strlen(names[i]) && memcmp(roles->p, names[i], roles->len) == 0)
                        return true;
        return false;
}

static void read_node(const struct scan_value *node, const char *scheme, const struct strlist *known,
                      struct strlist *found)
{
        static const char *const paths[] = { "http.publish_address", "roles" };
        struct scan_value v[ARRAY_LEN(paths)];

        if (scan_json(node->p, node->len, paths, ARRAY_LEN(paths), v, NULL) != SCAN_IS_OBJECT ||
            v[0].type != SCAN_STRING || memchr(v[0].p, '\\', v[0].len) || only_master(&v[1]))
                return;
        char *url = address_of(scheme, &v[0]);
        if (es_url_fault(url) || is_known(known, url) || is_known(found, url)) {
                free(url);
                return;
        }
        found->v = xrealloc(found->v, (found->n + 1) * sizeof(char *));
        found->v[found->n++] = url;
}

int es_sniff_read(const char *body, size_t len, const char *scheme, const struct strlist *known,
                  struct strlist *found)
{
        static const char *const paths[] = { "nodes" };
        struct scan_member list[ES_SNIFF_NODES];
        struct scan_members members = { .list = list, .max = ARRAY_LEN(list) };
        struct scan_value nodes;

        if (scan_json(body, len, paths, 1, &nodes, NULL) != SCAN_IS_OBJECT || nodes.type != SCAN_OBJECT)
                return -1;
        scan_json_members(nodes.p, nodes.len, NULL, 0, NULL, NULL, &members);
        for (size_t i = 0; i < members.n && i < members.max; i++)
                if (list[i].value.type == SCAN_OBJECT)
                        read_node(&list[i].value, scheme, known, found);
        return 0;
}

/* --- asking ------------------------------------------------------------------------------------------ */

static const char *asked(const struct es_sniff *s)
{
        return s->node < s->urls->n ? s->urls->v[s->node] : s->found.v[s->node - s->urls->n];
}

static void forget(struct strlist *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->v[i]);
        free(list->v);
        *list = (struct strlist){ 0 };
}

static void end(struct es_sniff *s)
{
        s->done = true;
        s->soon = false;
        backoff_reset(&s->backoff);
        timer_arm(s->loop, &s->timer, s->interval_ms);
        s->settled(s->arg);
}

static void refused(struct es_sniff *s, unsigned status, const char *why)
{
        log_warn("elasticsearch", "sniff: %s answers %u, %s; the nodes are those %s", es_url_shown(asked(s)),
                 status, why, s->done ? "that were known" : "of urls");
        end(s);
}

/* Nothing of the list that was is used any more once it is settled. */
static void take(struct es_sniff *s, struct strlist *found)
{
        forget(&s->found);
        s->found = *found;
        s->node = s->node < s->urls->n ? s->node : 0;
        end(s);
}

static void ask_soon(struct es_sniff *s)
{
        s->soon = true;
        timer_arm(s->loop, &s->timer, backoff_next_ms(&s->backoff));
}

static void wait_and_ask(struct es_sniff *s, char *why)
{
        if (s->done)
                log_warn("elasticsearch", "sniff: %s; the nodes are those that were known", why);
        free(s->why);
        s->why = why;
        s->node = (s->node + 1) % (s->urls->n + s->found.n);
        ask_soon(s);
}

static void on_timer(struct timer *t)
{
        ask(t->arg);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct es_sniff *s = r->arg;
        const char *node = es_url_shown(asked(s));
        const char *scheme = strncmp(asked(s), "https:", 6) == 0 ? "https" : "http";
        struct strlist found = { 0 };

        if (result->end != HTTP_COMPLETE)
                wait_and_ask(s, xasprintf("%s: %s", node,
                                          result->end == HTTP_TIMEOUT ? "no answer in time" : result->error));
        else if (result->status == 401 || result->status == 429 || result->status >= 500)
                wait_and_ask(s,
                             xasprintf("%s answers %u to a question about its nodes", node, result->status));
        else if (result->status != 200)
                refused(s, result->status, "which may be a missing privilege (monitor)");
        else if (es_sniff_read(buf_cstr(&s->answer), s->answer.len, scheme, s->urls, &found) < 0)
                refused(s, result->status, "not as Elasticsearch does");
        else
                take(s, &found);
}

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct es_sniff *s = r->arg;

        buf_put(&s->answer, p, n);
        return buf_ok(&s->answer);
}

static void ask(struct es_sniff *s)
{
        const char *node = asked(s);

        free(s->url);
        s->url = xasprintf("%.*s" PATH, es_url_base_len(node), node);
        buf_fini(&s->answer);
        buf_init(&s->answer, ANSWER_MAX);
        s->request = (struct http_request){ .method = "GET",
                                            .url = s->url,
                                            .connect_timeout_ms = s->connect_timeout_ms,
                                            .timeout_ms = s->request_timeout_ms,
                                            .on_data = on_data,
                                            .on_done = on_done,
                                            .arg = s };
        http_send(s->http, &s->request);
}

void es_sniff_start(struct es_sniff *s)
{
        backoff_init(&s->backoff, s->retry_base_ms, s->retry_max_ms);
        s->timer = (struct timer){ .name = "elasticsearch sniff", .fn = on_timer, .arg = s };
        ask(s);
}

void es_sniff_look(struct es_sniff *s)
{
        if (s->done && !s->soon && !s->request.transfer)
                ask_soon(s);
}

void es_sniff_fini(struct es_sniff *s)
{
        if (!s->loop)
                return;
        timer_disarm(s->loop, &s->timer);
        http_cancel(s->http, &s->request);
        forget(&s->found);
        free(s->url);
        free(s->why);
        buf_fini(&s->answer);
        *s = (struct es_sniff){ 0 };
}
