/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "config/opt.h"

struct conf {
        char *http, *brokers, *service;
        bool once;
        int64_t dry_run;
};

static const struct opt kafka_rows[] = {
        { "brokers", OPT_STRING, 0, .flag = "brokers", .flag_arg = "HOST:PORT,...", .help = "." },
};
static const struct opt_table kafka_table = { kafka_rows, ARRAY_LEN(kafka_rows), sizeof(char *), NULL };

static const struct opt rows[] = {
        { "http", OPT_STRING, offsetof(struct conf, http), .flag = "http", .flag_arg = "ADDR:PORT", .help = "." },
        { "kafka", OPT_TABLE, offsetof(struct conf, brokers), .table = &kafka_table, .help = "." },
        { "once", OPT_BOOL, offsetof(struct conf, once), .flag = "once", .help = "." },
        { "dry_run", OPT_INT, offsetof(struct conf, dry_run), .flag = "dry-run", .flag_arg = "N", .flag_bare = "10",
          .help = "." },
        { "state", OPT_STRING, offsetof(struct conf, service), .help = "No flag." },
};
static const struct opt_table table = { rows, ARRAY_LEN(rows), sizeof(struct conf), NULL };
static const char *const verbs[] = { "run", "check", "files", NULL };

enum { ARGS_MAX = 16 };

struct parsed {
        struct opt_args args;
        struct opt_errors errors;
        int r;
};

/* Arguments up to the first NULL, the program's name left out. */
static void parse(struct parsed *p, const char *const *given)
{
        char *argv[ARGS_MAX] = { (char *)"sluice" };
        int argc = 1;

        for (; given[argc - 1]; argc++)
                argv[argc] = (char *)given[argc - 1];
        *p = (struct parsed){ 0 };
        p->r = opt_parse_args(&table, verbs, argc, argv, &p->args, &p->errors);
}

static void parsed_fini(struct parsed *p)
{
        opt_args_free(&p->args);
        buf_fini(&p->errors.text);
}

#define GIVEN(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void assert_flag(const struct parsed *p, size_t i, const char *path, const char *value)
{
        assert_true(i < p->args.nflags);
        assert_string_equal(p->args.flags[i].path, path);
        assert_string_equal(p->args.flags[i].value, value);
}

static void the_verb_is_the_first_argument_or_the_first_verb(void **state)
{
        struct parsed p;

        (void)state;
        parse(&p, GIVEN("check", "-c", "x.cfg"));
        assert_int_equal(p.r, 0);
        assert_string_equal(p.args.verb, "check");
        assert_string_equal(p.args.file, "x.cfg");
        assert_int_equal(p.args.nargs, 0);
        parsed_fini(&p);

        parse(&p, GIVEN("/var/log/a", "check"));
        assert_string_equal(p.args.verb, "run");
        assert_int_equal(p.args.nargs, 2);
        parsed_fini(&p);

        parse(&p, (const char *const[]){ NULL });
        assert_int_equal(p.r, 0);
        assert_string_equal(p.args.verb, "run");
        parsed_fini(&p);
}

static void flags_take_their_value_behind_a_blank_or_an_equals_sign(void **state)
{
        struct parsed p;

        (void)state;
        parse(&p, GIVEN("--http", ":1", "--brokers=a=b:1", "--once", "--dry-run", "a.log", "--dry-run=3", "--once=false",
                        "--http", "-"));
        assert_int_equal(p.r, 0);
        assert_int_equal(p.args.nflags, 7);
        assert_flag(&p, 0, "http", ":1");
        assert_flag(&p, 1, "kafka.brokers", "a=b:1");
        assert_ptr_equal(p.args.flags[1].row, &kafka_rows[0]);
        assert_flag(&p, 2, "once", "true");
        assert_flag(&p, 3, "dry_run", "10");
        assert_flag(&p, 4, "dry_run", "3");
        assert_flag(&p, 5, "once", "false");
        assert_flag(&p, 6, "http", "-");
        assert_int_equal(p.args.nargs, 1);
        assert_string_equal(p.args.args[0], "a.log");
        parsed_fini(&p);
}

static void sets_and_arguments_keep_their_order(void **state)
{
        struct parsed p;

        (void)state;
        parse(&p, GIVEN("--set", "a=1", "one", "--set=b=2", "-", "-cx.cfg", "--", "--once", "-c"));
        assert_int_equal(p.r, 0);
        assert_int_equal(p.args.nsets, 2);
        assert_string_equal(p.args.sets[0], "a=1");
        assert_string_equal(p.args.sets[1], "b=2");
        assert_string_equal(p.args.file, "x.cfg");
        assert_int_equal(p.args.nargs, 4);
        assert_string_equal(p.args.args[0], "one");
        assert_string_equal(p.args.args[1], "-");
        assert_string_equal(p.args.args[2], "--once");
        assert_string_equal(p.args.args[3], "-c");
        parsed_fini(&p);
}

static void help_and_version_are_switches(void **state)
{
        struct parsed p;

        (void)state;
        parse(&p, GIVEN("--help", "--version"));
        assert_true(p.args.help && p.args.version && !p.args.help_config);
        parsed_fini(&p);
        parse(&p, GIVEN("--help-config"));
        assert_true(p.args.help_config && !p.args.help);
        parsed_fini(&p);
        parse(&p, GIVEN("-h"));
        assert_true(p.args.help);
        parsed_fini(&p);
}

static void each_mistake_has_its_sentence(void **state)
{
        static const struct { const char *given[4]; const char *sentence; } cases[] = {
                { { "--brokrs", "k:9092" }, "--brokrs: unknown; did you mean --brokers?\n" },
                { { "--brokrs=hunter2" }, "--brokrs: unknown; did you mean --brokers?\n" },
                { { "--hlep" }, "--hlep: unknown; did you mean --help?\n" },
                { { "--zebra" }, "--zebra: unknown\n" },
                { { "--brokers" }, "--brokers: takes HOST:PORT,...\n" },
                { { "--brokers", "--once" }, "--brokers: takes HOST:PORT,...\n" },
                { { "--set" }, "--set: takes PATH=VALUE, as in kafka.linger=\"5 ms\"\n" },
                { { "-c" }, "-c: takes a file\n" },
                { { "-ca", "-cb" }, "-c: given twice; a file can @include others\n" },
                { { "-x" }, "-x: unknown; there are -c and -h, all else is written out: --help\n" },
                { { "--zebra", "--lion" }, "--zebra: unknown\n--lion: unknown\n" },
        };
        struct parsed p;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                parse(&p, cases[i].given);
                assert_int_equal(p.r, -EINVAL);
                assert_string_equal(buf_cstr(&p.errors.text), cases[i].sentence);
                parsed_fini(&p);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_verb_is_the_first_argument_or_the_first_verb),
                cmocka_unit_test(flags_take_their_value_behind_a_blank_or_an_equals_sign),
                cmocka_unit_test(sets_and_arguments_keep_their_order),
                cmocka_unit_test(help_and_version_are_switches),
                cmocka_unit_test(each_mistake_has_its_sentence),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
