/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners on real sockets, into real rings; nobody tails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "shipper/entry.h"
#include "shipper/listen.h"
#include "tests/fake/tmpdir.h"

enum { MAX_LINE = 1024, RING = 1 << 20, TURNS = 4000 };

struct rig {
        char *tmp, *ring, *path;
        struct clock_fake clock;
        struct loop *loop;
        struct shipper_stats stats;
        struct listen_shared shared;
        struct input_config input;
        struct listener *listener;
        char mode[8], address[200];
        unsigned written;
};

static void written(void *arg, const char *path)
{
        struct rig *r = arg;
        assert_int_equal(access(path, F_OK), 0);
        r->written++;
}

static int setup(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));
        struct err e;

        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        r->tmp = tmpdir_new();
        r->ring = tmpdir_path(r->tmp, "ring/x");
        r->path = tmpdir_path(r->tmp, "sock");
        clock_fake_init(&r->clock);
        r->clock.wall = INT64_C(1764000000123000000);
        r->loop = loop_new(&r->clock.clock, &e);
        r->shared = (struct listen_shared){ .loop = r->loop, .stats = &r->stats, .held_max = 16 * MAX_LINE,
                                            .written = written, .arg = r };
        snprintf(r->mode, sizeof(r->mode), "0620");
        r->input = (struct input_config){ .listen = r->address, .ring_size = RING, .max_connections = 4,
                                          .socket_mode = r->mode };
        *state = r;
        return 0;
}

static int teardown(void **state)
{
        struct rig *r = *state;

        listener_free(r->listener);
        assert_int_equal(r->shared.held, 0);
        assert_int_equal(stat_get(&r->stats.ring_bytes), 0);
        assert_int_equal(stat_get(&r->stats.connections), 0);
        loop_free(r->loop);
        tmpdir_free(r->tmp);
        free(r->ring);
        free(r->path);
        free(r);
        return 0;
}

static struct listener *try_open(struct rig *r, struct err *e)
{
        return listener_new(&(struct listen_parts){ .shared = &r->shared, .dir = r->ring, .max_line_bytes = MAX_LINE },
                            &r->input, e);
}

/* address: with %s for the path of the socket. */
static void open_at(struct rig *r, const char *scheme, const char *address)
{
        struct err e = { 0 };

        snprintf(r->address, sizeof(r->address), "%s%s", scheme, address);
        r->listener = try_open(r, &e);
        if (!r->listener)
                fail_msg("%s", e.msg);
}

static int dial_inet(const struct rig *r, int type)
{
        const char *name = listener_view(r->listener).name;
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)atoi(strrchr(name, ':') + 1)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

