/* SPDX-License-Identifier: Apache-2.0 */
/* Events of several lines, by every preset and by patterns of one's own: see events.h.
 * Input: which of them, how much is there at first, the text.
 */
#include "base/check.h"
#include "shipper/multiline.h"
#include "tests/fuzz/events.h"

static const struct multiline_config configs[] = {
        { .preset = 1 }, { .preset = 2 }, { .preset = 3 }, { .preset = 4 }, { .preset = 5 }, { .preset = 6 },
        { .start = (char *)"^\\d" }, { .continues = (char *)"^ |^$" }, { .start = (char *)"a.c", .negate = true },
};
static struct multiline *multilines[ARRAY_LEN(configs)];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct err e = { 0 };

        if (size < 2)
                return 0;
        for (size_t i = 0; !multilines[ARRAY_LEN(configs) - 1] && i < ARRAY_LEN(configs); i++)
                CHECK(multiline_new(&configs[i], &multilines[i], &e) == 0);
        struct framing how = { .multiline = multilines[data[0] % ARRAY_LEN(configs)], .max_bytes = 200, .max_lines = 5 };
        events_check(&how, (const char *)data + 2, size - 2, (size - 2) * data[1] / 255);
        return 0;
}
