/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/listen.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "shipper/endpoint.h"
#include "shipper/feed.h"
#include "shipper/ring.h"
#include "shipper/scrub.h"
#include "shipper/splitter.h"

enum {
        READ_BYTES = 64 * 1024,
        DATAGRAMS_A_TURN = 64,
        FINISH_READS = 64,              /* of one connection, when the program stops */
        RETRY_MS = 1000,
        KEEPALIVE_S = 60,               /* a peer that went away without a word is noticed after some minutes */
};

/* A connection, or stdin. */
struct conn {
        struct conn *next;
        struct listener *owner;         /* borrowed */
        struct io io;
        struct splitter splitter;
        int64_t heard_ms;
        size_t sender_len;
        char sender[ENTRY_SENDER_MAX + 1];
};

struct listener {
        struct listen_shared *shared;   /* borrowed */
        struct endpoint ep;
        char *dir, *mode;               /* owned */
        char name[160];
        struct ring *ring;              /* owned */
        struct scrub scrub;             /* what may not be kept */
        struct io io;                   /* of the socket */
        struct feed *feed;              /* owned; of the journal, NULL: it is none */
        struct strlist units;           /* owned; of the journal */
        struct conn *conns;             /* owned */
        size_t nconns;
        int64_t max_connections, max_line_bytes, idle_timeout_ms, ring_size;
        enum splitter_mode framing;

        bool paused;                    /* FULL */
        bool always_readable;           /* stdin is a file, which epoll does not take */
        bool ending, ended;             /* stdin: its end was read; and all of it stands in the ring */
        struct timer again;             /* reads always_readable, tries a full disk again, accepts again */
        struct timer idle;
        uint32_t kernel_dropped;        /* as the socket last told */
        int64_t now_ms;                 /* wall, of the read under way */
        char trouble[512];
};

static bool is_datagrams(const struct listener *l)
{
        return l->ep.kind == ENDPOINT_UDP || l->ep.kind == ENDPOINT_UNIXGRAM;
}

/* Serves all: it is empty again before a callback returns. */
static char read_buffer[READ_BYTES];

/* --- into the ring --------------------------------------------------------------------------------- */

static void pause_reading(struct listener *l)
{
        if (l->paused)
                return;
        l->paused = true;
        stat_inc(&l->shared->stats->ring_full);
        log_warn("listen", "%s", listener_trouble(l));
        if (ring_trouble(l->ring))
                timer_arm(l->shared->loop, &l->again, RETRY_MS);
        for (struct conn *c = l->conns; c; c = c->next)
                loop_del(l->shared->loop, &c->io);
        if (l->feed)
                feed_pause(l->feed);
}

static void read_conn(struct conn *c)
{
        struct listener *l = c->owner;

        if (l->always_readable)
                timer_arm(l->shared->loop, &l->again, 0);
        else
                loop_add(l->shared->loop, &c->io, EPOLLIN);
}

/* The ring's hook. */
static void resume_reading(void *arg)
{
        struct listener *l = arg;

        if (!l->paused)
                return;
        l->paused = false;
        log_info("listen", "there is room again: input=%s", l->name);
        if (l->ending) {
                l->ended = true;
                return;
        }
        for (struct conn *c = l->conns; c; c = c->next)
                read_conn(c);
        if (l->feed)
                feed_start(l->feed);
}

/* All that one read brought goes to the file in one write. */
static bool flush(struct listener *l)
{
        int64_t before = ring_bytes(l->ring);
        bool ok = ring_flush(l->ring);

        stat_add(&l->shared->stats->ring_bytes, ring_bytes(l->ring) - before);
        if (ok && ring_bytes(l->ring) > before)
                l->shared->written(l->shared->arg, ring_newest(l->ring));
        if (!ring_has_room(l->ring))
                pause_reading(l);
        return ok;
}

static void put(struct listener *l, const struct conn *c, const char *text, size_t len, size_t skipped)
{
        stat_add(&l->shared->stats->redacted, (int64_t)scrub_run(&l->scrub, &text, &len));
        struct entry e = { .received_ms = l->now_ms, .sender = c->sender, .sender_len = c->sender_len,
                           .cut = skipped > 0, .text = text, .len = len };

        skipped += ring_append(l->ring, &e);
        stat_inc(&l->shared->stats->records_received);
        stat_add(&l->shared->stats->bytes_cut, (int64_t)skipped);
}

