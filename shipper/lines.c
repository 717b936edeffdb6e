/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/lines.h"

#include <string.h>

bool line_next(const char *p, const char *end, size_t known, struct line *ret)
{
        size_t n = (size_t)(end - p);
        if (known >= n)
                return false;

        const char *lf = memchr(p + known, '\n', n - known);
        if (!lf)
                return false;
        ret->text = p;
        ret->len = (size_t)(lf - p);
        ret->size = ret->len + 1;
        if (ret->len > 0 && p[ret->len - 1] == '\r')
                ret->len--;
        return true;
}
