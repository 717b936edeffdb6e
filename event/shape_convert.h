/* SPDX-License-Identifier: Apache-2.0 */
/* shape_convert: one value of a foreign event, looked at and written anew.  Thread-safe. */
#ifndef SLUICE_EVENT_SHAPE_CONVERT_H
#define SLUICE_EVENT_SHAPE_CONVERT_H

#include "event/shape_rules.h"

/* V_ bits. */
unsigned shape_value_is(const struct scan_value *v);

/* Appends v as JSON.  False, with nothing appended: it cannot be converted so. */
bool shape_convert(struct buf *b, enum shape_convert how, const struct scan_value *v);

/* The value as it stands in the text, a string with its quotes. */
void shape_put_raw(struct buf *b, const struct scan_value *v);

#endif
