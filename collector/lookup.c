/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/scan.h"
#include "sinks/es_node.h"

#define SOURCE "\"_source\":[\"message\",\"log.offset\",\"log.flags\",\"log.file.id\",\"event.id\"]"

struct lookup {
        const struct es_config *config; /* borrowed */
        char *index;                    /* owned */
        struct loop *loop;              /* owned */
        struct http_client *http;       /* owned */
        struct buf query, answer;
        size_t node;                    /* that answered last */

        unsigned status;                /* of the exchange at hand */
        enum http_end end;
        char error[256];
};

/* --- one exchange ----------------------------------------------------------------------------- */

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct lookup *l = r->arg;

        buf_put(&l->answer, p, n);
        return buf_ok(&l->answer);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct lookup *l = r->arg;

        l->end = result->end;
        l->status = result->status;
        snprintf(l->error, sizeof(l->error), "%s", result->error);
        loop_stop(l->loop);
}

static void exchange(struct lookup *l, const char *node, const char *path, const struct buf *body)
{
        static const char *const json[] = { "Content-Type: application/json", NULL };
        char *url = xasprintf("%.*s/%s%s", es_url_base_len(node), node, l->index, path);
        struct http_request request = { .method = "POST",
                                        .url = url,
                                        .headers = json,
                                        .body = body ? body->data : NULL,
                                        .body_len = body ? body->len : 0,
                                        .connect_timeout_ms = l->config->connect_timeout_ms,
                                        .timeout_ms = l->config->request_timeout_ms,
                                        .on_data = on_data,
                                        .on_done = on_done,
                                        .arg = l };
        buf_reset(&l->answer);
        http_send(l->http, &request);
        loop_run(l->loop);
        free(url);
}

/* The node that answered last, then the others. */
static int ask(struct lookup *l, const char *path, const struct buf *body, struct err *e)
{
        const struct strlist *urls = &l->config->urls;

        for (size_t i = 0; i < urls->n; i++) {
                size_t at = (l->node + i) % urls->n;
                exchange(l, urls->v[at], path, body);
                if (l->end == HTTP_COMPLETE && l->status < 500) {
                        l->node = at;
                        return 0;
                }
        }
        const char *last = urls->v[(l->node + urls->n - 1) % urls->n];
        if (l->end == HTTP_COMPLETE)
                return err_set(e, EHOSTUNREACH, "%s answers %u", last, l->status);
        return err_set(e, EHOSTUNREACH, "%s: %s; look at elasticsearch.urls (--url)", last,
                       l->end == HTTP_TIMEOUT ? "no answer in time" : l->error);
}

/* --- answers ---------------------------------------------------------------------------------- */

static yajl_val get(yajl_val v, const char *a, const char *b, const char *c)
{
        const char *path[] = { a, b, c, NULL };
        return v ? yajl_tree_get(v, path, yajl_t_any) : NULL;
}

static const char *text(yajl_val v)
{
        return YAJL_IS_STRING(v) ? YAJL_GET_STRING(v) : NULL;
}

static bool has_flag(yajl_val flags, const char *flag)
{
        const char *one = text(flags);

        if (one)
                return strcmp(one, flag) == 0;
        for (size_t i = 0; YAJL_IS_ARRAY(flags) && i < YAJL_GET_ARRAY(flags)->len; i++) {
                const char *s = text(YAJL_GET_ARRAY(flags)->values[i]);
                if (s && strcmp(s, flag) == 0)
                        return true;
        }
        return false;
}

static void give(yajl_val hit, lookup_fn *fn, void *arg)
{
        yajl_val source = get(hit, "_source", NULL, NULL), offset = get(source, "log", "offset", NULL);
        const struct lookup_hit h = { .id = text(get(hit, "_id", NULL, NULL)),
                                      .event_id = text(get(source, "event", "id", NULL)),
                                      .message = text(get(source, "message", NULL, NULL)),
                                      .file_id = text(get(source, "log", "file", "id")),
                                      .offset = YAJL_IS_INTEGER(offset) ? YAJL_GET_INTEGER(offset) : -1,
                                      .truncated = has_flag(get(source, "log", "flags", NULL), "truncated") };
        if (h.id)
                fn(arg, &h);
}

static int refused(const struct lookup_answer *a, yajl_val tree, struct err *e)
{
        const char *reason = text(get(tree, "error", "reason", NULL)), *type = text(get(tree, "error", "type", NULL));
        int code = a->status == 401 || a->status == 403 ? EACCES : a->status == 404 ? ENOENT : EPROTO;

        return err_set(e, code, "%s answers %u to a search in %s: %s: %s", a->node, a->status, a->index,
                       type ? type : "no Elasticsearch", reason ? reason : "look at elasticsearch.urls");
}

static int read_hits(const struct lookup_answer *a, yajl_val tree, lookup_fn *fn, void *arg, struct err *e)
{
        yajl_val hits = get(tree, "hits", "hits", NULL), shards = get(tree, "_shards", "total", NULL);
        yajl_val failed = get(tree, "_shards", "failed", NULL), late = get(tree, "timed_out", NULL, NULL);
        bool none = !hits && get(tree, "hits", "total", NULL);          /* filter_path leaves an empty list away */

        if (a->status != 200 || (!none && !YAJL_IS_ARRAY(hits)))
                return refused(a, tree, e);
        if (YAJL_IS_INTEGER(shards) && YAJL_GET_INTEGER(shards) == 0)
                return err_set(e, ENOENT, "no index fits %s; --index NAME names another", a->index);
        if ((YAJL_IS_INTEGER(failed) && YAJL_GET_INTEGER(failed) > 0) || YAJL_IS_TRUE(late))
                return err_set(e, EHOSTUNREACH, "%s answers only in part: shards of %s do not answer", a->node, a->index);
        for (size_t i = 0; !none && i < YAJL_GET_ARRAY(hits)->len; i++)
                give(YAJL_GET_ARRAY(hits)->values[i], fn, arg);
        return 0;
}

