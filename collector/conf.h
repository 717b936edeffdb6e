/* SPDX-License-Identifier: Apache-2.0 */
/* conf: the settings of sluice-collector. The table in conf.c is their documentation. */
#ifndef SLUICE_COLLECTOR_CONF_H
#define SLUICE_COLLECTOR_CONF_H

#include "config/opt.h"
#include "sinks/kafka_security.h"
#include "sinks/output.h"
#include "status/life.h"

enum assignment { ASSIGN_COOPERATIVE, ASSIGN_RANGE };

struct consumer_config {
        char *brokers;
        struct strlist topics;
        char *group;
        char *group_instance_id;        /* NULL: a member like any other */
        int64_t assignment;             /* enum assignment */
        int64_t session_timeout_ms;
        struct strlist headers;         /* collector/headers.h */
        struct kafka_security security;
        struct strlist librdkafka;
};

struct dlq_config {
        int64_t park_after_ms;          /* 0: never */
        char *topic;                    /* NULL: files; see collector/dead.h */
        char *dir;
        int64_t max_bytes;              /* of all files of one collector */
        char *reason, *since, *until;   /* which letters the verb dlq means; NULL: any */
};

enum audit_compare { AUDIT_MESSAGE, AUDIT_ID };

struct audit_config {
        char *host;                     /* NULL: this one */
        int64_t compare;                /* enum audit_compare */
        int64_t show;
};

struct collector_config {
        struct life_config life;        /* the first */
        struct consumer_config kafka;
        int64_t output;                 /* without kafka, so one less than enum output: collector_output */
        struct es_config elasticsearch;
        struct file_config file;
        struct dlq_config dlq;
        int64_t on_invalid;             /* enum on_invalid */
        struct tablelist process;       /* of struct process_config */
        struct tablelist routes;        /* of struct route_config */
        struct audit_config audit;
        int64_t memory;                 /* byte budget of the process */
        int64_t batch_bytes, batch_records, batch_time_ms;
        int64_t commit_interval_ms;
        int64_t revoke_timeout_ms;
};

extern const struct opt_table collector_opts;

/* The indexes that routes name; the strings are borrowed, the caller frees the array. */
struct strlist collector_route_indexes(const struct collector_config *c);

enum output collector_output(const struct collector_config *c);
struct output_config collector_output_parts(const struct collector_config *c);  /* borrowed from c */

#endif
