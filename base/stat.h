/* SPDX-License-Identifier: Apache-2.0 */
/* stat: what a program counts.  A number lives in a struct of its owner; a
 * table of rows beside it says how it is called and what it means.
 *
 *      #define SHIPPER_STATS(X)                                              \
 *              X(COUNTER, lines_read, "lines_read_total", NULL, "Lines ...") \
 *              X(COUNTER, dropped_long, "lines_dropped_total",               \
 *                "reason=\"too_long\"", "Lines dropped, by reason.")
 *
 *      struct shipper_stats { SHIPPER_STATS(STAT_MEMBER) };
 *      #define ROW(...) STAT_ROW(struct shipper_stats, __VA_ARGS__)
 *      static const struct stat_row rows[] = { SHIPPER_STATS(ROW) };
 *
 * Rows of one name stand together and differ in their labels.  Names carry no
 * program prefix: the reader (status/metrics) puts it in front.  Counters and
 * gauges are atomics, any thread may change them; a histogram belongs to one
 * thread.
 */
#ifndef SLUICE_BASE_STAT_H
#define SLUICE_BASE_STAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum stat_kind { STAT_COUNTER, STAT_GAUGE, STAT_HISTOGRAM };

struct stat_value { _Atomic int64_t v; };

static inline void stat_add(struct stat_value *s, int64_t n) { atomic_fetch_add_explicit(&s->v, n, memory_order_relaxed); }
/* The same for a value that no other thread ever changes: what every line counts takes no locked instruction. */
static inline void stat_count(struct stat_value *s, int64_t n) { atomic_store_explicit(&s->v, atomic_load_explicit(&s->v, memory_order_relaxed) + n, memory_order_relaxed); }
static inline void stat_inc(struct stat_value *s) { stat_add(s, 1); }
static inline void stat_set(struct stat_value *s, int64_t n) { atomic_store_explicit(&s->v, n, memory_order_relaxed); }
static inline int64_t stat_get(const struct stat_value *s) { return atomic_load_explicit(&s->v, memory_order_relaxed); }

/* Seconds in fixed buckets, from 0.1 ms to 100 s in steps of about 2.2 (1, 2.2, 4.6, 10). */
enum { HIST_BUCKETS = 19 };
struct hist {
        uint64_t bucket[HIST_BUCKETS + 1];      /* the last: above all bounds */
        uint64_t count;
        double sum;                             /* seconds */
};
extern const double hist_bounds[HIST_BUCKETS];  /* upper bounds in seconds, ascending */
void hist_add(struct hist *h, double seconds);
double hist_quantile(const struct hist *h, double q);   /* seconds, interpolated; 0 when empty */

struct stat_row {
        enum stat_kind kind;
        const char *name;       /* without prefix: "lines_read_total" */
        const char *labels;     /* "reason=\"x\"" or NULL */
        const char *help;       /* one sentence */
        size_t offset;          /* of the struct stat_value or struct hist in its owner */
};

#define STAT_MEMBER(kind, field, ...) STAT_MEMBER_##kind field;
#define STAT_MEMBER_COUNTER struct stat_value
#define STAT_MEMBER_GAUGE struct stat_value
#define STAT_MEMBER_HISTOGRAM struct hist
#define STAT_ROW(type, kind, field, name, labels, help) { STAT_##kind, name, labels, help, offsetof(type, field) },

#endif
