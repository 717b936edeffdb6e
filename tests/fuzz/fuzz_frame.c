/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of plain text: see events.h; and what is found is what memchr finds.  Input: how much is there at first, the text. */
#include <string.h>

#include "base/check.h"
#include "tests/fuzz/events.h"

static void check_lines(const char *p, const char *end)
{
        struct framing how = { .max_bytes = 1024, .final = true, .start = p, .offset = 1 };
        struct frame f;

        for (; frame_next(&how, p, end, 0, &f); p += f.size) {
                const char *lf = memchr(p, '\n', (size_t)(end - p));
                size_t size = lf ? (size_t)(lf + 1 - p) : (size_t)(end - p);
                CHECK(f.size == size && f.span == size && f.at == 0 && f.lines == 1 && f.unfinished == !lf && f.text == p);
                CHECK(f.len == size - (lf != NULL) - (lf && lf > p && lf[-1] == '\r'));
        }
        CHECK(p == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct framing how = { .max_bytes = 64 };

        if (size == 0)
                return 0;
        const char *text = (const char *)data + 1;
        check_lines(text, text + size - 1);
        events_check(&how, text, size - 1, (size - 1) * data[0] / 255);
        return 0;
}
