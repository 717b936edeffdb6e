/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations from any bytes: what is read and written again is the same number. */
#include <stdlib.h>

#include "base/mem.h"
#include "config/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_size(const char *text)
{
        struct buf again = { 0 };
        int64_t first, second;

        if (units_parse_size(text, &first, NULL) == 0) {
                units_put_size(&again, first);
                int r = units_parse_size(buf_cstr(&again), &second, NULL);
                CHECK(r == 0 && second == first && first >= 0);
        }
        buf_fini(&again);
}

static void check_duration(const char *text)
{
        struct buf again = { 0 };
        int64_t first, second;

        if (units_parse_duration(text, &first, NULL) == 0) {
                units_put_duration(&again, first);
                int r = units_parse_duration(buf_cstr(&again), &second, NULL);
                CHECK(r == 0 && second == first && first >= 0);
        }
        buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = xstrndup((const char *)data, size);

        check_size(text);
        check_duration(text);
        free(text);
        return 0;
}
