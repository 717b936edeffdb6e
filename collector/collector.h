/* SPDX-License-Identifier: Apache-2.0 */
/* collector: the parts of the running program, for main.c that builds them and view.c that shows them. */
#ifndef SLUICE_COLLECTOR_COLLECTOR_H
#define SLUICE_COLLECTOR_COLLECTOR_H

#include "collector/consume.h"
#include "collector/deliver.h"
#include "status/life.h"

struct collector {
        struct collector_config config;
        struct collector_stats stats;
        struct life life;

        struct consume *consume;        /* all owned */
        struct deliver *deliver;
        struct sink *index, *dead;
        struct sink *spare;             /* NULL until the dead letters' topic refuses one */
        struct err spare_why;           /* why it cannot be opened; msg "" : it can, or need not */
        int64_t spare_after_ms;         /* not tried again before */
        struct collector_config next;   /* of a reload: checked and waiting */
};

extern const struct http_route collector_routes[];      /* arg: struct collector */

const char *collector_trouble(struct collector *c);     /* the first known reason for standing still, or NULL */
int64_t collector_settled(const struct collector *c);   /* records with a final outcome */

#endif
