/* SPDX-License-Identifier: Apache-2.0 */
/* Files of container runtimes, with and without events of several lines: see events.h.
 * Input: how, how much is there at first, the text.
 */
#include "base/check.h"
#include "shipper/multiline.h"
#include "shipper/weave.h"
#include "tests/fuzz/events.h"

static struct multiline *multiline;
static struct weave *weave;
static struct weaving weaving = { .partial_timeout_ms = 5000, .multiline_timeout_ms = 3000 };

static void setup(void)
{
        static const struct multiline_config config = { .continues = (char *)"^ " };
        struct err e = { 0 };

        CHECK(multiline_new(&config, &multiline, &e) == 0);
        CHECK(line_end_init(&weaving.end, NULL, ENCODING_UTF8, &e) == 0);
        weave = weave_new();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2)
                return 0;
        if (!weave)
                setup();
        weaving.container = (enum container_format)(CONTAINER_AUTO + data[0] % 3);
        struct framing how = { .multiline = data[0] & 4 ? multiline : NULL, .max_bytes = 400, .max_lines = 4,
                               .weaving = &weaving, .weave = weave };
        events_check(&how, (const char *)data + 2, size - 2, (size - 2) * data[1] / 255);
        return 0;
}