int lookup_read(const struct lookup_answer *a, lookup_fn *fn, void *arg, struct err *e)
{
        /* yajl frees a tree by recursion, so a deep one would end the stack; the scan bounds the depth. */
        bool object = scan_json(a->body, a->len, NULL, 0, NULL, NULL) == SCAN_IS_OBJECT;
        yajl_val tree = object ? yajl_tree_parse(a->body, NULL, 0) : NULL;
        int r = tree ? read_hits(a, tree, fn, arg, e) : refused(a, NULL, e);

        yajl_tree_free(tree);
        return r;
}

static int search(struct lookup *l, lookup_fn *fn, void *arg, struct err *e)
{
        int r = ask(l, "/_search?ignore_unavailable=true&filter_path=error.type,error.reason,timed_out,_shards.total,_shards.failed,hits.hits._id,hits.hits._source,"
                       "hits.total",
                    &l->query, e);
        const struct lookup_answer a = { .node = l->config->urls.v[l->node], .index = l->index, .status = l->status,
                                         .body = buf_cstr(&l->answer), .len = l->answer.len };

        return r < 0 ? r : lookup_read(&a, fn, arg, e);
}

/* --- questions -------------------------------------------------------------------------------- */

static void begin(struct lookup *l, int size)
{
        buf_reset(&l->query);
        buf_printf(&l->query, "{\"size\":%d," SOURCE ",\"query\":", size);
}

/* A field that the mapping has as a keyword, or as text with one below it. */
static void put_term(struct buf *b, const char *field, const char *value)
{
        buf_puts(b, "{\"bool\":{\"should\":[{\"term\":{");
        json_cstring(b, field);
        buf_putc(b, ':');
        json_cstring(b, value);
        buf_printf(b, "}},{\"term\":{\"%s.keyword\":", field);
        json_cstring(b, value);
        buf_puts(b, "}}]}}");
}

int lookup_ids(struct lookup *l, const struct buf *quoted_ids, lookup_fn *fn, void *arg, struct err *e)
{
        begin(l, LOOKUP_HITS);
        buf_puts(&l->query, "{\"ids\":{\"values\":[");
        buf_put(&l->query, quoted_ids->data, quoted_ids->len);
        buf_puts(&l->query, "]}}}");
        return search(l, fn, arg, e);
}

int lookup_place(struct lookup *l, const char *file_id, int64_t from, int64_t to, lookup_fn *fn, void *arg, struct err *e)
{
        begin(l, LOOKUP_HITS);
        buf_puts(&l->query, "{\"bool\":{\"filter\":[");
        put_term(&l->query, "log.file.id", file_id);
        buf_printf(&l->query, ",{\"range\":{\"log.offset\":{\"gte\":%lld,\"lt\":%lld}}}]}},", (long long)from, (long long)to);
        buf_puts(&l->query, "\"sort\":[{\"log.offset\":{\"order\":\"asc\",\"unmapped_type\":\"long\"}}]}");
        return search(l, fn, arg, e);
}

int lookup_heads(struct lookup *l, const char *path, lookup_fn *fn, void *arg, struct err *e)
{
        begin(l, LOOKUP_HITS);
        buf_puts(&l->query, "{\"bool\":{\"filter\":[");
        put_term(&l->query, "log.file.path", path);
        buf_puts(&l->query, ",{\"term\":{\"log.offset\":0}}]}},"
                            "\"sort\":[{\"@timestamp\":{\"order\":\"desc\",\"unmapped_type\":\"date\"}}]}");
        return search(l, fn, arg, e);
}

int lookup_path(struct lookup *l, const char *path, lookup_fn *fn, void *arg, struct err *e)
{
        begin(l, 200);
        put_term(&l->query, "log.file.path", path);
        buf_putc(&l->query, '}');
        return search(l, fn, arg, e);
}

bool lookup_refresh(struct lookup *l)
{
        struct err e = { 0 };
        return ask(l, "/_refresh?ignore_unavailable=true", NULL, &e) == 0 && l->status == 200;
}

void lookup_pattern(const char *index_template, struct buf *ret)
{
        const char *p = index_template;

        while (*p) {
                const char *close = *p == '{' ? strchr(p, '}') : NULL;
                buf_putc(ret, close ? '*' : *p);
                p = close ? close + 1 : p + 1;
        }
}

/* --- life ------------------------------------------------------------------------------------- */

struct lookup *lookup_new(const struct es_config *c, const char *index, struct err *e)
{
        struct http_config how = es_http_config(c);
        struct lookup *l = xcalloc(1, sizeof(*l));

        how.max_connections = 1;
        l->config = c;
        l->index = xstrdup(index);
        buf_init(&l->answer, LOOKUP_ANSWER_MAX);
        l->loop = loop_new(&clock_system, e);
        if (l->loop)
                l->http = http_client_new(l->loop, &how, e);
        if (l->http)
                return l;
        lookup_free(l);
        return NULL;
}

void lookup_free(struct lookup *l)
{
        if (!l)
                return;
        http_client_free(l->http);
        loop_free(l->loop);
        buf_fini(&l->query);
        buf_fini(&l->answer);
        free(l->index);
        free(l);
}
