/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever object comes in, its document is an object to yajl and to scan_json, with no key twice at its top,
 * needs no second rewriting, and is left alone when nothing was said to be rewritten.
 */
#include <string.h>
#include <yajl/yajl_tree.h>

#include "event/shape.h"

static bool list(struct shape *s, const char *text, size_t len, struct scan_info *info)
{
        return scan_json_members(text, len, NULL, 0, NULL, info, shape_members(s)) == SCAN_IS_OBJECT;
}

static size_t count_leaves(yajl_val v)
{
        size_t n = 0;

        if (YAJL_IS_OBJECT(v))
                for (size_t i = 0; i < YAJL_GET_OBJECT(v)->len; i++)
                        n += count_leaves(YAJL_GET_OBJECT(v)->values[i]);
        else if (YAJL_IS_ARRAY(v))
                for (size_t i = 0; i < YAJL_GET_ARRAY(v)->len; i++)
                        n += count_leaves(YAJL_GET_ARRAY(v)->values[i]);
        else
                n = !YAJL_IS_NULL(v);
        return n;
}

/* Returns the leaves, having looked at the keys. */
static size_t check_with_yajl(const char *text, size_t len, bool is_document)
{
        struct buf copy = { 0 };
        char why[256];

        buf_put(&copy, text, len);
        yajl_val v = yajl_tree_parse(buf_cstr(&copy), why, sizeof(why));
        CHECK(!is_document || YAJL_IS_OBJECT(v));
        for (size_t i = 0; is_document && i < YAJL_GET_OBJECT(v)->len; i++)
                for (size_t k = 0; k < i; k++)
                        CHECK(strcmp(YAJL_GET_OBJECT(v)->keys[i], YAJL_GET_OBJECT(v)->keys[k]) != 0);
        size_t leaves = v ? count_leaves(v) : 0;
        yajl_tree_free(v);
        buf_fini(&copy);
        return leaves;
}

static bool holds(const char *text, size_t len, const char *what)
{
        return memmem(text, len, what, strlen(what)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct shape *s;
        const char *text = (const char *)data;
        struct buf doc = { 0 }, again = { 0 };
        struct scan_info info;

        if (!s)
                s = shape_new();
        if (!list(s, text, size, &info) || info.invalid_utf8)
                return 0;
        /* yajl's tree ends a key at its NUL, and numbers out of range are none to it. */
        bool yajl = !holds(text, size, "\\u0000") && !holds(text, size, "e") && !holds(text, size, "E");
        size_t n = shape_members(s)->n;
        const struct shape_verdict v = shape_write(s, text, size, &doc);

        CHECK(v.rewritten || (doc.len == 0 && v.doubles == 0));
        if (v.rewritten) {
                CHECK(list(s, doc.data, doc.len, &info) && !info.invalid_utf8);
                size_t after = yajl ? check_with_yajl(doc.data, doc.len, true) : 0;
                /* Texts of objects and of byte arrays are one leaf. */
                bool same = !v.doubles && n <= SHAPE_MEMBERS && !holds(text, size, "\\") &&
                            !holds(text, size, "message") && !holds(text, size, "MESSAGE");
                if (yajl && same)
                        CHECK(after >= check_with_yajl(text, size, false));
                CHECK(list(s, doc.data, doc.len, &info));
                CHECK(shape_write(s, doc.data, doc.len, &again).doubles == 0);
        }
        buf_fini(&doc);
        buf_fini(&again);
        return 0;
}
