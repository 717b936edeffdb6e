/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/opt.h"

/* --- a program's settings, one row of each type ------------------------------------------------- */

struct kafka {
        char *brokers;
        int64_t linger_ms, buffer_bytes, partitions, acks;
        char *password;
};

struct input {
        struct strlist paths;
        char *service;
        bool follow;
};

struct conf {
        char *http;
        bool once;
        int64_t dry_run;
        struct kafka kafka;
        struct tablelist inputs;
        struct strlist fields;
};

static const char *const acks[] = { "all", "leader", "none", NULL };

static const struct opt kafka_rows[] = {
        { "brokers", OPT_STRING, offsetof(struct kafka, brokers), .flag = "brokers", .flag_arg = "HOST:PORT,...",
          .required = true, .help = "First contact." },
        { "linger", OPT_DURATION, offsetof(struct kafka, linger_ms), .def = "5 ms", .max = 60000, .flag = "linger",
          .flag_arg = "TIME", .help = "Wait." },
        { "buffer", OPT_SIZE, offsetof(struct kafka, buffer_bytes), .def = "1 MiB", .min = 4096, .max = 1 << 30,
          .help = "Bytes." },
        { "partitions", OPT_INT, offsetof(struct kafka, partitions), .min = 1, .help = "Count." },
        { "acks", OPT_CHOICE, offsetof(struct kafka, acks), .def = "all", .choices = acks, .help = "Who answers." },
        { "password", OPT_SECRET, offsetof(struct kafka, password), .help = "Of the broker." },
};
static const struct opt_table kafka_table = { kafka_rows, ARRAY_LEN(kafka_rows), sizeof(struct kafka), NULL };

static void check_input(const void *conf, struct opt_errors *errors)
{
        const struct input *input = conf;

        if (input->follow && strcmp(input->service, "none") == 0)
                opt_complain(errors, "follow: needs a service");
}

static const struct opt input_rows[] = {
        { "paths", OPT_LIST, offsetof(struct input, paths), .required = true, .help = "Globs." },
        { "service", OPT_STRING, offsetof(struct input, service), .def = "none", .flag = "service",
          .flag_arg = "NAME", .help = "Who writes." },
        { "follow", OPT_BOOL, offsetof(struct input, follow), .help = "Or not." },
};
static const struct opt_table input_table = { input_rows, ARRAY_LEN(input_rows), sizeof(struct input), check_input };

static const struct opt rows[] = {
        { "http", OPT_STRING, offsetof(struct conf, http), .def = "127.0.0.1:9600", .flag = "http",
          .flag_arg = "ADDR:PORT", .help = "Where." },
        { "once", OPT_BOOL, offsetof(struct conf, once), .flag = "once", .help = "Then stop." },
        { "dry_run", OPT_INT, offsetof(struct conf, dry_run), .flag = "dry-run", .flag_arg = "N",
          .flag_bare = "10", .help = "Print only." },
        { "kafka", OPT_TABLE, offsetof(struct conf, kafka), .table = &kafka_table, .help = "Kafka." },
        { "inputs", OPT_TABLES, offsetof(struct conf, inputs), .table = &input_table, .help = "Inputs." },
        { "fields", OPT_LIST, offsetof(struct conf, fields), .def = "trace_id, traceId", .flag = "field",
          .flag_arg = "NAME", .help = "Names." },
};
static const struct opt_table table = { rows, ARRAY_LEN(rows), sizeof(struct conf), NULL };

/* --- helpers: each test has a directory of its own and stands in it ----------------------------- */

struct fixture {
        char dir[64];
        struct conf conf;
        struct opt_errors errors;
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-opt-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        assert_int_equal(chdir(f->dir), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        static const char *const made[] = { "t.cfg", "secret", "sub/a.cfg", "sub/b.cfg", "sub" };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(made); i++)
                (void)remove(made[i]);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(f->dir), 0);
        opt_free(&table, &f->conf);
        buf_fini(&f->errors.text);
        free(f);
        return 0;
}

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int load(struct fixture *f, const struct opt_source *source)
{
        opt_free(&table, &f->conf);
        buf_fini(&f->errors.text);
        f->errors.count = 0;
        return opt_load(&table, source, &f->conf, &f->errors);
}

