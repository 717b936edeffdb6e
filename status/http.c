/* SPDX-License-Identifier: Apache-2.0 */
#include "status/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* A window for a scraper and a few people, not a web server. */
enum {
        HTTP_CONNECTIONS = 64,
        HTTP_TIMEOUT_S = 10,
        HTTP_BACKLOG = 64,
        HTTP_CONNECTION_MEMORY = 16 << 10,
        HTTP_PORT_MAX = 65535,
};

struct http {
        struct loop *loop; /* borrowed */
        const struct http_route *routes;
        void *arg;
        struct MHD_Daemon *daemon;
        struct io io;       /* libmicrohttpd's epoll descriptor, in which its sockets hang */
        struct timer timer; /* connections that time out, work that is left over */
        char address[INET6_ADDRSTRLEN + 16];
};

/* --- answers ------------------------------------------------------------------------------------ */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *content_type,
                              const struct buf *body)
{
        struct MHD_Response *response = MHD_create_response_from_buffer(
                body->len, body->len ? body->data : "", MHD_RESPMEM_MUST_COPY);

        if (!response)
                return MHD_NO; /* the connection is closed */
        enum MHD_Result r = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        if (r == MHD_YES)
                r = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        if (r == MHD_YES)
                r = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        if (r == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
                r = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        if (r == MHD_YES)
                r = MHD_queue_response(c, status, response);
        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result answer_not_found(struct http *h, struct MHD_Connection *c)
{
        struct buf body;

        buf_init(&body, 0);
        buf_puts(&body, "not found; there are:\n");
        for (const struct http_route *route = h->routes; route->path; route++)
                buf_printf(&body, "%s\n", route->path);
        enum MHD_Result r = answer(c, MHD_HTTP_NOT_FOUND, "text/plain; charset=utf-8", &body);
        buf_fini(&body);
        return r;
}

static enum MHD_Result answer_not_allowed(struct MHD_Connection *c)
{
        struct buf body;

        buf_init(&body, 0);
        buf_puts(&body, "only GET and HEAD\n");
        enum MHD_Result r = answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", &body);
        buf_fini(&body);
        return r;
}

static enum MHD_Result answer_route(struct http *h, struct MHD_Connection *c, const struct http_route *route)
{
        struct buf body;

        buf_init(&body, 0);
        unsigned status = route->get(h->arg, &body);
        CHECK(buf_ok(&body));
        enum MHD_Result r = answer(c, status, route->content_type, &body);
        buf_fini(&body);
        return r;
}

/* Called once for the headers, again for each piece of a body and once for its end. The answer is given at
 * the end, because an answer before it costs the connection; only what is not allowed gets it at once. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
        struct http *h = cls;

        (void)version;
        (void)upload;
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
                return answer_not_allowed(c);
        if (!*state || *upload_size > 0) {
                *state = h; /* seen; any value but NULL */
                *upload_size = 0;
                return MHD_YES;
        }
        for (const struct http_route *route = h->routes; route->path; route++)
                if (strcmp(route->path, url) == 0)
                        return answer_route(h, c, route);
        return answer_not_found(h, c);
}

/* --- the loop ----------------------------------------------------------------------------------- */

/* libmicrohttpd asks to be run again after this time at the latest, whatever its descriptor says. */
static void arm(struct http *h)
{
        MHD_UNSIGNED_LONG_LONG ms;

        if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
                timer_arm(h->loop, &h->timer, (int64_t)ms);
        else
                timer_disarm(h->loop, &h->timer);
}

