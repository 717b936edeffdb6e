/* SPDX-License-Identifier: Apache-2.0 */
/* replay: the fuzz targets without a fuzzer: each runs its seeds, and some thousand changes of them, always the same.
 *
 *      fuzz_replay TARGET [CHANGES]        from the top of the tree
 *      fuzz_replay TARGET -- FILE...       the files only
 *
 * What a failure was about stands in build/fuzz-replay-TARGET, until the next one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

#define DECLARE(name) int fuzz_one_##name(const uint8_t *data, size_t size);
#define ROW(name) { #name, fuzz_one_##name },
#include "fuzz_targets.h"

FUZZ_TARGETS(DECLARE)

static const struct target { const char *name; int (*run)(const uint8_t *data, size_t size); } targets[] = { FUZZ_TARGETS(ROW) };

enum { BYTES_MAX = 8192, SEEDS_MAX = 256, CHANGES = 2000 };

struct input { uint8_t bytes[BYTES_MAX]; size_t n; };

static struct input seeds[SEEDS_MAX], now;
static size_t nseeds;
static uint64_t state = 0x9e3779b97f4a7c15u;
static const struct target *running;

/* xorshift64 */
static size_t any(size_t below)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return below ? (size_t)(state % below) : 0;
}

static void keep_what_failed(int sig)
{
        char path[128];

        snprintf(path, sizeof(path), "build/fuzz-replay-%s", running->name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd >= 0 && write(fd, now.bytes, now.n) == (ssize_t)now.n)
                fprintf(stderr, "%s: the input stands in %s\n", running->name, path);
        (void)signal(sig, SIG_DFL);
        (void)raise(sig);
}

static void read_file(const char *path, struct input *ret)
{
        FILE *f = fopen(path, "rb");

        CHECK(f);
        ret->n = fread(ret->bytes, 1, sizeof(ret->bytes), f);
        fclose(f);
}

static void read_seeds(const char *name)
{
        char *dir = xasprintf("tests/fuzz/seeds/%s", name);
        struct dirent **list = NULL;
        int n = scandir(dir, &list, NULL, alphasort);

        for (int i = 0; i < n; i++) {
                char *path = xasprintf("%s/%s", dir, list[i]->d_name);
                struct stat st;
                if (nseeds < SEEDS_MAX && stat(path, &st) == 0 && S_ISREG(st.st_mode))
                        read_file(path, &seeds[nseeds++]);
                free(path);
                free(list[i]);
        }
        free(list);
        free(dir);
        if (nseeds == 0)
                seeds[nseeds++].n = 0;
}

/* --- changes ------------------------------------------------------------------------------------- */

static void insert(size_t at, const uint8_t *p, size_t n)
{
        if (n > BYTES_MAX - now.n)
                n = BYTES_MAX - now.n;
        memmove(now.bytes + at + n, now.bytes + at, now.n - at);
        memcpy(now.bytes + at, p, n);
        now.n += n;
}

static void erase(size_t at, size_t n)
{
        memmove(now.bytes + at, now.bytes + at + n, now.n - at - n);
        now.n -= n;
}

/* Where rules have their edges. */
static void insert_token(size_t at)
{
        static const char *const tokens[] = { "\n", "\r\n", "\r", "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "=", "0", "-1", "1e9",
                                              "\\u0000", "\\ud83d", "\xff", "\xe2\x82", "\xf0\x9f\x98\x80", "null", "log", "\xff\xfe" };
        size_t i = any(ARRAY_LEN(tokens) + 1);

        if (i == ARRAY_LEN(tokens))
                insert(at, (const uint8_t *)"\0", 1);
        else
                insert(at, (const uint8_t *)tokens[i], strlen(tokens[i]));
}

static void change(void)
{
        size_t at = any(now.n + 1), n = any(now.n - at + 1);
        const struct input *other = &seeds[any(nseeds)];
        uint8_t copy[64];

        switch (any(7)) {
        case 0:
                if (at < now.n)
                        now.bytes[at] ^= (uint8_t)(1u << any(8));
                break;
        case 1:
                if (at < now.n)
                        now.bytes[at] = (uint8_t)any(256);
                break;
        case 2:
                erase(at, n < 16 ? n : n / 8);
                break;
        case 3:
                n = n < sizeof(copy) ? n : sizeof(copy);
                memcpy(copy, now.bytes + at, n);
                insert(any(now.n + 1), copy, n);
                break;
        case 4:
                insert(at, other->bytes, any(other->n + 1));
                break;
        case 5:
                now.n = at;
                break;
        default:
                insert_token(at);
                break;
        }
}

/* --- runs ---------------------------------------------------------------------------------------- */

/* From memory of exactly that size, so that a byte read beyond it is noticed. */
static void run(void)
{
        uint8_t *copy = xmalloc(now.n ? now.n : 1);

        memcpy(copy, now.bytes, now.n);
        running->run(copy, now.n);
        free(copy);
}

static void run_all(size_t changes)
{
        read_seeds(running->name);
        for (size_t i = 0; i < nseeds; i++) {
                now = seeds[i];
                run();
        }
        for (size_t i = 0; i < changes; i++) {
                now = seeds[any(nseeds)];
                for (size_t k = 1 + any(6); k > 0; k--)
                        change();
                run();
        }
        printf("%s: %zu seeds, %zu changes\n", running->name, nseeds, changes);
}

int main(int argc, char **argv)
{
        for (size_t i = 0; argc > 1 && i < ARRAY_LEN(targets); i++)
                if (strcmp(targets[i].name, argv[1]) == 0)
                        running = &targets[i];
        if (!running) {
                fprintf(stderr, "fuzz_replay TARGET [CHANGES | -- FILE...]\n");
                return 2;
        }
        (void)signal(SIGABRT, keep_what_failed);
        (void)signal(SIGSEGV, keep_what_failed);
        if (argc < 3 || strcmp(argv[2], "--") != 0) {
                run_all(argc > 2 ? strtoul(argv[2], NULL, 10) : CHANGES);
                return 0;
        }
        for (int i = 3; i < argc; i++) {
                read_file(argv[i], &now);
                run();
        }
        return 0;
}
