/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/frame.h"

#include <string.h>

bool line_next(const char *p, const char *end, size_t known, struct frame *ret)
{
        size_t n = (size_t)(end - p);
        if (known >= n)
                return false;

        const char *lf = memchr(p + known, '\n', n - known);
        if (!lf)
                return false;
        size_t len = (size_t)(lf - p), size = len + 1;
        if (len > 0 && p[len - 1] == '\r')
                len--;
        *ret = (struct frame){ .text = p, .len = len, .span = size, .size = size, .lines = 1 };
        return true;
}
