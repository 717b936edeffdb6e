/* SPDX-License-Identifier: Apache-2.0 */
/* Input: NAME=VALUE lines, an empty line, an event.  Whatever headers come with an object, it stays an object with no
 * name twice that stood there once, and adding them again changes nothing.
 */
#include <string.h>

#include "collector/headers.h"
#include "event/scan.h"

enum { MAX = 8, NAME = 32 };

static size_t split(const char **p, const char *end, char names[MAX][NAME], struct incoming_header *headers)
{
        size_t n = 0;

        for (const char *eol; n < MAX && (eol = memchr(*p, '\n', (size_t)(end - *p))) != NULL && eol > *p; *p = eol + 1) {
                const char *equals = memchr(*p, '=', (size_t)(eol - *p));
                if (!equals || equals - *p >= NAME)
                        continue;
                memcpy(names[n], *p, (size_t)(equals - *p));
                names[n][equals - *p] = '\0';
                headers[n] = (struct incoming_header){ names[n], equals + 1, (size_t)(eol - equals - 1) };
                n++;
        }
        *p += *p < end && **p == '\n';
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char *label_names[] = { (char *)"tenant", (char *)"x.region" };
        const struct strlist labels = { label_names, 2 };
        const char *p = (const char *)data, *end = p + size;
        char names[MAX][NAME];
        struct incoming_header headers[MAX];
        struct incoming in = { .headers = headers };
        struct scan_info before = { 0 }, after = { 0 };
        struct buf doc = { 0 };

        in.nheaders = split(&p, end, names, headers);
        if (scan_json_doubles(p, (size_t)(end - p), NULL, 0, NULL, &before) == SCAN_IS_OBJECT) {
                buf_put(&doc, p, (size_t)(end - p));
                bool added = headers_add(&in, &labels, &doc);
                CHECK(added == (doc.len > (size_t)(end - p)));
                CHECK(scan_json(doc.data, doc.len, NULL, 0, NULL, &after) == SCAN_IS_OBJECT);
                CHECK(after.invalid_utf8 == before.invalid_utf8);
                CHECK(!headers_add(&in, &labels, &doc));
        }
        buf_fini(&doc);
        return 0;
}
