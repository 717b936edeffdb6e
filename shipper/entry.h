/* SPDX-License-Identifier: Apache-2.0 */
/* entry: one record from a socket or from stdin, as a line of a ring's segment.
 *
 *      1764000000123 10.0.0.7:4711 the text\n
 *      received, ms  sender        text                    '!' in place of the first blank: the text was cut
 *
 * The time is when it was received: it may wait for hours before it is read.  The sender is "-" when it has no
 * address.  A newline inside the text would end the line, so three bytes stand for others, and a text
 * without them, which is nearly every text, is copied as it is:
 *
 *      \n    SUB n             \r at the end    SUB r            SUB (0x1a)    SUB s
 *
 * Pure; no descriptor, no state.
 */
#ifndef SLUICE_SHIPPER_ENTRY_H
#define SLUICE_SHIPPER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { ENTRY_SENDER_MAX = 64, ENTRY_HEADER_MAX = 20 + 1 + ENTRY_SENDER_MAX + 1 };

struct entry {
        int64_t received_ms;            /* wall time */
        const char *sender;             /* borrowed; NULL: has no address */
        size_t sender_len;
        bool cut;
        const char *text;               /* borrowed */
        size_t len;
};

/* Appends the line, which never is longer than max_bytes without its newline (more than ENTRY_HEADER_MAX): what does
 * not fit is cut and marked.  Returns how many bytes of the text were left out. */
size_t entry_put(struct buf *b, const struct entry *e, size_t max_bytes);

/* The line without its newline.  scratch holds the text when bytes of it had to be put back, and is needed as
 * long as ret.  False: it is not an entry. */
bool entry_parse(const char *line, size_t len, struct buf *scratch, struct entry *ret);

#endif
