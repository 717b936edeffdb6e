/* SPDX-License-Identifier: Apache-2.0 */
/* process: what is done to records of others at the centre: the shipper's parsers, and fields moved, dropped, added,
 * redacted.
 *
 *      process = ( { topics = [ "legacy*" ]; parse = "json"; },
 *                  { when = "service.name == pay"; redact = [ "card" ]; drop = [ "http.request.headers" ]; } );
 *
 *      document --> rule 0 fits? --> its text is parsed: what was found takes its place, fields move, go, come --+
 *                     | no                                                                                      |
 *                   rule 1 ... each that fits, in their order, and sees what those before it have made  <-------+
 *
 * The text is that of `field`; one that is not what it should be stays, and is counted.  event.id and the _id that
 * follows from it stay whatever happens.  Without rules nothing is looked at.  One thread per struct.
 */
#ifndef SLUICE_COLLECTOR_PROCESS_H
#define SLUICE_COLLECTOR_PROCESS_H

#include "base/stat.h"
#include "config/opt.h"
#include "event/edit.h"
#include "event/fields.h"
#include "event/parse.h"
#include "event/redact.h"
#include "event/when.h"

struct process_config {
        struct strlist topics;          /* as of a route */
        char *when;
        char *field;                    /* whose text is parsed */
        struct parse_config parse;
        struct strlist move;            /* "FROM=TO" */
        struct strlist drop;
        struct redact_config redact;
};
extern const struct opt_table process_opts;

struct process;

/* configs: of struct process_config, borrowed for life.  *ret is NULL when there are none. */
int process_new(const struct tablelist *configs, struct fields *f, struct process **ret, struct err *e) MUST_CHECK;
void process_free(struct process *p);   /* NULL ok */

struct process_end { bool changed; size_t left, redacted; };    /* left: texts that were not what they should be */

/* text, len: the document, a JSON object, and values what a scan found in it for f; all three become those of the document as it is
 * afterwards, borrowed until the next call.  wall_ns: its time when it names none. */
struct process_end process_run(struct process *p, const char *topic, int64_t wall_ns, const char **text, size_t *len,
                               struct scan_value *values);

#endif