static int load_text(struct fixture *f, const char *text)
{
        write_file("t.cfg", text);
        return load(f, &(struct opt_source){ .file = "t.cfg" });
}

static void assert_loads(struct fixture *f, const char *text)
{
        int r = load_text(f, text);

        assert_string_equal(buf_cstr(&f->errors.text), "");
        assert_int_equal(r, 0);
}

static void assert_errors(struct fixture *f, const char *text, const char *sentences)
{
        static const struct conf zero;

        assert_int_equal(load_text(f, text), -EINVAL);
        assert_string_equal(buf_cstr(&f->errors.text), sentences);
        assert_memory_equal(&f->conf, &zero, sizeof(zero));
}

#define BROKERS "kafka = { brokers = \"k:9092\"; };\n"

/* --- tests -------------------------------------------------------------------------------------- */

static void defaults_fill_what_the_file_leaves_out(void **state)
{
        struct fixture *f = *state;

        assert_loads(f, BROKERS);
        assert_string_equal(f->conf.http, "127.0.0.1:9600");
        assert_string_equal(f->conf.kafka.brokers, "k:9092");
        assert_int_equal(f->conf.kafka.linger_ms, 5);
        assert_int_equal(f->conf.kafka.buffer_bytes, 1 << 20);
        assert_int_equal(f->conf.kafka.partitions, 0);
        assert_null(f->conf.kafka.password);
        assert_int_equal(f->conf.inputs.n, 0);
        assert_int_equal(f->conf.fields.n, 2);
        assert_string_equal(f->conf.fields.v[1], "traceId");
}

static void every_type_is_read_from_the_file(void **state)
{
        struct fixture *f = *state;

        assert_loads(f, "http = \":1\"; once = true; fields = \"one\";\n"
                        "kafka = { brokers = \"k\"; linger = \"2 s\"; buffer = \"64 MiB\"; partitions = 5000000000L;\n"
                        "  acks = \"none\"; password = \"pw\"; };\n"
                        "inputs = ( { paths = [ \"/a\", \"/b\" ]; service = \"shop\"; follow = true; },\n"
                        "  { paths = ( \"/c\" ); } );\n");
        const struct input *in = f->conf.inputs.v;
        assert_string_equal(f->conf.http, ":1");
        assert_true(f->conf.once);
        assert_int_equal(f->conf.fields.n, 1);
        assert_int_equal(f->conf.kafka.linger_ms, 2000);
        assert_int_equal(f->conf.kafka.buffer_bytes, 64 << 20);
        assert_int_equal(f->conf.kafka.partitions, 5000000000);
        assert_int_equal(f->conf.kafka.acks, 2);
        assert_string_equal(f->conf.kafka.password, "pw");
        assert_int_equal(f->conf.inputs.n, 2);
        assert_string_equal(in[0].paths.v[1], "/b");
        assert_string_equal(in[0].service, "shop");
        assert_true(in[0].follow);
        assert_string_equal(in[1].service, "none");
        assert_string_equal(in[1].paths.v[0], "/c");
}

