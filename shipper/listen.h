/* SPDX-License-Identifier: Apache-2.0 */
/* listen: one input that is no file: a socket with its connections, or stdin, and the ring it writes to.
 *
 *      tcp, unix       connection --+-- splitter --+
 *                      connection --+              +-- ring --> written() --> the tailer
 *      stdin           -------------+              |
 *      udp, unixgram   datagram -------------------+
 *      journald        entry --- feed -------------+
 *
 * All on the loop, nothing blocks: one read of one descriptor a turn.
 *
 *                   ring without room, disk full
 *      LISTENING ---------------------------------> FULL: connections, stdin and the journal are not read, senders wait;
 *          ^                                          |   datagrams are read and counted as dropped
 *          +-------- room(), the disk takes it -------+
 *
 * Bounded: connections by max_connections (more are closed and counted), the unfinished line of each by
 * max_line_bytes, and all of those together by held_max: beyond it a line is cut at LISTEN_SHORT_LINE.
 * One thread.
 */
#ifndef SLUICE_SHIPPER_LISTEN_H
#define SLUICE_SHIPPER_LISTEN_H

#include "base/loop.h"
#include "shipper/conf.h"
#include "shipper/stats.h"

enum { LISTEN_SHORT_LINE = 4096 };

/* What all listeners of a program share. */
struct listen_shared {
        struct loop *loop;              /* borrowed */
        struct shipper_stats *stats;    /* borrowed */
        size_t held_max;                /* bytes of unfinished lines, of all connections */
        size_t held;
        void (*written)(void *arg, const char *path);   /* this segment has grown */
        void *arg;
};

struct listener;

struct listen_parts {
        struct listen_shared *shared;   /* borrowed */
        const char *dir;                /* of the ring */
        int64_t max_line_bytes;
        bool ring_only;                 /* nothing more comes in: no socket */
};

/* Opens everything. in is borrowed until listener_configure gives another one. */
struct listener *listener_new(const struct listen_parts *parts, const struct input_config *in, struct err *e);
void listener_free(struct listener *l);                 /* NULL ok; what is unfinished is written as it is */

/* The new configuration leaves address, ring, file mode and units alone? */
bool listener_is_like(const struct listener *l, const struct input_config *in);
/* Then this takes over the rest of it; connections keep the framing they began with. */
void listener_configure(struct listener *l, const struct input_config *in);

/* Takes over what stands in the kernel's buffers, as far as there is room, and ends: the program stops. */
void listener_finish(struct listener *l);

/* Deletes what acked() says is acknowledged. */
void listener_collect(struct listener *l, bool (*acked)(void *arg, const char *path, int64_t size), void *arg);

const char *listener_dir(const struct listener *l);
bool listener_is_stdin(const struct listener *l);
bool listener_ended(const struct listener *l);          /* stdin: its end came, and all of it is in the ring */
const char *listener_trouble(struct listener *l);       /* why it takes nothing, or NULL; borrowed until the next call */

struct listener_view {
        const char *name;               /* "tcp://127.0.0.1:5514", with the port that was taken */
        size_t connections;
        int64_t ring_bytes, ring_size;
        bool full;
};
struct listener_view listener_view(const struct listener *l);

#endif
