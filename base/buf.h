/* SPDX-License-Identifier: Apache-2.0 */
/* buf: bytes that grow.  Append unchecked, test buf_ok() once.
 *
 *      data                len           cap  cap + BUF_SLACK     max
 *       |==== content =====|-- spare ----|-slack-|.................|
 *
 * Sticky: an append that would pass `max` sets `failed` and leaves the content
 * as it was; each later append does nothing.  buf_reset clears both.
 * Content is not NUL-terminated unless buf_cstr() is asked.  One thread.
 *
 * The slack is memory that never counts as content: who fills the buffer may
 * store a whole word where only its first bytes count.
 */
#ifndef SLUICE_BASE_BUF_H
#define SLUICE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

enum { BUF_SLACK = 16 };

struct buf {
        char *data;             /* owned; NULL while empty */
        size_t len, cap;
        size_t max;             /* 0: no limit */
        bool failed;
};

void buf_init(struct buf *b, size_t max);       /* allocates nothing; a zeroed struct is one without limit */
void buf_fini(struct buf *b);                   /* zeroed struct ok */
void buf_reset(struct buf *b);                  /* empty, keeps the memory */

/* Room for n more bytes at data + len: NULL when that passes max (sticky). The
 * caller writes there and then adds to len what it wrote. */
char *buf_reserve(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_put_u64(struct buf *b, uint64_t n);    /* decimal, without printf's cost */

const char *buf_cstr(struct buf *b);            /* NUL-terminated, borrowed until the next append */
static inline bool buf_ok(const struct buf *b) { return !b->failed; }

#endif
