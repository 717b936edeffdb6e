/* SPDX-License-Identifier: Apache-2.0 */
/* show: the sink of a dry run.  Prints the first records as the real output would get them, takes the rest
 * unseen, and sends nothing.
 *
 *      record 1
 *        topic     logs
 *        key       s1.6f0c...
 *        header    traceparent: 00-...
 *        document  {"@timestamp":...}
 *
 * A record in the batch format is shown line by line, each as the document that the collector makes of it; each counts.
 */
#ifndef SLUICE_SINKS_SHOW_H
#define SLUICE_SINKS_SHOW_H

#include <stdio.h>

#include "sinks/sink.h"

struct show_config {
        FILE *out;                      /* borrowed */
        int64_t records;                /* how many are printed */
        const char *place;              /* what a destination is called: "topic", "index", "file"; static */
        bool server_ids;                /* no id is sent: the server makes one up */
        const char *dest;               /* of a record without one of its own; borrowed, NULL: none */
        void (*enough)(void *arg);      /* once, when so many were printed; may be NULL */
        void *arg;
};

struct sink *sink_show_new(struct loop *l, const struct show_config *c, const struct sink_owner *owner,
                           const struct sink_limits *limits);
int64_t sink_show_count(const struct sink *s);          /* printed so far */

#endif
