/* SPDX-License-Identifier: Apache-2.0 */
/* null-bulk: an Elasticsearch that stores nothing: takes every document of a _bulk and says so, one status for each.
 *
 *      POST .../_bulk      {"errors":false,"items":[{"create":{"status":201}},...]}, as many as the body has documents
 *      GET  /count         how many there were since the start, and bytes as sent and as unpacked
 *      anything else       {"version":{"number":"8.18.4"}}
 *
 * --stamps FILE: for each document with n=WRITER-NUMBER in it, one line "NUMBER NANOSECONDS" of the wall clock when its
 * bulk was complete.  One thread, poll, bodies gzip or plain, by Content-Length or chunked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libdeflate.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CLIENTS = 256, READ_BYTES = 1 << 18 };

struct client {
        struct buf in;
        bool continued;         /* 100 Continue was sent for the request at hand */
};

static struct client clients[CLIENTS];
static struct pollfd fds[CLIENTS + 1];
static size_t nclients;
static unsigned long long documents, sent_bytes, raw_bytes, requests;
static struct libdeflate_decompressor *gzip;
static FILE *stamps;

static void die(const char *what)
{
        fprintf(stderr, "null-bulk: %s\n", what);
        exit(1);
}

/* --- a bulk ------------------------------------------------------------------------------------ */

static void stamp(const char *p, size_t n)
{
        const char *tag = memmem(p, n, "n=", 2), *dash = tag ? memchr(tag, '-', n - (size_t)(tag - p)) : NULL;
        struct timespec now;

        if (!dash)
                return;
        clock_gettime(CLOCK_REALTIME, &now);
        fprintf(stamps, "%llu %lld\n", strtoull(dash + 1, NULL, 10), (long long)now.tv_sec * 1000000000 + now.tv_nsec);
}

static size_t count_documents(const char *p, size_t n)
{
        size_t lines = 0;

        for (const char *lf, *end = p + n; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1)
                if (lines++ % 2 == 1 && stamps)
                        stamp(p, (size_t)(lf - p));
        return lines / 2;
}

static size_t unpack_and_count(const char *body, size_t n)
{
        static struct buf raw;
        size_t got = n;
        unsigned char size[4];

        if (n < 18 || memcmp(body, "\x1f\x8b", 2) != 0) {
                raw_bytes += n;
                return count_documents(body, n);
        }
        memcpy(size, body + n - 4, 4);
        size_t room = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
        buf_reset(&raw);
        if (libdeflate_gzip_decompress(gzip, body, n, buf_reserve(&raw, room + 1), room, &got) != LIBDEFLATE_SUCCESS)
                die("a body that is no gzip");
        raw_bytes += got;
        return count_documents(raw.data, got);
}

static void answer(int fd, const struct buf *body)
{
        static struct buf out;

        buf_reset(&out);
        buf_printf(&out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body->len);
        buf_put(&out, body->data, body->len);
        for (size_t done = 0; done < out.len;) {
                ssize_t n = send(fd, out.data + done, out.len - done, MSG_NOSIGNAL);
                if (n < 0 && errno != EINTR)
                        return; /* the reading side finds out */
                done += n > 0 ? (size_t)n : 0;
        }
}

static void take_bulk(int fd, const char *body, size_t n)
{
        static struct buf text;
        size_t docs = unpack_and_count(body, n);

        requests++;
        sent_bytes += n;
        documents += docs;
        buf_reset(&text);
        buf_puts(&text, "{\"errors\":false,\"items\":[");
        for (size_t i = 0; i < docs; i++)
                buf_puts(&text, &",{\"create\":{\"status\":201}}"[i == 0]);
        buf_puts(&text, "]}");
        answer(fd, &text);
}

static void take_request(int fd, const char *line, const char *body, size_t n)
{
        static struct buf text;
        size_t len = strcspn(line, "\r");

        if (strncmp(line, "POST ", 5) == 0 && memmem(line, len, "/_bulk", 6)) {
                take_bulk(fd, body, n);
                return;
        }
        buf_reset(&text);
        if (strncmp(line, "GET /count", 10) == 0)
                buf_printf(&text, "{\"documents\":%llu,\"requests\":%llu,\"sent_bytes\":%llu,\"raw_bytes\":%llu}", documents,
                           requests, sent_bytes, raw_bytes);
        else
                buf_puts(&text, "{\"version\":{\"number\":\"8.18.4\"}}");
        if (stamps)
                fflush(stamps);
        answer(fd, &text);
}

