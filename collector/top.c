/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sinks/http_get.h"

enum { PERIOD_MS = 1000, ANSWER_MS = 2000, WIDTH = 120, HEIGHT = 1 << 20 };

struct top {
        char *url;                      /* owned */
        struct buf now, before;         /* answers; len 0: none */
        int64_t now_ms, before_ms;      /* when they came */
        struct err fault;               /* code 0: the last question was answered */
};

static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
        if (signo != SIGWINCH)          /* that one only ends the wait */
                stopped = 1;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int64_t mono_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

static void ask(struct top *t)
{
        struct buf answer = { 0 };
        unsigned status = 0;

        t->fault.code = 0;
        int r = http_get(t->url, ANSWER_MS, &answer, &status, &t->fault);
        if (r == 0 && status != 200)
                err_set(&t->fault, EPROTO, "%s answers %u", t->url, status);
        if (t->fault.code) {
                buf_fini(&answer);
                return;
        }
        buf_fini(&t->before);
        t->before = t->now;
        t->before_ms = t->now_ms;
        t->now = answer;
        t->now_ms = mono_ms();
}

static void draw(struct top *t, int width, int height, bool terminal)
{
        struct buf out = { 0 };
        const struct top_look look = { .url = t->url,
                                       .now = t->now.len > 0 ? buf_cstr(&t->now) : NULL,
                                       .before = t->before.len > 0 ? buf_cstr(&t->before) : NULL,
                                       .seconds = (double)(t->now_ms - t->before_ms) / 1000,
                                       .fault = t->fault.code ? t->fault.msg : NULL,
                                       .width = width,
                                       .height = height,
                                       .colour = terminal };

        if (terminal)
                buf_puts(&out, "\x1b[H");
        top_frame(&look, &out);
        if (terminal)
                buf_puts(&out, "\x1b[J");
        fwrite(out.data, 1, out.len, stdout);
        fflush(stdout);
        buf_fini(&out);
}

/* --- on a terminal ---------------------------------------------------------------------------- */

/* q is to be heard at once and not shown.  False: standard input is no terminal, then Ctrl-C is left. */
static bool listen_to_keys(struct termios *ret_before)
{
        struct termios raw;

        if (tcgetattr(STDIN_FILENO, ret_before) < 0)
                return false;
        raw = *ret_before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void wait_for_key(bool keys, int64_t wait_ms)
{
        struct pollfd in = { .fd = keys ? STDIN_FILENO : -1, .events = POLLIN };
        char key;

        if (poll(&in, 1, (int)wait_ms) <= 0)
                return;
        ssize_t n = read(STDIN_FILENO, &key, 1);
        if (n == 0 || (n == 1 && (key == 'q' || key == 'Q')))
                stopped = 1;
}

static void draw_to_size(struct top *t)
{
        struct winsize size = { 0 };

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
                size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
        draw(t, size.ws_col, size.ws_row, true);
}

static void watch(struct top *t)
{
        struct sigaction act = { .sa_handler = on_signal };
        struct termios before;
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };

        for (size_t i = 0; i < ARRAY_LEN(signals); i++)
                sigaction(signals[i], &act, NULL);
        bool keys = listen_to_keys(&before);
        fputs("\x1b[?1049h\x1b[?25l\x1b[2J", stdout);   /* the alternate screen, no cursor */
        while (!stopped && !ferror(stdout)) {
                ask(t);
                int64_t next_ms = mono_ms() + PERIOD_MS;
                for (int64_t left = PERIOD_MS; !stopped && left > 0; left = next_ms - mono_ms()) {
                        draw_to_size(t);        /* again when the window has changed */
                        wait_for_key(keys, left);
                }
        }
        fputs("\x1b[?25h\x1b[?1049l", stdout);
        fflush(stdout);
        if (keys)
                tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* --- elsewhere -------------------------------------------------------------------------------- */

static int print_one(struct top *t)
{
        ask(t);
        if (t->fault.code == 0) {
                nanosleep(&(struct timespec){ .tv_sec = PERIOD_MS / 1000 }, NULL);      /* for the rates */
                ask(t);
        }
        if (t->fault.code) {
                fprintf(stderr, "sluice-collector: %s\n", t->fault.msg);
                return EX_UNAVAILABLE;
        }
        draw(t, WIDTH, HEIGHT, false);
        return EX_OK;
}

/* "HOST:PORT", "http://HOST:PORT", "http://HOST:PORT/status" are one. */
static char *url_of(const char *arg)
{
        const char *scheme = strstr(arg, "://") ? "" : "http://";
        const char *host = strstr(arg, "://") ? strstr(arg, "://") + 3 : arg, *slash = strchr(host, '/');

        return xasprintf("%s%s%s", scheme, arg, !slash ? "/status" : slash[1] ? "" : "status");
}

int top_main(const struct collector_config *c, const char *const *args, size_t n)
{
        struct top t = { 0 };
        struct err e = { 0 };
        int code = EX_OK;

        if (n > 1) {
                fputs("sluice-collector: top: takes one address, as in: sluice-collector top http://127.0.0.1:9601\n", stderr);
                return EX_USAGE;
        }
        t.url = n == 1 ? url_of(args[0]) : health_url(c->life.http, "/status", &e);
        if (!t.url) {
                fprintf(stderr, "sluice-collector: %s\n", e.msg);
                return EX_CONFIG;
        }
        if (isatty(STDOUT_FILENO) && !c->life.once)
                watch(&t);
        else
                code = print_one(&t);
        buf_fini(&t.now);
        buf_fini(&t.before);
        free(t.url);
        return code;
}
