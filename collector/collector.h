/* SPDX-License-Identifier: Apache-2.0 */
/* collector: the parts of the running program, for main.c that builds them and view.c that shows them. */
#ifndef SLUICE_COLLECTOR_COLLECTOR_H
#define SLUICE_COLLECTOR_COLLECTOR_H

#include "collector/consume.h"
#include "collector/deliver.h"
#include "config/reload.h"
#include "status/http.h"
#include "status/ready.h"

struct collector {
        struct collector_config config;
        struct collector_stats stats;
        struct ready ready;

        struct loop *loop;              /* all owned */
        struct consume *consume;
        struct deliver *deliver;
        struct sink *index, *dead;
        struct sink *spare;             /* NULL until the dead letters' topic refuses one */
        struct err spare_why;           /* why it cannot be opened; msg "" : it can, or need not */
        int64_t spare_after_ms;         /* not tried again before */
        struct http *http;

        int64_t settled_seen;           /* settled records when last looked at */
        struct timer tick;              /* once a second */
        struct timer stop_deadline;
        enum stop { STOP_NOT, STOP_EXIT, STOP_RELOAD } stopping;        /* taking has ended, and for what */
        int exit_code;

        const struct opt_args *args;    /* borrowed; what a reload starts from */
        struct reload reload;
        struct collector_config next;   /* STOP_RELOAD: checked and waiting */
};

extern const struct http_route collector_routes[];      /* arg: struct collector */

const char *collector_trouble(struct collector *c);     /* the first known reason for standing still, or NULL */
int64_t collector_settled(const struct collector *c);   /* records with a final outcome */

#endif
