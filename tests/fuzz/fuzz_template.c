/* SPDX-License-Identifier: Apache-2.0 */
/* Any template is refused or taken, and a name that is made of it is one that
 * Elasticsearch takes.  Input: the template, a newline, the document.
 */
#include "event/template.h"

static void check_legal(const char *name, size_t len)
{
        CHECK(len > 0 && len <= 255);
        CHECK(!memchr("-_+", name[0], 3));
        CHECK(!(len <= 2 && memcmp(name, "..", len) == 0));
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)name[i];
                CHECK(c > ' ' && c < 0x7f && !(c >= 'A' && c <= 'Z'));
                CHECK(!strchr("\\/*?\"<>|,#:", c));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *newline = memchr(data, '\n', size);
        struct buf text = { 0 }, name = { 0 };
        struct scan_value values[TEMPLATE_FIELDS];
        const char *const *paths;
        struct err e = { 0 };

        if (!newline)
                return 0;
        buf_put(&text, data, (size_t)(newline - data));
        struct template *t = template_new(buf_cstr(&text), &e);
        CHECK(t ? e.code == 0 : e.code > 0 && e.msg[0]);
        if (t) {
                const char *json = (const char *)newline + 1;
                size_t len = size - (size_t)(json - (const char *)data), n = template_paths(t, &paths);
                scan_json(json, len, paths, n, values, NULL);
                if (template_expand(t, values, "Some-Topic", (int64_t)(size * 0x9e3779b97f4a7c15), &name))
                        check_legal(name.data, name.len);
                else
                        CHECK(name.len == 0);
        }
        template_free(t);
        buf_fini(&name);
        buf_fini(&text);
        return 0;
}
