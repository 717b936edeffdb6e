/* SPDX-License-Identifier: Apache-2.0 */
/* routes: rules that send some records elsewhere: to another index, to the dead letters, or nowhere.
 *
 *      routes = ( { topics = [ "audit*" ]; index = "audit-{+yyyy.MM}"; routing = "user.id"; },
 *                 { when = "log.level in (debug, trace)"; to = "drop"; } );
 *
 *      record --> rule 0: topic and condition fit? --> its index, pipeline, routing; or dead letters, or drop
 *                   | no
 *                 rule 1 ... --> none fits: as the table elasticsearch says
 *
 * The first rule that fits counts.  Conditions see the event as it will be stored.  Without rules nothing is looked
 * at.  One thread per struct.
 */
#ifndef SLUICE_COLLECTOR_ROUTES_H
#define SLUICE_COLLECTOR_ROUTES_H

#include "collector/naming.h"
#include "config/opt.h"
#include "event/when.h"

enum route_to { ROUTE_INDEX, ROUTE_DEAD_LETTER, ROUTE_DROP };

struct route_config {
        struct strlist topics;          /* patterns as of a shell; none: all */
        char *when;                     /* event/when.h; NULL: always */
        int64_t to;                     /* enum route_to */
        char *index;                    /* NULL: that of the table elasticsearch */
        char *pipeline;                 /* NULL: likewise */
        char *routing;                  /* field whose value chooses the shard; NULL: as elasticsearch says */
};
extern const struct opt_table route_opts;

struct route {
        enum route_to to;
        struct naming index;            /* template NULL: the default */
        const char *pipeline;           /* borrowed; NULL: none of its own */
        int routing;                    /* number of its field; -1: none */
        char why[64];                   /* for a dead letter: "routes.2 sends it here" */

        const struct route_config *config;      /* borrowed */
        struct when *when;              /* owned; NULL: always */
};

struct routes {
        struct route *v;                /* owned */
        size_t n;
};

/* configs: of struct route_config, borrowed for life.  Puts the fields that are looked at into f. */
int routes_init(struct routes *r, const struct tablelist *configs, struct fields *f, struct err *e) MUST_CHECK;
void routes_fini(struct routes *r);     /* zeroed struct ok */

/* NULL: none fits. */
const struct route *routes_find(const struct routes *r, const char *topic, const struct scan_value *values);

#endif
