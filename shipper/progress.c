/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/progress.h"

#include <stdio.h>
#include <unistd.h>

static void put_size(struct buf *out, double bytes)
{
        static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        size_t u = 0;

        while (bytes >= 1024 && u + 1 < ARRAY_LEN(unit)) {
                bytes /= 1024;
                u++;
        }
        buf_printf(out, "%.*f %s", u == 0 ? 0 : 1, bytes, unit[u]);
}

void progress_put(struct buf *out, const struct progress_facts *f)
{
        int64_t left = f->total - f->done, moved = f->done - f->before;
        double rate = f->elapsed_ms > 0 ? (double)moved * 1000 / (double)f->elapsed_ms : 0;

        buf_printf(out, "%3d%%  ", f->total > 0 ? (int)((double)f->done * 100 / (double)f->total) : 100);
        put_size(out, (double)f->done);
        buf_puts(out, " of ");
        put_size(out, (double)f->total);
        buf_printf(out, "  %lld lines  ", (long long)f->lines);
        put_size(out, rate);
        buf_puts(out, "/s");
        if (left > 0 && rate > 0) {
                int64_t s = (int64_t)((double)left / rate) + 1;
                buf_printf(out, "  %lld:%02d left", (long long)(s / 60), (int)(s % 60));
        } else if (left > 0) {
                buf_puts(out, "  waiting");
        }
}

void progress_draw(int fd, const struct progress_facts *f, bool last)
{
        struct buf line = { 0 };

        if (!isatty(fd))
                return;
        buf_puts(&line, "\r\033[K");
        progress_put(&line, f);
        /* The cursor goes back to the first column: what is logged meanwhile starts there. */
        buf_puts(&line, last ? "\n" : "\r");
        ssize_t n = write(fd, line.data, line.len);
        (void)n;
        buf_fini(&line);
}
