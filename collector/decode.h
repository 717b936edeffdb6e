/* SPDX-License-Identifier: Apache-2.0 */
/* decode: from a Kafka record to a document, its index and its id.
 *
 *      a Sluice or ECS event   passes through, byte for byte
 *      another JSON object     becomes what event/shape.h says; @timestamp is spliced in where it is missing
 *      anything else           is the message of a document of its own
 *
 * The id is the event's own where Sluice gave it one (scheme prefix at event.id), else the text or number at
 * id_field when that is set and there is one of 1 to 512 bytes (Elasticsearch takes no more), else it names the Kafka
 * record: the same record gets the same id at every re-send.  What would spoil a document, invalid UTF-8
 * and members of one name at any depth, is repaired, and a record that begins like an object and is none is text; or all three
 * are left to the dead letters.  What the record's
 * headers tell is added (collector/headers.h), and rules process the document (collector/process.h); index template, id_field and routes see it.  One thread.
 */
#ifndef SLUICE_COLLECTOR_DECODE_H
#define SLUICE_COLLECTOR_DECODE_H

#include "base/err.h"
#include "collector/incoming.h"
#include "collector/process.h"
#include "collector/routes.h"
#include "collector/stats.h"
#include "config/opt.h"
#include "sinks/batch.h"

struct decoder;

/* id_field: path of the id of events without ours, NULL: none. NULL with e set: the index template is wrong.
 * stats: borrowed. */
struct decoder *decode_new(const char *index_template, const char *id_field, struct collector_stats *stats,
                           struct err *e);
void decode_set_labels(struct decoder *d, const struct strlist *labels);        /* kafka.headers; borrowed */
void decode_free(struct decoder *d);    /* NULL ok */

/* routes: of struct route_config, borrowed.  -EINVAL, -E2BIG: e says why. */
int decode_set_routes(struct decoder *d, const struct tablelist *routes, struct err *e) MUST_CHECK;

/* field: whose value chooses the shard, where no route says another and the index is no data stream; NULL: none.
 * -EINVAL, -E2BIG: e says why. */
int decode_set_routing(struct decoder *d, const char *field, struct err *e) MUST_CHECK;

/* process: of struct process_config, borrowed; likewise. */
int decode_set_process(struct decoder *d, const struct tablelist *process, struct err *e) MUST_CHECK;

enum on_invalid { INVALID_REPAIR, INVALID_DEAD_LETTER };
void decode_set_invalid(struct decoder *d, enum on_invalid how);        /* INVALID_REPAIR without this */

enum decode_end {
        DECODE_NO_INDEX,        /* a record without dest was added: a field of the index template is missing */
        DECODE_OK,
        DECODE_DEAD,            /* as OK, but a rule sends it to the dead letters: decode_why */
        DECODE_INVALID,         /* the record as it came was added, and may not be repaired: decode_why */
        DECODE_DROP,            /* nothing was added: a rule drops it */
};

/* Adds one record with value, id and dest to b. */
enum decode_end decode(struct decoder *d, const struct incoming *in, struct batch *b);
const char *decode_why(const struct decoder *d);        /* after DECODE_DEAD the rule, after DECODE_INVALID what is wrong; borrowed */

/* The same for what is no document: the payload as it is, the id of the record, no dest. */
void decode_nothing(const struct decoder *d, const struct incoming *in, struct batch *b);

#endif
