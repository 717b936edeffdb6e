/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/dead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define SYSTEM_DIR "/var/lib/sluice-collector"

enum {
        FILES = 8,                      /* of max_size: each that is done with can be taken away */
        FILE_MIN = 64 << 10,
        FILE_MAX = 64 << 20,
        RETRY_BASE_MS = 100,
        RETRY_MAX_MS = 5000,
};

static bool has(const char *value)
{
        return value && *value;
}

char *dead_dir(const struct dlq_config *c)
{
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

        if (has(c->dir))
                return xstrdup(c->dir);
        if (geteuid() == 0 || access(SYSTEM_DIR, W_OK | X_OK) == 0)
                return xstrdup(SYSTEM_DIR);
        if (has(state) && state[0] == '/')
                return xasprintf("%s/sluice-collector", state);
        return has(home) ? xasprintf("%s/.local/state/sluice-collector", home) : xstrdup(SYSTEM_DIR);
}

char *dead_path(const char *dir, unsigned n)
{
        return n == 1 ? xasprintf("%s/dead-letters.ndjson", dir) : xasprintf("%s/dead-letters-%u.ndjson", dir, n);
}

/* Each part that is missing. */
static int make_parts(char *dir)
{
        for (char *at = dir + 1; *at; at++) {
                if (*at != '/')
                        continue;
                *at = '\0';
                int r = mkdir(dir, 0755);
                *at = '/';
                if (r < 0 && errno != EEXIST)
                        return -errno;
        }
        return mkdir(dir, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

static int unusable(const char *dir, int error, struct err *e)
{
        return err_set(e, error,
                       "directory %s for dead letters cannot be used: %s; set dlq.dir to one that can be written, or "
                       "dlq.topic",
                       dir, strerror(error));
}

static int make_dir(const char *dir, struct err *e)
{
        char *copy = xstrdup(dir);
        int r = make_parts(copy);

        free(copy);
        if (r < 0)
                return unusable(dir, -r, e);
        return access(dir, W_OK | X_OK) < 0 ? unusable(dir, errno, e) : 0;
}

int dead_dir_check(const char *dir, struct err *e)
{
        char *at = xstrdup(dir), *slash;
        int r;

        while ((r = access(at, W_OK | X_OK)) < 0 && errno == ENOENT && (slash = strrchr(at, '/')) != NULL && slash > at)
                *slash = '\0';
        int error = errno;
        free(at);
        return r < 0 ? unusable(dir, error, e) : 0;
}

static struct sink *open_topic(struct loop *l, const struct collector_config *c, const struct sink_owner *owner,
                               const struct sink_limits *limits, struct err *e)
{
        const struct kafka_config dead = { .brokers = c->kafka.brokers,
                                           .topic = c->dlq.topic,
                                           .linger_ms = 5,
                                           .compression = KAFKA_LZ4,
                                           .security = c->kafka.security,
                                           .librdkafka = c->kafka.librdkafka };

        return sink_kafka_new(l, &dead, owner, limits, e);
}

static int64_t clamp(int64_t n, int64_t min, int64_t max)
{
        return n < min ? min : n > max ? max : n;
}

static struct sink *open_files(struct loop *l, const struct collector_config *c, const char *dir,
                               const struct sink_owner *owner, const struct sink_limits *limits, struct err *e)
{
        struct file_config how = { .compression = FILE_LZ4,
                                   .sync = FILE_SYNC_BATCH,
                                   .rotate_bytes = clamp(c->dlq.max_bytes / FILES, FILE_MIN, FILE_MAX),
                                   .max_total_bytes = c->dlq.max_bytes,
                                   .retry_base_ms = RETRY_BASE_MS,
                                   .retry_max_ms = RETRY_MAX_MS };
        struct sink *s = NULL;

        if (make_dir(dir, e) < 0)
                return NULL;
        for (unsigned n = 1; !s && n <= DEAD_WRITERS; n++) {
                how.path = dead_path(dir, n);
                s = sink_file_new(l, &how, owner, limits, e);
                free(how.path);
                if (!s && e->code != EBUSY)
                        return NULL;
        }
        if (!s)
                err_set(e, EBUSY, "directory %s has dead letters of %d running collectors already; set dlq.dir to another", dir,
                        DEAD_WRITERS);
        return s;
}

struct sink *dead_sink_new(struct loop *l, const struct collector_config *c, const struct sink_owner *owner,
                           const struct sink_limits *limits, struct err *e)
{
        if (dead_in_topic(&c->dlq))
                return open_topic(l, c, owner, limits, e);
        char *dir = dead_dir(&c->dlq);
        struct sink *s = open_files(l, c, dir, owner, limits, e);
        free(dir);
        return s;
}

struct sink *dead_spare_new(struct loop *l, const struct collector_config *c, const struct sink_owner *owner,
                            const struct sink_limits *limits, struct err *e)
{
        struct err why = { 0 };
        char *dir = dead_dir(&c->dlq);
        struct sink *s = open_files(l, c, dir, owner, limits, &why);

        free(dir);
        if (!s)
                err_set(e, why.code, "a dead letter that topic %s refuses cannot be written to a file: %s", c->dlq.topic, why.msg);
        return s;
}
