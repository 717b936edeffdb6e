/* SPDX-License-Identifier: Apache-2.0 */
/* mem: allocation that does not fail.
 *
 * Payload is bounded by budgets and queues, so running out of memory is never
 * flow control: it is a machine in trouble, and a restart loses nothing.
 * Any thread.
 */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stddef.h>

void *xmalloc(size_t size);                     /* aborts, never NULL */
void *xcalloc(size_t n, size_t size);           /* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Once, before the first thread: freed memory is kept for the next batch instead of going back to the system and being
 * cleared page by page when it is wanted again. */
void mem_setup(void);

/* When nothing is under way: what a burst has left behind goes back to the system.  Costs next to nothing when there is
 * little of it, so it may be asked every second, by one thread. */
void mem_give_back(void);

#endif
