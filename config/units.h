/* SPDX-License-Identifier: Apache-2.0 */
/* units: sizes and durations as people write them: "64 MiB", "250 ms".
 *
 * A whole number, blanks or none, a unit.  Without a unit it is an error, because
 * nobody agrees whether 5 means seconds or milliseconds.
 *
 *      size        B  kB  MB  GB (powers of 1000)  KiB  MiB  GiB (powers of 1024)
 *      duration    ms  s  m  h
 */
#ifndef SLUICE_CONFIG_UNITS_H
#define SLUICE_CONFIG_UNITS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"

/* What to do about a bare number: 'write a unit, as in "64 MiB" (...)'. */
extern const char units_size_hint[], units_duration_hint[];

/* 0, or -EINVAL with a sentence that quotes the text; *ret is written on success only. */
int units_parse_size(const char *text, int64_t *ret_bytes, struct err *e) MUST_CHECK;
int units_parse_duration(const char *text, int64_t *ret_ms, struct err *e) MUST_CHECK;

/* The shortest exact way to write it: 67108864 is "64 MiB", 90000 is "90 s". */
void units_put_size(struct buf *out, int64_t bytes);
void units_put_duration(struct buf *out, int64_t ms);

#endif
