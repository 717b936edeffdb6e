/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-loggen: writes numbered log lines as a service would, for tests and benchmarks.
 *
 * A line is one write(2) on a descriptor opened with O_APPEND, so several of
 * these may share a file.  At the end one JSON line goes to stderr: what was
 * written, and the longest time that a single write took, which shows whether
 * a reader of the file ever held the writer up. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/gen/lines.h"

struct options {
        struct lines_config lines;
        uint64_t count;
        double rate;           /* lines a second; 0: as fast as it goes */
        uint64_t rotate_every; /* lines; 0: never */
        const char *out;       /* NULL: standard output */
};

struct report {
        uint64_t lines, bytes, rotations;
        int64_t longest_write_ns;
        int64_t began_ns;
};

static const char usage[] =
        "usage: sluice-loggen [--out FILE] [option]...\n"
        "Writes log lines, each with a tag n=WRITER-SEQUENCE of its own.\n"
        "  --kind KIND        access, json, java, syslog or mix (default mix)\n"
        "  --lines N          how many (default 1000)\n"
        "  --rate R           lines a second (default 0: as fast as it goes)\n"
        "  --out FILE         append to FILE (default: standard output)\n"
        "  --rotate-every N   after each N lines rename FILE to FILE.1, FILE.2, ... and begin anew\n"
        "  --writer ID        letters and digits (default a)\n"
        "  --first N          SEQUENCE of the first line (default 0)\n"
        "  --seed N           other lines (default 1)\n"
        "  --start SECONDS    time stamp of the first line, or now (default 2026-01-01T00:00:00Z)\n"
        "  --long BYTES       lines of about that size\n"
        "  --compressible     all lines alike but for time and tag\n";

_Noreturn static void die(const char *what, const char *name)
{
        fprintf(stderr, "sluice-loggen: %s %s: %s\n", what, name, strerror(errno));
        exit(EX_IOERR);
}

_Noreturn static void bad_usage(const char *option, const char *value)
{
        fprintf(stderr, "sluice-loggen: --%s: what is \"%s\"?\n%s", option, value, usage);
        exit(EX_USAGE);
}

/* --- the command line ------------------------------------------------------------------------ */

static uint64_t number(const char *option, const char *value)
{
        char *end;
        errno = 0;
        unsigned long long n = strtoull(value, &end, 10);
        if (errno || end == value || *end || value[0] == '-')
                bad_usage(option, value);
        return n;
}

static double decimal(const char *option, const char *value)
{
        char *end;
        double d = strtod(value, &end);
        if (end == value || *end || !(d >= 0))
                bad_usage(option, value);
        return d;
}

static enum lines_kind kind_named(const char *option, const char *value)
{
        for (size_t i = 0; lines_kinds[i]; i++)
                if (strcmp(value, lines_kinds[i]) == 0)
                        return (enum lines_kind)i;
        bad_usage(option, value);
}

static int64_t start_time(const char *option, const char *value)
{
        if (strcmp(value, "now") == 0)
                return clock_system.wall_ns(&clock_system) / 1000000;
        return (int64_t)number(option, value) * 1000;
}

static const char *writer_id(const char *option, const char *value)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        if (!*value || value[strspn(value, allowed)])
                bad_usage(option, value);
        return value;
}

static void set_option(struct options *o, char short_name, const char *name, const char *value)
{
        switch (short_name) {
        case 'k':
                o->lines.kind = kind_named(name, value);
                break;
        case 'l':
                o->count = number(name, value);
                break;
        case 'r':
                o->rate = decimal(name, value);
                break;
        case 'o':
                o->out = value;
                break;
        case 'e':
                o->rotate_every = number(name, value);
                break;
        case 'w':
                o->lines.writer = writer_id(name, value);
                break;
        case 'f':
                o->lines.first = number(name, value);
                break;
        case 's':
                o->lines.seed = number(name, value);
                break;
        case 't':
                o->lines.start_ms = start_time(name, value);
                break;
        case 'L':
                o->lines.long_bytes = number(name, value);
                break;
        case 'c':
                o->lines.compressible = true;
                break;
        case 'h':
                fputs(usage, stdout);
                exit(EX_OK);
        default:
                fputs(usage, stderr);
                exit(EX_USAGE);
        }
}