/* Senders that count octets put a newline between their messages too, and an empty message says nothing; what a
 * program prints to stdin is taken as it is. */
static void on_message(void *arg, const char *text, size_t len, size_t skipped)
{
        struct conn *c = arg;

        if (len > 0 || skipped > 0 || c->owner->ep.kind == ENDPOINT_STDIN)
                put(c->owner, c, text, len, skipped);
}

static void look_at_clock(struct listener *l)
{
        const struct clock *clock = loop_clock(l->shared->loop);
        l->now_ms = clock->wall_ns(clock) / 1000000;
}

static void feed(struct listener *l, struct conn *c, const char *p, size_t n)
{
        bool plenty = l->shared->held < l->shared->held_max;
        size_t before = c->splitter.held.len, most = (size_t)l->max_line_bytes;
        size_t least = before > LISTEN_SHORT_LINE ? before : LISTEN_SHORT_LINE;

        look_at_clock(l);
        c->heard_ms = loop_now_ms(l->shared->loop);
        c->splitter.max_bytes = plenty || most < least ? most : least;
        stat_add(&l->shared->stats->received_bytes, (int64_t)n);
        splitter_feed(&c->splitter, p, n, on_message, c);
        l->shared->held += c->splitter.held.len - before;
}

/* --- connections ----------------------------------------------------------------------------------- */

static void end_conn(struct listener *l, struct conn *c)
{
        struct conn **at = &l->conns;

        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        l->nconns--;
        l->shared->held -= c->splitter.held.len;
        look_at_clock(l);
        splitter_end(&c->splitter, on_message, c);
        (void)flush(l);                 /* when it fails it stays in the ring's memory, and the pause tries again */
        loop_del(l->shared->loop, &c->io);
        if (l->ep.kind != ENDPOINT_STDIN) {
                stat_add(&l->shared->stats->connections, -1);
                close(c->io.fd);
        }
        splitter_fini(&c->splitter);
        free(c);
}

static void end_stdin(struct listener *l)
{
        l->ending = true;
        end_conn(l, l->conns);
        l->ended = !l->paused || !ring_trouble(l->ring);
        log_info("listen", "stdin has ended");
        loop_wake(l->shared->loop);
}

/* False: the connection is gone. */
static bool read_once(struct conn *c)
{
        struct listener *l = c->owner;
        ssize_t n = read(c->io.fd, read_buffer, sizeof(read_buffer));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (n <= 0) {
                if (n < 0 && errno != ECONNRESET)
                        log_warn("listen", "connection broke: input=%s sender=%s error=\"%s\"", l->name, c->sender,
                                 strerror(errno));
                if (l->ep.kind == ENDPOINT_STDIN)
                        end_stdin(l);
                else
                        end_conn(l, c);
                return false;
        }
        feed(l, c, read_buffer, (size_t)n);
        (void)flush(l);
        return true;
}

static void on_readable(struct io *io, uint32_t events)
{
        (void)events;
        (void)read_once(io->arg);
}

static struct conn *add_conn(struct listener *l, int fd)
{
        struct conn *c = xcalloc(1, sizeof(*c));

        c->owner = l;
        c->io = (struct io){ .fd = fd, .name = "listen", .fn = on_readable, .arg = c };
        c->splitter.mode = l->framing;
        c->heard_ms = loop_now_ms(l->shared->loop);
        c->next = l->conns;
        l->conns = c;
        l->nconns++;
        if (!l->paused)
                read_conn(c);
        return c;
}

static void keep_alive(int fd)
{
        int yes = 1, seconds = KEEPALIVE_S;

        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
}

