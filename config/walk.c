/* SPDX-License-Identifier: Apache-2.0 */
#include "config/walk.h"

struct walk {
        void (*fn)(const struct opt *row, const char *path, void *arg);
        void *arg;
        struct buf path;
};

static void walk_table(struct walk *w, const struct opt_table *table)
{
        size_t before = w->path.len;

        for (size_t i = 0; i < table->nrows; i++) {
                const struct opt *row = &table->rows[i];
                buf_puts(&w->path, row->name);
                w->fn(row, buf_cstr(&w->path), w->arg);
                if (row->type == OPT_TABLE || row->type == OPT_TABLES) {
                        buf_puts(&w->path, row->type == OPT_TABLE ? "." : ".*.");
                        walk_table(w, row->table);
                }
                w->path.len = before;
        }
}

void opt_walk(const struct opt_table *table, void (*fn)(const struct opt *row, const char *path, void *arg),
              void *arg)
{
        struct walk w = { .fn = fn, .arg = arg };

        walk_table(&w, table);
        buf_fini(&w.path);
}
