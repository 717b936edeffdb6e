/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/http_get.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sinks/http_client.h"

enum { HEALTH_TIMEOUT_MS = 4000, HEALTHY = 0, UNHEALTHY = 1 };

struct get {
        struct loop *loop;
        struct buf *body;
        unsigned status;
        enum http_end end;
        char error[256];
};

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct get *g = r->arg;

        if (g->body->len + n > HTTP_GET_MAX)
                return false;
        buf_put(g->body, p, n);
        return buf_ok(g->body);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct get *g = r->arg;

        g->end = result->end;
        g->status = result->status;
        snprintf(g->error, sizeof(g->error), "%s", result->error);
        loop_stop(g->loop);
}

static int verdict(const struct get *g, const char *url, struct err *e)
{
        switch (g->end) {
        case HTTP_COMPLETE:
                return 0;
        case HTTP_UNREACHABLE:
                return err_set(e, EHOSTUNREACH, "%s: nobody answers: %s", url, g->error);
        case HTTP_TIMEOUT:
                return err_set(e, ETIMEDOUT, "%s: no answer in time", url);
        case HTTP_ABORTED:
                return err_set(e, EPROTO, "%s: the answer is too large", url);
        case HTTP_BROKEN:
                break;
        }
        return err_set(e, EPROTO, "%s: the answer broke off: %s", url, g->error);
}

int http_get(const char *url, int64_t timeout_ms, struct buf *body, unsigned *ret_status, struct err *e)
{
        const struct http_config config = { .proxy = "none", .verify = true, .max_connections = 1 };
        struct get g = { .body = body };
        struct http_request request = { .method = "GET",
                                        .url = url,
                                        .connect_timeout_ms = timeout_ms,
                                        .timeout_ms = timeout_ms,
                                        .on_data = on_data,
                                        .on_done = on_done,
                                        .arg = &g };
        struct http_client *client = NULL;
        int r = -1;

        g.loop = loop_new(&clock_system, e);
        if (g.loop)
                client = http_client_new(g.loop, &config, e);
        if (!client) {
                r = -e->code;
                goto out;
        }
        http_send(client, &request);
        loop_run(g.loop);
        r = verdict(&g, url, e);
        if (r == 0)
                *ret_status = g.status;
out:
        http_client_free(client);
        loop_free(g.loop);
        return r;
}

char *health_url(const char *http, const char *path, struct err *e)
{
        const char *port = http ? strrchr(http, ':') : NULL;
        size_t host_len = port ? (size_t)(port - http) : 0;

        if (!port) {
                err_set(e, EINVAL, "http is off: nothing can be asked");
                return NULL;
        }
        if (strcmp(port, ":0") == 0) {
                err_set(e, EINVAL, "http = \"%s\": give it a port, the one it took is not known here", http);
                return NULL;
        }
        if (host_len == 0 || strncmp(http, "0.0.0.0:", host_len + 1) == 0)
                return xasprintf("http://127.0.0.1%s%s", port, path);
        if (strncmp(http, "[::]:", host_len + 1) == 0)
                return xasprintf("http://[::1]%s%s", port, path);
        return xasprintf("http://%s%s", http, path);
}

int health_main(const char *name, const char *http)
{
        struct buf body = { 0 };
        struct err e = { 0 };
        unsigned status = 0;
        char *url = health_url(http, "/healthz", &e);
        bool alive = url && http_get(url, HEALTH_TIMEOUT_MS, &body, &status, &e) == 0 && status == 200;

        if (alive)
                fputs(buf_cstr(&body), stdout);
        else if (status)
                fprintf(stderr, "%s: %s: status %u: %s", name, url, status, buf_cstr(&body));
        else
                fprintf(stderr, "%s: %s\n", name, e.msg);
        buf_fini(&body);
        free(url);
        return alive ? HEALTHY : UNHEALTHY;
}