static void welcome(struct listener *l, int fd, const struct sockaddr_storage *from)
{
        if ((int64_t)l->nconns >= l->max_connections) {
                stat_inc(&l->shared->stats->connections_refused);
                log_warn("listen", "connection closed, max_connections is reached: input=%s max_connections=%lld",
                         l->name, (long long)l->max_connections);
                close(fd);
                return;
        }
        if (l->ep.kind == ENDPOINT_TCP)
                keep_alive(fd);
        struct conn *c = add_conn(l, fd);
        c->sender_len = endpoint_sender(from, c->sender);
        stat_inc(&l->shared->stats->connections);
        stat_inc(&l->shared->stats->connections_accepted);
}

static void on_connection(struct io *io, uint32_t events)
{
        struct listener *l = io->arg;
        struct sockaddr_storage from = { 0 };
        socklen_t len = sizeof(from);

        (void)events;
        int fd = accept4(io->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
                welcome(l, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                log_warn("listen", "no connection can be taken: input=%s error=\"%s\"", l->name, strerror(errno));
                loop_del(l->shared->loop, &l->io);      /* it stays readable; do not turn in circles */
                timer_arm(l->shared->loop, &l->again, RETRY_MS);
        }
}

static void end_idle(struct timer *t)
{
        struct listener *l = t->arg;
        int64_t now_ms = loop_now_ms(l->shared->loop);

        for (struct conn *c = l->conns, *next; c && !l->paused; c = next) {
                next = c->next;
                if (now_ms - c->heard_ms < l->idle_timeout_ms)
                        continue;
                stat_inc(&l->shared->stats->connections_idle);
                end_conn(l, c);
        }
        timer_arm(l->shared->loop, t, l->idle_timeout_ms / 4 + 1);
}

/* --- datagrams ------------------------------------------------------------------------------------- */

/* The socket tells how many the kernel threw away since it was opened, with the datagram that came after them. */
static void count_kernel_drops(struct listener *l, struct msghdr *m)
{
        for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
                uint32_t dropped;
                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SO_RXQ_OVFL)
                        continue;
                memcpy(&dropped, CMSG_DATA(h), sizeof(dropped));
                stat_add(&l->shared->stats->datagrams_dropped_kernel, dropped - l->kernel_dropped);
                l->kernel_dropped = dropped;
        }
}

static void take_datagram(struct listener *l, const struct sockaddr_storage *from, size_t n)
{
        size_t skipped = n > READ_BYTES ? n - READ_BYTES : 0;
        struct conn sender = { .owner = l };

        stat_add(&l->shared->stats->received_bytes, (int64_t)n);
        n -= skipped;
        while (n > 0 && (read_buffer[n - 1] == '\n' || read_buffer[n - 1] == '\r' || read_buffer[n - 1] == '\0'))
                n--;
        if (n == 0 && skipped == 0)
                return;
        if (!ring_has_room(l->ring)) {
                stat_inc(&l->shared->stats->datagrams_dropped_full);
                return;
        }
        sender.sender_len = endpoint_sender(from, sender.sender);
        put(l, &sender, read_buffer, n, skipped);
}

/* False: there is none. */
static bool read_datagram(struct listener *l)
{
        struct sockaddr_storage from = { 0 };
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint32_t))];
        struct iovec to = { read_buffer, sizeof(read_buffer) };
        struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &to, .msg_iovlen = 1,
                            .msg_control = control, .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(l->io.fd, &m, MSG_TRUNC | MSG_DONTWAIT);

        if (n < 0)
                return errno == EINTR;
        count_kernel_drops(l, &m);
        take_datagram(l, &from, (size_t)n);
        return true;
}

static void on_datagrams(struct io *io, uint32_t events)
{
        struct listener *l = io->arg;

        (void)events;
        look_at_clock(l);
        for (int i = 0; i < DATAGRAMS_A_TURN && read_datagram(l); i++)
                ;
        (void)flush(l);
}

/* --- the journal ----------------------------------------------------------------------------------- */

static void on_entry(void *arg, const char *line, size_t len, size_t cut)
{
        struct listener *l = arg;
        struct conn none = { .owner = l };

        look_at_clock(l);
        put(l, &none, line, len, cut);
}

static bool on_entries(void *arg)
{
        return flush(arg);
}

