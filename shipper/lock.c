/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int make_dir(const char *dir, struct err *e)
{
        struct stat st;

        if (mkdir(dir, 0750) < 0 && errno != EEXIST)
                return err_set(e, errno, "state directory %s cannot be made: %s", dir, strerror(errno));
        if (stat(dir, &st) < 0)
                return err_set(e, errno, "state directory %s: %s", dir, strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return err_set(e, ENOTDIR, "state directory %s is not a directory", dir);
        return 0;
}

static int busy(const char *dir, int fd, struct err *e)
{
        char pid[32] = "";
        ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        return err_set(e, EBUSY, "state directory %s is in use by process %s", dir, pid[0] ? pid : "(unknown)");
}

int lock_dir(const char *dir, struct err *e)
{
        char path[4096], pid[32];
        int r = make_dir(dir, e);
        if (r < 0)
                return r;

        snprintf(path, sizeof(path), "%s/lock", dir);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
                return err_set(e, errno, "state directory %s is not writable: %s", dir, strerror(errno));

        for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += 50) {
                if (errno != EWOULDBLOCK || waited >= LOCK_WAIT_MS) {
                        r = busy(dir, fd, e);
                        close(fd);
                        return r;
                }
                nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
        }

        int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) < 0) {
                r = err_set(e, errno, "%s: %s", path, strerror(errno));
                close(fd);
                return r;
        }
        return fd;
}
