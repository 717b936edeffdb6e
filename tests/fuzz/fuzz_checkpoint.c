/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint of any bytes gives rows that can be true, and those, written again, give the same rows. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "shipper/checkpoint.h"

struct rows { struct checkpoint_row v[256]; size_t n; };

static char first[64], second[64];      /* directories */

static void tidy(void)
{
        static const char *const names[] = { "checkpoint", "checkpoint.new" };
        char path[96];

        for (int i = 0; i < 2; i++) {
                for (size_t k = 0; k < ARRAY_LEN(names); k++) {
                        snprintf(path, sizeof(path), "%s/%s", i ? second : first, names[k]);
                        (void)unlink(path);
                }
                (void)rmdir(i ? second : first);
        }
}

static void setup(void)
{
        const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

        snprintf(first, sizeof(first), "%s/sluice-fuzz-XXXXXX", base);
        snprintf(second, sizeof(second), "%s/sluice-fuzz-XXXXXX", base);
        CHECK(mkdtemp(first) && mkdtemp(second));
        atexit(tidy);
}

static void take(void *arg, const struct checkpoint_row *row)
{
        struct rows *r = arg;

        CHECK(row->offset >= 0 && row->mark.at >= 0 && row->mark.at <= row->offset && row->path);
        if (r->n < ARRAY_LEN(r->v)) {
                r->v[r->n] = *row;
                r->v[r->n++].path = xstrdup(row->path);
        }
}

static void put_file(const char *dir, const uint8_t *data, size_t size)
{
        char path[96];

        snprintf(path, sizeof(path), "%s/checkpoint", dir);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
        close(fd);
}

static int by_id(const void *a, const void *b)
{
        const struct checkpoint_row *x = a, *y = b;
        return memcmp(&x->id, &y->id, sizeof(x->id));
}

static void check_same(struct rows *a, struct rows *b)
{
        CHECK(a->n == b->n);
        qsort(a->v, a->n, sizeof(a->v[0]), by_id);
        qsort(b->v, b->n, sizeof(b->v[0]), by_id);
        for (size_t i = 0; i < a->n; i++) {
                const struct checkpoint_row *x = &a->v[i], *y = &b->v[i];
                CHECK(by_id(x, y) == 0 && x->inode == y->inode && x->birth_ns == y->birth_ns && x->generation == y->generation);
                CHECK(x->head_len == y->head_len && x->head_hash == y->head_hash && x->offset == y->offset && x->size == y->size);
                CHECK(x->mark.at == y->mark.at && x->mark.hash == y->mark.hash && strcmp(x->path, y->path) == 0);
        }
}

static void drop(struct rows *r)
{
        for (size_t i = 0; i < r->n; i++)
                free((char *)(uintptr_t)r->v[i].path);
        r->n = 0;
}

static void write_again(const struct rows *rows)
{
        struct checkpoint *c = NULL;
        struct rows none = { 0 };
        struct err e = { 0 };
        unsigned bad;
        char path[96];

        snprintf(path, sizeof(path), "%s/checkpoint", second);
        (void)unlink(path);
        CHECK(checkpoint_open(second, take, &none, &c, &bad, &e) == 0 && none.n == 0);
        checkpoint_rewrite_begin(c);
        for (size_t i = 0; i < rows->n; i++)
                checkpoint_put(c, &rows->v[i]);
        CHECK(checkpoint_rewrite_commit(c, &e) == 0);
        checkpoint_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct rows rows, again;
        struct err e = { 0 };
        unsigned bad;

        if (!first[0])
                setup();
        put_file(first, data, size);
        if (checkpoint_read(first, take, &rows, &bad, &e) == 0 && rows.n < ARRAY_LEN(rows.v)) {
                write_again(&rows);
                CHECK(checkpoint_read(second, take, &again, &bad, &e) == 0 && bad == 0);
                check_same(&rows, &again);
        }
        drop(&rows);
        drop(&again);
        return 0;
}
