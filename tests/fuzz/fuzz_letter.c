/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a file of dead letters, whatever it holds: what is taken for a letter is written and read back as the same one,
 * byte for byte; what is taken for a marker names one.
 */
#include <string.h>

#include "collector/letter.h"
#include "event/scan.h"

static bool same(const struct letter_text *a, const struct letter_text *b)
{
        return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* Damaged UTF-8 is repaired when it is written, so that comes back as another text. */
static bool is_text(const char *line, size_t len)
{
        struct scan_info info = { 0 };
        return scan_json(line, len, NULL, 0, NULL, &info) == SCAN_IS_OBJECT && !info.invalid_utf8;
}

static void check_written(const struct letter *l)
{
        struct batch *b = batch_new(256);
        const struct record *r = letter_put_line(b, l);
        const char *line = batch_at(b, r->value);
        struct buf scratch = { 0 };
        struct letter again;

        CHECK(!memchr(line, '\n', r->value.len));
        CHECK(letter_read_line(line, r->value.len, &again, &scratch));
        CHECK(same(&l->reason, &again.reason) && same(&l->error, &again.error) &&
              same(&l->index, &again.index) && same(&l->id, &again.id) && same(&l->topic, &again.topic) &&
              same(&l->pipeline, &again.pipeline) && same(&l->routing, &again.routing) &&
              same(&l->document, &again.document));
        CHECK(l->status == again.status && l->partition == again.partition && l->offset == again.offset &&
              l->timestamp_ms == again.timestamp_ms && l->first_seen_ms == again.first_seen_ms &&
              l->refused_ms == again.refused_ms);
        CHECK(again.name.len == LETTER_NAME && again.key == letter_key(again.name.p, again.name.len));
        buf_fini(&scratch);
        batch_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *line = (const char *)data;
        struct buf scratch = { 0 };
        struct letter l;
        uint64_t key;

        if (letter_read_line(line, size, &l, &scratch)) {
                struct letter_text type = letter_error_type(&l);
                CHECK(type.len <= 64 && type.len <= l.error.len);
                if (is_text(line, size))
                        check_written(&l);
        }
        if (letter_read_marker(line, size, &key))
                CHECK(memmem(line, size, "redriven", 8) || memchr(line, '\\', size));
        letter_read_place(line, size, &key);
        buf_fini(&scratch);
        return 0;
}
