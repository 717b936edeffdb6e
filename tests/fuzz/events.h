/* SPDX-License-Identifier: Apache-2.0 */
/* events: what must hold of the events of any bytes, whatever the framing; for the fuzz targets.
 *
 *   - positions cover every byte, once, and no event reaches over the end;
 *   - from every position on, the events are those that come anyway: so a restart gives the same ids;
 *   - with only the first bytes there, what is found is what is found with all of them.
 */
#ifndef SLUICE_TESTS_FUZZ_EVENTS_H
#define SLUICE_TESTS_FUZZ_EVENTS_H

#include "shipper/frame.h"

/* how: without start, offset, final and skip, which are set here.  seen: how many bytes are there at first. */
void events_check(const struct framing *how, const char *text, size_t n, size_t seen);

#endif