static int open_journal(struct listener *l, const struct input_config *in, struct err *e)
{
        l->feed = feed_new(&(struct feed_parts){ .loop = l->shared->loop,
                                                 .stats = l->shared->stats,
                                                 .name = l->name,
                                                 .ring = l->ring,
                                                 .journal = { endpoint_path(in->listen), &l->units, l->dir,
                                                              l->max_line_bytes - ENTRY_HEADER_MAX },
                                                 .put = on_entry,
                                                 .flush = on_entries,
                                                 .arg = l },
                           e);
        return l->feed ? 0 : -e->code;
}

static void copy_units(struct listener *l, const struct strlist *units)
{
        l->units.v = units->n ? xcalloc(units->n, sizeof(char *)) : NULL;
        for (; l->units.n < units->n; l->units.n++)
                l->units.v[l->units.n] = xstrdup(units->v[l->units.n]);
}

static bool same_units(const struct strlist *a, const struct strlist *b)
{
        bool same = a->n == b->n;

        for (size_t i = 0; same && i < a->n; i++)
                same = strcmp(a->v[i], b->v[i]) == 0;
        return same;
}

/* --- life ------------------------------------------------------------------------------------------ */

static void try_again(struct timer *t)
{
        struct listener *l = t->arg;

        if (l->paused && ring_trouble(l->ring)) {
                if (!flush(l))
                        timer_arm(l->shared->loop, t, RETRY_MS);
                loop_wake(l->shared->loop);
        } else if (l->always_readable && l->conns && !l->paused) {
                if (read_once(l->conns) && !l->paused)
                        timer_arm(l->shared->loop, t, 0);
        } else if (endpoint_is_stream(&l->ep)) {
                loop_add(l->shared->loop, &l->io, EPOLLIN);
        }
}

/* epoll takes pipes, sockets and terminals, but no files and not /dev/null. */
static bool epoll_takes(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

void listener_configure(struct listener *l, const struct input_config *in)
{
        scrub_set(&l->scrub, in);
        l->max_connections = in->max_connections;
        l->idle_timeout_ms = in->idle_timeout_ms;
        l->framing = l->ep.kind == ENDPOINT_STDIN ? SPLIT_LINES : (enum splitter_mode)in->framing;
        timer_disarm(l->shared->loop, &l->idle);
        if (l->idle_timeout_ms > 0 && endpoint_is_stream(&l->ep))
                timer_arm(l->shared->loop, &l->idle, l->idle_timeout_ms / 4 + 1);
}

bool listener_is_like(const struct listener *l, const struct input_config *in)
{
        return l->ring_size == in->ring_size && strcmp(l->mode, in->socket_mode) == 0 && same_units(&l->units, &in->units);
}

static int open_ring(struct listener *l, struct err *e)
{
        l->ring = ring_new(l->dir, l->ring_size, l->max_line_bytes, &(struct ring_owner){ resume_reading, l }, e);
        if (!l->ring)
                return -e->code;
        stat_add(&l->shared->stats->ring_bytes, ring_bytes(l->ring));
        stat_add(&l->shared->stats->ring_limit_bytes, l->ring_size);
        return 0;
}

static int open_socket(struct listener *l, const struct input_config *in, struct err *e)
{
        if (l->ep.kind == ENDPOINT_JOURNAL)
                return open_journal(l, in, e);
        int fd = endpoint_open(&l->ep, (unsigned)strtoul(l->mode, NULL, 8), e);

        if (fd < 0)
                return fd;
        l->io.fd = fd;
        l->io.fn = is_datagrams(l) ? on_datagrams : on_connection;
        endpoint_bound(&l->ep, fd, l->name, sizeof(l->name));
        return 0;
}

static void start(struct listener *l)
{
        if (!ring_has_room(l->ring))
                pause_reading(l);
        if (l->ep.kind == ENDPOINT_STDIN) {
                l->always_readable = !epoll_takes(l->io.fd);
                add_conn(l, l->io.fd);
        } else if (!l->feed) {
                loop_add(l->shared->loop, &l->io, EPOLLIN);
        } else if (!l->paused) {
                feed_start(l->feed);
        }
        log_info("listen", "listening: input=%s ring=%s", l->name, l->dir);
}

struct listener *listener_new(const struct listen_parts *parts, const struct input_config *in, struct err *e)
{
        struct listener *l = xcalloc(1, sizeof(*l));

        l->shared = parts->shared;
        l->dir = xstrdup(parts->dir);
        l->mode = xstrdup(in->socket_mode);
        l->max_line_bytes = parts->max_line_bytes;
        l->ring_size = in->ring_size;
        copy_units(l, &in->units);
        l->again = (struct timer){ .name = "listen", .fn = try_again, .arg = l };
        l->idle = (struct timer){ .name = "listen", .fn = end_idle, .arg = l };
        l->io = (struct io){ .fd = -1, .name = "listen", .arg = l };
        snprintf(l->name, sizeof(l->name), "%s", in->listen);
        if (endpoint_parse(in->listen, &l->ep, e) < 0 || open_ring(l, e) < 0 ||
            (!parts->ring_only && open_socket(l, in, e) < 0)) {
                err_prefix(e, "listen %s", in->listen);
                listener_free(l);
                return NULL;
        }
        listener_configure(l, in);
        if (!parts->ring_only)
                start(l);
        return l;
}

void listener_free(struct listener *l)
{
        if (!l)
                return;
        while (l->conns)
                end_conn(l, l->conns);
        loop_del(l->shared->loop, &l->io);
        timer_disarm(l->shared->loop, &l->again);
        timer_disarm(l->shared->loop, &l->idle);
        endpoint_close(&l->ep, l->io.fd);
        feed_free(l->feed);
        if (l->ring) {
                stat_add(&l->shared->stats->ring_bytes, -ring_bytes(l->ring));
                stat_add(&l->shared->stats->ring_limit_bytes, -l->ring_size);
        }
        ring_free(l->ring);
        scrub_fini(&l->scrub);
        for (size_t i = 0; i < l->units.n; i++)
                free(l->units.v[i]);
        free(l->units.v);
        free(l->dir);
        free(l->mode);
        free(l);
}

static bool readable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, 0) == 1;
}