static void each_error_has_its_sentence(void **state)
{
        static const struct { const char *text, *sentence; } cases[] = {
                { "kafka = { brokers = \"k\";\n lingr = \"5 ms\"; };", "t.cfg:2: kafka.lingr: unknown; did you mean linger?\n" },
                { BROKERS "zebra = 1;", "t.cfg:2: zebra: unknown\n" },
                { BROKERS "http = 9600;", "t.cfg:2: http: must be a string, and is an integer\n" },
                { BROKERS "once = \"yes\";", "t.cfg:2: once: must be true or false, and is a string\n" },
                { BROKERS "dry_run = 1.5;", "t.cfg:2: dry_run: must be an integer, and is a number with a fraction\n" },
                { BROKERS "inputs = { paths = \"/a\"; };",
                  "t.cfg:2: inputs: must be a list of tables, ( { ... }, { ... } ), and is a table\n" },
                { BROKERS "inputs = (\n \"/a\" );", "t.cfg:3: inputs.0: must be a table, { ... }\n" },
                { BROKERS "fields = [ 1 ];", "t.cfg:2: fields: must be a string or a list of strings, and is an integer\n" },
                { "kafka = \"k\";", "t.cfg:1: kafka: must be a table, { ... }, and is a string\n" },
                { "kafka = { brokers = \"k\"; linger = 5; };",
                  "t.cfg:1: kafka.linger: write a unit, as in \"250 ms\" (ms, s, m, h)\n" },
                { "kafka = { brokers = \"k\"; buffer = 64; };",
                  "t.cfg:1: kafka.buffer: write a unit, as in \"64 MiB\" (B, kB, MB, GB, KiB, MiB, GiB)\n" },
                { "kafka = { brokers = \"k\"; linger = \"61 s\"; };",
                  "t.cfg:1: kafka.linger: 61 s is out of range: 0 ms to 1 m\n" },
                { "kafka = { brokers = \"k\"; buffer = \"1 B\"; };",
                  "t.cfg:1: kafka.buffer: 1 B is out of range: 4 KiB to 1 GiB\n" },
                { "kafka = { brokers = \"k\"; partitions = 0; };",
                  "t.cfg:1: kafka.partitions: 0 is out of range: at least 1\n" },
                { "kafka = { brokers = \"k\"; acks = \"leadr\"; };",
                  "t.cfg:1: kafka.acks: \"leadr\" is none of all, leader, none; did you mean leader?\n" },
                { "http = \":1\";", "kafka.brokers: must be set, in the file or by --brokers\n" },
                { "\nkafka = { };", "t.cfg:2: kafka.brokers: must be set, in the file or by --brokers\n" },
                { BROKERS "inputs = (\n{ service = \"x\"; } );", "t.cfg:3: inputs.0.paths: must be set\n" },
                { BROKERS "dry_run = 5000000000;",
                  "t.cfg:2: an integer beyond 32 bits must end with L, as in 5000000000L\n" },
                { BROKERS "dry_run = 0xFFFFFFFF;",
                  "t.cfg:2: an integer beyond 32 bits must end with L, as in 5000000000L\n" },
                { BROKERS "dry_run = 99999999999999999999L;", "t.cfg:2: an integer beyond 64 bits is not possible\n" },
                { BROKERS "dry_run = 1; /* x *//*\n*/ zebra = 1; /*/ */", "t.cfg:3: zebra: unknown\n" },
                { BROKERS "dry_run = 1; /*/\nonce = 1;", "t.cfg:2: a comment without its */\n" },
                { BROKERS "http = \"x;\nonce = 1;\\\"", "t.cfg:2: a string without its closing quote\n" },
                { BROKERS "once = ;", "t.cfg:2: libconfig says: syntax error\n" },
                { "once = true;\nonce = false;", "t.cfg:2: libconfig says: duplicate setting name\n" },
                { BROKERS "@include \"gone.cfg\"\n", "t.cfg:2: @include \"gone.cfg\": No such file or directory\n" },
                { BROKERS "http = \"${SLUICE_UNSET}\";",
                  "t.cfg:2: http: the environment variable SLUICE_UNSET is not set; ${SLUICE_UNSET:-text} gives a default\n" },
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_errors(*state, cases[i].text, cases[i].sentence);
}

static void all_errors_come_at_once(void **state)
{
        assert_errors(*state,
                      "htp = \":1\";\n"
                      "once = 1;\n"
                      "kafka = {\n"
                      "  linger = 5;\n"
                      "  acks = \"x\";\n"
                      "};\n"
                      "inputs = ( { paths = 1; }, { pths = \"/a\"; } );\n",
                      "t.cfg:1: htp: unknown; did you mean http?\n"
                      "t.cfg:2: once: must be true or false, and is an integer\n"
                      "t.cfg:3: kafka.brokers: must be set, in the file or by --brokers\n"
                      "t.cfg:4: kafka.linger: write a unit, as in \"250 ms\" (ms, s, m, h)\n"
                      "t.cfg:5: kafka.acks: \"x\" is none of all, leader, none\n"
                      "t.cfg:7: inputs.0.paths: must be a string or a list of strings, and is an integer\n"
                      "t.cfg:7: inputs.1.pths: unknown; did you mean paths?\n"
                      "t.cfg:7: inputs.1.paths: must be set\n");
}

static void a_table_is_checked_only_when_its_rows_are_right(void **state)
{
        assert_errors(*state, BROKERS "inputs = ( { paths = \"/a\"; follow = true; } );",
                      "t.cfg:2: inputs.0.follow: needs a service\n");
        assert_errors(*state, BROKERS "inputs = ( { follow = true; } );", "t.cfg:2: inputs.0.paths: must be set\n");
}

static void a_file_that_cannot_be_read_is_one_error(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(load(f, &(struct opt_source){ .file = "gone.cfg" }), -ENOENT);
        assert_string_equal(buf_cstr(&f->errors.text), "gone.cfg: No such file or directory\n");
        assert_int_equal(load(f, &(struct opt_source){ .file = "/tmp" }), -EISDIR);
}

static void includes_are_relative_to_the_file_they_stand_in(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(mkdir("sub", 0700), 0);
        write_file("sub/a.cfg", "once = true;\n  @include \"b.cfg\"\ndry_run = \"x\";\n");
        write_file("sub/b.cfg", "# no newline at the end\nfields = 3;");
        assert_errors(f, "http = 1;\n@include \"sub/a.cfg\" kafka = 2;\nzebra = 3;\n/*\n@include \"gone.cfg\"\n*/",
                      "t.cfg:3: zebra: unknown\n"
                      "t.cfg:1: http: must be a string, and is an integer\n"
                      "sub/a.cfg:3: dry_run: must be an integer, and is a string\n"
                      "t.cfg:2: kafka: must be a table, { ... }, and is an integer\n"
                      "sub/b.cfg:2: fields: must be a string or a list of strings, and is an integer\n");
        write_file("sub/b.cfg", "kafka = {\n brokers = ;\n};\n");
        assert_errors(f, "@include \"sub/a.cfg\"\n", "sub/b.cfg:2: libconfig says: syntax error\n");
}

static void an_include_is_one_only_at_the_start_of_a_line(void **state)
{
        struct fixture *f = *state;

        assert_loads(f, BROKERS "# @include \"gone.cfg\"\n/*\n@include \"gone.cfg\"\n*/\n//\\\n"
                                "http = \"\\\"\n@include /*\";");
        assert_string_equal(f->conf.http, "\"\n@include /*");
        /* An escaped quote does not end a string: what follows it is one again. */
        assert_errors(f, BROKERS "http = \"\\\"\";\n@include \"gone.cfg\"",
                      "t.cfg:3: @include \"gone.cfg\": No such file or directory\n");
        assert_errors(f, BROKERS "/* x *//*\n@include \"gone.cfg\"\n*/ zebra = 1;", "t.cfg:4: zebra: unknown\n");
        assert_errors(f, BROKERS "once = true; @include \"gone.cfg\"", "t.cfg:2: libconfig says: syntax error\n");
        assert_errors(f, BROKERS "@include gone.cfg", "t.cfg:2: libconfig says: syntax error\n");
}

static void names_and_fractions_are_not_taken_for_large_integers(void **state)
{
        assert_errors(*state, BROKERS "a5000000000 = 1; b-5000000000 = 5000000000.0; c = -2147483648; d = 5e10;",
                      "t.cfg:2: a5000000000: unknown\n"
                      "t.cfg:2: b-5000000000: unknown\n"
                      "t.cfg:2: c: unknown\n"
                      "t.cfg:2: d: unknown\n");
}

static void a_circle_of_includes_is_an_error(void **state)
{
        assert_errors(*state, "@include \"t.cfg\"\n@include \"t.cfg\"\n",
                      "t.cfg:1: @include \"t.cfg\": includes go deeper than 10: a circle?\n");
}

static void the_environment_fills_strings_and_numbers(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(setenv("SLUICE_T", "v", 1), 0);
        assert_int_equal(setenv("SLUICE_N", "7", 1), 0);
        assert_loads(f, BROKERS "http = \"a${SLUICE_T}b${SLUICE_NO:-def}c$${SLUICE_T}\"; dry_run = \"${SLUICE_N}\";\n"
                                "once = \"${SLUICE_NO:-true}\"; fields = [ \"${SLUICE_T}\" ];");
        assert_string_equal(f->conf.http, "avbdefc${SLUICE_T}");
        assert_int_equal(f->conf.dry_run, 7);
        assert_true(f->conf.once);
        assert_string_equal(f->conf.fields.v[0], "v");
}

static void sets_win_over_the_file_and_flags_over_both(void **state)
{
        static const char *const sets[] = { "kafka.linger=\"7 ms\"", "http = \":2\"", "inputs.0.service=\"x\"",
                                            "inputs.1.paths=\"/new\"", "inputs.*.follow=true" };
        static const struct opt_flag flags[] = {
                { &rows[0], "http", ":3" },
                { &rows[5], "fields", "o,ne" },
                { &rows[5], "fields", "two" },
        };
        struct fixture *f = *state;

        write_file("t.cfg", BROKERS "http = \":1\"; inputs = ( { paths = \"/a\"; } ); fields = \"zero\";");
        int r = load(f, &(struct opt_source){ "t.cfg", sets, ARRAY_LEN(sets) - 1, flags, ARRAY_LEN(flags), false });
        assert_string_equal(buf_cstr(&f->errors.text), "");
        assert_int_equal(r, 0);
        const struct input *in = f->conf.inputs.v;
        assert_int_equal(f->conf.kafka.linger_ms, 7);
        assert_string_equal(f->conf.kafka.brokers, "k:9092");
        assert_string_equal(f->conf.http, ":3");
        assert_int_equal(f->conf.inputs.n, 2);
        assert_string_equal(in[0].service, "x");
        assert_string_equal(in[1].paths.v[0], "/new");
        assert_int_equal(f->conf.fields.n, 2);
        assert_string_equal(f->conf.fields.v[0], "o,ne"); /* its flag takes one NAME */
        assert_string_equal(f->conf.fields.v[1], "two");
}

static void a_flag_of_an_input_reaches_every_input_and_makes_one(void **state)
{
        static const struct opt_flag flags[] = {
                { &input_rows[1], "inputs.*.service", "shop" },
                { &input_rows[0], "inputs.0.paths", "/a" },
                { &input_rows[0], "inputs.0.paths", "/b" },
                { &kafka_rows[0], "kafka.brokers", "k" },
        };
        struct fixture *f = *state;

        assert_int_equal(load(f, &(struct opt_source){ .flags = flags, .nflags = ARRAY_LEN(flags) }), 0);
        const struct input *in = f->conf.inputs.v;
        assert_int_equal(f->conf.inputs.n, 1);
        assert_string_equal(in[0].service, "shop");
        assert_int_equal(in[0].paths.n, 2);

        write_file("t.cfg", "inputs = ( { paths = \"/a\"; }, { paths = \"/b\"; service = \"own\"; } );" BROKERS);
        assert_int_equal(load(f, &(struct opt_source){ .file = "t.cfg", .flags = flags, .nflags = 1 }), 0);
        in = f->conf.inputs.v;
        assert_string_equal(in[0].service, "shop");
        assert_string_equal(in[1].service, "shop");
}

static void errors_of_sets_and_flags_say_where_they_stand(void **state)
{
        static const char *const sets[] = {
                "kafka.lingr=\"1 ms\"",  "kafka.linger=5",      "once=true; http=\":1\"", "dry_run=[", "hunter2",
                "http.x=1",             "inputs.3.paths=\"/a\"", "inputs.x=1",             "..=1",
        };
        static const struct opt_flag flags[] = { { &rows[2], "dry_run", "ten" }, { &kafka_rows[0], "kafka.brokers", "k" } };
        struct fixture *f = *state;

        write_file("t.cfg", "http = \":1\"; inputs = ( { paths = \"/a\"; } );");
        assert_int_equal(load(f, &(struct opt_source){ "t.cfg", sets, ARRAY_LEN(sets), flags, ARRAY_LEN(flags), false }), -EINVAL);
        assert_string_equal(buf_cstr(&f->errors.text),
                            "--set once: one value, please\n"
                            "--set dry_run: libconfig says: syntax error\n"
                            "--set: takes PATH=VALUE, as in kafka.linger=\"5 ms\"\n"
                            "--set: http.x: \"x\" stands below something that is neither table nor list\n"
                            "--set: inputs.3.paths: \"3\" is past the end of a list of 1\n"
                            "--set: inputs.x: \"x\" is a name, but there is a list: write a number, 0 is the first\n"
                            "--set: ..: not a path: write names with dots between them\n"
                            "--dry-run: dry_run: \"ten\" is not an integer\n"
                            "--set: kafka.lingr: unknown; did you mean linger?\n"
                            "--set: kafka.linger: write a unit, as in \"250 ms\" (ms, s, m, h)\n");
}

static void secrets_come_from_files_and_the_environment(void **state)
{
        struct fixture *f = *state;

        write_file("secret", "s3cret\n");
        assert_int_equal(setenv("SLUICE_PW", "file:secret", 1), 0);
        assert_loads(f, "kafka = { brokers = \"k\"; password = \"file:secret\"; };");
        assert_string_equal(f->conf.kafka.password, "s3cret");
        assert_loads(f, "kafka = { brokers = \"k\"; password = \"env:SLUICE_PW\"; };");
        assert_string_equal(f->conf.kafka.password, "file:secret");
        assert_loads(f, "kafka = { brokers = \"k\"; password = \"${SLUICE_PW}\"; };");
        assert_string_equal(f->conf.kafka.password, "file:secret");
        assert_errors(f, "kafka = { brokers = \"k\"; password = \"file:gone\"; };",
                      "t.cfg:1: kafka.password: file:gone: No such file or directory\n");
        assert_errors(f, "kafka = { brokers = \"k\"; password = \"env:SLUICE_UNSET\"; };",
                      "t.cfg:1: kafka.password: env:SLUICE_UNSET: not set\n");
        write_file("secret", "\n");
        assert_errors(f, "kafka = { brokers = \"k\"; password = \"file:secret\"; };",
                      "t.cfg:1: kafka.password: file:secret: empty\n");
}

static void no_error_repeats_a_secret(void **state)
{
        static const char *const passwords[] = {
                "\"hunter2${hunter2}\"", "\"hunter2${hunter2\"", "[ \"hunter2\" ]", "\"hunter2", "{ hunter2 = 1; }",
                "77777777777777", "hunter2",
        };
        struct fixture *f = *state;
        char text[256];

        for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
                snprintf(text, sizeof(text), "kafka = { brokers = \"k\"; password = %s; };", passwords[i]);
                assert_int_equal(load_text(f, text), -EINVAL);
                assert_null(strstr(buf_cstr(&f->errors.text), "hunter2"));
                assert_null(strstr(buf_cstr(&f->errors.text), "7777"));

                snprintf(text, sizeof(text), "kafka.password=%s", passwords[i]);
                const char *set = text;
                assert_int_equal(load(f, &(struct opt_source){ .sets = &set, .nsets = 1 }), -EINVAL);
                assert_null(strstr(buf_cstr(&f->errors.text), "hunter2"));
                assert_null(strstr(buf_cstr(&f->errors.text), "7777"));
        }
}

