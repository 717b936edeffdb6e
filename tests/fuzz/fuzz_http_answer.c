/* SPDX-License-Identifier: Apache-2.0 */
/* Input: how many documents were sent (a byte), then all that a server says to a _bulk before it hangs up, status line and
 * headers too.  Over a real connection and the HTTP client, whatever it is: one end, a failure is never a verdict on a
 * document, an answer that is believed was whole, and the pieces it came in do not matter.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "sinks/es_round.h"

enum { MAX_DOCUMENTS = 4, TIMEOUT_MS = 10000 };

struct server {
        struct loop *loop;
        struct io listener, peer;
        char url[64];
        const char *p; /* borrowed: what it says */
        size_t n;
};

struct client {
        struct loop *loop;
        struct es_round round;
        struct buf body; /* what the round was fed */
        struct http_result result;
        enum es_request_verdict verdict;
        unsigned ends;
};

/* --- the server ---------------------------------------------------------------------------------- */

static void hang_up(struct server *s)
{
        if (s->peer.fd <= 0)
                return;
        loop_del(s->loop, &s->peer);
        close(s->peer.fd);
        s->peer.fd = 0;
}

/* All that was heard is read before the end is said, or the end would be a reset. */
static void on_heard(struct io *io, uint32_t events)
{
        struct server *s = io->arg;
        char heard[4096];
        (void)events;

        if (recv(io->fd, heard, sizeof(heard), 0) <= 0) {
                hang_up(s);
                return;
        }
        ssize_t said = s->n > 0 ? send(io->fd, s->p, s->n, MSG_NOSIGNAL) : 0;
        CHECK(said == (ssize_t)s->n || errno == EPIPE || errno == ECONNRESET);
        shutdown(io->fd, SHUT_WR);
}

static void on_connection(struct io *io, uint32_t events)
{
        struct server *s = io->arg;
        (void)events;

        hang_up(s);
        s->peer = (struct io){ .fd = accept(io->fd, NULL, NULL), .name = "peer", .fn = on_heard, .arg = s };
        CHECK(s->peer.fd > 0);
        loop_add(s->loop, &s->peer, EPOLLIN);
}

static void listen_on(struct server *s, struct loop *l)
{
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        bool up = fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 16) == 0 &&
                  getsockname(fd, (struct sockaddr *)&at, &size) == 0;
        CHECK(up);
        s->loop = l;
        s->listener = (struct io){ .fd = fd, .name = "listener", .fn = on_connection, .arg = s };
        loop_add(l, &s->listener, EPOLLIN);
        snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/_bulk", ntohs(at.sin_port));
}

/* --- the client ---------------------------------------------------------------------------------- */

static bool on_data(struct http_request *r, const char *p, size_t n)
{
        struct client *c = r->arg;

        buf_put(&c->body, p, n);
        return es_round_feed(&c->round, p, n);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct client *c = r->arg;

        c->result = *result;
        c->verdict = es_round_end(&c->round, result);
        c->ends++;
        char *why = c->verdict == ES_REQUEST_ANSWERED ? NULL : es_round_why_failed(&c->round, result);
        CHECK((why != NULL) == (c->verdict != ES_REQUEST_ANSWERED) && (!why || why[0]));
        free(why);
        loop_stop(c->loop);
}

static struct batch *documents(size_t n)
{
        struct batch *b = batch_new(64);

        while (b->n < n) {
                struct slice value = batch_put(b, "{\"n\":1}", 7);
                batch_add(b)->value = value;
        }
        return b;
}

static void check_result(const struct client *c)
{
        CHECK(c->ends == 1);
        CHECK(c->result.retry_after_ms >= 0 && c->result.retry_after_ms <= (int64_t)INT32_MAX * 1000);
        CHECK(c->result.status == 0 || (c->result.status >= 100 && c->result.status <= 999));
        CHECK(c->result.seconds >= 0);
        CHECK(c->result.end != HTTP_UNREACHABLE && c->result.end != HTTP_TIMEOUT);
        if (c->verdict == ES_REQUEST_ANSWERED)
                CHECK(c->result.status == 200 && c->result.end == HTTP_COMPLETE && c->body.len > 0);
}

/* The same body at once says the same. */
static void check_pieces(const struct client *c, const struct batch *b)
{
        struct es_round round;

        es_round_init(&round, b, b->n, "node", "index");
        es_round_feed(&round, c->body.data, c->body.len);
        CHECK(es_round_end(&round, &c->result) == c->verdict);
        for (size_t i = 0; c->verdict == ES_REQUEST_ANSWERED && i < b->n; i++) {
                struct es_outcome one = es_round_outcome(&c->round, i), other = es_round_outcome(&round, i);
                CHECK(one.verdict == other.verdict && one.status == other.status &&
                      one.reason_len == other.reason_len);
                CHECK(one.status >= 100 && one.status <= 999);
                CHECK((one.reason != NULL) == (one.verdict == ES_REJECT || one.verdict == ES_STRIKE));
        }
        es_round_fini(&round);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct http_config config = { .verify = true, .proxy = "none", .max_connections = 1 };
        static struct loop *loop;
        static struct server server;
        struct err e = { 0 };

        if (size < 1)
                return 0;
        if (!loop) {
                loop = loop_new(&clock_system, &e);
                CHECK(loop);
                listen_on(&server, loop);
        }
        struct batch *b = documents(data[0] % MAX_DOCUMENTS + 1u);
        struct client c = { .loop = loop };
        struct http_client *http = http_client_new(loop, &config, &e);
        struct http_request request = { .method = "POST",
                                        .url = server.url,
                                        .body = "x",
                                        .body_len = 1,
                                        .connect_timeout_ms = TIMEOUT_MS,
                                        .timeout_ms = TIMEOUT_MS,
                                        .on_data = on_data,
                                        .on_done = on_done,
                                        .arg = &c };

        server.p = (const char *)data + 1;
        server.n = size - 1;
        es_round_init(&c.round, b, b->n, "node", "index");
        http_send(http, &request);
        loop_run(loop);
        check_result(&c);
        check_pieces(&c, b);
        hang_up(&server);
        http_client_free(http);
        es_round_fini(&c.round);
        buf_fini(&c.body);
        batch_free(b);
        return 0;
}
