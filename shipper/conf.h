/* SPDX-License-Identifier: Apache-2.0 */
/* conf: the settings of sluice-shipper. The table in conf.c is their documentation. */
#ifndef SLUICE_SHIPPER_CONF_H
#define SLUICE_SHIPPER_CONF_H

#include "base/err.h"
#include "config/opt.h"
#include "event/encoding.h"
#include "event/parse.h"
#include "event/redact.h"
#include "shipper/container.h"
#include "shipper/multiline.h"
#include "sinks/output.h"
#include "status/life.h"

enum record_format { FORMAT_EVENT, FORMAT_BATCH };

enum watch_how { WATCH_AUTO, WATCH_STAT };
enum event_extent { EXTENT_FULL, EXTENT_SMALL };      /* whether an event names its file and host */
enum start_at { START_AT_BEGINNING, START_AT_END };

struct input_config {
        struct strlist paths;           /* glob patterns; of an input with listen those of its ring */
        struct strlist exclude_paths;   /* glob patterns of files that are left alone */
        int64_t ignore_older_ms;        /* 0: no file is too old */
        int64_t start_at;               /* enum start_at */
        int64_t close_idle_ms;          /* 0: never */
        int64_t close_removed_ms;       /* 0: never */
        char *listen;                   /* endpoint.h; NULL: files */
        int64_t framing;                /* enum splitter_mode */
        int64_t ring_size;
        int64_t max_connections;
        int64_t idle_timeout_ms;        /* 0: never */
        char *socket_mode;              /* octal */
        struct strlist units;           /* of journald; none: all */
        char *service;                  /* NULL: the field is absent */
        int64_t event;                  /* enum event_extent */
        struct parse_config parse;
        struct redact_config redact;
        int64_t encoding;               /* enum encoding */
        char *terminator;               /* line_end.h; NULL: lf */
        int64_t container;              /* enum container_format */
        struct multiline_config multiline;
        int64_t partial_timeout_ms;
        struct strlist include, exclude;        /* patterns */
        char *rate_limit;               /* "1000/s"; NULL: none */
        int64_t rate_burst, rate_sample;
};

struct shipper_config {
        struct life_config life;        /* the first */
        struct tablelist inputs;        /* struct input_config */
        int64_t output;                 /* enum output */
        int64_t format;                 /* enum record_format */
        struct kafka_config kafka;
        struct es_config elasticsearch;
        struct file_config file;
        char *service;                  /* of files named on the command line */
        char *host;                     /* host.name */
        char *state;                    /* directory */
        int64_t memory;                 /* byte budget of the process */
        int64_t max_line_bytes;
        int64_t scan_interval_ms;
        int64_t max_files;              /* open at a time; 0: as many as the process may */
        int64_t watch;                  /* enum watch_how */
        bool read_on_stop;
        bool from_stdin;                /* one more input: stdin */
};

extern const struct opt_table shipper_opts;

struct output_config shipper_output(const struct shipper_config *c);    /* borrowed from c */

/* What the table cannot say: files named on the command line become one more input, so does stdin, patterns become
 * absolute, an input with listen tails its ring, the host name is asked for.  -EINVAL: nothing to tail. */
int shipper_config_finish(struct shipper_config *c, const char *const *paths, size_t n, struct err *e) MUST_CHECK;

#endif
