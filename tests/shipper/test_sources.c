/* SPDX-License-Identifier: Apache-2.0 */
/* The program with inputs that are no files, from the sender to the output.  ctest-label: component */
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "event/event.h"
#include "tests/fake/child.h"
#include "tests/fake/tmpdir.h"

enum { DEADLINE_TURNS = 3000, TURN_MS = 10, MAX_ARGS = 24, LINES = 20000 };

struct world {
        char *dir, *state, *events, *out, *err, *config, *socket;
        pid_t pid;
};

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        w->dir = tmpdir_new();
        w->state = tmpdir_path(w->dir, "state");
        w->events = tmpdir_path(w->dir, "events.ndjson");
        w->out = tmpdir_path(w->dir, "stdout");
        w->err = tmpdir_path(w->dir, "stderr");
        w->config = tmpdir_path(w->dir, "shipper.cfg");
        w->socket = tmpdir_path(w->dir, "sock");
        signal(SIGPIPE, SIG_IGN);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        if (w->pid) {
                kill(w->pid, SIGKILL);
                child_end(w->pid);
        }
        tmpdir_free(w->dir);
        free(w->state);
        free(w->events);
        free(w->out);
        free(w->err);
        free(w->config);
        free(w->socket);
        free(w);
        return 0;
}

/* --- the program --------------------------------------------------------------------------------- */

static void start(struct world *w, int in, const char *const *more)
{
        const char *args[MAX_ARGS] = { "--state", w->state, "--http", "127.0.0.1:0", "--output-file", w->events };

        for (size_t n = 6; *more; more++) {
                assert_true(n < MAX_ARGS - 1);
                args[n++] = *more;
        }
        w->pid = child_start("sluice-shipper", args, in, w->out, w->err);
}

static void fail_with_log(struct world *w, const char *why)
{
        char *said = file_read(w->err, NULL);
        fail_msg("%s\n%s", why, said);
}

static void assert_ends(struct world *w, int want)
{
        int code = child_end(w->pid);

        w->pid = 0;
        if (code != want)
                fail_with_log(w, "another exit code");
}

static void end_it(struct world *w, int signo, int want)
{
        kill(w->pid, signo);
        assert_ends(w, want);
}

/* What stands behind `what` in the program's log, up to a blank; false: not yet. */
static bool has_said(struct world *w, const char *what, char *ret, size_t size)
{
        char *said = access(w->err, F_OK) == 0 ? file_read(w->err, NULL) : xstrdup("");
        char *at = strstr(said, what);
        bool whole = at && strchr(at, '\n');

        if (whole)
                snprintf(ret, size, "%.*s", (int)strcspn(at + strlen(what), " \n"), at + strlen(what));
        free(said);
        return whole;
}

static void wait_said(struct world *w, const char *what, char *ret, size_t size)
{
        for (int i = 0; i < DEADLINE_TURNS; i++) {
                if (has_said(w, what, ret, size))
                        return;
                poll(NULL, 0, TURN_MS);
        }
        fail_with_log(w, what);
}

static int count_lines(const char *path)
{
        char *text = access(path, F_OK) == 0 ? file_read(path, NULL) : xstrdup("");
        int n = 0;

        for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
                n++;
        free(text);
        return n;
}

static void wait_events(struct world *w, int n)
{
        for (int i = 0; i < DEADLINE_TURNS && count_lines(w->events) < n; i++)
                poll(NULL, 0, TURN_MS);
        if (count_lines(w->events) < n)
                fail_with_log(w, "events are missing");
}

/* --- senders ------------------------------------------------------------------------------------- */

