/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the line and the names hold, the event is an object to yajl and to
 * scan_json, of valid UTF-8, within its bound, with the id at its place.
 * Input: three lengths, then path, service, host and the text.
 */
#include <yajl/yajl_parse.h>

#include "event/event.h"
#include "event/scan.h"

static void check_event(const struct buf *b, size_t bound)
{
        yajl_handle h = yajl_alloc(NULL, NULL, NULL);
        struct scan_info info;

        CHECK(buf_ok(b) && b->len <= bound);
        CHECK(yajl_parse(h, (const unsigned char *)b->data, b->len) == yajl_status_ok);
        CHECK(yajl_complete_parse(h) == yajl_status_ok);
        yajl_free(h);
        CHECK(scan_json(b->data, b->len, NULL, 0, NULL, &info) == SCAN_IS_OBJECT);
        CHECK(!info.invalid_utf8 && !info.has_newline);
}

/* A NUL-terminated name of up to `want` bytes from the front of the input. */
static void take_name(struct buf *b, size_t want, const uint8_t **data, size_t *size)
{
        size_t n = want < *size ? want : *size;

        buf_put(b, *data, n);
        *data += n;
        *size -= n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf names[3] = { 0 }, b = { 0 };
        const uint8_t *lengths = data;
        struct event_stream s;
        struct ident id = { { 0 } }, line_id;

        if (size < 3)
                return 0;
        data += 3;
        size -= 3;
        for (int i = 0; i < 3; i++)
                take_name(&names[i], lengths[i], &data, &size);
        event_stream_init(&s, &id, buf_cstr(&names[0]), buf_cstr(&names[1]), buf_cstr(&names[2]));

        struct event_line line = { .wall_ns = (int64_t)(size * 0x9e3779b97f4a7c15),
                                   .offset = size,
                                   .text = (const char *)data,
                                   .len = size,
                                   .flags = lengths[0] & 3 };
        event_write(&b, &s, &line);
        check_event(&b, event_max_size(&s, size));
        CHECK(ident_parse(b.data + EVENT_ID_AT + sizeof(IDENT_SCHEME) - 1, &line_id) == 0);
        buf_reset(&b);
        event_write_text(&b, line.wall_ns, line.text, line.len);
        check_event(&b, event_max_text(size));

        event_stream_fini(&s);
        buf_fini(&b);
        for (int i = 0; i < 3; i++)
                buf_fini(&names[i]);
        return 0;
}
