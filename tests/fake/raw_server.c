/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

enum { MAX_KEPT = 256 };

struct raw_server {
        pthread_t thread;
        int listener, kept[MAX_KEPT];
        size_t nkept;
        void *reply; /* owned; NULL: never a word */
        size_t len;
        char address[32];
};

/* What was said is read before the end, or the end would be a reset. */
static void answer(struct raw_server *s, int fd)
{
        char heard[4096];

        if (!s->reply) {
                CHECK(s->nkept < MAX_KEPT);
                s->kept[s->nkept++] = fd;
                return;
        }
        if (recv(fd, heard, sizeof(heard), 0) > 0 && send(fd, s->reply, s->len, MSG_NOSIGNAL) > 0) {
                shutdown(fd, SHUT_WR);
                while (recv(fd, heard, sizeof(heard), 0) > 0)
                        ;
        }
        close(fd);
}

static void *serve(void *arg)
{
        struct raw_server *s = arg;

        for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0;) {
                /* Somebody who says nothing must not keep the next one waiting for ever. */
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 1 },
                           sizeof(struct timeval));
                answer(s, fd);
        }
        return NULL;
}

struct raw_server *raw_server_new(const void *reply, size_t len)
{
        struct raw_server *s = xcalloc(1, sizeof(*s));
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(at);

        if (reply) {
                s->reply = xcalloc(1, len);
                memcpy(s->reply, reply, len);
                s->len = len;
        }
        s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(s->listener >= 0);
        bool up = bind(s->listener, (struct sockaddr *)&at, size) == 0 && listen(s->listener, 16) == 0 &&
                  getsockname(s->listener, (struct sockaddr *)&at, &size) == 0;
        CHECK(up);
        snprintf(s->address, sizeof(s->address), "127.0.0.1:%d", ntohs(at.sin_port));
        int r = pthread_create(&s->thread, NULL, serve, s);
        CHECK(r == 0);
        return s;
}

void raw_server_free(struct raw_server *s)
{
        if (!s)
                return;
        shutdown(s->listener, SHUT_RDWR); /* accept returns */
        pthread_join(s->thread, NULL);
        close(s->listener);
        for (size_t i = 0; i < s->nkept; i++)
                close(s->kept[i]);
        free(s->reply);
        free(s);
}

const char *raw_server_address(const struct raw_server *s)
{
        return s->address;
}
