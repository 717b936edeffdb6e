/* SPDX-License-Identifier: Apache-2.0 */
/* life: how both programs live: built, run, built anew for each configuration, drained, ended.
 *
 *      build --> start --> turn, turn, ... and a tick each second
 *        ^                              |
 *        |      the file changed, SIGHUP|SIGTERM, SIGINT
 *        |                            drain  (nothing more is taken; at most stop_timeout)
 *        |                              |
 *        +-- demolish <-- leave <-------+-------> leave --> stopped --> demolish --> exit
 *
 * A program is a struct of parts that follow the configuration, and life_ops that build and move them; what it is does
 * not depend on how it lives.  A new configuration is checked whole before anything is drained for it; if its parts cannot
 * be built the old ones are built again.  Loop and HTTP address outlive a reload.  One thread.
 */
#ifndef SLUICE_STATUS_LIFE_H
#define SLUICE_STATUS_LIFE_H

#include "base/loop.h"
#include "base/stat.h"
#include "config/reload.h"
#include "config/start.h"
#include "status/http.h"
#include "status/ready.h"
#include "status/report.h"

/* The first member of a program's configuration; LIFE_ROWS are its rows. */
struct life_config {
        char *http;
        int64_t start_timeout_ms, stop_timeout_ms;
        int64_t log_level, log_format;
        bool once;
        int64_t dry_run;                /* records to show; 0: not a dry run */
};

extern const char *const life_log_levels[], *const life_log_formats[];

#define LIFE_ROWS(type, http_default, once_help) \
        { "http", OPT_STRING, offsetof(type, life.http), .def = http_default, .flag = "http", .flag_arg = "ADDR:PORT", \
          .help = "serves /metrics, /status, /readyz and /healthz; port 0 takes a free one" }, \
        { "start_timeout", OPT_DURATION, offsetof(type, life.start_timeout_ms), .def = "30 s", .min = 100, .max = 3600 * 1000, \
          .help = "how long --once waits without progress before it gives up" }, \
        { "stop_timeout", OPT_DURATION, offsetof(type, life.stop_timeout_ms), .def = "10 s", .min = 0, .max = 3600 * 1000, \
          .help = "how long a stop waits for answers" }, \
        { "log_level", OPT_CHOICE, offsetof(type, life.log_level), .def = "info", .choices = life_log_levels, \
          .flag = "log-level", .flag_arg = "LEVEL", .help = "least level that is logged" }, \
        { "log_format", OPT_CHOICE, offsetof(type, life.log_format), .def = "text", .choices = life_log_formats, \
          .help = "of the program's own log on stderr" }, \
        { "once", OPT_BOOL, offsetof(type, life.once), .def = "false", .flag = "once", .help = once_help }, \
        { "dry_run", OPT_INT, offsetof(type, life.dry_run), .def = "0", .min = 0, .max = 1000000, .flag = "dry-run", \
          .flag_arg = "N", .flag_bare = "10", \
          .help = "print the first N records as they would be sent, and send nothing; 0: off" }

enum life_stop { LIFE_GOES_ON, LIFE_ENDS, LIFE_RELOADS };

struct life;

/* All but those that say so are filled.  arg: the program. */
struct life_ops {
        const struct program *program;
        const char *component;          /* in the log: "shipper" */
        const char *units;              /* "lines" */
        const char *no_progress;        /* why --once stands still, when no part says why */
        const struct http_route *routes;

        /* What a configuration still needs behind its file and flags, and what is wrong with it then.  NULL: nothing. */
        int (*complete)(void *config, const struct opt_args *args, struct err *e);
        void (*check)(const void *config, const char *file, struct report *report);     /* the verb */
        int (*build)(void *arg, struct err *e);         /* < 0: demolish follows */
        /* What was built, also half of it.  LIFE_ENDS: with what outlived reloads; the loop goes next. */
        void (*demolish)(void *arg, enum life_stop why);
        void (*start)(void *arg);       /* before the first turn of each configuration; NULL: nothing to do */
        void (*turn)(void *arg);        /* calls life_stop when draining is over */
        void (*drain)(void *arg, enum life_stop why);   /* take nothing more */
        void (*go_on)(void *arg);       /* drained, and nothing changes after all: take on; NULL: start does */
        /* The last word to those outside, before demolish.  LIFE_RELOADS: < 0: it cannot be left, all stays as it is. */
        int (*leave)(void *arg, enum life_stop why, struct err *e);
        int (*stopped)(void *arg);      /* says in the log what was done; the exit code of --once */
        void (*tick)(void *arg);        /* each second */
        bool (*works)(void *arg);       /* something waits for progress */
        int64_t (*settled)(void *arg);  /* units that came to their end so far ... */
        int64_t (*in_flight)(void *arg);        /* ... and are on their way */
        const char *(*trouble)(void *arg);      /* the first known reason for standing still, or NULL */
};

struct life {
        const struct life_ops *ops;     /* borrowed, as all up to loop */
        void *arg;
        void *config, *next;            /* of the table's type; next: LIFE_RELOADS: checked and waiting */
        const struct opt_args *args;    /* what a reload starts from */
        struct stat_value *reloads, *reload_errors;

        struct loop *loop;              /* owned */
        struct http *http;              /* owned; NULL: none */
        struct ready ready;
        struct reload reload;
        struct timer second;
        struct timer stop_deadline;
        int64_t settled_seen;
        enum life_stop stopping;
        int exit_code;
};

/* The verbs check and run; l is filled up to reload_errors, config is loaded.  An exit code. */
int life_main(struct life *l);

void life_end(struct life *l, const char *why);         /* drain and end; asked twice: at once */
void life_stop(struct life *l);                         /* of a turn: what was to be drained is */

#endif
