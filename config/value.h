/* SPDX-License-Identifier: Apache-2.0 */
/* value: from the text of a setting to what a struct holds.
 *
 *      ${NAME}            the environment variable; not set is an error
 *      ${NAME:-text}      text when it is not set or empty
 *      $${                the two characters ${
 *      file:PATH          secrets: the content of the file without its trailing newline
 *      env:NAME           secrets: the environment variable
 *
 * No error quotes a secret, nor a part of what may be one.
 */
#ifndef SLUICE_CONFIG_VALUE_H
#define SLUICE_CONFIG_VALUE_H

#include <stdbool.h>

#include "base/check.h"
#include "base/err.h"
#include "config/opt.h"

/* True when the text asks for the environment; such a string may stand for a number or a boolean too. */
bool value_has_reference(const char *text);

/* 0 and *ret (owned by the caller), or -EINVAL with a sentence without place. */
int value_expand(const char *text, char **ret, struct err *e) MUST_CHECK;
int value_secret(const char *text, char **ret, struct err *e) MUST_CHECK;

/* A row of type BOOL, INT, SIZE, DURATION or CHOICE from expanded text, and its limits. */
int value_number(const struct opt *row, const char *text, int64_t *ret, struct err *e) MUST_CHECK;
int value_in_range(const struct opt *row, int64_t n, struct err *e) MUST_CHECK;

/* A number of the row as one writes it: "64 MiB", "5 ms", "17". */
void value_put(const struct opt *row, int64_t n, struct buf *out);
/* "1 to 65535", "at least 4 KiB", "" without limits. */
void value_put_range(const struct opt *row, struct buf *out);
bool value_has_upper_limit(const struct opt *row);

#endif