/* --- requests ---------------------------------------------------------------------------------- */

static const char *header(const char *head, const char *name)
{
        for (const char *p = strstr(head, "\r\n"); p && p[2] != '\r'; p = strstr(p + 2, "\r\n"))
                if (strncasecmp(p + 2, name, strlen(name)) == 0)
                        return p + 2 + strlen(name) + strspn(p + 2 + strlen(name), " ");
        return NULL;
}

/* Undoes the chunks at p in place. False: not all is there; else what it took and what it gave. */
static bool unchunk(char *p, const char *end, size_t *ret_took, size_t *ret_len)
{
        char *from = p, *to = p;

        for (;;) {
                char *lf = memchr(from, '\n', (size_t)(end - from));
                size_t n = lf ? strtoul(from, NULL, 16) : 0;
                if (!lf || (size_t)(end - lf - 1) < n + 2)
                        return false;
                if (n == 0) {
                        *ret_took = (size_t)(lf + 3 - p);
                        *ret_len = (size_t)(to - p);
                        return true;
                }
                memmove(to, lf + 1, n);
                to += n;
                from = lf + 1 + n + 2;
        }
}

/* One request off the front of what came; false: not whole yet. */
static bool next_request(int fd, struct client *c)
{
        char *text = (char *)(uintptr_t)buf_cstr(&c->in);
        char *blank = strstr(text, "\r\n\r\n");

        if (!blank)
                return false;
        char *body = blank + 4, *end = text + c->in.len;
        const char *length = header(text, "Content-Length:"), *coding = header(text, "Transfer-Encoding:");
        size_t n = length ? strtoul(length, NULL, 10) : 0, took = n;
        if (header(text, "Expect:") && !c->continued) {
                c->continued = true;
                (void)!send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        }
        if (coding ? (end[-1] != '\n' || !unchunk(body, end, &took, &n)) : (size_t)(end - body) < n)
                return false;
        take_request(fd, text, body, n);
        c->continued = false;
        c->in.len -= (size_t)(body + took - text);
        memmove(text, body + took, c->in.len);
        return true;
}

static void drop_client(size_t i)
{
        close(fds[i].fd);
        buf_fini(&clients[i].in);
        nclients--;
        fds[i] = fds[nclients];
        clients[i] = clients[nclients];
        clients[nclients] = (struct client){ 0 };
}

static void serve(size_t i)
{
        struct client *c = &clients[i];
        ssize_t n = recv(fds[i].fd, buf_reserve(&c->in, READ_BYTES), READ_BYTES, 0);

        if (n <= 0) {
                drop_client(i);
                return;
        }
        c->in.len += (size_t)n;
        while (next_request(fds[i].fd, c))
                ;
}

static void take_client(int listener)
{
        int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0 || nclients == CLIENTS)
                return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        fds[nclients++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static int listen_on(uint16_t port)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
                die(strerror(errno));
        return fd;
}

int main(int argc, char **argv)
{
        if (argc < 2 || (argc > 2 && (argc != 4 || strcmp(argv[2], "--stamps") != 0))) {
                fprintf(stderr, "usage: null-bulk PORT [--stamps FILE]\n");
                return 64;
        }
        if (argc == 4 && !(stamps = fopen(argv[3], "w")))
                die(strerror(errno));
        gzip = libdeflate_alloc_decompressor();
        int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
        for (;;) {
                fds[nclients] = (struct pollfd){ .fd = listener, .events = POLLIN };
                if (poll(fds, nclients + 1, -1) < 0)
                        die(strerror(errno));
                bool knocks = fds[nclients].revents;
                for (size_t i = nclients; i-- > 0;)
                        if (fds[i].revents)
                                serve(i);
                if (knocks)
                        take_client(listener);
        }
}
