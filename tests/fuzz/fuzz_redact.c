/* SPDX-License-Identifier: Apache-2.0 */
/* What was redacted is not redacted again; a JSON object stays one; what the presets find is nowhere in the result.
 * Input: a byte that says mask or hash, the line.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/redact.h"
#include "event/scan.h"

static char *rules[] = { (char *)"card", (char *)"bearer", (char *)"email", (char *)"k=(\\w+)" };
static struct redact_config configs[2];
static struct redact *redacts[2];

static void setup(void)
{
        for (int i = 0; i < 2; i++) {
                configs[i] = (struct redact_config){ .what = { rules, ARRAY_LEN(rules) }, .how = i,
                                                     .key = (char *)"0123456789abcdef" };
                CHECK(redact_new(&configs[i], &redacts[i], NULL) == 0);
        }
}

static bool is_object(const char *text, size_t len)
{
        return scan_json(text, len, NULL, 0, NULL, NULL) == SCAN_IS_OBJECT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        if (!redacts[1])
                setup();
        struct redact *r = redacts[data[0] & 1];
        const char *text = (const char *)data + 1;
        size_t len = size - 1;
        bool object = is_object(text, len);
        size_t count = redact_run(r, &text, &len);

        CHECK(count > 0 || (text == (const char *)data + 1 && len == size - 1));
        CHECK(!object || is_object(text, len));
        char *once = xstrndup("", 0);
        once = xrealloc(once, len + 1);
        memcpy(once, text, len);
        const char *again = once;
        size_t again_len = len;
        CHECK(redact_run(r, &again, &again_len) == 0 && again == once && again_len == len);
        free(once);
        return 0;
}
