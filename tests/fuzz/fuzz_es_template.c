/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a server says about its index templates: ours is only what says so, and whatever the name of the index is,
 * the body of its template is JSON. */
#include "event/scan.h"
#include "sinks/es_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(const char *index)
{
        struct es_template t;
        struct buf body = { 0 };

        if (!es_template_init(&t, index, ES_MANAGE_ON))
                return;
        es_template_body(&t, &body);
        CHECK(scan_json(body.data, body.len, NULL, 0, NULL, NULL) == SCAN_IS_OBJECT);
        CHECK(t.pattern[0] != '*' && !strpbrk(t.name, "*/?# "));
        buf_fini(&body);
        es_template_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        struct buf index = { 0 };

        enum es_template_there there = es_template_there(text, size);
        if (there == ES_THERE_CURRENT || there == ES_THERE_OLDER)
                CHECK(memmem(text, size, "sluice", 6));
        int covered = es_template_covered(text, size);
        CHECK(covered >= -1 && covered <= 1);
        buf_put(&index, text, size < 200 ? size : 200);
        check_body(buf_cstr(&index));
        buf_fini(&index);
        return 0;
}
