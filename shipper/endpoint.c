/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128, PORT_MAX = 65535, DATAGRAM_BUFFER = 1 << 20 };

static const struct { const char *scheme; enum endpoint_kind kind; } schemes[] = {
        { "stdin://", ENDPOINT_STDIN }, { "tcp://", ENDPOINT_TCP }, { "udp://", ENDPOINT_UDP },
        { "unix://", ENDPOINT_UNIX },   { "unixgram://", ENDPOINT_UNIXGRAM },
        { "journald://", ENDPOINT_JOURNAL },
};

bool endpoint_is_stream(const struct endpoint *ep)
{
        return ep->kind == ENDPOINT_TCP || ep->kind == ENDPOINT_UNIX;
}

static bool is_unix(const struct endpoint *ep)
{
        return ep->kind == ENDPOINT_UNIX || ep->kind == ENDPOINT_UNIXGRAM;
}

/* --- text ---------------------------------------------------------------------------------------- */

static bool parse_port(const char *text, in_port_t *ret)
{
        char *end;
        unsigned long port = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || *end || port > PORT_MAX)
                return false;
        *ret = htons((in_port_t)port);
        return true;
}

/* host: what stands before the last colon. */
static bool parse_host(const char *host, size_t n, in_port_t port, struct endpoint *ret)
{
        char name[INET6_ADDRSTRLEN];
        bool bracketed = n >= 2 && host[0] == '[' && host[n - 1] == ']';

        if (bracketed) {
                host++;
                n -= 2;
        }
        if (n >= sizeof(name))
                return false;
        memcpy(name, host, n);
        name[n] = '\0';
        if (bracketed || n == 0) {
                ret->addr.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
                ret->addr_len = sizeof(ret->addr.v6);
                return !bracketed || inet_pton(AF_INET6, name, &ret->addr.v6.sin6_addr) == 1;
        }
        ret->addr.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
        ret->addr_len = sizeof(ret->addr.v4);
        return inet_pton(AF_INET, strcmp(name, "localhost") == 0 ? "127.0.0.1" : name, &ret->addr.v4.sin_addr) == 1;
}

static bool parse_inet(const char *text, struct endpoint *ret)
{
        const char *colon = strrchr(text, ':');
        in_port_t port;

        return colon && parse_port(colon + 1, &port) && parse_host(text, (size_t)(colon - text), port, ret);
}

static bool parse_path(const char *text, struct endpoint *ret)
{
        size_t n = strlen(text);

        if (text[0] != '/' || n >= sizeof(ret->addr.un.sun_path))
                return false;
        ret->addr.un = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(ret->addr.un.sun_path, text, n + 1);
        ret->addr_len = sizeof(ret->addr.un);
        return true;
}

/* How the path is used is not for here: it may be longer than a socket's. */
static bool parse_dir(const char *text)
{
        return *text == '\0' || *text == '/';
}

const char *endpoint_path(const char *text)
{
        const char *at = strstr(text, "://");

        return at ? at + strlen("://") : text;
}

int endpoint_parse(const char *text, struct endpoint *ret, struct err *e)
{
        struct endpoint ep = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
                size_t n = strlen(schemes[i].scheme);
                if (strncmp(text, schemes[i].scheme, n) != 0)
                        continue;
                ep.kind = schemes[i].kind;
                bool ok = ep.kind == ENDPOINT_STDIN     ? text[n] == '\0'
                          : ep.kind == ENDPOINT_JOURNAL ? parse_dir(text + n)
                          : is_unix(&ep)                ? parse_path(text + n, &ep)
                                                        : parse_inet(text + n, &ep);
                if (!ok)
                        break;
                *ret = ep;
                return 0;
        }
        return err_set(e, EINVAL,
                       "\"%s\": not an address to listen on; write \"tcp://127.0.0.1:5514\", \"udp://:5514\", "
                       "\"unix:///run/sluice.sock\" (at most %zu bytes of path), \"unixgram:///run/sluice.sock\", "
                       "\"journald://\" or \"stdin://\"",
                       text, sizeof(ret->addr.un.sun_path) - 1);
}

/* --- sockets --------------------------------------------------------------------------------------- */

/* Somebody listens there? Only asked when bind found the name taken. */
static bool is_stale(const struct endpoint *ep, int type, struct err *e)
{
        const char *path = ep->addr.un.sun_path;
        struct stat st;

        if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
                err_set(e, EEXIST, "%s is there and is no socket: name another path, or remove it", path);
                return false;
        }
        int fd = socket(AF_UNIX, type, 0);
        bool refused = fd >= 0 && connect(fd, &ep->addr.any, ep->addr_len) < 0 && errno == ECONNREFUSED;
        if (fd >= 0)
                close(fd);
        if (!refused)
                err_set(e, EADDRINUSE, "%s: another process listens there; stop it, or name another path", path);
        return refused;
}

