/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the programs themselves, and the examples that are shipped with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/conf.h"
#include "config/walk.h"
#include "shipper/conf.h"

static const struct {
        const struct opt_table *table;
        const char *examples;
} programs[] = {
        { &shipper_opts, "config/examples/shipper*.cfg" },
        { &collector_opts, "config/examples/collector*.cfg" },
};

/* What each row must have, whatever its type. */
static void check_row(const struct opt *row, const char *path, void *arg)
{
        bool table = row->type == OPT_TABLE || row->type == OPT_TABLES;

        (void)arg;
        if (!row->help || !*row->help || strchr(row->help, '\n'))
                fail_msg("%s: needs one line of help", path);
        if (strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(row->name) || !isalpha(row->name[0]))
                fail_msg("%s: libconfig takes no such name", path);
        if (table != (row->table != NULL) || (table && row->def))
                fail_msg("%s: a table has rows and no default", path);
        if ((row->type == OPT_CHOICE) != (row->choices != NULL))
                fail_msg("%s: a choice has choices", path);
        if (row->required && row->def)
                fail_msg("%s: required, so its default is never used", path);
        if (row->flag && !row->flag_arg && row->type != OPT_BOOL)
                fail_msg("%s: a flag without a value is for true and false", path);
}

static void every_row_is_complete(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(programs); i++)
                opt_walk(programs[i].table, check_row, NULL);
}

struct flags {
        const char *seen[128];
        size_t n;
};

static void note_flag(const struct opt *row, const char *path, void *arg)
{
        struct flags *flags = arg;

        if (!row->flag)
                return;
        for (size_t i = 0; i < flags->n; i++)
                if (strcmp(flags->seen[i], row->flag) == 0)
                        fail_msg("%s: --%s belongs to another row too", path, row->flag);
        assert_true(flags->n < ARRAY_LEN(flags->seen));
        flags->seen[flags->n++] = row->flag;
}

static void no_two_rows_share_a_flag(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
                struct flags flags = { .seen = { "set", "help", "help-config", "version" }, .n = 4 };
                opt_walk(programs[i].table, note_flag, &flags);
        }
}

/* Without any source the only complaints are about what has to be given: an error of a default says "default:". */
static void every_default_is_valid(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
                struct opt_errors errors = { 0 };
                void *conf = xcalloc(1, programs[i].table->size);
                if (opt_load(programs[i].table, &(struct opt_source){ 0 }, conf, &errors) < 0 &&
                    strstr(buf_cstr(&errors.text), "default:"))
                        fail_msg("%s", buf_cstr(&errors.text));
                opt_free(programs[i].table, conf);
                buf_fini(&errors.text);
                free(conf);
        }
}

static void load_example(const struct opt_table *table, const char *path)
{
        struct opt_errors errors = { 0 };
        void *conf = xcalloc(1, table->size);

        if (opt_load(table, &(struct opt_source){ .file = path }, conf, &errors) < 0)
                fail_msg("%s", buf_cstr(&errors.text));
        opt_free(table, conf);
        buf_fini(&errors.text);
        free(conf);
}

static void every_example_loads(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
                glob_t found;
                assert_int_equal(glob(programs[i].examples, 0, NULL, &found), 0);
                for (size_t k = 0; k < found.gl_pathc; k++)
                        load_example(programs[i].table, found.gl_pathv[k]);
                globfree(&found);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_row_is_complete),
                cmocka_unit_test(no_two_rows_share_a_flag),
                cmocka_unit_test(every_default_is_valid),
                cmocka_unit_test(every_example_loads),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
