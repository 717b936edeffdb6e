/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: passes over the characters that most text above ASCII is made of.
 *
 *      c3 b6  e2 82 ac  66 ...
 *      |-------------|          a run: ends before ASCII, and before what needs an exact look
 *
 * Two bytes, or three of which the first does not restrict the second: Latin, Cyrillic, Greek, most of CJK. Whoever finds a run of
 * nothing at a byte above ASCII looks at that character by the table of Unicode 15 (3-7).  Any thread.
 */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Length of the character at s, of which four bytes can be read; 0: needs an exact look, or is ASCII. */
static inline size_t utf8_common(const uint8_t *s)
{
        if (s[0] >= 0xc2 && s[0] < 0xe0)
                return (s[1] & 0xc0) == 0x80 ? 2 : 0;
        if (s[0] > 0xe0 && s[0] < 0xf0 && s[0] != 0xed)
                return (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 ? 3 : 0;
        return 0;
}

static inline size_t utf8_run(const char *p, const char *end)
{
        const char *s = p;

        for (size_t n; end - s >= 4 && (n = utf8_common((const uint8_t *)s)) > 0; s += n)
                ;
        return (size_t)(s - p);
}

/* Copies the run as well; may write two bytes behind it. */
static inline size_t utf8_copy_run(char *to, const char *p, const char *end)
{
        const char *s = p;

        for (size_t n; end - s >= 4 && (n = utf8_common((const uint8_t *)s)) > 0; s += n, to += n)
                memcpy(to, s, 4);
        return (size_t)(s - p);
}

#endif
