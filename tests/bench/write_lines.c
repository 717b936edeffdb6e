/* SPDX-License-Identifier: Apache-2.0 */
/* write-lines: appends numbered lines to a file at a rate and notes when each was written.
 *
 *      write-lines FILE RATE COUNT         "NUMBER NANOSECONDS" (wall clock, just before the write) on standard output
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 20 };

static long long now_ns(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
        int fd = argc < 4 ? -1 : open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644);
        double rate = argc < 4 ? 0 : atof(argv[2]);

        if (fd < 0 || rate <= 0) {
                fprintf(stderr, "usage: write-lines FILE RATE COUNT\n");
                return 64;
        }
        long long count = atoll(argv[3]), began = now_ns(CLOCK_MONOTONIC) + FIRST_MS * 1000000;
        for (long long i = 0; i < count; i++) {
                char line[256];
                long long due = began + (long long)((double)i / rate * 1e9);
                const struct timespec at = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 };
                while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                        ;
                int n = snprintf(line, sizeof(line),
                                 "2026-01-01T00:00:00.000Z INFO OrderService order %lld accepted, total 17.%02lld EUR, "
                                 "customer 4711, carrier parcel, state NEW -> PAID n=w-%lld\n",
                                 i * 7, i % 100, i);
                long long when = now_ns(CLOCK_REALTIME);
                if (write(fd, line, (size_t)n) != n) {
                        perror("write-lines");
                        return 74;
                }
                printf("%lld %lld\n", i, when);
        }
        return 0;
}
