/* SPDX-License-Identifier: Apache-2.0 */
/* A time that is read and written again is the same time; no form takes what is not in range.
 * Input: which form, the text.
 */
#include "event/timeformat.h"
#include "event/timestamp.h"

#define NOW INT64_C(1795428000000000000)

static char *formats[] = {
        (char *)"auto",    (char *)"rfc3339", (char *)"iso8601", (char *)"rfc3164",
        (char *)"rfc1123", (char *)"clf",     (char *)"unix",    (char *)"unix_ns",
        (char *)"%a, %d %b %y %I:%M:%S.%f %p %z", (char *)"%Y-%j %T", (char *)"%H:%M", (char *)"%s %%",
};
static struct timeformat *times[ARRAY_LEN(formats)];

static void check_again(int64_t ns)
{
        char text[TIMESTAMP_NS_LEN];
        int64_t again;

        timestamp_format_ns(ns, text);
        CHECK(timestamp_parse(text, sizeof(text), &again) == 0 && again == ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int64_t ns;

        if (size == 0)
                return 0;
        for (size_t i = 0; !times[ARRAY_LEN(formats) - 1] && i < ARRAY_LEN(formats); i++)
                times[i] = timeformat_new(&(struct strlist){ &formats[i], 1 }, "+01:00", NULL);
        const char *text = (const char *)data + 1;
        if (timeformat_parse(times[data[0] % ARRAY_LEN(formats)], text, size - 1, NOW, &ns))
                check_again(ns);
        if (timestamp_parse(text, size - 1, &ns) == 0)
                check_again(ns);
        return 0;
}
