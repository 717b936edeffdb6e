/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "status/notify.h"

/* A service manager's end of the socket, on an abstract name. */
static int listen_as_manager(void)
{
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "sluice-test-%ld", (long)getpid());
        char name[64];

        assert_int_equal(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)), 0);
        snprintf(name, sizeof(name), "@sluice-test-%ld", (long)getpid());
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

static const char *received(int fd)
{
        static char text[600];
        ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

static void the_manager_is_told_what_sd_notify_would_tell(void **state)
{
        int fd = listen_as_manager();

        (void)state;
        notify_ready();
        assert_string_equal(received(fd), "READY=1");
        notify_watchdog();
        assert_string_equal(received(fd), "WATCHDOG=1");
        notify_reloading();
        assert_int_equal(strncmp(received(fd), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
        notify_stopping();
        assert_string_equal(received(fd), "STOPPING=1");
        close(fd);
}

static void a_status_is_sent_when_it_changes(void **state)
{
        int fd = listen_as_manager();

        (void)state;
        notify_status("%d lines", 1);
        assert_string_equal(received(fd), "STATUS=1 lines");
        notify_status("%d lines", 1);
        assert_string_equal(received(fd), "");
        notify_status("%d lines", 2);
        assert_string_equal(received(fd), "STATUS=2 lines");
        close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
        (void)state;
        unsetenv("NOTIFY_SOCKET");
        notify_ready();
        setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
        notify_ready();
        setenv("NOTIFY_SOCKET", "relative", 1);
        notify_ready();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_manager_is_told_what_sd_notify_would_tell),
                cmocka_unit_test(a_status_is_sent_when_it_changes),
                cmocka_unit_test(without_a_manager_nothing_happens),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
