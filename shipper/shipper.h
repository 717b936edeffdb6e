/* SPDX-License-Identifier: Apache-2.0 */
/* shipper: the parts of the running program, for main.c that builds them and view.c that shows them. */
#ifndef SLUICE_SHIPPER_SHIPPER_H
#define SLUICE_SHIPPER_SHIPPER_H

#include "shipper/ship.h"
#include "shipper/sources.h"
#include "shipper/tail.h"
#include "shipper/watch.h"
#include "status/life.h"

struct shipper {
        struct shipper_config config;
        struct shipper_stats stats;
        struct life life;

        struct checkpoint *checkpoint;  /* all owned */
        struct ship *ship;
        struct address *address;        /* NULL: the output needs none */
        struct sink *sink;
        struct tail *tail;
        struct watch *watch;
        struct sources *sources;

        char trouble[1024];             /* shipper_trouble's sentence */
        int lock_fd;
        int64_t started_ms;             /* loop time */

        struct shipper_config next;     /* of a reload: checked and waiting */
        struct kept_files kept;         /* owned; between two tails */
};

extern const struct http_route shipper_routes[];        /* arg: struct shipper */

int64_t shipper_dropped(const struct shipper *s);       /* for all reasons */
const char *shipper_trouble(struct shipper *s);         /* the first known reason for standing still, or NULL */

#endif
