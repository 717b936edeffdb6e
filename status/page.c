/* SPDX-License-Identifier: Apache-2.0 */
#include "status/page.h"

static const char page[] = {
#include "page_html.inc" /* made by CMake from page.html */
};

unsigned page_get(void *arg, struct buf *body)
{
        (void)arg;
        buf_put(body, page, sizeof(page));
        return 200;
}
