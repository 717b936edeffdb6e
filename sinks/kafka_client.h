/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_client: one librdkafka producer on the loop, from birth to burial.
 *
 *      produce --> librdkafka's threads --> broker
 *                                             |
 *      report  <-- main queue <-- eventfd <---+     one report a record, on the loop's thread
 *
 *              start               fatal error           last report             destroyed
 *      DOWN ----------> UP --------------------> PURGING ------------> BURYING ------------> DOWN
 *
 * A fatal error (the idempotent producer lost count of what the broker has) ends a handle: what
 * is inside is purged and reported as failed, then a thread destroys the handle, because that can take
 * longer than a loop may stand still.  The owner starts a new one when it finds the client DOWN.
 *
 * Payload is not copied: a record's batch stays until its report, and librdkafka does not
 * read it afterwards.  One thread: the loop's; librdkafka's threads only write to the eventfd.
 */
#ifndef SLUICE_SINKS_KAFKA_CLIENT_H
#define SLUICE_SINKS_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/loop.h"
#include "sinks/batch.h"

#define KAFKA_CLIENT_STATES(X)                                                  \
        X(KAFKA_CLIENT_DOWN, "no handle")                                       \
        X(KAFKA_CLIENT_UP, "records flow")                                      \
        X(KAFKA_CLIENT_PURGING, "the last reports of a dead handle are coming") \
        X(KAFKA_CLIENT_BURYING, "a thread destroys the handle")
#define KAFKA_CLIENT_ENUM(name, text) name,
enum kafka_client_state { KAFKA_CLIENT_STATES(KAFKA_CLIENT_ENUM) KAFKA_CLIENT_NSTATES };

/* The characters a topic's name may have (org.apache.kafka.common.internals.Topic). */
enum { KAFKA_TOPIC_MAX = 249 };

struct kafka_client;

struct kafka_client_owner {
        /* The broker has r (err 0), or not.  Never called from inside produce. */
        void (*report)(struct kafka_client *c, struct record *r, rd_kafka_resp_err_t err);
        /* What librdkafka says about a broker; text is its own. A fatal error comes here too. */
        void (*error)(struct kafka_client *c, rd_kafka_resp_err_t err, const char *text);
        /* An answer to what was asked of the handle (kafka_limit); borrowed. */
        void (*answer)(struct kafka_client *c, rd_kafka_event_t *event);
        void *arg;
};

struct kafka_client {
        const char *name;               /* "kafka" */
        struct loop *loop;              /* borrowed */
        struct kafka_client_owner owner;
        enum kafka_client_state state;
        rd_kafka_t *rk;                 /* owned; the thread's while BURYING */
        rd_kafka_topic_t *topic;        /* owned; where records without dest go */
        rd_kafka_queue_t *queue;        /* owned; librdkafka's main queue: reports and errors */
        struct io io;                   /* eventfd, signalled by librdkafka when the queue gets something */
        size_t inside;                  /* records whose report is due */
        pthread_t undertaker;           /* while BURYING */
};

/* Allocates nothing and starts nothing: DOWN. */
void kafka_client_init(struct kafka_client *c, const char *name, struct loop *l, const struct kafka_client_owner *owner);

/* conf: a copy of it is used. DOWN -> UP. */
int kafka_client_start(struct kafka_client *c, const rd_kafka_conf_t *conf, const char *topic, struct err *e) MUST_CHECK;

/* True when it is DOWN, so that it can be started (again). Finds out whether the undertaker is through. */
bool kafka_client_is_down(struct kafka_client *c);

/* Ends the handle as after a fatal error: what is inside is reported as failed, and the owner starts another one
 * when the client is DOWN.  Only while UP. */
void kafka_client_renew(struct kafka_client *c, const char *why);

/* Hands r to librdkafka; its report comes later.  An error: it was not taken.  Only while UP. */
rd_kafka_resp_err_t kafka_client_produce(struct kafka_client *c, struct record *r);

/* Purges what is inside and destroys the handle, waiting at most wait_ms for the reports. Blocks.  Records that
 * were not reported until then never will be; nothing reads them any more.  DOWN already: no-op. */
void kafka_client_stop(struct kafka_client *c, int wait_ms);

#endif
