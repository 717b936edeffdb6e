/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/mark.h"

#include <unistd.h>
#include <xxhash.h>

struct mark mark_of(const char *end, int64_t at)
{
        size_t n = mark_len(at);
        return (struct mark){ .at = at, .hash = XXH3_64bits(end - n, n) };
}

bool mark_fits(const struct mark *m, const char *end)
{
        size_t n = mark_len(m->at);
        return m->at == 0 || XXH3_64bits(end - n, n) == m->hash;
}

bool mark_check(const struct mark *m, int fd)
{
        char bytes[MARK_BYTES];
        size_t n = mark_len(m->at);

        if (n == 0)
                return true;
        ssize_t got = pread(fd, bytes, n, m->at - (int64_t)n);
        return got < 0 || ((size_t)got == n && mark_fits(m, bytes + n));
}

void marks_read(struct marks *m, struct mark newest)
{
        if (m->last.at >= 2 * m->older[0].at) {
                m->older[1] = m->older[0];
                m->older[0] = m->last;
        }
        m->last = newest;
        if (m->waiting.at == 0)
                m->waiting = newest;
}

struct mark marks_safe(struct marks *m, int64_t committed)
{
        while (m->waiting.at != 0 && m->waiting.at <= committed) {
                m->safe = m->waiting;
                m->waiting = m->last.at > m->safe.at ? m->last : (struct mark){ 0 };
        }
        return m->safe;
}

struct mark marks_within(const struct marks *m, int64_t size)
{
        const struct mark *all[] = { &m->last, &m->safe, &m->older[0], &m->older[1] };
        struct mark best = { 0 };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (all[i]->at <= size && all[i]->at > best.at)
                        best = *all[i];
        return best;
}