void listener_finish(struct listener *l)
{
        for (struct conn *c = l->conns, *next; c; c = next) {
                next = c->next;
                for (int i = 0; i < FINISH_READS && !l->paused && readable(c->io.fd) && read_once(c); i++)
                        ;
        }
        if (is_datagrams(l) && l->io.fd >= 0)
                on_datagrams(&l->io, 0);
        while (l->conns)
                end_conn(l, l->conns);
        loop_del(l->shared->loop, &l->io);
        timer_disarm(l->shared->loop, &l->again);
        feed_free(l->feed);
        l->feed = NULL;
}

void listener_collect(struct listener *l, bool (*acked)(void *arg, const char *path, int64_t size), void *arg)
{
        int64_t before = ring_bytes(l->ring);

        ring_collect(l->ring, acked, arg);
        stat_add(&l->shared->stats->ring_bytes, ring_bytes(l->ring) - before);
}

const char *listener_dir(const struct listener *l)
{
        return l->dir;
}

bool listener_is_stdin(const struct listener *l)
{
        return l->ep.kind == ENDPOINT_STDIN;
}

bool listener_ended(const struct listener *l)
{
        return l->ended;
}

const char *listener_trouble(struct listener *l)
{
        const char *what = is_datagrams(l)                   ? "datagrams are dropped"
                           : l->ep.kind == ENDPOINT_STDIN    ? "what writes to it waits"
                           : l->ep.kind == ENDPOINT_JOURNAL  ? "entries wait in the journal, which drops its oldest in time"
                                                             : "its senders wait";

        if (!l->paused)
                return NULL;
        if (ring_trouble(l->ring))
                snprintf(l->trouble, sizeof(l->trouble), "%s: %s; %s", l->name, ring_trouble(l->ring), what);
        else
                snprintf(l->trouble, sizeof(l->trouble), "the ring of %s is full (ring_size, %lld bytes): %s", l->name,
                         (long long)l->ring_size, what);
        return l->trouble;
}

struct listener_view listener_view(const struct listener *l)
{
        return (struct listener_view){ l->name, endpoint_is_stream(&l->ep) ? l->nconns : 0, ring_bytes(l->ring),
                                       l->ring_size, l->paused };
}