static void the_help_has_every_row_and_all_of_it(void **state)
{
        struct buf out;

        (void)state;
        buf_init(&out, 0);
        opt_help(&table, &out);
        assert_string_equal(buf_cstr(&out),
                            "http                            string, default \"127.0.0.1:9600\", --http\n"
                            "        Where.\n"
                            "once                            true | false, --once\n"
                            "        Then stop.\n"
                            "dry_run                         integer, --dry-run\n"
                            "        Print only.\n"
                            "\n"
                            "kafka                           { ... }\n"
                            "        Kafka.\n"
                            "kafka.brokers                   string, required, --brokers\n"
                            "        First contact.\n"
                            "kafka.linger                    duration, 0 ms to 1 m, default \"5 ms\", --linger\n"
                            "        Wait.\n"
                            "kafka.buffer                    size, 4 KiB to 1 GiB, default \"1 MiB\"\n"
                            "        Bytes.\n"
                            "kafka.partitions                integer, at least 1\n"
                            "        Count.\n"
                            "kafka.acks                      \"all\" | \"leader\" | \"none\", default \"all\"\n"
                            "        Who answers.\n"
                            "kafka.password                  secret (text, \"file:PATH\" or \"env:NAME\")\n"
                            "        Of the broker.\n"
                            "\n"
                            "inputs                          ( { ... }, ... )\n"
                            "        Inputs.\n"
                            "inputs.*.paths                  list of strings, required\n"
                            "        Globs.\n"
                            "inputs.*.service                string, default \"none\", --service\n"
                            "        Who writes.\n"
                            "inputs.*.follow                 true | false\n"
                            "        Or not.\n"
                            "\n"
                            "fields                          list of strings, default \"trace_id, traceId\", --field\n"
                            "        Names.\n");
        buf_reset(&out);
        opt_help_flags(&table, &out);
        assert_string_equal(buf_cstr(&out),
                            "  --http ADDR:PORT                Where.\n"
                            "  --once                          Then stop.\n"
                            "  --dry-run[=N]                   Print only.\n"
                            "  --brokers HOST:PORT,...         First contact.\n"
                            "  --linger TIME                   Wait.\n"
                            "  --service NAME                  Who writes.\n"
                            "  --field NAME                    Names.\n");
        buf_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(defaults_fill_what_the_file_leaves_out),
                TEST(every_type_is_read_from_the_file),
                TEST(each_error_has_its_sentence),
                TEST(all_errors_come_at_once),
                TEST(a_table_is_checked_only_when_its_rows_are_right),
                TEST(a_file_that_cannot_be_read_is_one_error),
                TEST(includes_are_relative_to_the_file_they_stand_in),
                TEST(an_include_is_one_only_at_the_start_of_a_line),
                TEST(names_and_fractions_are_not_taken_for_large_integers),
                TEST(a_circle_of_includes_is_an_error),
                TEST(the_environment_fills_strings_and_numbers),
                TEST(sets_win_over_the_file_and_flags_over_both),
                TEST(a_flag_of_an_input_reaches_every_input_and_makes_one),
                TEST(errors_of_sets_and_flags_say_where_they_stand),
                TEST(secrets_come_from_files_and_the_environment),
                TEST(no_error_repeats_a_secret),
                TEST(the_help_has_every_row_and_all_of_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
