/* SPDX-License-Identifier: Apache-2.0 */
#include "config/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/plain.h"

static void raise_descriptor_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
}

/* Memory holds log lines and secrets; a core file would carry them to the disk. */
static void no_core_files(void)
{
        int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        /* The limit does not bind a handler that core_pattern pipes to: it gets a file without memory (core(5)). */
        if (fd < 0)
                return;
        ssize_t n = write(fd, "0", 1);
        (void)n; /* where the kernel has no such thing there is no more to do */
        close(fd);
}

static int print_buf(struct buf *b)
{
        fputs(buf_cstr(b), stdout);
        buf_fini(b);
        return EX_OK;
}

static int print_help(const struct program *p)
{
        struct buf b = { 0 };

        buf_printf(&b,
                   "%s: %s\n\n%s\nFlags (each is a setting of the configuration file under another name):\n",
                   p->name, p->summary, p->usage);
        opt_help_flags(p->opts, &b);
        buf_puts(&b, "\nEvery setting: --help-config.  Exit codes: sysexits.h.\n"
                     "--health asks the one that runs with the same settings whether it is alive: 0 yes, 1 no.\n");
        return print_buf(&b);
}

static int print_help_config(const struct program *p)
{
        struct buf b = { 0 };
        opt_help(p->opts, &b);
        return print_buf(&b);
}

static int print_version(const struct program *p)
{
        printf("%s %s\n%s\n", p->name, SLUICE_VERSION, p->versions());
        return EX_OK;
}

static int fail(const struct program *p, int code, struct opt_errors *errors)
{
        fprintf(stderr, "%s", buf_cstr(&errors->text));
        if (code == EX_USAGE)
                fprintf(stderr, "%s --help lists what it takes\n", p->name);
        buf_fini(&errors->text);
        return code;
}

const char *program_file(const struct program *p, const struct opt_args *args)
{
        if (args->file)
                return args->file;
        return p->default_config && access(p->default_config, F_OK) == 0 ? p->default_config : NULL;
}

static bool is_light(const struct program *p, const char *verb)
{
        for (const char *const *v = p->light_verbs; v && *v; v++)
                if (strcmp(*v, verb) == 0)
                        return true;
        return false;
}

int program_load(const struct program *p, const struct opt_args *args, void *conf, struct opt_errors *errors)
{
        const struct opt_source source = { .partial = args->health || is_light(p, args->verb),
                                           .file = program_file(p, args),
                                           .sets = args->sets,
                                           .nsets = args->nsets,
                                           .flags = args->flags,
                                           .nflags = args->nflags };

        return opt_load(p->opts, &source, conf, errors);
}

int program_start(const struct program *p, int argc, char **argv, void *conf, struct opt_args *ret_args)
{
        struct opt_errors errors = { 0 };

        mem_setup();
        plain_setup();
        raise_descriptor_limit();
        no_core_files();
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN);       /* a limit on file sizes is a full disk (EFBIG), not an end */
        if (opt_parse_args(p->opts, p->verbs, argc, argv, ret_args, &errors) < 0)
                return fail(p, EX_USAGE, &errors);
        if (ret_args->help)
                return print_help(p);
        if (ret_args->help_config)
                return print_help_config(p);
        if (ret_args->version)
                return print_version(p);

        int r = program_load(p, ret_args, conf, &errors);
        if (r < 0)
                return fail(p, r == -EINVAL ? EX_CONFIG : EX_NOINPUT, &errors);
        return START_GO;
}
