/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "status/http.h"

/* The deadline is well below the server's own for a quiet client, which would mend what is stuck. */
enum { DEADLINE_MS = 4000, LARGE = 300000 };

/* The server in its loop and what its handlers saw; requests are driven by turns of the same loop. */
struct fixture {
        struct loop *loop;
        struct http *http;
        unsigned asked;
        unsigned ready_status;
};

static unsigned get_ready(void *arg, struct buf *body)
{
        struct fixture *f = arg;

        f->asked++;
        buf_puts(body, "ready\n");
        return f->ready_status;
}

static unsigned get_large(void *arg, struct buf *body)
{
        (void)arg;
        for (int i = 0; i < LARGE; i++)
                buf_putc(body, (char)('a' + i % 26));
        return 200;
}

static unsigned get_empty(void *arg, struct buf *body)
{
        (void)arg;
        (void)body;
        return 204;
}

static const struct http_route routes[] = {
        { "/readyz", "text/plain; charset=utf-8", get_ready },
        { "/large", "text/plain", get_large },
        { "/empty", "text/plain", get_empty },
        { NULL, NULL, NULL },
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->ready_status = 200;
        f->loop = loop_new(&clock_system, NULL);
        assert_non_null(f->loop);
        f->http = http_new(f->loop, "127.0.0.1:0", routes, f, NULL);
        assert_non_null(f->http);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        http_free(f->http);
        loop_free(f->loop);
        free(f);
        return 0;
}

static unsigned port_of(const struct http *h)
{
        return (unsigned)atoi(strrchr(http_address(h), ':') + 1);
}

static int connect_to(unsigned port)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        return fd;
}

