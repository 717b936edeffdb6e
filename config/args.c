/* SPDX-License-Identifier: Apache-2.0 */
#include "config/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/near.h"
#include "config/walk.h"

/* The arguments that are still to come. */
struct args {
        const struct opt_table *table;
        char **next, **end;
        struct opt_args *ret;
        struct opt_errors *errors;
};

/* The flags that are no setting. */
static const char *const plain_flags[] = { "set", "help", "help-config", "version", "health" };

/* One --name, --name=value. */
struct flag {
        char *name;            /* owned */
        const char *value;     /* behind the =, or NULL */
        const struct opt *row; /* NULL: no such setting */
        char *path;            /* owned */
};

static void match_row(const struct opt *row, const char *path, void *arg)
{
        struct flag *f = arg;

        if (f->row || !row->flag || strcmp(row->flag, f->name) != 0)
                return;
        f->row = row;
        f->path = xstrdup(path);
}

static void offer_flag(const struct opt *row, const char *path, void *arg)
{
        (void)path;
        if (row->flag)
                near_offer(arg, row->flag);
}

/* What stands behind an = is not repeated: it may be a password. */
static void complain_unknown(struct args *a, const char *name)
{
        struct near near;

        near_init(&near, name);
        opt_walk(a->table, offer_flag, &near);
        for (size_t i = 0; i < ARRAY_LEN(plain_flags); i++)
                near_offer(&near, plain_flags[i]);
        const char *best = near_best(&near);
        opt_complain(a->errors, "--%s: unknown%s%s%s", name, best ? "; did you mean --" : "",
                     best ? best : "", best ? "?" : "");
}

/* The value of a flag that needs one: behind the =, or the next argument. NULL with a sentence. */
static const char *take_value(struct args *a, const char *flag, const char *attached, const char *takes)
{
        if (attached)
                return attached;
        if (a->next < a->end && strncmp(*a->next, "--", 2) != 0)
                return *a->next++;
        opt_complain(a->errors, "%s: takes %s", flag, takes);
        return NULL;
}

static void take_set(struct args *a, const char *attached)
{
        const char *value = take_value(a, "--set", attached, "PATH=VALUE, as in kafka.linger=\"5 ms\"");

        if (value)
                a->ret->sets[a->ret->nsets++] = value;
}

static void take_file(struct args *a, const char *attached)
{
        const char *value = take_value(a, "-c", attached, "a file");

        if (value && a->ret->file)
                opt_complain(a->errors, "-c: given twice; a file can @include others");
        a->ret->file = value;
}

static void take_setting(struct args *a, struct flag *f)
{
        const struct opt *row = f->row;
        const char *value = f->value;

        if (!value)
                value = row->flag_arg ? row->flag_bare : "true";
        if (!value) {
                char *shown = xasprintf("--%s", f->name);
                value = take_value(a, shown, NULL, row->flag_arg);
                free(shown);
        }
        if (!value)
                return;
        a->ret->flags[a->ret->nflags++] = (struct opt_flag){ .row = row, .path = f->path, .value = value };
        f->path = NULL;
}

/* --help and its like; false when it is none of them. */
static bool take_plain(struct args *a, const struct flag *f)
{
        struct opt_args *ret = a->ret;

        if (strcmp(f->name, "set") == 0)
                take_set(a, f->value);
        else if (strcmp(f->name, "help") == 0)
                ret->help = true;
        else if (strcmp(f->name, "help-config") == 0)
                ret->help_config = true;
        else if (strcmp(f->name, "version") == 0)
                ret->version = true;
        else if (strcmp(f->name, "health") == 0)
                ret->health = true;
        else
                return false;
        return true;
}

static void take_long(struct args *a, const char *arg)
{
        size_t n = strcspn(arg, "=");
        struct flag f = { .name = xstrndup(arg, n), .value = arg[n] == '=' ? arg + n + 1 : NULL };

        if (!take_plain(a, &f)) {
                opt_walk(a->table, match_row, &f);
                if (f.row)
                        take_setting(a, &f);
                else
                        complain_unknown(a, f.name);
        }
        free(f.name);
        free(f.path);
}

static void take_short(struct args *a, const char *arg)
{
        if (arg[1] == 'c')
                take_file(a, arg[2] ? arg + 2 : NULL);
        else if (strcmp(arg, "-h") == 0)
                a->ret->help = true;
        else
                opt_complain(a->errors, "-%c: unknown; there are -c and -h, all else is written out: --help",
                             arg[1]);
}

static void take_arg(struct args *a, const char *arg)
{
        a->ret->args[a->ret->nargs++] = arg;
}

/* A lone "-" is an argument like any other; behind "--" everything is. */
static void take_all(struct args *a)
{
        while (a->next < a->end) {
                const char *arg = *a->next++;
                if (strcmp(arg, "--") == 0)
                        break;
                if (strncmp(arg, "--", 2) == 0)
                        take_long(a, arg + 2);
                else if (arg[0] == '-' && arg[1] != '\0')
                        take_short(a, arg);
                else
                        take_arg(a, arg);
        }
        while (a->next < a->end)
                take_arg(a, *a->next++);
}

static void take_verb(struct args *a, const char *const *verbs)
{
        a->ret->verb = verbs[0];
        for (size_t i = 0; a->next < a->end && verbs[i]; i++) {
                if (strcmp(verbs[i], *a->next) != 0)
                        continue;
                a->ret->verb = verbs[i];
                a->next++;
                return;
        }
}

int opt_parse_args(const struct opt_table *table, const char *const *verbs, int argc, char **argv,
                   struct opt_args *ret, struct opt_errors *errors)
{
        unsigned before = errors->count;
        size_t most = (size_t)argc + 1;

        *ret = (struct opt_args){ 0 };
        ret->sets = xcalloc(most, sizeof(*ret->sets));
        ret->flags = xcalloc(most, sizeof(*ret->flags));
        ret->args = xcalloc(most, sizeof(*ret->args));
        struct args a = {
                .table = table, .next = argv + (argc > 0), .end = argv + argc, .ret = ret, .errors = errors
        };
        take_verb(&a, verbs);
        take_all(&a);
        return errors->count == before ? 0 : -EINVAL;
}

void opt_args_free(struct opt_args *a)
{
        for (size_t i = 0; i < a->nflags; i++)
                free((char *)a->flags[i].path);
        free(a->sets);
        free(a->flags);
        free(a->args);
        *a = (struct opt_args){ 0 };
}
