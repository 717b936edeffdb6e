/* SPDX-License-Identifier: Apache-2.0 */
/* Any condition is refused with a reason or holds or not, of any event.  Input: the condition, a newline, the event. */
#include "event/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *newline = memchr(data, '\n', size);
        struct scan_value values[SCAN_PATHS] = { 0 };
        struct fields fields = { 0 };
        struct buf text = { 0 };
        struct err e = { 0 };

        if (!newline || newline - data > 400)
                return 0;
        buf_put(&text, data, (size_t)(newline - data));
        struct when *w = when_new(buf_cstr(&text), &fields, &e);
        CHECK(w ? fields.n > 0 : e.code > 0 && e.msg[0]);
        if (w) {
                const char *json = (const char *)newline + 1;
                scan_json(json, size - (size_t)(json - (const char *)data), fields.path, fields.n, values,
                          NULL);
                bool said = when_holds(w, values);
                CHECK(when_holds(w, values) == said);
        }
        when_free(w);
        fields_fini(&fields);
        buf_fini(&text);
        return 0;
}
