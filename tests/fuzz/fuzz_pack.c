/* SPDX-License-Identifier: Apache-2.0 */
/* Input: one byte, then a record of the batch format (0), or the content of one, which is compressed here, since no
 * fuzzer finds a checksum (anything else).  What is accepted gives as many documents as it says, within its bounds.
 */
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "event/pack.h"

static void read_all(const void *p, size_t n)
{
        struct unpack u = { 0 };
        struct buf scratch = { 0 };
        struct unpacked line;
        struct err e = { 0 };
        uint32_t lines = 0;
        size_t text = 0;

        if (unpack_begin(&u, p, n, &e) == 0) {
                uint32_t said = u.lines;
                CHECK(said > 0 && said <= PACK_LINES && u.content.len <= PACK_CONTENT);
                while (text < 32 << 20 && unpack_next(&u, &scratch, &line)) {
                        lines++;
                        text += line.len;
                        CHECK(line.len == 0 || memchr(line.doc, line.doc[line.len - 1], line.len));
                }
                CHECK(lines == said || text >= 32 << 20);
        } else {
                CHECK(e.msg[0] && u.content.len == 0);
        }
        unpack_fini(&u);
        buf_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        LZ4F_preferences_t how = { .frameInfo = { .contentChecksumFlag = LZ4F_contentChecksumEnabled } };

        if (size == 0)
                return 0;
        if (data[0] == 0) {
                read_all(data + 1, size - 1);
                return 0;
        }
        how.frameInfo.contentSize = size - 1;
        size_t room = LZ4F_compressFrameBound(size - 1, &how);
        char *frame = xmalloc(room);
        size_t n = LZ4F_compressFrame(frame, room, data + 1, size - 1, &how);
        CHECK(!LZ4F_isError(n));
        read_all(frame, n);
        free(frame);
        return 0;
}