static struct options parse_options(int argc, char **argv)
{
        static const struct option names[] = {
                { "kind", 1, NULL, 'k' },  { "lines", 1, NULL, 'l' },        { "rate", 1, NULL, 'r' },
                { "out", 1, NULL, 'o' },   { "rotate-every", 1, NULL, 'e' }, { "writer", 1, NULL, 'w' },
                { "first", 1, NULL, 'f' }, { "seed", 1, NULL, 's' },         { "start", 1, NULL, 't' },
                { "long", 1, NULL, 'L' },  { "compressible", 0, NULL, 'c' }, { "help", 0, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        struct options o = {
                .count = 1000,
                .lines = { .kind = LINES_MIX, .writer = "a", .seed = 1, .start_ms = INT64_C(1767225600000) },
        };
        int c, which = 0;
        while ((c = getopt_long(argc, argv, "", names, &which)) != -1)
                set_option(&o, (char)c, names[which].name, optarg);
        if (optind < argc)
                bad_usage("lines", argv[optind]);
        if (o.rotate_every && !o.out) {
                fputs("sluice-loggen: --rotate-every needs --out\n", stderr);
                exit(EX_USAGE);
        }
        return o;
}

/* --- the file -------------------------------------------------------------------------------- */

static int open_out(const struct options *o)
{
        if (!o->out)
                return STDOUT_FILENO;
        int fd = open(o->out, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                die("open", o->out);
        return fd;
}

/* Renames to the first free FILE.N: what an earlier run rotated stays. */
static int rotate(const struct options *o, int fd, uint64_t *n)
{
        char *to = NULL;
        do {
                free(to);
                to = xasprintf("%s.%llu", o->out, (unsigned long long)++*n);
        } while (access(to, F_OK) == 0);
        if (rename(o->out, to) < 0)
                die("rename", to);
        free(to);
        close(fd);
        return open_out(o);
}

/* A short write would leave half a line for others to append to: rather stop. */
static void write_line(int fd, const struct buf *line, struct report *r)
{
        int64_t before = clock_system.mono_ns(&clock_system);
        ssize_t n = write(fd, line->data, line->len);
        int64_t took = clock_system.mono_ns(&clock_system) - before;
        if (n != (ssize_t)line->len)
                die("write", "line");
        if (took > r->longest_write_ns)
                r->longest_write_ns = took;
        r->lines++;
        r->bytes += line->len;
}

/* Lines are due at fixed times since the start, so a late one does not lower the rate. */
static void wait_until_due(const struct options *o, const struct report *r)
{
        int64_t due = r->began_ns + (int64_t)((double)r->lines / o->rate * 1e9);
        if (clock_system.mono_ns(&clock_system) >= due)
                return;
        struct timespec at = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
}

static void print_report(const struct report *r)
{
        double seconds = (double)(clock_system.mono_ns(&clock_system) - r->began_ns) / 1e9;
        fprintf(stderr,
                "{\"lines\":%llu,\"bytes\":%llu,\"rotations\":%llu,\"seconds\":%.3f,\"longest_write_ms\":%."
                "3f}\n",
                (unsigned long long)r->lines, (unsigned long long)r->bytes, (unsigned long long)r->rotations,
                seconds, (double)r->longest_write_ns / 1e6);
}

/* SIGTERM: the line at hand is the last. */
static volatile sig_atomic_t ended;

static void end(int signo)
{
        (void)signo;
        ended = 1;
}

int main(int argc, char **argv)
{
        struct options o = parse_options(argc, argv);
        struct lines *lines = lines_new(&o.lines);
        struct buf line = { 0 };
        struct report r = { .began_ns = clock_system.mono_ns(&clock_system) };
        uint64_t last_suffix = 0;

        signal(SIGTERM, end);
        int fd = open_out(&o);
        while (r.lines < o.count && !ended) {
                if (o.rate > 0)
                        wait_until_due(&o, &r);
                if (o.rotate_every && r.lines && r.lines % o.rotate_every == 0) {
                        fd = rotate(&o, fd, &last_suffix);
                        r.rotations++;
                }
                buf_reset(&line);
                lines_next(lines, &line);
                write_line(fd, &line, &r);
        }
        print_report(&r);
        buf_fini(&line);
        lines_free(lines);
        if (close(fd) < 0)
                die("close", o.out ? o.out : "standard output");
        return EX_OK;
}
