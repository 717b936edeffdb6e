/* SPDX-License-Identifier: Apache-2.0 */
/* address: the index a line goes to when the shipper writes to Elasticsearch itself.
 *
 * The template sees service.name and host.name, so all lines of an input share one name, or those of a
 * file whose service is its container's: it is made once for each batch and input or file, never for a line.  A date in it is that of the reading.
 */
#ifndef SLUICE_SHIPPER_ADDRESS_H
#define SLUICE_SHIPPER_ADDRESS_H

#include "shipper/conf.h"
#include "sinks/batch.h"

struct address;

/* c is borrowed. NULL with e set: the template is wrong, or an input has no value for it and it has no default. */
struct address *address_new(const struct shipper_config *c, struct err *e);
void address_free(struct address *a);   /* NULL ok */

/* Appends the index of in's lines to b's data. service: of one file, in place of the input's; NULL: the input's. */
struct slice address_put(struct address *a, const struct input_config *in, const char *service, int64_t wall_ns,
                         struct batch *b);

#endif
