/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/tmpdir.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

char *tmpdir_new(void)
{
        const char *base = getenv("TMPDIR");
        char *dir = xasprintf("%s/sluice-test-XXXXXX", base ? base : "/tmp");

        CHECK(mkdtemp(dir));
        return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

void tmpdir_free(char *dir)
{
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(dir);
}

char *tmpdir_path(const char *dir, const char *name)
{
        return xasprintf("%s/%s", dir, name);
}

static void put(const char *path, const char *text, int flags)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

        CHECK(fd >= 0);
        CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        close(fd);
}

void file_write(const char *path, const char *text)
{
        put(path, text, O_TRUNC);
}

void file_append(const char *path, const char *text)
{
        put(path, text, O_APPEND);
}

char *file_read(const char *path, size_t *ret_len)
{
        FILE *f = fopen(path, "re");
        char *text = NULL;
        size_t len = 0, n;

        CHECK(f);
        do {
                text = xrealloc(text, len + 65537);
                n = fread(text + len, 1, 65536, f);
                len += n;
        } while (n > 0);
        fclose(f);
        text[len] = '\0';
        if (ret_len)
                *ret_len = len;
        return text;
}
