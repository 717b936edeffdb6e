/* SPDX-License-Identifier: Apache-2.0 */
#include "status/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void send_state(const char *state)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un to = { .sun_family = AF_UNIX };

        if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
                return;
        memcpy(to.sun_path, path, strlen(path));
        if (path[0] == '@')             /* abstract namespace, unix(7) */
                to.sun_path[0] = '\0';
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return;
        /* Nobody there, or its queue full: the next message says it again. */
        (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
        close(fd);
}

void notify_ready(void)
{
        send_state("READY=1");
}

void notify_stopping(void)
{
        send_state("STOPPING=1");
}

/* sd_notify(3): MONOTONIC_USEC is what Type=notify-reload asks for. */
void notify_reloading(void)
{
        struct timespec now;
        char text[64];

        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
                 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        send_state(text);
}

void notify_watchdog(void)
{
        send_state("WATCHDOG=1");
}

void notify_status(const char *fmt, ...)
{
        static char last[512];
        char text[512];
        va_list ap;

        va_start(ap, fmt);
        size_t n = (size_t)snprintf(text, sizeof(text), "STATUS=");
        vsnprintf(text + n, sizeof(text) - n, fmt, ap);
        va_end(ap);
        if (strcmp(text, last) == 0)
                return;
        memcpy(last, text, sizeof(last));
        send_state(text);
}
