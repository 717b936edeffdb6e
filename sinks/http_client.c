/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "sinks/http_pin.h"
#include "sinks/http_secret.h"

/* One exchange: a request while it is under way.  Kept for the next one afterwards. */
struct http_transfer {
        struct http_transfer *next; /* while idle */
        struct http_client *client;
        struct http_request *request; /* borrowed; NULL while idle */
        CURL *easy;                   /* owned */
        struct curl_slist *headers;   /* owned */
        char error[CURL_ERROR_SIZE];
};

struct http_client {
        struct loop *loop; /* borrowed */
        CURLM *multi;
        struct timer timer; /* libcurl's one timeout */
        struct http_transfer *idle;
        unsigned active;

        char *username, *ca_file, *client_cert, *client_key, *proxy; /* owned, NULL: not used */
        struct http_secret password, api_key, client_key_password, proxy_auth;
        struct http_pin pin;
        bool pinned;
        bool verify;
        long idle_s, life_s;
};

/* A socket of libcurl's that is watched; lives from its first wish to CURL_POLL_REMOVE. */
struct http_socket {
        struct io io;
        struct http_client *client;
};

static void reap(struct http_client *c);

/* ---- libcurl's sockets and timer on our loop ---------------------------------------------------- */

static void act(struct http_client *c, curl_socket_t fd, int what)
{
        int running;

        CURLMcode code = curl_multi_socket_action(c->multi, fd, what, &running);
        CHECK(code == CURLM_OK);
        reap(c);
}

static void on_socket(struct io *io, uint32_t events)
{
        struct http_socket *s = io->arg;
        int what = 0;

        if (events & EPOLLIN)
                what |= CURL_CSELECT_IN;
        if (events & EPOLLOUT)
                what |= CURL_CSELECT_OUT;
        if (events & (EPOLLERR | EPOLLHUP))
                what |= CURL_CSELECT_ERR;
        act(s->client, io->fd, what); /* may free s */
}

static void on_timer(struct timer *t)
{
        act(t->arg, CURL_SOCKET_TIMEOUT, 0);
}

static int curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *client, void *socket)
{
        struct http_client *c = client;
        struct http_socket *s = socket;
        (void)easy;

        if (what == CURL_POLL_REMOVE) {
                if (s)
                        loop_del(c->loop, &s->io);
                free(s);
                return 0;
        }
        if (!s) {
                s = xcalloc(1, sizeof *s);
                s->client = c;
                s->io = (struct io){ .fd = fd, .name = "http_client", .fn = on_socket, .arg = s };
                CURLMcode code = curl_multi_assign(c->multi, fd, s);
                CHECK(code == CURLM_OK);
        }
        uint32_t events = 0;
        if (what & CURL_POLL_IN)
                events |= EPOLLIN;
        if (what & CURL_POLL_OUT)
                events |= EPOLLOUT;
        loop_add(c->loop, &s->io, events);
        return 0;
}

static int curl_wants_timer(CURLM *multi, long timeout_ms, void *client)
{
        struct http_client *c = client;
        (void)multi;

        if (timeout_ms < 0)
                timer_disarm(c->loop, &c->timer);
        else
                timer_arm(c->loop, &c->timer, timeout_ms);
        return 0;
}

/* ---- one transfer ----------------------------------------------------------------------------- */

static size_t on_write(char *p, size_t size, size_t n, void *transfer)
{
        struct http_transfer *t = transfer;

        if (!t->request->on_data || t->request->on_data(t->request, p, size * n))
                return size * n;
        return size * n + 1; /* any other number makes libcurl give up */
}

/* An option that libcurl refuses is our bug: the build was made against a libcurl that has all of them. */
#define SET(easy, option, value)                                                                             \
        do {                                                                                                 \
                CURLcode set_code_ = curl_easy_setopt(easy, option, value);                                  \
                CHECK(set_code_ == CURLE_OK);                                                                \
        } while (0)

static void set_method(CURL *easy, const struct http_request *r)
{
        if (strcmp(r->method, "GET") == 0 && !r->body) {
                SET(easy, CURLOPT_HTTPGET, 1L);
        } else if (strcmp(r->method, "HEAD") == 0) {
                SET(easy, CURLOPT_NOBODY, 1L);
        } else {
                SET(easy, CURLOPT_POST, 1L);
                SET(easy, CURLOPT_CUSTOMREQUEST, r->method);
                SET(easy, CURLOPT_POSTFIELDS, r->body ? r->body : "");
                SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        }
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *client)
{
        struct http_client *c = client;
        (void)easy;

        http_pin_apply(ssl_ctx, &c->pin);
        return CURLE_OK;
}

static void set_if(CURL *easy, CURLoption option, const char *value)
{
        if (value)
                SET(easy, option, value);
}