static unsigned connections(const struct http *h)
{
        return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* At its limit libmicrohttpd stops listening, and begins again only at the start of a run: without one more
 * after a connection has gone, the next client would wait until another client stirs. */
static void run(struct http *h)
{
        unsigned before;

        do {
                before = connections(h);
                /* It fails for want of memory alone; then a connection is lost and the next run tries again. */
                (void)MHD_run(h->daemon);
        } while (connections(h) < before);
        arm(h);
}

static void on_ready(struct io *io, uint32_t events)
{
        (void)events;
        run(io->arg);
}

static void on_timer(struct timer *t)
{
        run(t->arg);
}

/* --- the address -------------------------------------------------------------------------------- */

union sockaddr_any {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

static int not_an_address(const char *address, struct err *e)
{
        return err_set(e, EINVAL,
                       "http \"%s\": not an address; write \"127.0.0.1:9600\", \"[::1]:9600\" or \":9600\" "
                       "for all addresses",
                       address);
}

static bool parse_port(const char *text, uint16_t *ret)
{
        char *end;

        if (*text < '0' || *text > '9')
                return false;
        errno = 0;
        unsigned long port = strtoul(text, &end, 10);
        if (*end || errno || port > HTTP_PORT_MAX)
                return false;
        *ret = htons((uint16_t)port);
        return true;
}

/* host: what stands before the last colon, brackets taken off; empty means all addresses. */
static bool parse_host(const char *host, bool bracketed, uint16_t port, union sockaddr_any *ret)
{
        *ret = (union sockaddr_any){ 0 };
        if (bracketed || *host == '\0') {
                ret->v6.sin6_family = AF_INET6;
                ret->v6.sin6_port = port;
                ret->v6.sin6_addr = in6addr_any;
                return !bracketed || inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1;
        }
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = port;
        return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ret->v4.sin_addr) ==
               1;
}

static int parse_address(const char *address, union sockaddr_any *ret, struct err *e)
{
        char host[INET6_ADDRSTRLEN];
        const char *colon = strrchr(address, ':');
        uint16_t port;

        if (!colon || !parse_port(colon + 1, &port))
                return not_an_address(address, e);
        size_t n = (size_t)(colon - address);
        bool bracketed = n >= 2 && address[0] == '[' && colon[-1] == ']';
        if (bracketed) {
                address++;
                n -= 2;
        }
        if (n >= sizeof(host))
                return not_an_address(address - bracketed, e);
        memcpy(host, address, n);
        host[n] = '\0';
        if (!parse_host(host, bracketed, port, ret))
                return not_an_address(address - bracketed, e);
        return 0;
}

/* --- the socket --------------------------------------------------------------------------------- */

static int bind_and_listen(int fd, const union sockaddr_any *a)
{
        int yes = 1, no = 0;

        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        if (a->any.sa_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)); /* IPv4 too for ":9600" */
        if (bind(fd, &a->any, a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4)) < 0)
                return -errno;
        return listen(fd, HTTP_BACKLOG) < 0 ? -errno : 0;
}

/* A listening socket or -errno. */
static int listen_on(const union sockaddr_any *a)
{
        int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        int r = bind_and_listen(fd, a);
        if (r < 0) {
                close(fd);
                return r;
        }
        return fd;
}

/* Without IPv6 in the kernel, all addresses are those of IPv4. */
static int listen_on_all_v4(uint16_t port)
{
        union sockaddr_any a = { .v4 = { .sin_family = AF_INET, .sin_port = port } };

        return listen_on(&a);
}

static int open_socket(const char *address, struct err *e)
{
        union sockaddr_any a;

        if (parse_address(address, &a, e) < 0)
                return -EINVAL;
        int fd = listen_on(&a);
        if (fd == -EAFNOSUPPORT && address[0] == ':')
                fd = listen_on_all_v4(a.v6.sin6_port);
        if (fd == -EADDRINUSE)
                return err_set(e, EADDRINUSE,
                               "http \"%s\": in use by another process; port 0 takes a free one", address);
        if (fd < 0)
                return err_set(e, -fd, "http \"%s\": %s", address, strerror(-fd));
        return fd;
}

static void name_socket(struct http *h, int fd)
{
        union sockaddr_any a = { 0 };
        socklen_t size = sizeof(a);
        char host[INET6_ADDRSTRLEN] = "";

        CHECK(getsockname(fd, &a.any, &size) == 0);
        if (a.any.sa_family == AF_INET6) {
                inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
                snprintf(h->address, sizeof(h->address), "[%s]:%u", host, ntohs(a.v6.sin6_port));
        } else {
                inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
                snprintf(h->address, sizeof(h->address), "%s:%u", host, ntohs(a.v4.sin_port));
        }
}

/* --- lifecycle ---------------------------------------------------------------------------------- */

static int start(struct http *h, const char *address, struct err *e)
{
        int fd = open_socket(address, e);

        if (fd < 0)
                return fd;
        name_socket(h, fd);
        /* No thread of its own: MHD_USE_EPOLL alone gives a descriptor for our loop. */
        h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET,
                                     fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
                                     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_TIMEOUT_S,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
                                     MHD_OPTION_END);
        if (!h->daemon)
                return err_set(e, EIO, "http \"%s\": libmicrohttpd does not start", address);
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        CHECK(info);
        h->io = (struct io){ .fd = info->epoll_fd, .name = "http", .fn = on_ready, .arg = h };
        h->timer = (struct timer){ .name = "http", .fn = on_timer, .arg = h };
        loop_add(h->loop, &h->io, EPOLLIN);
        return 0;
}

struct http *http_new(struct loop *l, const char *address, const struct http_route *routes, void *arg,
                      struct err *e)
{
        struct http *h = xcalloc(1, sizeof(*h));

        h->loop = l;
        h->routes = routes;
        h->arg = arg;
        if (start(h, address, e) < 0) {
                free(h);
                return NULL;
        }
        return h;
}

void http_free(struct http *h)
{
        if (!h)
                return;
        timer_disarm(h->loop, &h->timer);
        loop_del(h->loop, &h->io);
        MHD_stop_daemon(h->daemon);
        free(h);
}

const char *http_address(const struct http *h)
{
        return h->address;
}

const char *http_version(void)
{
        return MHD_get_version();
}
