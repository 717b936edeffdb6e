/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plain.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* --- any machine: eight bytes at a time ------------------------------------------------------ */

#define REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of each byte that is not plain.  The lowest bit set is exact; those above it may be false, since a
 * subtraction borrows from the byte above. */
static inline uint64_t special_in_word(uint64_t x)
{
        uint64_t quote = (x ^ REPEAT('"')) - REPEAT(1);
        uint64_t backslash = (x ^ REPEAT('\\')) - REPEAT(1);
        uint64_t control = x - REPEAT(0x20);

        return (x | quote | backslash | control) & REPEAT(0x80);
}

static inline bool is_plain(char c)
{
        unsigned char u = (unsigned char)c;

        return u >= 0x20 && u < 0x80 && u != '"' && u != '\\';
}

/* to NULL: nothing is copied; known when this is compiled into its two callers. */
static inline __attribute__((always_inline)) size_t by_words(char *to, const char *p, size_t n)
{
        size_t i = 0;

        for (; n - i >= 8; i += 8) {
                uint64_t x;
                memcpy(&x, p + i, 8);
                if (to)
                        memcpy(to + i, &x, 8);
                uint64_t found = special_in_word(le64toh(x));
                if (found)
                        return i + (size_t)__builtin_ctzll(found) / 8;
        }
        for (; i < n && is_plain(p[i]); i++)
                if (to)
                        to[i] = p[i];
        return i;
}

static size_t len_by_words(const char *p, size_t n)
{
        return by_words(NULL, p, n);
}

static size_t copy_by_words(char *to, const char *p, size_t n)
{
        return by_words(to, p, n);
}

/* --- sixteen bytes at a time ------------------------------------------------------------------ */

/* The rest that does not fill a vector is looked at in one that ends with the text and begins in what was seen. */

#if defined(__x86_64__)

/* A bit for each byte that is not plain.  Signed: what is above ASCII is below every control. */
static inline unsigned special_in_16(__m128i x)
{
        __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));
        __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
        __m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));

        return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}

static inline __attribute__((always_inline)) size_t by_16(char *to, const char *p, size_t n)
{
        size_t i = 0;

        if (n < 16)
                return by_words(to, p, n);
        for (;;) {
                __m128i x = _mm_loadu_si128((const __m128i *)(p + i));
                if (to)
                        _mm_storeu_si128((__m128i *)(to + i), x);
                unsigned found = special_in_16(x);
                if (found)
                        return i + (size_t)__builtin_ctz(found);
                if (i == n - 16)
                        return n;
                i = n - i >= 32 ? i + 16 : n - 16;
        }
}

static size_t len_by_16(const char *p, size_t n)
{
        return by_16(NULL, p, n);
}

static size_t copy_by_16(char *to, const char *p, size_t n)
{
        return by_16(to, p, n);
}

__attribute__((target("avx2"))) static inline unsigned special_in_32(__m256i x)
{
        __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), x);
        __m256i quote = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"'));
        __m256i backslash = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'));

        return (unsigned)_mm256_movemask_epi8(_mm256_or_si256(low, _mm256_or_si256(quote, backslash)));
}

__attribute__((target("avx2"))) static size_t len_by_32(const char *p, size_t n)
{
        size_t i = 0;

        for (; n - i >= 32; i += 32) {
                unsigned found = special_in_32(_mm256_loadu_si256((const __m256i *)(p + i)));
                if (found)
                        return i + (size_t)__builtin_ctz(found);
        }
        return i + by_16(NULL, p + i, n - i);
}

/* A vector is stored only when all of it is plain: the slack is for half of it. */
__attribute__((target("avx2"))) static size_t copy_by_32(char *to, const char *p, size_t n)
{
        size_t i = 0;

        for (; n - i >= 32; i += 32) {
                __m256i x = _mm256_loadu_si256((const __m256i *)(p + i));
                if (special_in_32(x))
                        break;
                _mm256_storeu_si256((__m256i *)(to + i), x);
        }
        return i + by_16(to + i, p + i, n - i);
}

#define BASELINE { "sse2", len_by_16, copy_by_16 }

#elif defined(__aarch64__)

/* Four bits for each byte that is not plain. */
static inline uint64_t special_in_16(uint8x16_t x)
{
        uint8x16_t low = vcltq_s8(vreinterpretq_s8_u8(x), vdupq_n_s8(0x20));
        uint8x16_t quote = vceqq_u8(x, vdupq_n_u8('"'));
        uint8x16_t backslash = vceqq_u8(x, vdupq_n_u8('\\'));
        uint8x16_t any = vorrq_u8(low, vorrq_u8(quote, backslash));

        return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(any), 4)), 0);
}

static inline __attribute__((always_inline)) size_t by_16(char *to, const char *p, size_t n)
{
        size_t i = 0;

        if (n < 16)
                return by_words(to, p, n);
        for (;;) {
                uint8x16_t x = vld1q_u8((const uint8_t *)(p + i));
                if (to)
                        vst1q_u8((uint8_t *)(to + i), x);
                uint64_t found = special_in_16(x);
                if (found)
                        return i + (size_t)__builtin_ctzll(found) / 4;
                if (i == n - 16)
                        return n;
                i = n - i >= 32 ? i + 16 : n - 16;
        }
}

static size_t len_by_16(const char *p, size_t n)
{
        return by_16(NULL, p, n);
}

static size_t copy_by_16(char *to, const char *p, size_t n)
{
        return by_16(to, p, n);
}

#define BASELINE { "neon", len_by_16, copy_by_16 }

#else
#define BASELINE { "words", len_by_words, copy_by_words }
#endif

/* --- the choice ------------------------------------------------------------------------------- */

static const struct plain_ops all[] = {
        { "words", len_by_words, copy_by_words },
#if defined(__x86_64__) || defined(__aarch64__)
        BASELINE,
#endif
#if defined(__x86_64__)
        { "avx2", len_by_32, copy_by_32 },
#endif
};

struct plain_ops plain = BASELINE;

size_t plain_all(const struct plain_ops **ret)
{
        size_t n = sizeof(all) / sizeof(all[0]);

        *ret = all;
#if defined(__x86_64__)
        if (!__builtin_cpu_supports("avx2"))
                n--;
#endif
        return n;
}

void plain_setup(void)
{
        const struct plain_ops *v;
        size_t n = plain_all(&v);

        plain = v[n - 1];
}
