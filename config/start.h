/* SPDX-License-Identifier: Apache-2.0 */
/* start: what both programs do before they are themselves: command line, help, version,
 * configuration, log.  Prints what is wrong to stderr, all of it, and says with which
 * exit code (sysexits.h) to leave.
 */
#ifndef SLUICE_CONFIG_START_H
#define SLUICE_CONFIG_START_H

#include "config/opt.h"

struct program {
        const char *name;               /* "sluice-shipper" */
        const char *summary;            /* one line */
        const char *usage;              /* lines for --help, above the flags */
        const char *const *verbs;       /* NULL-terminated, the first is the default */
        const char *const *light_verbs; /* NULL-terminated: work with half a configuration (opt_source's partial); NULL: none */
        const char *default_config;     /* read when there is no -c and it exists; NULL: none */
        const struct opt_table *opts;
        const char *(*versions)(void);  /* of the libraries, for --version */
};

enum { START_GO = -1 };

/* START_GO with *conf and *ret_args filled (both the caller's to free), or an exit code. */
int program_start(const struct program *p, int argc, char **argv, void *conf, struct opt_args *ret_args) MUST_CHECK;

/* The same configuration anew, for a reload: 0, or -EINVAL or -errno with every error in errors. */
int program_load(const struct program *p, const struct opt_args *args, void *conf, struct opt_errors *errors) MUST_CHECK;

/* The file that program_load reads: -c, or the default where it exists; NULL: none. */
const char *program_file(const struct program *p, const struct opt_args *args);

#endif