static void set_trust(CURL *easy, struct http_client *c)
{
        SET(easy, CURLOPT_SSL_VERIFYPEER, c->verify ? 1L : 0L);
        SET(easy, CURLOPT_SSL_VERIFYHOST, c->verify ? 2L : 0L);
        set_if(easy, CURLOPT_CAINFO, c->ca_file);
        if (!c->pinned)
                return;
        SET(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
        SET(easy, CURLOPT_SSL_CTX_DATA, c);
}

static void look_at_secrets(struct http_client *c)
{
        int64_t now_ms = loop_now_ms(c->loop);

        http_secret_look(&c->password, now_ms);
        http_secret_look(&c->api_key, now_ms);
        http_secret_look(&c->client_key_password, now_ms);
        http_secret_look(&c->proxy_auth, now_ms);
}

static void set_credentials(CURL *easy, struct http_client *c)
{
        set_if(easy, CURLOPT_SSLCERT, c->client_cert);
        set_if(easy, CURLOPT_SSLKEY, c->client_key);
        set_if(easy, CURLOPT_KEYPASSWD, c->client_key_password.value);
        set_if(easy, CURLOPT_PROXY, c->proxy);
        set_if(easy, CURLOPT_PROXYUSERPWD, c->proxy_auth.value);
        if (c->username) {
                SET(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
                SET(easy, CURLOPT_USERNAME, c->username);
                SET(easy, CURLOPT_PASSWORD, c->password.value ? c->password.value : "");
        }
}

/* Without it a connection that a balancer dropped in silence would hang until the request's timeout. */
static int on_new_socket(void *client, curl_socket_t fd, curlsocktype purpose)
{
        const unsigned unacked_ms = HTTP_UNACKED_MS;
        (void)client;
        (void)purpose;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
        return CURL_SOCKOPT_OK;
}

static void set_connection(CURL *easy, const struct http_client *c)
{
        SET(easy, CURLOPT_NOSIGNAL, 1L);
        SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        SET(easy, CURLOPT_TCP_KEEPIDLE, 30L);
        SET(easy, CURLOPT_TCP_KEEPINTVL, 10L);
        SET(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
        SET(easy, CURLOPT_MAXAGE_CONN, c->idle_s);
        SET(easy, CURLOPT_MAXLIFETIME_CONN, c->life_s);
}

static void set_transport(CURL *easy, const struct http_request *r)
{
        SET(easy, CURLOPT_URL, r->url);
        SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
        SET(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
        SET(easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
        SET(easy, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
}

static void append_header(struct http_transfer *t, const char *line)
{
        struct curl_slist *grown = curl_slist_append(t->headers, line);
        CHECK(grown != NULL);
        t->headers = grown;
}

static void set_headers(struct http_transfer *t, const struct http_client *c)
{
        append_header(t, "Expect:"); /* without a value: never sent */
        if (c->api_key.value) {
                char *line = xasprintf("Authorization: ApiKey %s", c->api_key.value);
                append_header(t, line);
                explicit_bzero(line, strlen(line));
                free(line);
        }
        if (t->request->body)
                append_header(t, "Content-Type:"); /* not libcurl's form type; the request may name its own */
        for (const char *const *h = t->request->headers; h && *h; h++)
                append_header(t, *h);
        SET(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static struct http_transfer *transfer_take(struct http_client *c)
{
        struct http_transfer *t = c->idle;

        if (t) {
                c->idle = t->next;
                return t;
        }
        t = xcalloc(1, sizeof *t);
        t->client = c;
        t->easy = curl_easy_init();
        CHECK(t->easy != NULL);
        return t;
}

static void transfer_rest(struct http_transfer *t)
{
        struct http_client *c = t->client;

        CURLMcode code = curl_multi_remove_handle(c->multi, t->easy);
        CHECK(code == CURLM_OK);
        curl_easy_reset(t->easy);
        curl_slist_free_all(t->headers);
        t->headers = NULL;
        t->request->transfer = NULL;
        t->request = NULL;
        t->next = c->idle;
        c->idle = t;
        c->active--;
}

void http_send(struct http_client *c, struct http_request *r)
{
        CHECK(!r->transfer && r->on_done);
        struct http_transfer *t = transfer_take(c);

        t->request = r;
        r->transfer = t;
        t->error[0] = '\0';
        c->active++;
        SET(t->easy, CURLOPT_PRIVATE, t);
        SET(t->easy, CURLOPT_ERRORBUFFER, t->error);
        SET(t->easy, CURLOPT_WRITEFUNCTION, on_write);
        SET(t->easy, CURLOPT_WRITEDATA, t);
        set_connection(t->easy, c);
        set_transport(t->easy, r);
        set_method(t->easy, r);
        look_at_secrets(c);
        set_trust(t->easy, c);
        set_credentials(t->easy, c);
        set_headers(t, c);
        CURLMcode code = curl_multi_add_handle(c->multi, t->easy);
        CHECK(code == CURLM_OK);
}

void http_cancel(struct http_client *c, struct http_request *r)
{
        (void)c;
        if (r->transfer)
                transfer_rest(r->transfer);
}

/* ---- the end of a transfer -------------------------------------------------------------------- */

static enum http_end end_of(CURLcode code)
{
        switch (code) {
        case CURLE_OK:
                return HTTP_COMPLETE;
        case CURLE_OPERATION_TIMEDOUT:
                return HTTP_TIMEOUT;
        case CURLE_WRITE_ERROR:
                return HTTP_ABORTED;
        case CURLE_URL_MALFORMAT:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
                return HTTP_UNREACHABLE;
        default:
                return HTTP_BROKEN;
        }
}

/* A date that has passed gives a negative number. */
static int64_t retry_after_ms(CURL *easy)
{
        curl_off_t s = 0;

        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &s);
        return s <= 0 ? 0 : s > INT32_MAX ? (int64_t)INT32_MAX * 1000 : (int64_t)s * 1000;
}

static struct http_result result_of(struct http_transfer *t, CURLcode code)
{
        long status = 0;
        curl_off_t us = 0;

        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
        if (code == CURLE_PEER_FAILED_VERIFICATION && t->client->pin.fault[0])
                snprintf(t->error, sizeof t->error, "%s", t->client->pin.fault);
        else if (code != CURLE_OK && !t->error[0])
                strncpy(t->error, curl_easy_strerror(code), sizeof t->error - 1);
        bool strange = status != 0 && (status < 100 || status > 999); /* libcurl takes "HTTP/2 -2" */
        if (strange && code == CURLE_OK)
                snprintf(t->error, sizeof t->error, "%ld is no status of an answer", status);
        return (struct http_result){
                .end = strange && code == CURLE_OK ? HTTP_BROKEN : end_of(code),
                .status = strange ? 0 : (unsigned)status,
                .retry_after_ms = retry_after_ms(t->easy),
                .error = t->error,
                .seconds = (double)us / 1e6,
        };
}

static void reap(struct http_client *c)
{
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
                struct http_transfer *t = NULL;
                char error[CURL_ERROR_SIZE];

                if (m->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = m->data.result;
                curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
                struct http_request *r = t->request;
                struct http_result result = result_of(t, code);
                memcpy(error, t->error, sizeof error);
                result.error = error;
                transfer_rest(t); /* first, so that on_done can send r again */
                r->on_done(r, &result);
        }
}

/* ---- the client ------------------------------------------------------------------------------- */

static void global_init(void)
{
        CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
        CHECK(code == CURLE_OK);
}

static char *dup_or_null(const char *s)
{
        return s && *s ? xstrdup(s) : NULL;
}

static int take_config(struct http_client *c, const struct http_config *config, struct err *e)
{
        c->username = dup_or_null(config->username);
        c->ca_file = dup_or_null(config->ca_file);
        c->client_cert = dup_or_null(config->client_cert);
        c->client_key = dup_or_null(config->client_key);
        c->proxy = dup_or_null(config->proxy);
        if (c->proxy && strcmp(c->proxy, "none") == 0)
                c->proxy[0] = '\0'; /* libcurl's word for it */
        c->verify = config->verify;
        c->idle_s = config->idle_ms ? (long)(config->idle_ms / 1000) : HTTP_CONNECTION_IDLE_S;
        c->life_s = config->life_ms ? (long)(config->life_ms / 1000) : HTTP_CONNECTION_LIFE_S;
        c->pinned = config->ca_fingerprint && *config->ca_fingerprint;
        if (c->pinned && !http_pin_parse(config->ca_fingerprint, &c->pin))
                return err_set(e, EINVAL, "ca_fingerprint: is not 64 hexadecimal digits");
        if (http_secret_init(&c->password, config->password, e) < 0 ||
            http_secret_init(&c->api_key, config->api_key, e) < 0 ||
            http_secret_init(&c->client_key_password, config->client_key_password, e) < 0 ||
            http_secret_init(&c->proxy_auth, config->proxy_auth, e) < 0)
                return -e->code;
        return 0;
}

struct http_client *http_client_new(struct loop *l, const struct http_config *config, struct err *e)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        struct http_client *c = xcalloc(1, sizeof *c);
        struct err ignored;

        pthread_once(&once, global_init);
        c->loop = l;
        c->timer = (struct timer){ .name = "http_client", .fn = on_timer, .arg = c };
        if (take_config(c, config, e ? e : &ignored) < 0) {
                http_client_free(c);
                return NULL;
        }
        c->multi = curl_multi_init();
        if (!c->multi) {
                err_set(e, ENOMEM, "libcurl cannot start");
                http_client_free(c);
                return NULL;
        }
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket);
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
        http_client_keep(c, config->max_connections);
        return c;
}

void http_client_keep(struct http_client *c, unsigned max_connections)
{
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
}

void http_client_free(struct http_client *c)
{
        if (!c)
                return;
        CHECK(c->active == 0);
        while (c->idle) {
                struct http_transfer *t = c->idle;
                c->idle = t->next;
                curl_easy_cleanup(t->easy);
                free(t);
        }
        curl_multi_cleanup(c->multi); /* NULL ok; lets go of the sockets by our callback */
        timer_disarm(c->loop, &c->timer);
        free(c->username);
        free(c->ca_file);
        free(c->client_cert);
        free(c->client_key);
        free(c->proxy);
        http_secret_fini(&c->password);
        http_secret_fini(&c->api_key);
        http_secret_fini(&c->client_key_password);
        http_secret_fini(&c->proxy_auth);
        free(c);
}

const char *http_client_version(void)
{
        return curl_version_info(CURLVERSION_NOW)->version;
}
