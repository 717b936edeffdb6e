/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a record is, the document that rules make of it is one JSON object, with no name twice at its top, and its id
 * is what it was. */
#include "collector/process.h"
#include "event/json_unique.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *drop[] = { (char *)"a.b", (char *)"secret" };
static char *moves[] = { (char *)"svc=service.name", (char *)"a=labels.a" };
static char *fields[] = { (char *)"env=x", (char *)"cloud.region=eu" };
static char *what[] = { (char *)"card", (char *)"[0-9]{4}" };

static struct process_config configs[] = {
        { .field = (char *)"message", .parse = { .how = PARSE_JSON } },
        { .field = (char *)"message",
          .parse = { .how = PARSE_LOGFMT },
          .when = (char *)"a || log.level == debug" },
        { .field = (char *)"message",
          .parse = { .fields = { fields, 2 } },
          .move = { moves, 2 },
          .drop = { drop, 2 },
          .redact = { .what = { what, 2 } } },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct tablelist list = { configs, ARRAY_LEN(configs) };
        static struct fields f;
        static struct process *p;
        struct scan_value values[SCAN_PATHS] = { 0 }, after[SCAN_PATHS];
        struct buf first = { 0 }, unique = { 0 };
        const char *text;
        size_t len;
        struct err e = { 0 };

        if (!p) {
                CHECK(fields_want(&f, "event.id", &e) == 0);
                CHECK(process_new(&list, &f, &p, &e) == 0);
        }
        /* The decoder hands on objects without double names. */
        if (scan_json((const char *)data, size, f.path, f.n, values, NULL) != SCAN_IS_OBJECT)
                return 0;
        json_unique(&first, (const char *)data, size);
        text = first.data;
        len = first.len;
        CHECK(scan_json(text, len, f.path, f.n, values, NULL) == SCAN_IS_OBJECT);
        process_run(p, "t", 1700000000000000000, &text, &len, values);
        CHECK(scan_json(text, len, f.path, f.n, after, NULL) == SCAN_IS_OBJECT);
        for (size_t i = 0; i < f.n; i++)
                CHECK(after[i].type == values[i].type);
        buf_fini(&unique);
        buf_fini(&first);
        return 0;
}
