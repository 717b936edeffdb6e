/* SPDX-License-Identifier: Apache-2.0 */
/* pack_form: the bytes of the batch format, for its writer (pack.c) and its reader (unpack.c) alone.
 * docs/batch-format.md says the same for others. */
#ifndef SLUICE_EVENT_PACK_FORM_H
#define SLUICE_EVENT_PACK_FORM_H

#include <stdint.h>

#define PACK_MAGIC "SLB"
enum { PACK_VERSION = 1, PACK_SCHEME = 1 };     /* the latter is that of the ids: "s1." */

/* Where the fields of the head stand; integers are little-endian. */
enum {
        HEAD_VERSION = 3,       /* u8 */
        HEAD_SCHEME = 4,        /* u8; three zero bytes follow */
        HEAD_LINES = 8,         /* u32 */
        HEAD_BEFORE = 12,       /* u32, bytes; so are the next three */
        HEAD_AFTER = 16,
        HEAD_TEXT = 20,
        HEAD_TABLE = 24,        /* four zero bytes follow */
        HEAD_TIME = 32,         /* i64, milliseconds since 1970 */
        HEAD_OFFSET = 40,       /* u64 */
        HEAD_FILE = 48,         /* 16 bytes */
        PACK_HEAD = 64,
};

/* An entry of the table: a varint of length << 1 | 1 when one of these bytes and what it announces follow. */
enum {
        LINE_GAP = 1,           /* zigzag varint: bytes between the end of the text before and this line; kept for the next */
        LINE_TIME = 2,          /* zigzag varint: milliseconds since the line before; kept for the next */
        LINE_NANOS = 4,         /* varint: nanoseconds below them */
        LINE_SPAN = 8,          /* varint: the bytes of the file that its id names */
        LINE_FLAGS = 16,        /* varint: enum of event.h */
        LINE_STREAM = 32,       /* varint: index of pack_streams, from 1 */
        LINE_EVENT = 64,        /* alone: the text is the whole document */
};

enum { PACK_STREAMS = 2 };
extern const char *const pack_streams[PACK_STREAMS];

#endif
