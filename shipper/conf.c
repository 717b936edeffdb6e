/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const log_formats[] = { "text", "json", NULL };

static const struct opt input_rows[] = {
        { "paths", OPT_LIST, offsetof(struct input_config, paths), .required = true,
          .help = "files to tail: names or glob patterns" },
        { "service", OPT_STRING, offsetof(struct input_config, service),
          .help = "service.name of their lines; absent: the field is left out" },
};
static const struct opt_table input_opts = { input_rows, ARRAY_LEN(input_rows), sizeof(struct input_config), NULL };

static const struct opt rows[] = {
        { "inputs", OPT_TABLES, offsetof(struct shipper_config, inputs), .table = &input_opts,
          .help = "what to tail" },
        { "output", OPT_CHOICE, offsetof(struct shipper_config, output), .def = "kafka", .choices = output_names,
          .flag = "output", .flag_arg = "NAME", .help = "where lines go; kafka, elasticsearch and file have a table each" },
        { "kafka", OPT_TABLE, offsetof(struct shipper_config, kafka), .table = &kafka_producer_opts,
          .help = "output kafka" },
        { "elasticsearch", OPT_TABLE, offsetof(struct shipper_config, elasticsearch), .table = &es_opts,
          .help = "output elasticsearch: lines are indexed without a Kafka on the way" },
        { "file", OPT_TABLE, offsetof(struct shipper_config, file), .table = &file_opts, .help = "output file" },
        { "service", OPT_STRING, offsetof(struct shipper_config, service), .flag = "service", .flag_arg = "NAME",
          .help = "service.name of lines from files named on the command line" },
        { "host", OPT_STRING, offsetof(struct shipper_config, host),
          .help = "host.name and part of every line's id; absent: the system's host name" },
        { "state", OPT_STRING, offsetof(struct shipper_config, state), .def = "/var/lib/sluice-shipper",
          .flag = "state", .flag_arg = "DIR", .help = "directory of the checkpoint; one process at a time" },
        { "http", OPT_STRING, offsetof(struct shipper_config, http), .def = "127.0.0.1:9600", .flag = "http",
          .flag_arg = "ADDR:PORT", .help = "serves /metrics, /status, /readyz and /healthz; port 0 takes a free one" },
        { "memory", OPT_SIZE, offsetof(struct shipper_config, memory), .def = "16 MiB", .min = 8 << 20,
          .max = 1ll << 40, .help = "byte budget of the process; when it is full, reading stops" },
        { "max_line_bytes", OPT_SIZE, offsetof(struct shipper_config, max_line_bytes), .def = "512 KiB",
          .min = 1024, .max = 2 << 20, .help = "a longer line is cut here and marked truncated" },
        { "scan_interval", OPT_DURATION, offsetof(struct shipper_config, scan_interval_ms), .def = "10 s",
          .min = 100, .max = 3600 * 1000, .help = "how often patterns are matched again, whatever the kernel tells" },
        { "start_timeout", OPT_DURATION, offsetof(struct shipper_config, start_timeout_ms), .def = "30 s",
          .min = 100, .max = 3600 * 1000, .help = "how long --once waits without progress before it gives up" },
        { "stop_timeout", OPT_DURATION, offsetof(struct shipper_config, stop_timeout_ms), .def = "10 s", .min = 0,
          .max = 3600 * 1000, .help = "how long a stop waits for acknowledgements" },
        { "log_level", OPT_CHOICE, offsetof(struct shipper_config, log_level), .def = "info", .choices = log_levels,
          .flag = "log-level", .flag_arg = "LEVEL", .help = "least level that is logged" },
        { "log_format", OPT_CHOICE, offsetof(struct shipper_config, log_format), .def = "text",
          .choices = log_formats, .help = "of the program's own log on stderr" },
        { "once", OPT_BOOL, offsetof(struct shipper_config, once), .def = "false", .flag = "once",
          .help = "ship what is there to its end, then exit; 0 only when all of it is acknowledged" },
        { "dry_run", OPT_INT, offsetof(struct shipper_config, dry_run), .def = "0", .min = 0, .max = 1000000, .flag = "dry-run",
          .flag_arg = "N", .flag_bare = "10",
          .help = "print the first N records as they would be sent, and send nothing; 0: off" },
};

struct output_config shipper_output(const struct shipper_config *c)
{
        return (struct output_config){ .kafka = &c->kafka, .elasticsearch = &c->elasticsearch, .file = &c->file };
}

static void check(const void *conf, struct opt_errors *errors)
{
        const struct shipper_config *c = conf;
        struct output_config parts = shipper_output(c);

        if (!c->dry_run)                /* which sends nothing, so it needs to know of no server */
                output_check((enum output)c->output, &parts, errors);
}

const struct opt_table shipper_opts = { rows, ARRAY_LEN(rows), sizeof(struct shipper_config), check };

static void add_input(struct shipper_config *c, const char *const *paths, size_t n)
{
        c->inputs.v = xrealloc(c->inputs.v, (c->inputs.n + 1) * sizeof(struct input_config));
        struct input_config *in = (struct input_config *)c->inputs.v + c->inputs.n++;
        *in = (struct input_config){ .paths = { xcalloc(n, sizeof(char *)), n } };
        for (size_t i = 0; i < n; i++)
                in->paths.v[i] = xstrdup(paths[i]);
        if (c->service)
                in->service = xstrdup(c->service);
}

static int make_absolute(char **path, struct err *e)
{
        char cwd[PATH_MAX];

        if ((*path)[0] == '/')
                return 0;
        if (!getcwd(cwd, sizeof(cwd)))
                return err_set(e, errno, "current directory: %s", strerror(errno));
        char *absolute = xasprintf("%s/%s", cwd, *path);
        free(*path);
        *path = absolute;
        return 0;
}

int shipper_config_finish(struct shipper_config *c, const char *const *paths, size_t n, struct err *e)
{
        if (n > 0)
                add_input(c, paths, n);
        if (c->inputs.n == 0)
                return err_set(e, EINVAL, "nothing to tail: name files on the command line or inputs in the "
                                          "configuration (-c FILE)");
        struct input_config *in = c->inputs.v;
        for (size_t i = 0; i < c->inputs.n; i++) {
                for (size_t p = 0; p < in[i].paths.n; p++) {
                        int r = make_absolute(&in[i].paths.v[p], e);
                        if (r < 0)
                                return r;
                }
        }
        if (!c->host) {
                char name[HOST_NAME_MAX + 1] = "";
                gethostname(name, sizeof(name) - 1);
                c->host = xstrdup(name);
        }
        return 0;
}
