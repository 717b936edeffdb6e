/* SPDX-License-Identifier: Apache-2.0 */
#include "config/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SLURP_CHUNK = 4096 };

static int slurp_fd(int fd, struct buf *out, struct err *e)
{
        for (;;) {
                char chunk[SLURP_CHUNK];
                ssize_t n = read(fd, chunk, sizeof(chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set(e, errno, "%s", strerror(errno));
                if (n == 0)
                        return 0;
                if (memchr(chunk, '\0', (size_t)n))
                        return err_set(e, EINVAL, "has a NUL byte, so it is not text");
                buf_put(out, chunk, (size_t)n);
                if (!buf_ok(out))
                        return err_set(e, EFBIG, "larger than %zu bytes", out->max);
        }
}

int slurp(const char *path, struct buf *out, struct err *e)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return err_set(e, errno, "%s", strerror(errno));
        int r = slurp_fd(fd, out, e);
        close(fd);
        return r;
}