static void send_all(int fd, const char *text)
{
        assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Turns until the answer holds `until`, or until its end when that is NULL. */
static void receive(struct fixture *f, int fd, const char *until, struct buf *answer)
{
        int64_t deadline = loop_now_ms(f->loop) + DEADLINE_MS;

        buf_reset(answer);
        while (!until || !strstr(buf_cstr(answer), until)) {
                char chunk[65536];
                ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
                if (n == 0 && !until)
                        return;
                assert_true(n > 0 || (n < 0 && errno == EAGAIN));
                if (n > 0)
                        buf_put(answer, chunk, (size_t)n);
                else
                        loop_turn(f->loop, 10);
                assert_true(loop_now_ms(f->loop) < deadline);
        }
}

static void request(struct fixture *f, const char *text, struct buf *answer)
{
        int fd = connect_to(port_of(f->http));

        send_all(fd, text);
        receive(f, fd, NULL, answer);
        close(fd);
}

#define REQUEST(method, path) method " " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static const char *body_of(struct buf *answer)
{
        const char *end = strstr(buf_cstr(answer), "\r\n\r\n");

        assert_non_null(end);
        return end + 4;
}

static void assert_begins(struct buf *answer, const char *with)
{
        assert_int_equal(strncmp(buf_cstr(answer), with, strlen(with)), 0);
}

/* --- tests -------------------------------------------------------------------------------------- */

static void a_route_answers_with_its_status_type_and_body(void **state)
{
        struct fixture *f = *state;
        struct buf answer = { 0 };

        request(f, REQUEST("GET", "/readyz"), &answer);
        assert_begins(&answer, "HTTP/1.1 200 ");
        assert_non_null(strstr(buf_cstr(&answer), "Content-Type: text/plain; charset=utf-8\r\n"));
        assert_non_null(strstr(buf_cstr(&answer), "Cache-Control: no-store\r\n"));
        assert_string_equal(body_of(&answer), "ready\n");
        f->ready_status = 503;
        request(f, REQUEST("GET", "/readyz?verbose=1"), &answer);
        assert_begins(&answer, "HTTP/1.1 503 ");
        request(f, REQUEST("GET", "/empty"), &answer);
        assert_begins(&answer, "HTTP/1.1 204 ");
        assert_int_equal(f->asked, 2);
        buf_fini(&answer);
}

static void head_has_the_length_and_no_body(void **state)
{
        struct buf answer = { 0 };

        request(*state, REQUEST("HEAD", "/readyz"), &answer);
        assert_begins(&answer, "HTTP/1.1 200 ");
        assert_non_null(strstr(buf_cstr(&answer), "Content-Length: 6\r\n"));
        assert_string_equal(body_of(&answer), "");
        buf_fini(&answer);
}

static void an_unknown_path_is_told_the_known_ones(void **state)
{
        struct buf answer = { 0 };

        request(*state, REQUEST("GET", "/readyzz"), &answer);
        assert_begins(&answer, "HTTP/1.1 404 ");
        assert_string_equal(body_of(&answer), "not found; there are:\n/readyz\n/large\n/empty\n");
        buf_fini(&answer);
}

static void other_methods_are_refused_and_reach_no_handler(void **state)
{
        static const char *const requests[] = {
                REQUEST("DELETE", "/readyz"),
                "POST /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        };
        struct fixture *f = *state;
        struct buf answer = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
                request(f, requests[i], &answer);
                assert_begins(&answer, "HTTP/1.1 405 ");
                assert_non_null(strstr(buf_cstr(&answer), "Allow: GET, HEAD\r\n"));
        }
        assert_int_equal(f->asked, 0);
        buf_fini(&answer);
}

static void a_connection_serves_request_after_request(void **state)
{
        struct fixture *f = *state;
        struct buf answer = { 0 };
        int fd = connect_to(port_of(f->http));

        for (unsigned i = 1; i <= 3; i++) {
                send_all(fd, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
                receive(f, fd, "ready\n", &answer);
                assert_int_equal(f->asked, i);
        }
        close(fd);
        buf_fini(&answer);
}

/* The second one lies in the server's buffer when the first is answered: no descriptor becomes ready for it. */
static void pipelined_requests_are_all_answered(void **state)
{
        struct fixture *f = *state;
        struct buf answer = { 0 };

        request(f, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" REQUEST("GET", "/readyz"),
                &answer);
        assert_int_equal(f->asked, 3);
        buf_fini(&answer);
}

static void a_request_in_pieces_and_a_large_answer_pass(void **state)
{
        struct fixture *f = *state;
        struct buf answer = { 0 };
        int fd = connect_to(port_of(f->http));

        for (const char *p = REQUEST("GET", "/large"); *p; p++) {
                assert_int_equal(send(fd, p, 1, MSG_NOSIGNAL), 1);
                loop_turn(f->loop, 0);
        }
        receive(f, fd, NULL, &answer);
        assert_int_equal(strlen(body_of(&answer)), LARGE);
        assert_int_equal(body_of(&answer)[LARGE - 1], 'a' + (LARGE - 1) % 26);
        close(fd);
        buf_fini(&answer);
}

static void nonsense_does_not_stop_the_server(void **state)
{
        struct fixture *f = *state;
        struct buf answer = { 0 };

        request(f, "\x16\x03\x01\r\n\r\n", &answer);
        assert_int_equal(f->asked, 0);
        request(f, REQUEST("GET", "/readyz"), &answer);
        assert_begins(&answer, "HTTP/1.1 200 ");
        buf_fini(&answer);
}

/* One above the limit waits in the backlog, and is served as soon as another is gone. */
static void connections_are_bounded(void **state)
{
        enum { LIMIT = 64 };
        struct fixture *f = *state;
        struct buf answer = { 0 };
        int fds[LIMIT + 1];

        for (int i = 0; i < LIMIT; i++) {
                fds[i] = connect_to(port_of(f->http));
                send_all(fds[i], "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
                receive(f, fds[i], "ready\n", &answer);
        }
        fds[LIMIT] = connect_to(port_of(f->http));
        send_all(fds[LIMIT], "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 20; i++)
                loop_turn(f->loop, 1);
        assert_int_equal(f->asked, LIMIT);
        close(fds[0]);
        receive(f, fds[LIMIT], "ready\n", &answer);
        for (int i = 1; i <= LIMIT; i++)
                close(fds[i]);
        buf_fini(&answer);
}

static void an_address_is_bound_as_it_is_written(void **state)
{
        static const struct { const char *address, *begins; } cases[] = {
                { "127.0.0.1:0", "127.0.0.1:" }, { "localhost:0", "127.0.0.1:" }, { "0.0.0.0:0", "0.0.0.0:" },
                { "[::1]:0", "[::1]:" },         { ":0", "[::]:" },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct err e = { 0 };
                struct http *h = http_new(f->loop, cases[i].address, routes, f, &e);
                if (!h && strchr(cases[i].begins, '[') && (e.code == EAFNOSUPPORT || e.code == EADDRNOTAVAIL))
                        continue; /* a machine without IPv6 */
                assert_non_null(h);
                assert_int_equal(strncmp(http_address(h), cases[i].begins, strlen(cases[i].begins)), 0);
                assert_in_range(port_of(h), 1, 65535);
                http_free(h);
        }
}

static void all_addresses_answer_ipv4_too(void **state)
{
        struct fixture *f = *state;
        struct buf answer = { 0 };

        http_free(f->http);
        f->http = http_new(f->loop, ":0", routes, f, NULL);
        assert_non_null(f->http);
        request(f, REQUEST("GET", "/readyz"), &answer);
        assert_begins(&answer, "HTTP/1.1 200 ");
        buf_fini(&answer);
}

static void what_is_no_address_is_refused(void **state)
{
        static const char *const cases[] = {
                "", "9600", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:99999999999999999999",
                "1.2.3:80", "::1:80", "[::1:80", "[1.2.3.4]:80", "[]:80", "example.org:80", "[::1]80",
                "a-name-longer-than-any-address-could-ever-be-in-this-world.example.org:80",
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct err e = { 0 };
                char sentence[256];
                snprintf(sentence, sizeof(sentence),
                         "http \"%s\": not an address; write \"127.0.0.1:9600\", \"[::1]:9600\" or \":9600\" for all addresses",
                         cases[i]);
                assert_null(http_new(f->loop, cases[i], routes, f, &e));
                assert_int_equal(e.code, EINVAL);
                assert_string_equal(e.msg, sentence);
        }
}

static void an_address_in_use_is_named(void **state)
{
        struct fixture *f = *state;
        struct err e = { 0 };
        char sentence[256];

        assert_null(http_new(f->loop, http_address(f->http), routes, f, &e));
        assert_int_equal(e.code, EADDRINUSE);
        snprintf(sentence, sizeof(sentence), "http \"%s\": in use by another process; port 0 takes a free one",
                 http_address(f->http));
        assert_string_equal(e.msg, sentence);
}

static void it_can_be_freed_with_open_connections(void **state)
{
        struct fixture *f = *state;
        int fd = connect_to(port_of(f->http));
        char byte;

        send_all(fd, "GET /read");
        loop_turn(f->loop, 100);
        http_free(f->http);
        f->http = NULL;
        loop_turn(f->loop, 0);
        assert_true(recv(fd, &byte, 1, 0) <= 0);
        close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(a_route_answers_with_its_status_type_and_body),
                TEST(head_has_the_length_and_no_body),
                TEST(an_unknown_path_is_told_the_known_ones),
                TEST(other_methods_are_refused_and_reach_no_handler),
                TEST(a_connection_serves_request_after_request),
                TEST(pipelined_requests_are_all_answered),
                TEST(a_request_in_pieces_and_a_large_answer_pass),
                TEST(nonsense_does_not_stop_the_server),
                TEST(connections_are_bounded),
                TEST(an_address_is_bound_as_it_is_written),
                TEST(all_addresses_answer_ipv4_too),
                TEST(what_is_no_address_is_refused),
                TEST(an_address_in_use_is_named),
                TEST(it_can_be_freed_with_open_connections),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
