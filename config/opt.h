/* SPDX-License-Identifier: Apache-2.0 */
/* opt: settings are a table.  One row is parser, validator, default, flag, --help-config and
 * documentation.
 *
 *      static const struct opt rows[] = {
 *              { "http", OPT_STRING, offsetof(struct conf, http), .def = "127.0.0.1:9600",
 *                .flag = "http", .flag_arg = "ADDR:PORT", .help = "where /metrics, /readyz and /status are served" },
 *              { "kafka", OPT_TABLE, offsetof(struct conf, kafka), .table = &kafka_producer_opts, .help = "..." },
 *              { "inputs", OPT_TABLES, offsetof(struct conf, inputs), .table = &input_opts, .help = "..." },
 *      };
 *
 * Sources, later wins: defaults, file, --set, flags.  A flag is a row's other name, so there is one
 * way to set a thing.  Every error that can be found is reported at once, with file and line.
 * A string of the configuration is owned by the struct it stands in; opt_free frees all.
 */
#ifndef SLUICE_CONFIG_OPT_H
#define SLUICE_CONFIG_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/opt_errors.h"

struct opt_table;

enum opt_type {
        OPT_STRING,     /* char *, owned; ${NAME} expanded as in every string (value.h); NULL when absent and without default */
        OPT_SECRET,     /* char *, owned; "file:PATH" and "env:NAME" are resolved; never printed */
        OPT_SECRET_LIVE, /* as OPT_SECRET, but "file:PATH" stays: who uses it reads the file, also when it changes */
        OPT_BOOL,       /* bool */
        OPT_INT,        /* int64_t; beyond 32 bits the file needs 5000000000L, without the L it is an error */
        OPT_SIZE,       /* int64_t bytes, written "64 MiB" */
        OPT_DURATION,   /* int64_t ms, written "250 ms" */
        OPT_LIST,       /* struct strlist of strings; a lone string is a list of one */
        OPT_CHOICE,     /* int64_t, index into choices */
        OPT_TABLE,      /* a struct embedded at offset, described by table */
        OPT_TABLES,     /* struct tablelist: an array of structs described by table */
};

struct strlist { char **v; size_t n; };                 /* owned, and each of them */
struct tablelist { void *v; size_t n; };                /* owned: n structs of table->size bytes */

struct opt {
        const char *name;               /* as in the file: letters, digits, _ */
        enum opt_type type;
        size_t offset;
        const char *def;                /* as one would write it in the file, without quotes; NULL: none.
                                         * A list's is split at its commas: "trace_id, traceId" */
        int64_t min, max;               /* OPT_INT, OPT_SIZE, OPT_DURATION; both 0: no limits; max 0: min alone */
        const char *const *choices;     /* NULL-terminated */
        const struct opt_table *table;
        const char *flag;               /* "brokers" for --brokers; NULL: none */
        const char *flag_arg;           /* "HOST:PORT,..."; NULL: a switch (OPT_BOOL), bare or with =false */
        const char *flag_bare;          /* the value when the flag comes without: "10" for --dry-run[=N]; NULL: it needs one */
        const char *help;               /* one line */
        bool required;
};

struct opt_table {
        const struct opt *rows;
        size_t nrows;
        size_t size;                                    /* of the struct: plain data, zero is its empty state */
        /* Checks that need more than one row; appends its sentences by opt_complain, each beginning with a row's name:
         * "retry_max: must not be less than retry_base".  Called for a table whose rows are all right.  May be NULL. */
        void (*check)(const void *conf, struct opt_errors *errors);
};

/* The raw material, in the order of rising weight. */
struct opt_source {
        const char *file;                               /* NULL: none; an @include in it is relative to it */
        const char *const *sets;  size_t nsets;         /* --set PATH=VALUE, VALUE in libconfig syntax */
        const struct opt_flag *flags; size_t nflags;    /* from opt_args */
        bool partial;                                   /* what is missing is not missed: neither `required` nor `check` counts */
};
/* PATH: names with dots between; in a list of tables 0 is the first, its length appends one, and * is each of
 * them, one being made when there is none.  A flag of a row within a list of tables has the *: --service is
 * inputs.*.service.  A list's flag may be repeated: all together are the list, in place of the file's.  One whose flag_arg ends
 * in ",..." is split at commas as well. */
struct opt_flag { const struct opt *row; const char *path; const char *value; };

/* Fills *conf (of table->size bytes, any content) from defaults and the source. 0, or -EINVAL with
 * every error in errors and *conf zeroed.  With the file itself unreadable: -errno, one error. */
int opt_load(const struct opt_table *table, const struct opt_source *source, void *conf, struct opt_errors *errors) MUST_CHECK;
void opt_free(const struct opt_table *table, void *conf);       /* zeroed struct ok */

/* --help-config: every row with type, range, default and its line. */
void opt_help(const struct opt_table *table, struct buf *out);
/* The part of --help that lists the flags. */
void opt_help_flags(const struct opt_table *table, struct buf *out);

/* The command line: [VERB] [-c FILE] [--set P=V]... [flags of the table] [plain switches] [ARG ...] */
struct opt_args {
        const char *verb;               /* one of verbs, or verbs[0] when the first argument is none of them */
        const char *file;               /* -c */
        const char **sets; size_t nsets;
        struct opt_flag *flags; size_t nflags;
        const char **args; size_t nargs;                /* what is left */
        bool help, help_config, version;
        bool health;                    /* --health: ask the running one, see sinks/http_get.h */
};
/* verbs ends with NULL.  0, or -EINVAL with every error in errors.  Everything is borrowed from argv but the
 * arrays and the paths of the flags. */
int opt_parse_args(const struct opt_table *table, const char *const *verbs, int argc, char **argv,
                   struct opt_args *ret, struct opt_errors *errors) MUST_CHECK;
void opt_args_free(struct opt_args *a);

#endif