/* The file is never more open than asked for: bind takes the descriptor's mode, less the umask. */
static int bind_unix(const struct endpoint *ep, int fd, int type, unsigned mode, struct err *e)
{
        const char *path = ep->addr.un.sun_path;

        if (fchmod(fd, (mode_t)mode) < 0)
                return err_set(e, errno, "%s: %s", path, strerror(errno));
        int r = bind(fd, &ep->addr.any, ep->addr_len);
        if (r < 0 && errno == EADDRINUSE) {
                if (!is_stale(ep, type, e))
                        return -e->code;
                unlink(path);
                r = bind(fd, &ep->addr.any, ep->addr_len);
        }
        if (r < 0)
                return err_set(e, errno, "%s: %s", path, strerror(errno));
        return chmod(path, (mode_t)mode) < 0 ? err_set(e, errno, "%s: %s", path, strerror(errno)) : 0;
}

static int refuse_inet(int error, struct err *e)
{
        switch (error) {
        case EADDRINUSE:
                return err_set(e, error, "the port is in use by another process; stop it, or take another port");
        case EACCES:
                return err_set(e, error, "a port below 1024 is for root or CAP_NET_BIND_SERVICE; take a higher one");
        case EADDRNOTAVAIL:
                return err_set(e, error, "this machine has no such address");
        default:
                return err_set(e, error, "%s", strerror(error));
        }
}

static int bind_inet(const struct endpoint *ep, int fd, struct err *e)
{
        int yes = 1, no = 0;

        if (ep->kind == ENDPOINT_TCP)   /* not for UDP, where a second process would take the datagrams away */
                (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        if (ep->addr.any.sa_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
        return bind(fd, &ep->addr.any, ep->addr_len) < 0 ? refuse_inet(errno, e) : 0;
}

static void ready_for_datagrams(int fd)
{
        int yes = 1, size = DATAGRAM_BUFFER;

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof(yes));
}

static int open_socket(const struct endpoint *ep, unsigned mode, struct err *e)
{
        int type = endpoint_is_stream(ep) ? SOCK_STREAM : SOCK_DGRAM;
        int fd = socket(ep->addr.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return err_set(e, errno, "%s", strerror(errno));
        int r = is_unix(ep) ? bind_unix(ep, fd, type, mode, e) : bind_inet(ep, fd, e);
        if (r == 0 && type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
                r = refuse_inet(errno, e);      /* two binds to one port may only clash here */
        if (r < 0) {
                close(fd);
                return r;
        }
        if (type == SOCK_DGRAM)
                ready_for_datagrams(fd);
        return fd;
}

int endpoint_open(const struct endpoint *ep, unsigned mode, struct err *e)
{
        if (ep->kind == ENDPOINT_STDIN) {
                struct stat st;
                return fstat(STDIN_FILENO, &st) == 0 ? STDIN_FILENO : err_set(e, errno, "stdin is closed");
        }
        int fd = open_socket(ep, mode, e);
        if (fd == -EAFNOSUPPORT && ep->addr.any.sa_family == AF_INET6 &&
            IN6_IS_ADDR_UNSPECIFIED(&ep->addr.v6.sin6_addr)) {
                struct endpoint v4 = *ep;       /* a kernel without IPv6: all addresses are those of IPv4 */
                v4.addr.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = ep->addr.v6.sin6_port };
                v4.addr_len = sizeof(v4.addr.v4);
                fd = open_socket(&v4, mode, e);
        }
        return fd;
}

void endpoint_close(const struct endpoint *ep, int fd)
{
        if (fd < 0 || ep->kind == ENDPOINT_STDIN || ep->kind == ENDPOINT_JOURNAL)
                return;
        if (is_unix(ep))
                unlink(ep->addr.un.sun_path);
        close(fd);
}

/* --- names ----------------------------------------------------------------------------------------- */

size_t endpoint_sender(const struct sockaddr_storage *from, char ret[ENTRY_SENDER_MAX + 1])
{
        char ip[INET6_ADDRSTRLEN];
        int n = 0;

        if (from->ss_family == AF_INET) {
                const struct sockaddr_in *a = (const void *)from;
                inet_ntop(AF_INET, &a->sin_addr, ip, sizeof(ip));
                n = snprintf(ret, ENTRY_SENDER_MAX + 1, "%s:%u", ip, ntohs(a->sin_port));
        } else if (from->ss_family == AF_INET6) {
                const struct sockaddr_in6 *a = (const void *)from;
                bool mapped = IN6_IS_ADDR_V4MAPPED(&a->sin6_addr);
                if (mapped)
                        inet_ntop(AF_INET, &a->sin6_addr.s6_addr[12], ip, sizeof(ip));
                else
                        inet_ntop(AF_INET6, &a->sin6_addr, ip, sizeof(ip));
                n = snprintf(ret, ENTRY_SENDER_MAX + 1, mapped ? "%s:%u" : "[%s]:%u", ip, ntohs(a->sin6_port));
        }
        ret[n] = '\0';
        return (size_t)n;
}

void endpoint_bound(const struct endpoint *ep, int fd, char *ret, size_t size)
{
        struct sockaddr_storage ss = { 0 };
        socklen_t len = sizeof(ss);
        char address[ENTRY_SENDER_MAX + 1];

        if (ep->kind == ENDPOINT_STDIN)
                snprintf(ret, size, "stdin://");
        else if (is_unix(ep))
                snprintf(ret, size, "%s%s", schemes[ep->kind].scheme, ep->addr.un.sun_path);
        else {
                (void)getsockname(fd, (struct sockaddr *)&ss, &len);
                endpoint_sender(&ss, address);
                snprintf(ret, size, "%s%s", schemes[ep->kind].scheme, address);
        }
}
