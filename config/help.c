/* SPDX-License-Identifier: Apache-2.0 */
#include "config/opt.h"

#include <string.h>

#include "config/value.h"
#include "config/walk.h"

enum { HELP_INDENT = 8, FLAG_COLUMN = 34 };

static void put_spaces(struct buf *out, size_t n)
{
        buf_printf(out, "%*s", (int)n, "");
}

static void put_choices(const struct opt *row, struct buf *out)
{
        for (size_t i = 0; row->choices[i]; i++)
                buf_printf(out, "%s\"%s\"", i ? " | " : "", row->choices[i]);
}

static void put_type(const struct opt *row, struct buf *out)
{
        static const char *const names[] = {
                [OPT_STRING] = "string",
                [OPT_SECRET_LIVE] = "secret (text, \"env:NAME\", or \"file:PATH\", read again when it changes)",
                [OPT_SECRET] = "secret (text, \"file:PATH\" or \"env:NAME\")",
                [OPT_BOOL] = "true | false",
                [OPT_INT] = "integer",
                [OPT_SIZE] = "size",
                [OPT_DURATION] = "duration",
                [OPT_LIST] = "list of strings",
                [OPT_TABLE] = "{ ... }",
                [OPT_TABLES] = "( { ... }, ... )",
        };

        if (row->type == OPT_CHOICE)
                put_choices(row, out);
        else
                buf_puts(out, names[row->type]);
}

static void put_default(const struct opt *row, struct buf *out)
{
        bool bare = row->type == OPT_BOOL || row->type == OPT_INT;

        if (row->required)
                buf_puts(out, ", required");
        if (row->def)
                buf_printf(out, ", default %s%s%s", bare ? "" : "\"", row->def, bare ? "" : "\"");
}

struct help {
        struct buf *out;
        size_t depth; /* of the row before */
};

static size_t depth_of(const char *path)
{
        size_t dots = 0;

        for (; *path; path++)
                dots += *path == '.';
        return dots;
}

/* kafka.linger    duration, 0 ms to 1 h, default "5 ms", --linger
 *         How long ... */
static void put_row(const struct opt *row, const char *path, void *arg)
{
        struct help *help = arg;
        struct buf *out = help->out;
        struct buf range;

        if (row->type == OPT_TABLE || row->type == OPT_TABLES || depth_of(path) < help->depth)
                buf_putc(out, '\n');
        help->depth = depth_of(path);
        buf_printf(out, "%-30s  ", path);
        put_type(row, out);
        buf_init(&range, 0);
        value_put_range(row, &range);
        if (range.len > 0)
                buf_printf(out, ", %s", buf_cstr(&range));
        buf_fini(&range);
        put_default(row, out);
        if (row->flag)
                buf_printf(out, ", --%s", row->flag);
        buf_putc(out, '\n');
        put_spaces(out, HELP_INDENT);
        buf_printf(out, "%s\n", row->help);
}

void opt_help(const struct opt_table *table, struct buf *out)
{
        struct help help = { .out = out };

        opt_walk(table, put_row, &help);
}

static void put_flag(const struct opt *row, const char *path, void *arg)
{
        struct buf *out = arg;
        size_t begin = out->len;

        (void)path;
        if (!row->flag)
                return;
        buf_printf(out, "  --%s", row->flag);
        if (row->flag_arg)
                buf_printf(out, row->flag_bare ? "[=%s]" : " %s", row->flag_arg);
        size_t width = out->len - begin;
        if (width >= FLAG_COLUMN) {
                buf_putc(out, '\n');
                width = 0;
        }
        put_spaces(out, FLAG_COLUMN - width);
        buf_printf(out, "%s\n", row->help);
}

void opt_help_flags(const struct opt_table *table, struct buf *out)
{
        opt_walk(table, put_flag, out);
}
