/* SPDX-License-Identifier: Apache-2.0 */
/* incoming: a record as it came from Kafka.  Borrowed: valid for the call it is passed to. */
#ifndef SLUICE_COLLECTOR_INCOMING_H
#define SLUICE_COLLECTOR_INCOMING_H

#include <stddef.h>
#include <stdint.h>

/* A Kafka header; names may stand more than once. */
struct incoming_header {
        const char *name;
        const char *value;              /* not NUL-terminated; NULL: a header without value */
        size_t len;
};

struct incoming {
        const char *cluster;            /* Kafka's cluster id */
        const char *topic;
        int32_t partition;
        int64_t offset;
        int64_t timestamp_ms;           /* the record's; -1: it has none */
        uint32_t line;                  /* of a record that holds many, from 1; 0: the record is one event */
        const char *payload;            /* NULL: a tombstone */
        size_t len;
        const struct incoming_header *headers;
        size_t nheaders;
};

#endif
