/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON line at the top of the event: the event parses, no name stands twice, its id is found, and the collector finds
 * nothing in it that has to be put right: no scalar where ECS has an object, no reserved name, no double.
 * Input: a byte that says what the event has of its own, the line.
 */
#include <string.h>
#include <yajl/yajl_parse.h>

#include "event/json_unique.h"
#include "event/parse.h"
#include "event/scan.h"
#include "event/shape.h"

static char *formats[] = { (char *)"auto" };
static char *fields[] = { (char *)"env=x", (char *)"service.version=1", (char *)"log.logger=l", (char *)"source.ip=1.2.3.4" };
static struct parse_config configs[2];
static struct parser *parsers[2];
static struct shape *shape;

static void setup(void)
{
        for (int i = 0; i < 2; i++) {
                configs[i] = (struct parse_config){ .how = PARSE_JSON, .json_at = (char *)"top", .time_formats = { formats, 1 },
                                                    .time_zone = (char *)"UTC", .fields = { fields, i ? ARRAY_LEN(fields) : 0 } };
                CHECK(parser_new(&configs[i], &parsers[i], NULL) == 0 && parsers[i]);
        }
        shape = shape_new();
}

static void check(const struct buf *b)
{
        yajl_handle h = yajl_alloc(NULL, NULL, NULL);
        struct buf unique = { 0 }, other = { 0 };
        struct scan_info info;
        struct ident id;

        CHECK(yajl_parse(h, (const unsigned char *)b->data, b->len) == yajl_status_ok);
        CHECK(yajl_complete_parse(h) == yajl_status_ok);
        yajl_free(h);
        CHECK(json_unique(&unique, b->data, b->len) == 0);
        CHECK(ident_parse(b->data + event_id_at(b->data) + strlen(IDENT_SCHEME), &id) == 0);
        CHECK(scan_json_members(b->data, b->len, NULL, 0, NULL, &info, shape_members(shape)) == SCAN_IS_OBJECT);
        CHECK(!info.invalid_utf8 && !info.has_newline);
        if (shape_members(shape)->n <= SHAPE_MEMBERS)
                CHECK(!shape_write(shape, b->data, b->len, &other).rewritten);
        buf_fini(&unique);
        buf_fini(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct ident file;
        struct event_stream s;
        struct buf b = { 0 }, members = { 0 };

        if (size == 0)
                return 0;
        if (!shape)
                setup();
        unsigned how = data[0] & 1;
        struct event_line line = { .text = (const char *)data + 1, .len = size - 1, .wall_ns = 1795428000000000000 };
        event_stream_init(&s, &file, "/a", data[0] & 2 ? "s" : NULL, data[0] & 4 ? "h" : NULL);
        parse_add_fields(&configs[how], &s);
        if (data[0] & 8) {
                buf_puts(&members, "\"container\":{\"name\":\"c\"},\"kubernetes\":{\"namespace\":\"n\"}");
                event_stream_put(&s, &members);
                line.stream = "stdout";
        }
        const struct parsed *parsed = parser_run(parsers[how], &s, &line);
        line.parts = &parsed->parts;
        if (parsed->has_time)
                line.wall_ns = parsed->time_ns;
        event_write(&b, &s, &line);
        check(&b);
        buf_fini(&b);
        buf_fini(&members);
        event_stream_fini(&s);
        return 0;
}
