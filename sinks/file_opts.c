/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the file sink, and what one row alone cannot check. */
#include "sinks/file.h"

#define AT(field) offsetof(struct file_config, field)

static const char *const compressions[] = { [FILE_PLAIN] = "none", [FILE_LZ4] = "lz4", NULL };
static const char *const syncs[] = {
        [FILE_SYNC_NEVER] = "never", [FILE_SYNC_BATCH] = "batch", [FILE_SYNC_CLOSE] = "close", NULL
};

static const struct opt rows[] = {
        { "path", OPT_STRING, AT(path), .flag = "output-file", .flag_arg = "PATH",
          .help = "file that lines are appended to; one process at a time" },
        { "compression", OPT_CHOICE, AT(compression), .def = "none", .choices = compressions,
          .help = "lz4: a frame for each write, and .lz4 at the end of the name" },
        { "sync", OPT_CHOICE, AT(sync), .def = "batch", .choices = syncs,
          .help = "batch: lines are on the disk before they count as done; close: when the file is done "
                  "with" },
        { "rotate_size", OPT_SIZE, AT(rotate_bytes), .def = "100 MiB", .min = 64 << 10, .max = 1ll << 50,
          .help = "a file that would grow beyond it becomes path.1, and path.1 path.2 ..." },
        { "keep", OPT_INT, AT(keep), .def = "0", .min = 0, .max = 100000,
          .help = "rotated files, the oldest beyond are deleted; 0: all stay, until max_total" },
        { "max_total", OPT_SIZE, AT(max_total_bytes), .def = "10 GiB", .min = 64 << 10, .max = 1ll << 60,
          .help = "of all files together; there progress stops until some are taken away" },
        { "retry_base", OPT_DURATION, AT(retry_base_ms), .def = "100 ms", .min = 1, .max = 600000,
          .help = "longest first wait before a retry; doubles with each, the wait is random below it" },
        { "retry_max", OPT_DURATION, AT(retry_max_ms), .def = "5 s", .min = 1, .max = 3600000,
          .help = "longest wait before a retry" },
};

static void check(const void *conf, struct opt_errors *errors)
{
        const struct file_config *c = conf;

        if (c->path && !*c->path)
                opt_complain(errors, "path: must not be empty");
        if (c->max_total_bytes < c->rotate_bytes)
                opt_complain(errors, "max_total: must not be less than rotate_size");
        if (c->retry_max_ms < c->retry_base_ms)
                opt_complain(errors, "retry_max: must not be less than retry_base");
}

const struct opt_table file_opts = { rows, ARRAY_LEN(rows), sizeof(struct file_config), check };
