/* SPDX-License-Identifier: Apache-2.0 */
/* The input of each hash, byte by byte, so that any program can make the same
 * ids.  Integers are little-endian, two's complement; `text` is a u32 length
 * and the bytes.
 *
 *      file    'F'  text host  u64 inode  i64 birth_ns  u32 generation  text head
 *      line    'L'  file id (16 bytes)  u64 offset
 *      span    'S'  file id (16 bytes)  u64 offset  u64 length
 *      record  'R'  text cluster  text topic  i32 partition  i64 offset  i64 timestamp_ms
 *
 * A host, cluster or topic of more than TEXT_MAX bytes stands as its length and
 * the 16 bytes of its own hash, which bounds the form.  The hash is XXH3-128
 * with seed 0 and its default secret; an id is its canonical (big-endian) form.
 * The first letter keeps the kinds from ever hashing the same input.
 *
 * To change anything here is to make a new scheme: take the next prefix.
 */
#include "event/ident.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"

enum { TEXT_MAX = 255, FORM_MAX = 64 + 2 * TEXT_MAX + IDENT_HEAD };

struct form {
        uint8_t bytes[FORM_MAX];
        size_t len;
};

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct ident hash(const void *p, size_t n)
{
        XXH128_canonical_t canonical;
        struct ident id;

        XXH128_canonicalFromHash(&canonical, XXH3_128bits(p, n));
        memcpy(id.bytes, canonical.digest, sizeof(id.bytes));
        return id;
}

static void put(struct form *f, const void *p, size_t n)
{
        CHECK(n <= sizeof(f->bytes) - f->len);
        memcpy(f->bytes + f->len, p, n);
        f->len += n;
}

static void put_u32(struct form *f, uint32_t n)
{
        for (int shift = 0; shift < 32; shift += 8)
                f->bytes[f->len++] = (uint8_t)(n >> shift);
}

static void put_u64(struct form *f, uint64_t n)
{
        put_u32(f, (uint32_t)n);
        put_u32(f, (uint32_t)(n >> 32));
}

static void put_text(struct form *f, const char *s)
{
        size_t n = strlen(s);

        put_u32(f, (uint32_t)n);
        if (n <= TEXT_MAX) {
                put(f, s, n);
        } else {
                struct ident digest = hash(s, n);
                put(f, digest.bytes, sizeof(digest.bytes));
        }
}

struct ident ident_of_file(const struct ident_file *file)
{
        struct form f;
        size_t head_len = file->head_len < IDENT_HEAD ? file->head_len : IDENT_HEAD;

        f.len = 0;
        put(&f, "F", 1);
        put_text(&f, file->host);
        put_u64(&f, file->inode);
        put_u64(&f, (uint64_t)file->birth_ns);
        put_u32(&f, file->generation);
        put_u32(&f, (uint32_t)head_len);
        if (head_len > 0) /* an empty head may be NULL */
                put(&f, file->head, head_len);
        return hash(f.bytes, f.len);
}

static inline uint8_t *put_le64(uint8_t *p, uint64_t n)
{
        for (int shift = 0; shift < 64; shift += 8)
                *p++ = (uint8_t)(n >> shift);
        return p;
}

/* These two run for every line: no struct form, which would be 1.5 KiB of stack to touch. */
struct ident ident_of_line(const struct ident *file, uint64_t offset)
{
        uint8_t bytes[1 + sizeof(file->bytes) + sizeof(offset)];

        bytes[0] = 'L';
        memcpy(bytes + 1, file->bytes, sizeof(file->bytes));
        put_le64(bytes + 1 + sizeof(file->bytes), offset);
        return hash(bytes, sizeof(bytes));
}

struct ident ident_of_span(const struct ident *file, uint64_t offset, uint64_t len)
{
        uint8_t bytes[1 + sizeof(file->bytes) + sizeof(offset) + sizeof(len)];

        bytes[0] = 'S';
        memcpy(bytes + 1, file->bytes, sizeof(file->bytes));
        put_le64(put_le64(bytes + 1 + sizeof(file->bytes), offset), len);
        return hash(bytes, sizeof(bytes));
}

struct ident ident_of_record(const char *cluster, const char *topic, int32_t partition, int64_t offset,
                             int64_t timestamp_ms)
{
        struct form f;

        f.len = 0;
        put(&f, "R", 1);
        put_text(&f, cluster);
        put_text(&f, topic);
        put_u32(&f, (uint32_t)partition);
        put_u64(&f, (uint64_t)offset);
        put_u64(&f, (uint64_t)timestamp_ms);
        return hash(f.bytes, f.len);
}

/* 15 bytes are 20 characters; the last byte is one character and two bits, the
 * low four bits of the 22nd character being zero. */
void ident_text(const struct ident *id, char out[IDENT_FILE_TEXT])
{
        const uint8_t *p = id->bytes;

        for (int i = 0; i < 5; i++, p += 3, out += 4) {
                out[0] = alphabet[p[0] >> 2];
                out[1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
                out[2] = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
                out[3] = alphabet[p[2] & 63];
        }
        out[0] = alphabet[p[0] >> 2];
        out[1] = alphabet[(p[0] & 3) << 4];
}

void ident_line_text(const struct ident *id, char out[IDENT_LINE_TEXT])
{
        memcpy(out, IDENT_SCHEME, sizeof(IDENT_SCHEME) - 1);
        ident_text(id, out + sizeof(IDENT_SCHEME) - 1);
}

static int digit(char c)
{
        const char *at = memchr(alphabet, c, sizeof(alphabet));

        return at ? (int)(at - alphabet) : -1;
}

int ident_parse(const char *text, struct ident *ret)
{
        struct ident id;
        uint32_t bits = 0;
        int nbits = 0;
        size_t n = 0;

        for (int i = 0; i < IDENT_FILE_TEXT; i++) {
                int d = digit(text[i]);
                if (d < 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t)d;
                nbits += 6;
                if (nbits >= 8) {
                        nbits -= 8;
                        id.bytes[n++] = (uint8_t)(bits >> nbits);
                }
        }
        /* One text per id, or two spellings of an id would pass for two lines. */
        if ((bits & 15) != 0)
                return -EINVAL;
        *ret = id;
        return 0;
}

unsigned ident_hash_version(void)
{
        return XXH_versionNumber();
}
