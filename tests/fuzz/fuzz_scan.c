/* SPDX-License-Identifier: Apache-2.0 */
/* scan_json takes a text exactly when yajl does.  What yajl is made to do for it:
 *   - it takes a value with an unclosed string after it ({}"x), so the text is
 *     put between {"k": and }, which must close what the first opened;
 *   - form feed and vertical tab are space to it: a text that holds one is not JSON;
 *   - it does not bound the depth: a deeper text must be refused, that is all;
 *   - its UTF-8 check lets overlong forms, surrogates and more pass, so it is off,
 *     and only one direction holds: what scan_json calls UTF-8, yajl does too.
 * What is found lies inside the text, and unescaping it keeps valid UTF-8 valid.
 */
#include <yajl/yajl_parse.h>

#include "event/scan.h"

struct oracle {
        int depth, deepest, keys; /* keys: of the object around the text */
        bool object;              /* the text's first container is one */
};

static int open_any(struct oracle *o, bool map)
{
        o->object |= map && o->deepest == 1;
        if (++o->depth > o->deepest)
                o->deepest = o->depth;
        return 1;
}

static int open_map(void *arg)
{
        return open_any(arg, true);
}

static int open_array(void *arg)
{
        return open_any(arg, false);
}

static int close_any(void *arg)
{
        ((struct oracle *)arg)->depth--;
        return 1;
}

static int map_key(void *arg, const unsigned char *key, size_t len)
{
        struct oracle *o = arg;

        (void)key;
        (void)len;
        o->keys += o->depth == 1;
        return 1;
}

static bool feed(yajl_handle h, const void *p, size_t n)
{
        return yajl_parse(h, p, n) == yajl_status_ok;
}

static bool yajl_takes(const uint8_t *data, size_t size, bool any_bytes, struct oracle *o)
{
        static const yajl_callbacks callbacks = { .yajl_start_map = open_map,
                                                  .yajl_end_map = close_any,
                                                  .yajl_map_key = map_key,
                                                  .yajl_start_array = open_array,
                                                  .yajl_end_array = close_any };
        yajl_handle h = yajl_alloc(&callbacks, NULL, o);

        yajl_config(h, yajl_dont_validate_strings, any_bytes);
        bool ok = feed(h, "{\"k\":", 5) && feed(h, data, size) && o->depth == 1 && feed(h, "}", 1) &&
                  yajl_complete_parse(h) == yajl_status_ok && o->keys == 1;
        yajl_free(h);
        return ok;
}

static void check_values(const char *text, size_t len, const struct scan_value *v, size_t n, bool utf8)
{
        for (size_t i = 0; i < n; i++) {
                struct buf b = { 0 };
                struct scan_info info = { 0 };
                if (v[i].type == SCAN_ABSENT)
                        continue;
                CHECK(v[i].p >= text && v[i].p + v[i].len <= text + len);
                if (v[i].type != SCAN_STRING) {
                        CHECK(scan_json(v[i].p, v[i].len, NULL, 0, NULL, &info) != SCAN_INVALID);
                        continue;
                }
                CHECK(v[i].p[-1] == '"' && v[i].p[v[i].len] == '"');
                scan_unescape(&b, &v[i]);
                CHECK(b.len <= v[i].len);
                for (size_t k = 0; k < b.len; k++) /* a string again, to ask whether it is UTF-8 */
                        if ((unsigned char)b.data[k] < ' ' || b.data[k] == '"' || b.data[k] == '\\')
                                b.data[k] = ' ';
                struct buf quoted = { 0 };
                buf_putc(&quoted, '"');
                buf_put(&quoted, b.data, b.len);
                buf_putc(&quoted, '"');
                CHECK(scan_json(quoted.data, quoted.len, NULL, 0, NULL, &info) == SCAN_IS_OTHER);
                CHECK(!utf8 || !info.invalid_utf8);
                buf_fini(&quoted);
                buf_fini(&b);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const paths[] = { "a", "a.b", "a.b.c", "message", "service.name", "" };
        enum { N = sizeof(paths) / sizeof(*paths) };
        struct oracle o = { .depth = 0 }, again = { .depth = 0 };
        struct scan_value values[N];
        struct scan_info info;

        bool yajl =
                yajl_takes(data, size, true, &o) && !memchr(data, '\f', size) && !memchr(data, '\v', size);
        enum scan_result r = scan_json((const char *)data, size, paths, N, values, &info);
        if (o.deepest > SCAN_DEPTH + 1) {
                CHECK(r == SCAN_INVALID);
                return 0;
        }
        CHECK((r != SCAN_INVALID) == yajl);
        CHECK(r == SCAN_INVALID || (r == SCAN_IS_OBJECT) == o.object);
        if (r != SCAN_INVALID) {
                CHECK(info.invalid_utf8 || yajl_takes(data, size, false, &again));
                CHECK(info.has_newline == (memchr(data, '\n', size) != NULL));
        }
        check_values((const char *)data, size, values, N, !info.invalid_utf8);
        return 0;
}
