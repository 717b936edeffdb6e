/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/check.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "shipper/globs.h"
#include "sinks/es_probe.h"
#include "sinks/kafka_probe.h"

/* What an event adds to its line: names, ids, the envelope of the record. */
enum { EVENT_BYTES = 4096 };

/* --- files ------------------------------------------------------------------------------------ */

/* 0, or why it cannot be read (errno). */
static int try_file(const char *path, struct stat *st)
{
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd < 0)
                return errno;
        int r = fstat(fd, st) < 0 ? errno : 0;
        close(fd);
        return r;
}

struct matches {
        const struct input_config *input;
        const char *subject;
        struct report *report;
        size_t files, excluded, unreadable;
        long long bytes;
};

static void check_dir(void *arg, const char *dir)
{
        struct matches *m = arg;

        if (access(dir, R_OK | X_OK) == 0)
                return;
        m->unreadable++;
        report_fail(m->report, EX_NOINPUT, m->subject, "%s cannot be listed: %s", dir, strerror(errno));
}

static void check_file(void *arg, const char *path)
{
        struct matches *m = arg;
        struct stat st;

        if (globs_is_archive(path) && !globs_wants_archive(m->input, path))
                return;
        if (globs_excluded(m->input, path)) {
                m->excluded++;
                return;
        }
        int error = try_file(path, &st);
        if (error) {
                m->unreadable++;
                report_fail(m->report, EX_NOINPUT, m->subject, "%s cannot be read: %s%s", path, strerror(error),
                            error == EACCES ? "; let this user read it and enter its directories" : "");
        } else if (S_ISREG(st.st_mode)) {
                m->files++;
                m->bytes += st.st_size;
        }
}

static void check_pattern(const struct input_config *input, const char *pattern, struct report *r)
{
        char *subject = xasprintf("input %s", pattern), excluded[64] = "";
        struct matches m = { .input = input, .subject = subject, .report = r };
        const struct globs_visitor visitor = { check_dir, check_file, &m };

        globs_walk(pattern, &visitor);
        if (m.excluded > 0)
                snprintf(excluded, sizeof(excluded), "; exclude_paths leaves out %zu", m.excluded);
        if (m.files > 0)
                report_ok(r, subject, "%zu file%s, %lld bytes%s", m.files, m.files == 1 ? "" : "s", m.bytes, excluded);
        else if (m.unreadable == 0)
                report_warn(r, subject, "matches no file%s", excluded);
        free(subject);
}

/* The socket itself is not tried: a running shipper may have it. */
static void check_ring(const struct input_config *in, struct report *r)
{
        char *subject = xasprintf("input %s", in->listen);
        long long bytes = 0;
        struct stat st;
        glob_t found;

        if (glob(in->paths.v[0], GLOB_NOSORT, NULL, &found) == 0) {
                for (size_t i = 0; i < found.gl_pathc; i++)
                        bytes += stat(found.gl_pathv[i], &st) == 0 ? st.st_size : 0;
                globfree(&found);
        }
        report_ok(r, subject, "its ring holds %lld of %lld bytes", bytes, (long long)in->ring_size);
        free(subject);
}

static void check_inputs(const struct shipper_config *c, struct report *r)
{
        const struct input_config *in = c->inputs.v;

        for (size_t i = 0; i < c->inputs.n; i++) {
                if (in[i].listen)
                        check_ring(&in[i], r);
                for (size_t p = 0; !in[i].listen && p < in[i].paths.n; p++)
                        check_pattern(&in[i], in[i].paths.v[p], r);
        }
}

/* --- the state directory ------------------------------------------------------------------------ */

/* The holder's pid in buf, or false: nobody has it.  Asks with a shared lock that is let go at once. */
static bool is_held(const char *dir, char *buf, size_t size)
{
        char *path = xasprintf("%s/lock", dir);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;

        free(path);
        if (held) {
                ssize_t n = pread(fd, buf, size - 1, 0);
                buf[n > 0 ? n : 0] = '\0';
                buf[strcspn(buf, "\n")] = '\0';
        }
        if (fd >= 0)
                close(fd);
        return held;
}

static void check_missing_state(const char *dir, const char *subject, struct report *r)
{
        char *copy = xstrdup(dir);
        const char *parent = dirname(copy);

        if (access(parent, W_OK | X_OK) < 0)
                report_fail(r, EX_CANTCREAT, subject, "is not there and cannot be made: %s: %s", parent,
                            strerror(errno));
        else
                report_ok(r, subject, "is not there yet, will be made");
        free(copy);
}

static void check_state(const char *dir, struct report *r)
{
        char *subject = xasprintf("state %s", dir), pid[32];
        struct stat st;

        if (stat(dir, &st) < 0 && errno == ENOENT)
                check_missing_state(dir, subject, r);
        else if (stat(dir, &st) < 0)
                report_fail(r, EX_CANTCREAT, subject, "%s", strerror(errno));
        else if (!S_ISDIR(st.st_mode))
                report_fail(r, EX_CANTCREAT, subject, "is not a directory");
        else if (access(dir, R_OK | W_OK | X_OK) < 0)
                report_fail(r, EX_CANTCREAT, subject, "is not writable: %s", strerror(errno));
        else if (is_held(dir, pid, sizeof(pid)))
                report_ok(r, subject, "in use by process %s", pid[0] ? pid : "(unknown)");
        else
                report_ok(r, subject, "writable");
        free(subject);
}

/* --- all ---------------------------------------------------------------------------------------- */

static void check_kafka(const struct shipper_config *c, struct report *r)
{
        const struct kafka_place place = { .brokers = c->kafka.brokers, .security = &c->kafka.security,
                                           .properties = &c->kafka.librdkafka };
        struct kafka_probe *p = kafka_probe_new(&place, c->life.start_timeout_ms, r);

        if (p)
                kafka_probe_topic(p, c->kafka.topic, c->max_line_bytes + EVENT_BYTES);
        kafka_probe_free(p);
}

static void check_output(const struct shipper_config *c, struct report *r)
{
        switch ((enum output)c->output) {
        case OUTPUT_KAFKA:
                check_kafka(c, r);
                break;
        case OUTPUT_ELASTICSEARCH:
                es_probe(&c->elasticsearch, NULL, c->life.start_timeout_ms, r);
                break;
        default:
                report_ok(r, "output", "%s, which is not looked at", output_names[c->output]);
        }
}

void shipper_check(const struct shipper_config *c, const char *file, struct report *r)
{
        report_ok(r, "config", "%s", file ? file : "command line");
        check_inputs(c, r);
        check_state(c->state, r);
        check_output(c, r);
}
