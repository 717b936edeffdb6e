/* SPDX-License-Identifier: Apache-2.0 */
#include "status/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void metrics_begin(struct metrics *m, struct buf *out, const char *prefix)
{
        *m = (struct metrics){ .out = out, .prefix = prefix };
}

/* --- the format --------------------------------------------------------------------------------- */

static const char *kind_name(enum stat_kind kind)
{
        static const char *const names[] = {
                [STAT_COUNTER] = "counter",
                [STAT_GAUGE] = "gauge",
                [STAT_HISTOGRAM] = "histogram",
        };
        return names[kind];
}

/* Backslash and newline have escapes everywhere, the quote within labels only. */
static void put_escaped(struct buf *out, const char *text, bool quote)
{
        for (; *text; text++) {
                if (*text == '\n')
                        buf_puts(out, "\\n");
                else if (*text == '\\' || (quote && *text == '"'))
                        buf_printf(out, "\\%c", *text);
                else
                        buf_putc(out, *text);
        }
}

static void put_number(struct buf *out, double value)
{
        if (isnan(value))
                buf_puts(out, "NaN");
        else if (isinf(value))
                buf_puts(out, value > 0 ? "+Inf" : "-Inf");
        else
                buf_printf(out, "%.15g", value);
}

static void head(struct metrics *m, enum stat_kind kind, const char *prefix, const char *name,
                 const char *help)
{
        if (m->last && strcmp(m->last, name) == 0)
                return;
        m->last = name;
        buf_printf(m->out, "# HELP %s%s ", prefix, name);
        put_escaped(m->out, help, false);
        buf_printf(m->out, "\n# TYPE %s%s %s\n", prefix, name, kind_name(kind));
}

/* name, suffix and labels: `sluice_shipper_lines_dropped_total{reason="too_long"} ` */
static void put_series(struct metrics *m, const char *prefix, const char *name, const char *suffix,
                       const char *labels)
{
        buf_printf(m->out, "%s%s%s", prefix, name, suffix);
        if (labels && *labels)
                buf_printf(m->out, "{%s}", labels);
        buf_putc(m->out, ' ');
}

static void put_value(struct metrics *m, enum stat_kind kind, const char *prefix, const char *name,
                      const char *labels, const char *help, double value)
{
        head(m, kind, prefix, name, help);
        put_series(m, prefix, name, "", labels);
        put_number(m->out, value);
        buf_putc(m->out, '\n');
}

void metrics_value(struct metrics *m, enum stat_kind kind, const char *name, const char *labels,
                   const char *help, double value)
{
        put_value(m, kind, m->prefix, name, labels, help, value);
}

void metrics_label(struct buf *labels, const char *name, const char *value)
{
        buf_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
        put_escaped(labels, value, true);
        buf_putc(labels, '"');
}

/* --- stat tables -------------------------------------------------------------------------------- */

/* Each bucket counts all that is not above its bound, so the last one equals _count. */
static void put_bucket(struct metrics *m, const struct stat_row *row, size_t i, uint64_t n)
{
        buf_printf(m->out, "%s%s_bucket{", m->prefix, row->name);
        if (row->labels && *row->labels)
                buf_printf(m->out, "%s,", row->labels);
        buf_puts(m->out, "le=\"");
        put_number(m->out, i < HIST_BUCKETS ? hist_bounds[i] : INFINITY);
        buf_puts(m->out, "\"} ");
        buf_put_u64(m->out, n);
        buf_putc(m->out, '\n');
}

static void put_histogram(struct metrics *m, const struct stat_row *row, const struct hist *h)
{
        uint64_t below = 0;

        for (size_t i = 0; i <= HIST_BUCKETS; i++) {
                below += h->bucket[i];
                put_bucket(m, row, i, below);
        }
        put_series(m, m->prefix, row->name, "_sum", row->labels);
        put_number(m->out, h->sum);
        buf_putc(m->out, '\n');
        put_series(m, m->prefix, row->name, "_count", row->labels);
        buf_put_u64(m->out, below);
        buf_putc(m->out, '\n');
}

void metrics_rows(struct metrics *m, const struct stat_row *rows, size_t n, const void *base)
{
        for (const struct stat_row *row = rows; row < rows + n; row++) {
                const void *at = (const char *)base + row->offset;
                head(m, row->kind, m->prefix, row->name, row->help);
                if (row->kind == STAT_HISTOGRAM) {
                        put_histogram(m, row, at);
                } else {
                        put_series(m, m->prefix, row->name, "", row->labels);
                        buf_printf(m->out, "%" PRId64 "\n", stat_get(at));
                }
        }
}

/* --- the process -------------------------------------------------------------------------------- */

/* The whole of a small file of /proc, NUL-terminated; "" when it cannot be read. */
static void read_proc(const char *path, char *text, size_t size)
{
        FILE *f = fopen(path, "re");
        size_t n = f ? fread(text, 1, size - 1, f) : 0;

        text[n] = '\0';
        if (f)
                fclose(f);
}

static double seconds(clockid_t clock)
{
        struct timespec ts = { 0 };

        clock_gettime(clock, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The second number of statm is the resident pages. */
static double resident_bytes(void)
{
        char text[128];
        unsigned long pages = 0;

        read_proc("/proc/self/statm", text, sizeof(text));
        if (sscanf(text, "%*u %lu", &pages) != 1)
                return NAN;
        return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        if (!dir)
                return NAN;
        for (struct dirent *d; (d = readdir(dir)) != NULL;)
                n += d->d_name[0] != '.';
        closedir(dir);
        return n - 1; /* without the one that reads the directory */
}

/* Field 22 of stat: start in clock ticks since boot. The name in field 2 may hold blanks and brackets, so
 * counting begins behind its last bracket. */
static double start_since_boot(void)
{
        enum { FIELDS_BEHIND_NAME = 20 };
        char text[1024];
        unsigned long long ticks = 0;

        read_proc("/proc/self/stat", text, sizeof(text));
        const char *p = strrchr(text, ')');
        for (int i = 0; p && i < FIELDS_BEHIND_NAME; i++)
                p = strchr(p + 1, ' ');
        if (!p || sscanf(p, "%llu", &ticks) != 1)
                return NAN;
        return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* Computed once: changes() of it counts restarts, and a clock that is set must not look like one. */
static double start_time(void)
{
        static _Thread_local double start;

        if (start == 0)
                start = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + start_since_boot();
        return start;
}

static double max_fds(void)
{
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : NAN;
}

void metrics_process(struct metrics *m)
{
        put_value(m, STAT_GAUGE, "", "process_resident_memory_bytes", NULL, "Resident memory.",
                  resident_bytes());
        put_value(m, STAT_COUNTER, "", "process_cpu_seconds_total", NULL, "CPU time, user and system.",
                  seconds(CLOCK_PROCESS_CPUTIME_ID));
        put_value(m, STAT_GAUGE, "", "process_open_fds", NULL, "Open file descriptors.", open_fds());
        put_value(m, STAT_GAUGE, "", "process_max_fds", NULL, "Limit of open file descriptors.", max_fds());
        put_value(m, STAT_GAUGE, "", "process_start_time_seconds", NULL, "Start, in seconds since 1970.",
                  start_time());
        metrics_value(m, STAT_GAUGE, "build_info", "version=\"" SLUICE_VERSION "\"",
                      "1, labelled with the version.", 1);
}