static int dial_inet(const char *port, int type)
{
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

static int dial_unix(const char *path, int type)
{
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

static void say(int fd, const char *text)
{
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void say_numbered(int fd, int from, int to)
{
        struct buf b = { 0 };

        for (int i = from; i < to; i++)
                buf_printf(&b, "line %d of a service\n", i);
        for (size_t at = 0; at < b.len;) {
                ssize_t n = write(fd, b.data + at, b.len - at);
                assert_true(n > 0);
                at += (size_t)n;
        }
        buf_fini(&b);
}

static void make_pipe(int ret[2])
{
        assert_int_equal(pipe2(ret, O_CLOEXEC), 0);
}

static void write_config(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void write_config(struct world *w, const char *fmt, ...)
{
        char text[2048];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        file_write(w->config, text);
}

/* --- what came out --------------------------------------------------------------------------------- */

static char *event_with(struct world *w, const char *part)
{
        char *text = file_read(w->events, NULL), *line = text;

        for (char *lf; (lf = strchr(line, '\n')) != NULL; line = lf + 1) {
                *lf = '\0';
                if (strstr(line, part)) {
                        char *found = xstrdup(line);
                        free(text);
                        return found;
                }
        }
        free(text);
        fail_with_log(w, part);
        return NULL;
}

static void assert_event(struct world *w, const char *part, const char *other)
{
        char *event = event_with(w, part);

        if (!strstr(event, other))
                fail_msg("not in it: %s\n%s", other, event);
        free(event);
}

/* Marks the numbers of the lines in the text, and their ids: one number, one id, however often it stands there. */
static void mark_numbers(const char *text, bool *seen, char (*ids)[IDENT_LINE_TEXT])
{
        const char *end = text + strlen(text);

        for (const char *p = text; (p = memmem(p, (size_t)(end - p), "line ", 5)) != NULL; p++) {
                int n = (int)strtol(p + 5, NULL, 10);
                assert_true(n >= 0 && n < LINES);
                if (ids) {
                        const char *start = p;
                        while (start > text && start[-1] != '\n')
                                start--;
                        const char *id = start + event_id_at(start);
                        if (seen[n])
                                assert_memory_equal(ids[n], id, IDENT_LINE_TEXT);
                        memcpy(ids[n], id, IDENT_LINE_TEXT);
                }
                seen[n] = true;
        }
}

static void mark_ring(struct world *w, bool *seen)
{
        char *pattern = tmpdir_path(w->state, "ring/*/*.log");
        glob_t g;

        if (glob(pattern, 0, NULL, &g) == 0) {
                for (size_t i = 0; i < g.gl_pathc; i++) {
                        char *text = file_read(g.gl_pathv[i], NULL), *end = strrchr(text, '\n');
                        if (end)
                                *end = '\0';    /* a torn last line does not stand in the ring */
                        mark_numbers(text, seen, NULL);
                        free(text);
                }
                globfree(&g);
        }
        free(pattern);
}

/* --- stdin ------------------------------------------------------------------------------------------ */

static void stdin_is_shipped_whole_and_ends_the_program(void **state)
{
        struct world *w = *state;
        int p[2];

        make_pipe(p);
        start(w, p[0], (const char *const[]){ "--stdin", "--output", "file", "--service", "Shop", NULL });
        close(p[0]);
        say_numbered(p[1], 0, 1000);
        say(p[1], "\nthe end, without one");
        close(p[1]);
        assert_ends(w, EX_OK);
        assert_int_equal(count_lines(w->events), 1002);
        assert_event(w, "\"message\":\"line 999 of a service\"", "\"service\":{\"name\":\"Shop\"}");
        assert_event(w, "\"message\":\"the end, without one\"", "ring/stdin/");
        assert_event(w, "\"message\":\"\"", "\"offset\"");
}

static void stdin_may_be_a_file_or_empty_and_once_goes_with_it(void **state)
{
        struct world *w = *state;
        char *path = tmpdir_path(w->dir, "a.txt");

        file_write(path, "from a file\n");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        start(w, fd, (const char *const[]){ "--stdin", "--once", "--output", "file", NULL });
        assert_ends(w, EX_OK);
        assert_int_equal(count_lines(w->events), 1);
        start(w, -1, (const char *const[]){ "--stdin", "--once", "--output", "file", NULL });
        assert_ends(w, EX_OK);
        assert_int_equal(count_lines(w->events), 1);
        close(fd);
        free(path);
}

/* While Kafka is down: what a service wrote before the kill stands in the ring, and the next run ships it. */
static void lines_in_the_ring_survive_a_kill_before_anything_was_acknowledged(void **state)
{
        struct world *w = *state;
        char *ring = tmpdir_path(w->state, "ring/stdin/00000001.log");
        int p[2];

        make_pipe(p);
        start(w, p[0], (const char *const[]){ "--stdin", "--brokers", "127.0.0.1:1", "--topic", "t", NULL });
        close(p[0]);
        say_numbered(p[1], 0, 5000);
        for (int i = 0; i < DEADLINE_TURNS && count_lines(ring) < 5000; i++)
                poll(NULL, 0, TURN_MS);
        assert_int_equal(count_lines(ring), 5000);
        end_it(w, SIGKILL, 128 + SIGKILL);
        close(p[1]);
        start(w, -1, (const char *const[]){ "--stdin", "--output", "file", NULL });
        assert_ends(w, EX_OK);
        assert_int_equal(count_lines(w->events), 5000);
        free(ring);
}

/* Killed again and again while lines flow: whatever stood in the ring comes out, each under one id. */
static void kills_in_the_middle_lose_and_rename_nothing_that_stood_in_the_ring(void **state)
{
        static bool stood[LINES], came[LINES];
        static char ids[LINES][IDENT_LINE_TEXT];
        struct world *w = *state;
        const char *const args[] = { "--stdin", "--output", "file", NULL };
        int p[2];

        memset(stood, 0, sizeof(stood));
        memset(came, 0, sizeof(came));
        for (int round = 0; round < 5; round++) {
                make_pipe(p);
                start(w, p[0], args);
                close(p[0]);
                int before = count_lines(w->events);
                say_numbered(p[1], round * LINES / 5, (round + 1) * LINES / 5);
                wait_events(w, before + 1 + round * 500);
                end_it(w, SIGKILL, 128 + SIGKILL);
                close(p[1]);
                mark_ring(w, stood);
        }
        start(w, -1, args);
        assert_ends(w, EX_OK);
        char *text = file_read(w->events, NULL);
        mark_numbers(text, came, ids);
        free(text);
        int n = 0;
        for (int i = 0; i < LINES; i++) {
                if (stood[i] && !came[i])
                        fail_msg("line %d stood in the ring and did not come out", i);
                n += came[i];
        }
        assert_true(n > LINES / 5);
}

/* --- sockets ---------------------------------------------------------------------------------------- */

static void start_listening(struct world *w, char *ret_tcp, char *ret_udp)
{
        start(w, -1, (const char *const[]){ "-c", w->config, "--output", "file", NULL });
        wait_said(w, "input=tcp://127.0.0.1:", ret_tcp, 8);
        if (ret_udp)
                wait_said(w, "input=udp://127.0.0.1:", ret_udp, 8);
}

static void each_transport_arrives_with_what_syslog_says(void **state)
{
        struct world *w = *state;
        char tcp[8], udp[8];

        write_config(w, "inputs = ( { listen = \"tcp://127.0.0.1:0\"; parse = \"syslog\"; service = \"net\"; },\n"
                        "  { listen = \"udp://127.0.0.1:0\"; parse = \"syslog\"; },\n"
                        "  { listen = \"unix://%s\"; }, { listen = \"unixgram://%s.dgram\"; parse = \"syslog\"; } );\n",
                     w->socket, w->socket);
        start_listening(w, tcp, udp);
        char *dgram = xasprintf("%s.dgram", w->socket), said[256];
        wait_said(w, "input=unixgram://", said, sizeof(said));
        int t = dial_inet(tcp, SOCK_STREAM), u = dial_inet(udp, SOCK_DGRAM);
        int s = dial_unix(w->socket, SOCK_STREAM), d = dial_unix(dgram, SOCK_DGRAM);

        say(t, "63 <165>1 2003-10-11T22:14:15.003Z web shop 7 ID47 [a@1 b=\"c\"] a\nb<14>bare line\n");
        say(u, "<27>Nov 24 02:08:15 web su[231]: over udp");
        say(s, "<13>not parsed here\n");
        say(d, "<11>app[7]: over unixgram");
        wait_events(w, 5);
        end_it(w, SIGTERM, EX_OK);
        assert_event(w, "\"message\":\"a\\nb\"", "{\"@timestamp\":\"2003-10-11T22:14:15.003Z\"");
        assert_event(w, "\"message\":\"a\\nb\"", "\"hostname\":\"web\",\"appname\":\"shop\",\"procid\":\"7\"");
        assert_event(w, "\"message\":\"a\\nb\"", "\"structured_data\":{\"a@1\":{\"b\":\"c\"}}");
        assert_event(w, "\"message\":\"a\\nb\"", "\"source\":{\"address\":\"127.0.0.1:");
        assert_event(w, "\"message\":\"a\\nb\"", "\"service\":{\"name\":\"net\"}");
        assert_event(w, "\"message\":\"bare line\"", "\"level\":\"info\"");
        assert_event(w, "\"message\":\"over udp\"", "-24T");
        assert_event(w, "\"message\":\"over udp\"", "\"level\":\"error\"");
        assert_event(w, "\"message\":\"<13>not parsed here\"", "ring/unix-");
        assert_event(w, "\"message\":\"over unixgram\"", "\"appname\":\"app\"");
        assert_int_equal(access(w->socket, F_OK), -1);
        close(t);
        close(u);
        close(s);
        close(d);
        free(dgram);
}

static void a_reload_keeps_connections_and_half_lines(void **state)
{
        struct world *w = *state;
        char tcp[8], said[64];
        static const char config[] = "inputs = ( { listen = \"tcp://127.0.0.1:0\"; service = \"%s\"; } );\n";

        write_config(w, config, "before");
        start_listening(w, tcp, NULL);
        int fd = dial_inet(tcp, SOCK_STREAM);
        say(fd, "first\nhalf ");
        wait_events(w, 1);
        write_config(w, config, "after");
        kill(w->pid, SIGHUP);
        wait_said(w, "configuration taken ", said, sizeof(said));
        say(fd, "and half\n");
        wait_events(w, 2);
        end_it(w, SIGTERM, EX_OK);
        assert_event(w, "\"message\":\"first\"", "\"service\":{\"name\":\"before\"}");
        assert_event(w, "\"message\":\"half and half\"", "\"service\":{\"name\":\"after\"}");
        close(fd);
}

/* Sends a request, returns the answer; malloced. */
static char *get(struct world *w, const char *path)
{
        char port[8], request[256];
        struct buf b = { 0 };
        ssize_t n;

        wait_said(w, "http=127.0.0.1:", port, sizeof(port));
        int fd = dial_inet(port, SOCK_STREAM);
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
        say(fd, request);
        while ((n = read(fd, buf_reserve(&b, 4096), 4096)) > 0)
                b.len += (size_t)n;
        close(fd);
        char *text = xstrdup(buf_cstr(&b));
        buf_fini(&b);
        return text;
}

static void assert_answer(struct world *w, const char *path, const char *part)
{
        char *text = get(w, path);

        if (!strstr(text, part))
                fail_msg("%s: not there: %s\n%s", path, part, text);
        free(text);
}

static void a_full_ring_is_named_while_kafka_is_down_and_datagrams_are_counted(void **state)
{
        struct world *w = *state;
        char text[1001], tcp[8], udp[8];

        memset(text, 'x', 1000);
        text[999] = '\n';
        text[1000] = '\0';
        write_config(w, "inputs = ( { listen = \"tcp://127.0.0.1:0\"; ring_size = \"1 MiB\"; },\n"
                        "           { listen = \"udp://127.0.0.1:0\"; ring_size = \"1 MiB\"; } );\n"
                        "kafka = { brokers = \"127.0.0.1:1\"; topic = \"t\"; };\n");
        start(w, -1, (const char *const[]){ "-c", w->config, NULL });
        wait_said(w, "input=tcp://127.0.0.1:", tcp, sizeof(tcp));
        wait_said(w, "input=udp://127.0.0.1:", udp, sizeof(udp));
        int t = dial_inet(tcp, SOCK_STREAM), u = dial_inet(udp, SOCK_DGRAM);
        int waits = 0;
        for (int quiet = 0; quiet < 50; poll(NULL, 0, quiet ? TURN_MS : 0)) {
                ssize_t n = send(t, text, 1000, MSG_DONTWAIT);
                quiet = n > 0 ? 0 : quiet + 1;
                waits += n < 0;
                if (n > 0 && n < 1000)
                        break;          /* it takes no more */
        }
        assert_true(waits > 0 || fcntl(t, F_GETFD) >= 0);
        /* A datagram never waits: what the program does not take in time is lost before it sees it. */
        for (int i = 0; !has_said(w, "the ring of udp://127.0.0.1:", udp, sizeof(udp)); poll(NULL, 0, TURN_MS)) {
                for (int j = 0; j < 100; j++)
                        (void)send(u, text, 1000, MSG_DONTWAIT);
                if (i++ == DEADLINE_TURNS)
                        fail_with_log(w, "its ring is never full");
        }
        say(u, "one more");
        assert_answer(w, "/status", "\"full\":true");
        assert_answer(w, "/status", "the ring of tcp://127.0.0.1:");
        char *metrics = get(w, "/metrics"), *at = strstr(metrics, "datagrams_dropped_total{reason=\"ring_full\"} ");
        assert_non_null(at);
        assert_true(atoi(strchr(at, ' ') + 1) > 0);
        free(metrics);
        close(t);
        close(u);
        end_it(w, SIGKILL, 128 + SIGKILL);

        /* With --once nothing listens: what the rings hold is shipped, and that is the end. */
        start(w, -1, (const char *const[]){ "-c", w->config, "--once", "--output", "file", NULL });
        assert_ends(w, EX_OK);
        assert_true(count_lines(w->events) > 1500);
}

static void what_is_wrong_is_told_before_the_start(void **state)
{
        struct world *w = *state;
        char text[64];

        write_config(w, "inputs = ( { listen = \"tcp:127.0.0.1:0\"; socket_mode = \"rw\"; },\n"
                        "           { listen = \"tcp://:1\"; paths = \"/x\"; }, { service = \"x\"; } );\n");
        start(w, -1, (const char *const[]){ "-c", w->config, "--output", "file", NULL });
        assert_ends(w, EX_CONFIG);
        wait_said(w, "\"tcp:127.0.0.1:0\": not an address", text, sizeof(text));
        wait_said(w, "\"rw\": not an octal mode", text, sizeof(text));
        wait_said(w, "paths and listen: an input has one of", text, sizeof(text));
        wait_said(w, "paths: must be set, or", text, sizeof(text));

        write_config(w, "inputs = ( { listen = \"tcp://127.0.0.1:0\"; }, { listen = \"tcp://127.0.0.1:0\"; } );\n");
        start(w, -1, (const char *const[]){ "-c", w->config, "--output", "file", NULL });
        assert_ends(w, EX_CONFIG);
        wait_said(w, "is taken by", text, sizeof(text));

        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(at);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
        write_config(w, "inputs = ( { listen = \"tcp://127.0.0.1:%u\"; } );\n", ntohs(at.sin_port));
        start(w, -1, (const char *const[]){ "-c", w->config, "--output", "file", NULL });
        assert_ends(w, EX_UNAVAILABLE);
        wait_said(w, "the port is in use by another", text, sizeof(text));
        close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(stdin_is_shipped_whole_and_ends_the_program),
                TEST(stdin_may_be_a_file_or_empty_and_once_goes_with_it),
                TEST(lines_in_the_ring_survive_a_kill_before_anything_was_acknowledged),
                TEST(kills_in_the_middle_lose_and_rename_nothing_that_stood_in_the_ring),
                TEST(each_transport_arrives_with_what_syslog_says),
                TEST(a_reload_keeps_connections_and_half_lines),
                TEST(a_full_ring_is_named_while_kafka_is_down_and_datagrams_are_counted),
                TEST(what_is_wrong_is_told_before_the_start),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
