/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a file holds: it comes to an end, and what is read of it is the same in pieces of any size. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "event/archive.h"

enum { MEMORY = 1 << 20, MOST = 4 << 20 };      /* unpacked: a small input can hold a lot */

static enum archive_end read_all(int fd, enum archive_kind kind, size_t piece, struct buf *ret)
{
        struct archive *a = archive_new(fd, kind, MEMORY);
        ssize_t got;

        do {
                got = archive_read(a, (int64_t)ret->len, buf_reserve(ret, piece), piece);
                CHECK(got >= 0 && (size_t)got <= piece);
                ret->len += (size_t)got;
        } while ((size_t)got == piece && ret->len < MOST);
        enum archive_end end = ret->len < MOST ? archive_end(a) : ARCHIVE_MORE;
        CHECK(ret->len >= MOST || end != ARCHIVE_MORE);
        archive_free(a);
        return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf large = { 0 }, small = { 0 };

        if (size < 1)
                return 0;
        enum archive_kind kind = (enum archive_kind)(ARCHIVE_GZIP + data[0] % 3);
        int fd = memfd_create("archive", MFD_CLOEXEC);
        CHECK(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
        enum archive_end end = read_all(fd, kind, 1 << 20, &large);
        if (read_all(fd, kind, 5000, &small) != ARCHIVE_MORE && end != ARCHIVE_MORE)
                CHECK(large.len == small.len);
        size_t both = large.len < small.len ? large.len : small.len;
        CHECK(both == 0 || memcmp(large.data, small.data, both) == 0);
        buf_fini(&large);
        buf_fini(&small);
        close(fd);
        return 0;
}
