/* SPDX-License-Identifier: Apache-2.0 */
/* Text in another encoding, with another end of its lines: see events.h.  What iconv takes for well-formed becomes the same UTF-8
 * here; what it does not becomes valid UTF-8 with U+FFFD in it.
 * Input: how, how much is there at first, the text.
 */
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "shipper/weave.h"
#include "tests/fuzz/events.h"

static const char *const ends[] = { "lf", "crlf", "cr", "nul", "%%" };
static const struct { enum encoding e; const char *iconv; } encodings[] = {
        { ENCODING_UTF16LE, "UTF-16LE" }, { ENCODING_UTF16BE, "UTF-16BE" }, { ENCODING_LATIN1, "ISO-8859-1" },
};
static struct weave *weave;

/* NULL: iconv does not take it. */
static char *by_iconv(const char *name, const char *p, size_t n, size_t *ret_len)
{
        iconv_t cd = iconv_open("UTF-8", name);
        size_t room = 4 * n + 16, left = room;
        char *out = xmalloc(room), *to = out, *from = (char *)(uintptr_t)p;

        CHECK(cd != (iconv_t)-1);
        size_t r = iconv(cd, &from, &n, &to, &left);
        iconv_close(cd);
        *ret_len = room - left;
        if (r != (size_t)-1 && n == 0)
                return out;
        free(out);
        return NULL;
}

static void check_decoding(size_t which, const char *p, size_t n)
{
        struct buf b = { 0 }, repaired = { 0 };
        size_t bad = encoding_decode(encodings[which].e, false, &b, p, n), len;
        char *want = by_iconv(encodings[which].iconv, p, n, &len);

        CHECK((want != NULL) == (bad == 0));
        CHECK(!want || (b.len == len && (len == 0 || memcmp(b.data, want, len) == 0)));
        json_repair_utf8(&repaired, buf_cstr(&b), b.len);
        CHECK(repaired.len == b.len);
        free(want);
        buf_fini(&b);
        buf_fini(&repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct err e = { 0 };
        struct weaving weaving = { 0 };

        if (size < 2)
                return 0;
        if (!weave)
                weave = weave_new();
        size_t which = data[0] % ARRAY_LEN(encodings), n = size - 2;
        const char *text = (const char *)data + 2;
        check_decoding(which, text, n);
        enum encoding encoding = data[0] & 64 ? ENCODING_UTF8 : encodings[which].e;
        CHECK(line_end_init(&weaving.end, ends[data[0] / 8 % ARRAY_LEN(ends)], encoding, &e) == 0);
        struct framing how = { .max_bytes = 100, .max_lines = 4, .weaving = &weaving, .weave = weave };
        events_check(&how, text, n, n * data[1] / 255);
        return 0;
}
