/* SPDX-License-Identifier: Apache-2.0 */
/* page: the status page, one HTML file within the program (page.html): it draws this program's own /status. */
#ifndef SLUICE_STATUS_PAGE_H
#define SLUICE_STATUS_PAGE_H

#include "base/buf.h"

unsigned page_get(void *arg, struct buf *body);         /* an http_route's */

#endif