static int dial_unix(const struct rig *r, int type)
{
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        snprintf(to.sun_path, sizeof(to.sun_path), "%s", r->path);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

static void say(int fd, const char *text)
{
        assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* Turns until the counter stands there. */
static void wait_for(struct rig *r, struct stat_value *counter, int64_t want)
{
        for (int i = 0; i < TURNS && stat_get(counter) != want; i++)
                loop_turn(r->loop, 1);
        assert_int_equal(stat_get(counter), want);
}

/* "text|text|" of all entries in the ring, with '!' behind one that was cut; the last one's sender. */
static char *entries(const struct rig *r, char *ret_sender)
{
        char *pattern = tmpdir_path(r->ring, "*.log");
        struct buf out = { 0 }, scratch = { 0 };
        glob_t g;

        if (glob(pattern, 0, NULL, &g) == 0) {
                for (size_t i = 0; i < g.gl_pathc; i++) {
                        char *text = file_read(g.gl_pathv[i], NULL), *line = text;
                        for (char *lf; (lf = strchr(line, '\n')) != NULL; line = lf + 1) {
                                struct entry e;
                                assert_true(entry_parse(line, (size_t)(lf - line), &scratch, &e));
                                assert_int_equal(e.received_ms, 1764000000123);
                                buf_put(&out, e.text, e.len);
                                buf_puts(&out, e.cut ? "!|" : "|");
                                if (ret_sender)
                                        snprintf(ret_sender, ENTRY_SENDER_MAX, "%.*s", (int)e.sender_len,
                                                 e.sender ? e.sender : "");
                        }
                        free(text);
                }
                globfree(&g);
        }
        free(pattern);
        buf_fini(&scratch);
        char *all = xstrdup(buf_cstr(&out));
        buf_fini(&out);
        return all;
}

static void assert_entries(const struct rig *r, const char *want)
{
        char *got = entries(r, NULL);
        assert_string_equal(got, want);
        free(got);
}

static void tcp_lines_and_counted_octets_reach_the_ring_with_their_sender(void **state)
{
        struct rig *r = *state;
        char sender[ENTRY_SENDER_MAX] = "";

        open_at(r, "tcp://", "127.0.0.1:0");
        int fd = dial_inet(r, SOCK_STREAM);
        say(fd, "one\ntwo\r\n\n10 <13>a\nb\nc\n<13>li");
        wait_for(r, &r->stats.records_received, 3);
        say(fd, "ne\nthe end");
        close(fd);
        wait_for(r, &r->stats.connections_accepted, 1);
        wait_for(r, &r->stats.records_received, 5);
        char *got = entries(r, sender);
        assert_string_equal(got, "one|two|<13>a\nb\nc|<13>line|the end|");
        free(got);
        assert_int_equal(strncmp(sender, "127.0.0.1:", 10), 0);
        assert_int_equal(stat_get(&r->stats.connections), 0);
        assert_int_equal(stat_get(&r->stats.received_bytes), 39);
        assert_true(r->written >= 2);
}

/* The bytes on the disk, whatever an entry looks like. */
static bool ring_has(const struct rig *r, const char *part)
{
        char *pattern = tmpdir_path(r->ring, "*");
        bool found = false;
        glob_t g;

        if (glob(pattern, 0, NULL, &g) == 0) {
                for (size_t i = 0; i < g.gl_pathc; i++) {
                        size_t len;
                        char *bytes = file_read(g.gl_pathv[i], &len);
                        found |= memmem(bytes, len, part, strlen(part)) != NULL;
                        free(bytes);
                }
                globfree(&g);
        }
        free(pattern);
        return found;
}

static void what_is_redacted_never_reaches_the_disk(void **state)
{
        char *what[] = { (char *)"card", (char *)"bearer", (char *)"email", (char *)"^key (\\w+)" };
        struct rig *r = *state;

        r->input.redact.what = (struct strlist){ what, 4 };
        r->input.parse.how = PARSE_SYSLOG;
        open_at(r, "tcp://", "127.0.0.1:0");
        int fd = dial_inet(r, SOCK_STREAM);
        say(fd, "paid by 4111 1111 1111 1111\n<13>1 2026-11-24T02:08:15Z web su - - [x mail=\"bob@example.com\"] key s3cret\n"
                "<13>Nov 24 02:08:15 web su: {\"a\":\"al\\u0040example.com\",\"n\":5555555555554444}\nBearer abc.def.ghi0\n");
        wait_for(r, &r->stats.records_received, 4);
        assert_entries(r, "paid by [redacted]|<13>1 2026-11-24T02:08:15Z web su - - [x mail=\"[redacted]\"] key [redacted]|"
                          "<13>Nov 24 02:08:15 web su: {\"a\":\"[redacted]\",\"n\":null}|Bearer [redacted]|");
        assert_false(ring_has(r, "4111") || ring_has(r, "s3cret") || ring_has(r, "example.com") || ring_has(r, "5555") ||
                     ring_has(r, "abc.def"));
        assert_true(ring_has(r, "[redacted]"));
        assert_int_equal(stat_get(&r->stats.redacted), 6);
        close(fd);

        /* a reload that asks for less */
        r->input.redact.what.n = 0;
        listener_configure(r->listener, &r->input);
        fd = dial_inet(r, SOCK_STREAM);
        say(fd, "4111111111111111\n");
        wait_for(r, &r->stats.records_received, 5);
        assert_true(ring_has(r, "4111111111111111"));
        close(fd);
}

static void udp_takes_a_datagram_for_a_record(void **state)
{
        struct rig *r = *state;
        char sender[ENTRY_SENDER_MAX] = "";

        open_at(r, "udp://", "127.0.0.1:0");
        int fd = dial_inet(r, SOCK_DGRAM);
        say(fd, "<13>one\n");
        say(fd, "two\nlines");
        say(fd, "\n");                  /* says nothing */
        wait_for(r, &r->stats.records_received, 2);
        char *got = entries(r, sender);
        assert_string_equal(got, "<13>one|two\nlines|");
        free(got);
        assert_int_equal(strncmp(sender, "127.0.0.1:", 10), 0);
        close(fd);
}

static void unix_sockets_have_the_mode_that_was_asked_for_and_go_with_their_listener(void **state)
{
        struct rig *r = *state;
        struct stat st;

        open_at(r, "unix://", r->path);
        assert_int_equal(stat(r->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0620);
        int fd = dial_unix(r, SOCK_STREAM);
        say(fd, "over unix\n");
        wait_for(r, &r->stats.records_received, 1);
        close(fd);
        listener_free(r->listener);
        assert_int_equal(stat(r->path, &st), -1);

        open_at(r, "unixgram://", r->path);
        assert_int_equal(stat(r->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0620);
        fd = dial_unix(r, SOCK_DGRAM);
        say(fd, "a datagram");
        wait_for(r, &r->stats.records_received, 2);
        assert_entries(r, "over unix|a datagram|");
        close(fd);
}

static void a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not(void **state)
{
        struct rig *r = *state;
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        struct err e = { 0 };

        snprintf(at.sun_path, sizeof(at.sun_path), "%s", r->path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        assert_int_equal(listen(fd, 1), 0);
        snprintf(r->address, sizeof(r->address), "unix://%s", r->path);
        assert_null(try_open(r, &e));
        assert_int_equal(e.code, EADDRINUSE);
        assert_non_null(strstr(e.msg, "another process listens there"));
        assert_non_null(strstr(e.msg, r->path));

        close(fd);                      /* as a process leaves it that was killed */
        r->listener = try_open(r, &e);
        assert_non_null(r->listener);
        listener_free(r->listener);

        file_write(r->path, "precious");
        r->listener = try_open(r, &e);
        assert_null(r->listener);
        assert_non_null(strstr(e.msg, "is no socket"));
        assert_int_equal(access(r->path, F_OK), 0);
}

static void a_port_in_use_is_an_error_that_says_so(void **state)
{
        struct rig *r = *state;
        static const char *const schemes[] = { "tcp://", "udp://" };

        for (size_t i = 0; i < 2; i++) {
                struct err e = { 0 };
                open_at(r, schemes[i], "127.0.0.1:0");
                struct listener *first = r->listener;
                snprintf(r->address, sizeof(r->address), "%s", listener_view(first).name);
                assert_null(try_open(r, &e));
                assert_int_equal(e.code, EADDRINUSE);
                char *want = xasprintf("listen %s: the port is in use by another process", r->address);
                assert_non_null(strstr(e.msg, want));
                free(want);
                listener_free(first);
                r->listener = NULL;
        }
}

static void an_address_that_is_none_is_quoted(void **state)
{
        static const char *const bad[] = { "", "tcp:", "tcp://", "tcp://host", "tcp://127.0.0.1:x", "tcp://127.0.0.1:65536",
                                           "tcp://1.2.3:5", "udp://[::1:5", "unix://relative", "unix://", "stdin://x", "http://x",
                                           "tcp://some.name:5" };
        struct rig *r = *state;

        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err e = { 0 };
                snprintf(r->address, sizeof(r->address), "%s", bad[i]);
                assert_null(try_open(r, &e));
                assert_int_equal(e.code, EINVAL);
                char *want = xasprintf("\"%s\": not an address", bad[i]);
                if (!strstr(e.msg, want))
                        fail_msg("%s", e.msg);
                free(want);
        }
}

static bool yes(void *arg, const char *path, int64_t size)
{
        (void)arg;
        (void)path;
        (void)size;
        return true;
}

/* Sends lines until the socket takes no more for a while; returns how many bytes it took. */
static size_t send_until_it_waits(struct rig *r, int fd, int64_t *ret_lines)
{
        char lines[4096];
        size_t total = 0;
        bool unfinished = false;

        *ret_lines = 0;
        memset(lines, 'x', sizeof(lines));
        for (size_t i = 99; i < sizeof(lines); i += 100)
                lines[i] = '\n';
        for (int quiet = 0; quiet < 20;) {
                ssize_t n = send(fd, lines, sizeof(lines), MSG_DONTWAIT);
                loop_turn(r->loop, 1);
                total += n > 0 ? (size_t)n : 0;
                *ret_lines += n > 0 ? n / 100 : 0;
                unfinished = n > 0 ? n % 100 != 0 : unfinished;
                quiet = n > 0 ? 0 : quiet + 1;
                assert_true(total < 64 << 20);
        }
        *ret_lines += unfinished;
        return total;
}

static void a_full_ring_makes_a_stream_wait_and_loses_nothing(void **state)
{
        struct rig *r = *state;

        open_at(r, "tcp://", "127.0.0.1:0");
        int fd = dial_inet(r, SOCK_STREAM);
        int64_t lines;
        size_t sent = send_until_it_waits(r, fd, &lines);
        assert_true(listener_view(r->listener).full);
        assert_non_null(strstr(listener_trouble(r->listener), "is full"));
        assert_non_null(strstr(listener_trouble(r->listener), listener_view(r->listener).name));
        assert_int_equal(stat_get(&r->stats.ring_full), 1);
        int64_t in_ring = stat_get(&r->stats.received_bytes);
        assert_true(in_ring < (int64_t)sent && in_ring >= RING / 2);
        assert_true(stat_get(&r->stats.ring_bytes) < RING + 256 * 1024);

        shutdown(fd, SHUT_WR);
        for (int i = 0; i < TURNS && stat_get(&r->stats.received_bytes) < (int64_t)sent; i++) {
                listener_collect(r->listener, yes, NULL);
                loop_turn(r->loop, 1);
        }
        assert_int_equal(stat_get(&r->stats.received_bytes), sent);
        wait_for(r, &r->stats.connections, 0);
        assert_int_equal(stat_get(&r->stats.records_received), lines);
        assert_null(listener_trouble(r->listener));
        close(fd);
}

static void a_full_ring_drops_datagrams_and_counts_them(void **state)
{
        struct rig *r = *state;
        char text[1000];
        int64_t sent = 0;

        memset(text, 'x', sizeof(text));
        open_at(r, "udp://", "127.0.0.1:0");
        int fd = dial_inet(r, SOCK_DGRAM);
        for (; stat_get(&r->stats.datagrams_dropped_full) < 5; sent++) {
                assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
                loop_turn(r->loop, 1);
                assert_true(sent < 10000);
        }
        assert_non_null(strstr(listener_trouble(r->listener), "datagrams are dropped"));
        assert_int_equal(stat_get(&r->stats.records_received) + stat_get(&r->stats.datagrams_dropped_full) +
                         stat_get(&r->stats.datagrams_dropped_kernel), sent);
        int64_t before = stat_get(&r->stats.records_received);
        listener_collect(r->listener, yes, NULL);
        assert_null(listener_trouble(r->listener));
        say(fd, "there is room");
        wait_for(r, &r->stats.records_received, before + 1);
        close(fd);
}

static void what_the_kernel_drops_is_counted(void **state)
{
        struct rig *r = *state;
        char text[60000];
        int sent = 0;

        memset(text, 'x', sizeof(text));
        open_at(r, "udp://", "127.0.0.1:0");
        int fd = dial_inet(r, SOCK_DGRAM);
        for (; sent < 100; sent++)      /* nobody reads: 6 MB into a buffer of 1 or 2 */
                assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
        for (int i = 0; i < 5; i++)
                loop_turn(r->loop, 1);
        say(fd, "one that comes through tells of the others");
        for (int i = 0; i < TURNS && stat_get(&r->stats.datagrams_dropped_kernel) == 0; i++)
                loop_turn(r->loop, 1);
        assert_int_equal(stat_get(&r->stats.records_received) + stat_get(&r->stats.datagrams_dropped_kernel), sent + 1);
        close(fd);
}

static void a_line_that_is_too_long_is_cut_marked_and_counted(void **state)
{
        struct rig *r = *state;
        char text[5001];

        memset(text, 'x', 5000);
        text[5000] = '\0';
        open_at(r, "unix://", r->path);
        int fd = dial_unix(r, SOCK_STREAM);
        say(fd, text);
        say(fd, "\nnext\n");
        wait_for(r, &r->stats.records_received, 2);
        char *got = entries(r, NULL), *mark = strchr(got, '!');
        assert_non_null(mark);
        assert_string_equal(mark, "!|next|");
        assert_true(mark - got > MAX_LINE - ENTRY_HEADER_MAX && mark - got <= MAX_LINE);
        assert_int_equal(stat_get(&r->stats.bytes_cut), 5000 - (mark - got));
        free(got);
        close(fd);
}

static bool hung_up(int fd)
{
        char c;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, 0) == 1 && recv(fd, &c, 1, MSG_DONTWAIT) <= 0;
}

static void a_connection_too_many_is_closed_and_counted(void **state)
{
        struct rig *r = *state;
        int fds[6];

        open_at(r, "tcp://", "127.0.0.1:0");
        for (int i = 0; i < 6; i++)
                fds[i] = dial_inet(r, SOCK_STREAM);
        wait_for(r, &r->stats.connections_refused, 2);
        assert_int_equal(listener_view(r->listener).connections, 4);
        assert_true(hung_up(fds[4]) && hung_up(fds[5]));
        close(fds[0]);
        wait_for(r, &r->stats.connections, 3);
        int again = dial_inet(r, SOCK_STREAM);
        wait_for(r, &r->stats.connections, 4);
        say(again, "welcome\n");
        wait_for(r, &r->stats.records_received, 1);
        close(again);
        for (int i = 1; i < 6; i++)
                close(fds[i]);
}

static void a_quiet_connection_is_closed_and_its_half_line_kept(void **state)
{
        struct rig *r = *state;

        r->input.idle_timeout_ms = 60000;
        open_at(r, "tcp://", "127.0.0.1:0");
        int quiet = dial_inet(r, SOCK_STREAM), busy = dial_inet(r, SOCK_STREAM);
        wait_for(r, &r->stats.connections, 2);
        say(quiet, "half a line");
        wait_for(r, &r->stats.received_bytes, 11);
        for (int i = 1; i <= 8; i++) {
                clock_fake_advance(&r->clock, 10000);
                r->clock.wall = INT64_C(1764000000123000000);
                say(busy, "still here\n");
                wait_for(r, &r->stats.received_bytes, 11 + 11 * i);
        }
        wait_for(r, &r->stats.connections_idle, 1);
        assert_int_equal(stat_get(&r->stats.connections), 1);
        assert_true(hung_up(quiet));
        char *got = entries(r, NULL);
        assert_non_null(strstr(got, "|half a line|"));
        free(got);
        close(quiet);
        close(busy);
}

/* Many half lines at once: beyond held_max a line is cut short, and memory does not grow with the connections. */
static void half_lines_of_all_connections_together_are_bounded(void **state)
{
        struct rig *r = *state;
        char text[8001];
        int fds[4];

        memset(text, 'x', 8000);
        text[8000] = '\0';
        r->shared.held_max = 1000;
        open_at(r, "unix://", r->path);
        listener_free(r->listener);
        r->listener = listener_new(&(struct listen_parts){ &r->shared, r->ring, 512 * 1024, false }, &r->input, NULL);
        for (int i = 0; i < 4; i++) {
                fds[i] = dial_unix(r, SOCK_STREAM);
                say(fds[i], text);
                wait_for(r, &r->stats.received_bytes, 8000 * (i + 1));
        }
        assert_true(r->shared.held <= 8000 + 3 * LISTEN_SHORT_LINE);
        for (int i = 0; i < 4; i++) {
                say(fds[i], "\n");
                wait_for(r, &r->stats.records_received, i + 1);
                close(fds[i]);
        }
        assert_int_equal(stat_get(&r->stats.bytes_cut), 3 * (8000 - LISTEN_SHORT_LINE));
}

static void finishing_takes_what_the_kernel_holds(void **state)
{
        struct rig *r = *state;

        open_at(r, "unix://", r->path);
        int fd = dial_unix(r, SOCK_STREAM);
        wait_for(r, &r->stats.connections, 1);
        say(fd, "last words\nand a half");
        listener_finish(r->listener);
        assert_entries(r, "last words|and a half|");
        assert_int_equal(stat_get(&r->stats.connections), 0);
        close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(tcp_lines_and_counted_octets_reach_the_ring_with_their_sender),
                TEST(what_is_redacted_never_reaches_the_disk),
                TEST(udp_takes_a_datagram_for_a_record),
                TEST(unix_sockets_have_the_mode_that_was_asked_for_and_go_with_their_listener),
                TEST(a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not),
                TEST(a_port_in_use_is_an_error_that_says_so),
                TEST(an_address_that_is_none_is_quoted),
                TEST(a_full_ring_makes_a_stream_wait_and_loses_nothing),
                TEST(a_full_ring_drops_datagrams_and_counts_them),
                TEST(what_the_kernel_drops_is_counted),
                TEST(a_line_that_is_too_long_is_cut_marked_and_counted),
                TEST(a_connection_too_many_is_closed_and_counted),
                TEST(a_quiet_connection_is_closed_and_its_half_line_kept),
                TEST(half_lines_of_all_connections_together_are_bounded),
                TEST(finishing_takes_what_the_kernel_holds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
