/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the line holds and however it is parsed and redacted, the event is an object to yajl, of valid UTF-8, no name
 * stands twice in one of its objects, and its id is found.
 * Input: a byte that says how, then the line.
 */
#include <string.h>
#include <yajl/yajl_parse.h>

#include "event/json_unique.h"
#include "event/parse.h"
#include "event/redact.h"
#include "event/scan.h"

static char *formats[] = { (char *)"auto",  (char *)"rfc3164",
                           (char *)"clf",   (char *)"%a, %d %b %y %I:%M:%S.%f %p %z",
                           (char *)"%Y %j", (char *)"%H:%M" };
static char *rules[] = { (char *)"card", (char *)"bearer", (char *)"email", (char *)"k=(\\w+)" };
static char *fields[] = { (char *)"env=x", (char *)"service.version=1", (char *)"log.logger=l" };
static char *renames[] = { (char *)"a=log.logger", (char *)"b=x.y", (char *)"c=user.name" };

static struct parser *parsers[4];
static struct redact *redact;
static struct parse_config configs[4];

static void setup(void)
{
        static struct redact_config what = { .what = { rules, ARRAY_LEN(rules) } };

        for (int i = 0; i < 4; i++) {
                configs[i] = (struct parse_config){ .how = i,
                                                    .rename = { renames, ARRAY_LEN(renames) },
                                                    .time_formats = { formats, ARRAY_LEN(formats) },
                                                    .time_zone = (char *)"+01:00",
                                                    .fields = { fields, ARRAY_LEN(fields) } };
                configs[i].trace_pattern = (char *)"\\[(?<trace_id>\\w+)/(?<span_id>\\w+)\\]";
                if (i == PARSE_PATTERN)
                        configs[i].pattern =
                                (char *)"^(?<time>[^|]*)\\|(?<level>[^|]*)\\|(?<a>[^|]*)\\|(?<user_id>.*)";
                CHECK(parser_new(&configs[i], &parsers[i], NULL) == 0 && parsers[i]);
        }
        CHECK(redact_new(&what, &redact, NULL) == 0);
}

static void check(const struct buf *b)
{
        yajl_handle h = yajl_alloc(NULL, NULL, NULL);
        struct scan_info info;
        struct buf unique = { 0 };
        struct ident id;

        CHECK(yajl_parse(h, (const unsigned char *)b->data, b->len) == yajl_status_ok);
        CHECK(yajl_complete_parse(h) == yajl_status_ok);
        yajl_free(h);
        CHECK(scan_json(b->data, b->len, NULL, 0, NULL, &info) == SCAN_IS_OBJECT);
        CHECK(!info.invalid_utf8 && !info.has_newline);
        CHECK(json_unique(&unique, b->data, b->len) == 0);
        CHECK(ident_parse(b->data + event_id_at(b->data) + strlen(IDENT_SCHEME), &id) == 0);
        buf_fini(&unique);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct ident file;
        struct event_stream s;
        struct buf b = { 0 };

        if (size == 0)
                return 0;
        if (!redact)
                setup();
        unsigned how = data[0] & 3;
        struct event_line line = { .text = (const char *)data + 1,
                                   .len = size - 1,
                                   .wall_ns = 1795428000000000000 };
        if (data[0] & 4)
                redact_run(redact, &line.text, &line.len);
        const struct parsed *parsed = parser_run(parsers[how], NULL, &line);
        line.parts = &parsed->parts;
        if (parsed->has_time)
                line.wall_ns = parsed->time_ns;
        event_stream_init(&s, &file, "/a", data[0] & 8 ? "s" : NULL, "h");
        parse_add_fields(&configs[how], &s);
        event_write(&b, &s, &line);
        check(&b);
        buf_fini(&b);
        event_stream_fini(&s);
        return 0;
}
