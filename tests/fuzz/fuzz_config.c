/* SPDX-License-Identifier: Apache-2.0 */
/* A value of --set from any bytes, through the joining of sources, libconfig and the typing of a row. */
#include <stdlib.h>

#include "base/mem.h"
#include "config/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the strings it has read when a syntax error follows. */
const char *__lsan_default_suppressions(void)
{
        return "leak:libconfig";
}

struct conf {
        struct strlist list;
        int64_t number;
        char *text;
};

static const struct opt rows[] = {
        { "list", OPT_LIST, offsetof(struct conf, list), .help = "." },
        { "number", OPT_INT, offsetof(struct conf, number), .min = -5, .max = 5, .help = "." },
        { "text", OPT_STRING, offsetof(struct conf, text), .help = "." },
};
static const struct opt_table table = { rows, ARRAY_LEN(rows), sizeof(struct conf), NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *set = xstrndup((const char *)data, size);
        const char *sets[] = { set };
        struct opt_errors errors = { 0 };
        struct conf conf;

        int r = opt_load(&table, &(struct opt_source){ .sets = sets, .nsets = 1 }, &conf, &errors);
        CHECK((r == 0) == (errors.count == 0));
        CHECK(conf.number >= -5 && conf.number <= 5);
        opt_free(&table, &conf);
        buf_fini(&errors.text);
        free(set);
        return 0;
}
